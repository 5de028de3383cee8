/* test_swarm FIRST LAST: the seeds of a test or of a soak. */
#include <stdio.h>
#include <stdlib.h>

#include "sim/swarm/swarm.h"

int main(int count, char **words)
{
    if (count != 3 || !crypto_start()) {
        fprintf(stderr, "usage: test_swarm FIRST LAST\n");
        return EXIT_USAGE;
    }
    struct swarm_settings settings = {
        .first = strtoull(words[1], NULL, 10),
        .last = strtoull(words[2], NULL, 10),
        .program = "terrace sim swarm",
    };
    return swarm_exit_status(swarm_run_all(&settings, stdout));
}
