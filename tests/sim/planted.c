/* planted NAME SEEDS [FIRST]: with this bug in force, how many seeds of the swarm it takes until
 * one of them doesn't hold, and what was found then. Fails when all hold. `none`: no bug, and all
 * must hold. `planted --list` names them all. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/planted.h"
#include "sim/swarm/child.h"
#include "sim/swarm/swarm.h"

enum { CPU_S_MAX = 120 };

struct trial {
    uint64_t seed;
};

/* The findings as bytes: outcome, counts, text. */
static void live(void *context, struct buffer *said)
{
    const struct trial *trial = context;
    struct swarm_options options;
    struct findings findings = {0};
    swarm_draw(&options, trial->seed);
    enum swarm_outcome outcome = swarm_run(&options, false, NULL, &findings);
    buffer_append_byte(said, (uint8_t)outcome);
    for (int i = 0; i < FINDING_COUNT; i++)
        buffer_append_byte(said, findings.counts[i] > 0);
    buffer_append_span(said, span_of_buffer(&findings.text));
    findings_clear(&findings);
}

static void tell(const char *name, uint64_t seed, uint64_t seeds, const struct child_end *end)
{
    printf("%s: found by seed %" PRIu64 ", the %" PRIu64 ". of them:", name, seed, seeds);
    if (end->kind != CHILD_DONE)
        printf(" %s", end->kind == CHILD_LATE ? "no end" : "crash");
    for (size_t i = 0; end->kind == CHILD_DONE && i < FINDING_COUNT; i++) {
        if (end->said.data[1 + i])
            printf(" %s", finding_name((enum finding)i));
    }
    const struct buffer *text = end->kind == CHILD_DONE ? &end->said : &end->lines;
    size_t from = end->kind == CHILD_DONE ? 1 + FINDING_COUNT : 0;
    printf("\n%.*s\n", (int)(text->size - from < 1500 ? text->size - from : 1500),
           (const char *)text->data + from);
}

/* How many seeds it took; 0: all held. */
static uint64_t hunt(const char *name, uint64_t first, uint64_t seeds)
{
    for (uint64_t i = 0; i < seeds; i++) {
        struct trial trial = {first + i};
        struct child_end end;
        if (!child_run(live, &trial, CPU_S_MAX, &end)) {
            perror("fork");
            exit(2);
        }
        bool found = end.kind != CHILD_DONE || end.said.data[0] != SWARM_HELD;
        if (found)
            tell(name, trial.seed, i + 1, &end);
        child_end_clear(&end);
        if (found)
            return i + 1;
    }
    return 0;
}

static int list_all(void)
{
    for (int i = 1; i < PLANTED_COUNT; i++)
        printf("%s\t%s\n", planted_name((enum planted)i), planted_meaning((enum planted)i));
    return 0;
}

int main(int count, char **words)
{
    if (count == 2 && strcmp(words[1], "--list") == 0)
        return list_all();
    if (count < 3 || count > 4 || !crypto_start() || !planted_choose(words[1])) {
        fprintf(stderr, "usage: planted NAME SEEDS [FIRST] | planted --list\n");
        return 2;
    }
    uint64_t seeds = strtoull(words[2], NULL, 10);
    uint64_t first = count == 4 ? strtoull(words[3], NULL, 10) : 1;
    uint64_t took = hunt(words[1], first, seeds);
    bool none = strcmp(words[1], "none") == 0;
    if (took == 0)
        printf("%s: %" PRIu64 " seeds held\n", words[1], seeds);
    return none == (took == 0) ? 0 : 1;
}
