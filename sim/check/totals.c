/* Totals at the root, counted once more from the model's own records. */
#include <stdlib.h>
#include <string.h>

#include "sim/check/check_parts.h"

enum { FRESH_MS = 24 * 60 * 60 * 1000 };

size_t totals_folder_of(const struct model *model, size_t asker, size_t seat)
{
    const struct tree *tree = replica_tree(world_replica(model->world, asker));
    const struct seat *at = tree_seat(tree, span_of_text(model->county->seats[seat].code));
    const struct seat *self = tree_seat(tree, span_of_text(model->county->seats[asker].code));
    for (at = at == NULL ? NULL : at->parent; at != NULL && at != self; at = at->parent) {
        if (tree_seat_folds(tree, at))
            return model_seat_of_code(model, span_of_text(at->row.seat));
    }
    return SIZE_MAX;
}

/* "A (folded)": what A states of all below it. */
static size_t folder_named(const struct model *model, struct span key)
{
    static const char words[] = " (folded)";
    size_t size = sizeof words - 1;
    if (key.size <= size || memcmp(key.data + key.size - size, words, size) != 0)
        return SIZE_MAX;
    return model_seat_of_code(model, SPAN(key.data, key.size - size));
}

static void read_groups(const struct model *model, struct mp_reader *reader,
                        struct rollup_answer *answer)
{
    for (uint32_t groups = mp_read_array(reader); groups > 0 && !reader->failed; groups--) {
        size_t seat = SIZE_MAX, folder = SIZE_MAX;
        for (uint32_t pairs = mp_read_map(reader); pairs > 0 && !reader->failed; pairs--) {
            struct span name = mp_read_str(reader);
            if (span_equal(name, span_of_text("key"))) {
                struct span key = mp_read_str(reader);
                seat = model_seat_of_code(model, key);
                folder = folder_named(model, key);
            } else if (span_equal(name, span_of_text("value")) && seat != SIZE_MAX) {
                answer->by_seat[seat] += mp_read_int(reader);
            } else if (span_equal(name, span_of_text("value")) && folder != SIZE_MAX) {
                answer->by_fold[folder] += mp_read_int(reader);
            } else {
                mp_read_any(reader);
            }
        }
        answer->formed = answer->formed && (seat != SIZE_MAX || folder != SIZE_MAX);
    }
}

static void read_behind(const struct model *model, struct mp_reader *reader,
                        struct rollup_answer *answer)
{
    answer->behind = mp_read_array(reader);
    for (size_t i = 0; i < answer->behind && !reader->failed; i++) {
        for (uint32_t pairs = mp_read_map(reader); pairs > 0 && !reader->failed; pairs--) {
            size_t seat = SIZE_MAX;
            if (span_equal(mp_read_str(reader), span_of_text("seat")))
                seat = model_seat_of_code(model, mp_read_str(reader));
            else
                mp_read_any(reader);
            if (seat != SIZE_MAX)
                answer->behind_seats[seat] = true;
        }
    }
}

static void read_rollup(const struct model *model, struct span bytes, struct rollup_answer *answer)
{
    struct mp_reader reader = mp_reader(bytes);
    reader.text_keys = true;
    reader.items_max = UINT32_MAX;
    answer->formed = true;
    for (uint32_t pairs = mp_read_map(&reader); pairs > 0 && !reader.failed; pairs--) {
        struct span name = mp_read_str(&reader);
        if (span_equal(name, span_of_text("value"))) {
            answer->value = mp_read_int(&reader);
        } else if (span_equal(name, span_of_text("groups"))) {
            read_groups(model, &reader, answer);
        } else if (span_equal(name, span_of_text("origins"))) {
            mp_read_array(&reader);
            answer->reported = mp_read_uint(&reader);
            answer->expected = mp_read_uint(&reader);
        } else if (span_equal(name, span_of_text("as_of"))) {
            answer->as_of_ms = mp_read_uint(&reader);
        } else if (span_equal(name, span_of_text("behind"))) {
            read_behind(model, &reader, answer);
        } else {
            mp_read_any(&reader);
        }
    }
    answer->formed = answer->formed && !reader.failed;
}

void totals_ask(struct model *model, size_t node, const char *name, const char *by,
                struct rollup_answer *answer)
{
    struct buffer bytes = {0};
    const struct tree *tree = replica_tree(world_replica(model->world, node));
    size_t seats = model->county->seat_count;
    *answer = (struct rollup_answer){.by_seat = mem_alloc(seats * sizeof *answer->by_seat),
                                     .by_fold = mem_alloc(seats * sizeof *answer->by_fold),
                                     .behind_seats = mem_alloc(seats)};
    if (query_rollup(world_view(model->world, node), tree, model_node_name(model, node),
                     span_of_text(name), span_of_text(by), FRESH_MS, &bytes, NULL) == ERR_OK)
        read_rollup(model, span_of_buffer(&bytes), answer);
    buffer_free(&bytes);
}

