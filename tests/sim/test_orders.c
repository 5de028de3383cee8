/* Entries and documents in whatever order: a drawn history, then fresh nodes at all its seats, each
 * of which hears everything in an order of its own, in pieces, with repeats and restarts. In the
 * end they are equal, and on the way nothing goes back.
 *
 *     test_orders FIRST LAST ALL[+ONE] [BUG]  histories by seed; of each so many orders that nodes
 * at all its seats hear, and so many that one of them hears alone; BUG: one of base/planted.h, done
 * when an order shows it test_orders one HISTORY ORDER           one order alone, as a failure
 * names it */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/planted.h"
#include "tests/sim/orders.h"

enum { SOME = 32, SOME_ALONE = 5, ROUNDS_MOST = 12, ALONE_FROM = 1000000 };

struct task {
    uint64_t first, last, all, alone, only;
    const char *program;
};

struct total {
    struct history_counts counts;
    unsigned histories, orders, failed, nodes, apart, restarts;
    unsigned alone;
    size_t batches, blocks, equal;
};

static void copy_stock(const struct stock *from, struct stock *to)
{
    *to = *from;
    to->streams = mem_copy(from->streams, from->stream_count * sizeof *from->streams);
    to->notes = mem_copy(from->notes, from->note_count * sizeof *from->notes);
    for (size_t i = 0; i < from->note_count; i++) {
        to->notes[i].bytes = (struct buffer){0};
        buffer_append_span(&to->notes[i].bytes, span_of_buffer(&from->notes[i].bytes));
    }
    for (size_t i = 0; i < from->stream_count; i++) {
        const struct stock_stream *stream = &from->streams[i];
        to->streams[i].blocks =
            mem_copy(stream->blocks, stream->block_count * sizeof *stream->blocks);
        for (size_t k = 0; k < stream->block_count; k++) {
            struct buffer *bytes = &to->streams[i].blocks[k].bytes;
            *bytes = (struct buffer){0};
            buffer_append_span(bytes, span_of_buffer(&stream->blocks[k].bytes));
        }
    }
}

static const char *hear_some(struct fresh *const *fresh, size_t count, struct prng *prng,
                             size_t most)
{
    for (size_t i = 0; i < most; i++) {
        struct fresh *one = fresh[prng_below(prng, count)];
        if (one == NULL)
            continue;
        fresh_hear_some(one);
        const char *wrong = watching_look(one->watching, one);
        if (wrong != NULL) {
            fprintf(stderr, "%s: ", one->history->county->seats[one->seat].code);
            return wrong;
        }
    }
    return NULL;
}

/* With the first order in which nobody wrote, where nobody did in this one; else among themselves
 * alone. */
static unsigned compare(const struct history *history, struct fresh *const *fresh, bool alone,
                        struct orders_reference *reference)
{
    struct orders_reference *own = mem_alloc(sizeof *own);
    bool wrote = alone && !reference->taken;
    for (size_t i = 0; i < history->county->seat_count; i++)
        wrote = wrote || (fresh[i] != NULL && fresh[i]->wrote);
    unsigned wrong = orders_compare(history, fresh, wrote ? own : reference);
    reference->taken = reference->taken || !wrote;
    reference->equal += own->equal;
    orders_reference_free(own);
    return wrong;
}

/* What the fresh nodes have written themselves goes round until nobody writes more. */
static const char *hear_all(const struct history *history, struct fresh *const *fresh,
                            struct stock *stock, bool alone, struct orders_reference *reference)
{
    size_t count = history->county->seat_count;
    for (unsigned round = 0; round < ROUNDS_MOST; round++) {
        size_t blocks = 0;
        bool all = true;
        for (size_t i = 0; i < count; i++) {
            if (fresh[i] == NULL)
                continue;
            all = fresh_hear_all(fresh[i]) && all;
            const char *wrong = watching_look(fresh[i]->watching, fresh[i]);
            if (wrong != NULL) {
                fprintf(stderr, "%s: ", history->county->seats[i].code);
                return wrong;
            }
        }
        if (!all) {
            (void)compare(history, fresh, true, reference);
            return "what is due isn't taken";
        }
        for (size_t i = 0; i < count; i++) {
            if (fresh[i] != NULL) {
                stock_take_blocks(stock, &fresh[i]->port.view);
                blocks += stock->fresh_blocks;
                fresh[i]->wrote = fresh[i]->wrote || stock->fresh_blocks > 0;
            }
        }
        if (blocks == 0 || alone)
            return NULL;
    }
    return "they never stop writing";
}

static void count_nodes(struct fresh *const *fresh, size_t count, struct total *total)
{
    for (size_t i = 0; i < count; i++) {
        if (fresh[i] == NULL)
            continue;
        total->nodes++;
        total->apart += fresh[i]->apart;
        total->batches += fresh[i]->batches;
        total->restarts += fresh[i]->restarts;
    }
}

