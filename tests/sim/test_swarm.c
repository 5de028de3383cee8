/* test_swarm FIRST LAST: the seeds of a test, but for the open ones. */
#include <stdio.h>
#include <stdlib.h>

#include "sim/swarm/swarm.h"
#include "tests/sim/open_seeds.h"

enum { CPU_S_MAX = 900 }; /* of a seed, under sanitizers */

int main(int count, char **words)
{
    if (count != 3 || !crypto_start()) {
        fprintf(stderr, "usage: test_swarm FIRST LAST\n");
        return EXIT_USAGE;
    }
    uint64_t first = strtoull(words[1], NULL, 10), last = strtoull(words[2], NULL, 10);
    enum outcome worst = OUTCOME_HELD;
    for (uint64_t from = first; from <= last; from++) {
        uint64_t to = from;
        while (to < last && !seed_is_open(to + 1))
            to++;
        if (seed_is_open(from))
            continue;
        struct swarm_settings settings = {
            .first = from,
            .last = to,
            .cpu_s_max = CPU_S_MAX,
            .program = "terrace sim swarm",
            .options = "",
        };
        struct swarm_sum sum;
        swarm_run_all(&settings, stdout, &sum);
        worst = worst == OUTCOME_HELD ? sum.worst : worst;
        from = to;
    }
    return outcome_exit_status(worst);
}
