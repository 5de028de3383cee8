/* test_swarm FIRST LAST: the seeds of a test or of a soak. */
#include <stdio.h>
#include <stdlib.h>

#include "sim/swarm/swarm.h"

enum { CPU_S_MAX = 900 }; /* of a seed, under sanitizers */

int main(int count, char **words)
{
    if (count != 3 || !crypto_start()) {
        fprintf(stderr, "usage: test_swarm FIRST LAST\n");
        return EXIT_USAGE;
    }
    struct swarm_settings settings = {
        .first = strtoull(words[1], NULL, 10),
        .last = strtoull(words[2], NULL, 10),
        .cpu_s_max = CPU_S_MAX,
        .program = "terrace sim swarm",
        .options = "",
    };
    struct swarm_sum sum;
    swarm_run_all(&settings, stdout, &sum);
    return outcome_exit_status(sum.worst);
}