/* NULL: it held. */
static const char *live_order(const struct history *history, uint64_t order,
                              const struct verifier *verifier, struct orders_reference *reference,
                              struct total *total)
{
    struct fresh *fresh[ORDERS_SEATS_MAX] = {NULL};
    struct stock stock;
    struct prng prng;
    size_t count = history->county->seat_count, alone = count;
    bool by_all = order < ALONE_FROM;
    prng_seed(&prng, history->seed * 1000003 + order);
    copy_stock(&history->stock, &stock);
    while (!by_all && (alone == count || !history_seat_works(history, alone)))
        alone = prng_below(&prng, count);
    for (size_t i = 0; i < count; i++) {
        if (history_seat_works(history, i) && (by_all || alone == i))
            fresh[i] = fresh_new(history, &stock, i, verifier, &prng);
    }
    const char *wrong = hear_some(fresh, count, &prng, (by_all ? SOME : SOME_ALONE) * count);
    if (wrong == NULL)
        wrong = hear_all(history, fresh, &stock, !by_all, reference);
    if (wrong == NULL && compare(history, fresh, !by_all, reference) > 0)
        wrong = "they differ";
    count_nodes(fresh, count, total);
    for (size_t i = 0; i < count; i++)
        fresh_free(fresh[i]);
    total->orders++;
    total->alone += !by_all;
    stock_free(&stock);
    return wrong;
}

static void count_history(const struct history *history, struct total *total)
{
    const struct history_counts *counts = &history->counts;
    total->counts.writes += counts->writes;
    total->counts.extensions += counts->extensions;
    total->counts.steps += counts->steps;
    total->counts.erasures += counts->erasures;
    total->counts.documents += counts->documents;
    total->counts.moves += counts->moves;
    total->counts.ended_keys += counts->ended_keys;
    total->counts.twins += counts->twins;
    total->counts.orders += counts->orders;
    for (size_t i = 0; i < history->stock.stream_count; i++)
        total->blocks += history->stock.streams[i].block_count;
}

/* Orders that one node hears alone are compared with the first that all heard. */
static bool live(const struct task *task, uint64_t seed, struct total *total)
{
    struct history *history = history_new(seed);
    struct orders_reference *reference = mem_alloc(sizeof *reference);
    struct verify_once *once = verify_once_new(1 << 12);
    struct verifier verifier;
    bool held = true;
    verify_once_verifier(once, &verifier);
    for (uint64_t i = 1; i <= task->all + task->alone && held; i++) {
        uint64_t order = i <= task->all ? i : ALONE_FROM + i - task->all;
        if (task->only > 0 && i == task->all + task->alone)
            order = task->only;
        const char *wrong = live_order(history, order, &verifier, reference, total);
        if (wrong == NULL)
            continue;
        held = false;
        printf("history %llu, order %llu: %s\nreplay: %s one %llu %llu\n", (unsigned long long)seed,
               (unsigned long long)order, wrong, task->program, (unsigned long long)seed,
               (unsigned long long)order);
    }
    total->histories++;
    total->failed += !held;
    total->equal += reference->equal;
    count_history(history, total);
    orders_reference_free(reference);
    verify_once_free(once);
    history_free(history);
    return held;
}

static struct task task_of(char **words)
{
    bool one = strcmp(words[1], "one") == 0;
    char *rest;
    struct task task = {.program = words[0], .first = strtoull(words[one ? 2 : 1], NULL, 10)};
    task.last = one ? task.first : strtoull(words[2], NULL, 10);
    task.all = strtoull(words[3], &rest, 10);
    task.alone = *rest == '+' ? strtoull(rest + 1, NULL, 10) : 0;
    if (one) { /* behind the first, which it is compared with */
        task.only = task.all;
        task.all = 1;
        task.alone = task.only > 1 ? 1 : 0;
    }
    return task;
}

int main(int count, char **words)
{
    struct total total = {0};
    bool planted = false;
#ifdef TERRACE_PLANTED
    planted = count == 5 && planted_choose(words[4]);
#endif
    if (count != (planted ? 5 : 4) || !crypto_start()) {
        fprintf(stderr, "usage: test_orders FIRST LAST ALL[+ONE] | one HISTORY ORDER\n");
        return 2;
    }
    bool must_fail = planted && strcmp(words[4], "none") != 0, held = true;
    struct task task = task_of(words);
    for (uint64_t seed = task.first; seed <= task.last && (held || !must_fail); seed++)
        held = live(&task, seed, &total);
    printf("%u histories, %u orders (%u by one node alone), %zu folds compared, %u failed: %u "
           "writes, %u extensions, %u steps, %u erasures, %u documents (%u "
           "moves, %u keys ended, %u twins, %u orders to a subtree), %zu blocks, %u nodes (%u "
           "apart), %zu batches, %u restarts\n",
           total.histories, total.orders, total.alone, total.equal, total.failed,
           total.counts.writes, total.counts.extensions, total.counts.steps, total.counts.erasures,
           total.counts.documents, total.counts.moves, total.counts.ended_keys, total.counts.twins,
           total.counts.orders, total.blocks, total.nodes, total.apart, total.batches,
           total.restarts);
    return (total.failed > 0) == must_fail ? 0 : 1;
}