void totals_answer_free(struct rollup_answer *answer)
{
    free(answer->by_seat);
    free(answer->by_fold);
    free(answer->behind_seats);
}

/* What stands in no cell of its own stands in the fold, all of it. */
static void compare_fold(struct model *model, size_t root, const struct rollup_answer *answer,
                         size_t folder)
{
    int64_t rest = 0;
    bool told = true;
    for (size_t i = 0; i < model->county->seat_count; i++) {
        if (totals_folder_of(model, root, i) != folder)
            continue;
        rest += model->counted[i] - answer->by_seat[i];
        told = told && !model->nodes[i].forks && model_counts(model, i);
    }
    if (told && answer->by_fold[folder] != rest)
        findings_add(model->findings, FINDING_TOTAL,
                     "the fold of %s counts %lld records at the root, there are %lld",
                     model->county->seats[folder].code, (long long)answer->by_fold[folder],
                     (long long)rest);
}

static void compare_seat(struct model *model, size_t root, const struct rollup_answer *answer,
                         size_t seat)
{
    if (totals_folder_of(model, root, seat) != SIZE_MAX && answer->by_seat[seat] == 0)
        return;
    if (answer->by_seat[seat] != model->counted[seat] && !model->nodes[seat].forks &&
        model_counts(model, seat))
        findings_add(model->findings, FINDING_TOTAL,
                     "the root counts %lld records of %s, there are %lld",
                     (long long)answer->by_seat[seat], model->county->seats[seat].code,
                     (long long)model->counted[seat]);
}

static void compare_counts(struct model *model, size_t root, const struct rollup_answer *answer)
{
    int64_t total = 0;
    size_t seats = model->county->seat_count;
    size_t restored = 0, forked = 0; /* what it has announced and lost stays missing, and is said */
    size_t known = 0, cut = 0; /* whose key has ended without another: its last report counts */
    rest_count(model);
    for (size_t i = 0; i < seats; i++) {
        known += tree_seat(model->county->tree, span_of_text(model->county->seats[i].code)) != NULL;
        cut += model->county->seats[i].listed && !model_counts(model, i);
        total += model->counted[i];
        restored += model->nodes[i].restored || model->nodes[i].forks;
        forked += model->nodes[i].forks;
    }
    if (!answer->formed || (answer->value != total && forked + cut == 0))
        findings_add(model->findings, FINDING_TOTAL, "the root counts %lld records, there are %lld",
                     (long long)answer->value, (long long)total);
    for (size_t i = 0; i < seats; i++) {
        compare_seat(model, root, answer, i);
        compare_fold(model, root, answer, i);
    }
    if (answer->reported > known || answer->reported + cut < known || answer->expected != known ||
        answer->behind > restored + cut)
        findings_add(model->findings, FINDING_TOTAL,
                     "the root says %llu of %llu origins, %zu behind; there are %zu",
                     (unsigned long long)answer->reported, (unsigned long long)answer->expected,
                     answer->behind, known);
}

static void check_complete(struct model *model, size_t root, const struct tree *tree)
{
    for (size_t i = 0; i < model->county->seat_count; i++) {
        const char *code = model->county->seats[i].code;
        const struct seat *seat = tree_seat(tree, span_of_text(code));
        struct completeness answer;
        if (i == root || seat == NULL || model->nodes[i].restored || model->nodes[i].forks ||
            !model_counts(model, i))
            continue;
        query_completeness(world_view(model->world, root), tree, model->county->seats[root].code,
                           seat, FRESH_MS, &answer);
        if (answer.state != COMPLETE_NOW || answer.missing > 0)
            findings_add(model->findings, FINDING_TOTAL,
                         "the root is not complete from %s: state %d, %llu missing", code,
                         (int)answer.state, (unsigned long long)answer.missing);
    }
}

void check_totals(struct model *model)
{
    size_t root = model->seat_numbered[0];
    struct rollup_answer answer;
    if (!world_runs(model->world, root)) {
        findings_add(model->findings, FINDING_TOTAL, "the root doesn't run");
        return;
    }
    totals_ask(model, root, "records", "origin", &answer);
    compare_counts(model, root, &answer);
    totals_answer_free(&answer);
    check_rollups(model);
    check_complete(model, root, replica_tree(world_replica(model->world, root)));
    check_receipts(model, true);
    check_claims(model);
}
