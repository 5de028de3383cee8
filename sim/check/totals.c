/* Totals at the root, counted once more from the model's own records. */
#include <stdlib.h>
#include <string.h>

#include "sim/check/check_parts.h"

enum { FRESH_MS = 24 * 60 * 60 * 1000 };

struct counted {
    int64_t value;
    int64_t *by_seat;
    uint64_t reported, expected;
    size_t behind;
    bool formed;
};

static void read_groups(const struct model *model, struct mp_reader *reader,
                        struct counted *counted)
{
    for (uint32_t groups = mp_read_array(reader); groups > 0 && !reader->failed; groups--) {
        size_t seat = SIZE_MAX;
        for (uint32_t pairs = mp_read_map(reader); pairs > 0 && !reader->failed; pairs--) {
            struct span name = mp_read_str(reader);
            if (span_equal(name, span_of_text("key"))) {
                struct span code = mp_read_str(reader);
                seat = model_seat_of_code(model, code);
            } else if (span_equal(name, span_of_text("value")) && seat != SIZE_MAX) {
                counted->by_seat[seat] += mp_read_int(reader);
            } else {
                mp_read_any(reader);
            }
        }
        counted->formed = counted->formed && seat != SIZE_MAX;
    }
}

static void read_rollup(const struct model *model, struct span answer, struct counted *counted)
{
    struct mp_reader reader = mp_reader(answer);
    reader.text_keys = true;
    reader.items_max = UINT32_MAX;
    counted->formed = true;
    for (uint32_t pairs = mp_read_map(&reader); pairs > 0 && !reader.failed; pairs--) {
        struct span name = mp_read_str(&reader);
        if (span_equal(name, span_of_text("value"))) {
            counted->value = mp_read_int(&reader);
        } else if (span_equal(name, span_of_text("groups"))) {
            read_groups(model, &reader, counted);
        } else if (span_equal(name, span_of_text("origins"))) {
            mp_read_array(&reader);
            counted->reported = mp_read_uint(&reader);
            counted->expected = mp_read_uint(&reader);
        } else if (span_equal(name, span_of_text("behind"))) {
            counted->behind = mp_read_array(&reader);
            for (size_t i = 0; i < counted->behind && !reader.failed; i++)
                mp_read_any(&reader);
        } else {
            mp_read_any(&reader);
        }
    }
    counted->formed = counted->formed && !reader.failed;
}

static size_t root_of(const struct county *county)
{
    size_t root = 0;
    while (county->seats[root].parent != root)
        root = county->seats[root].parent;
    return root;
}

static void compare_counts(struct model *model, const struct counted *counted)
{
    int64_t total = 0;
    size_t seats = model->county->seat_count;
    rest_count(model);
    for (size_t i = 0; i < seats; i++)
        total += model->counted[i];
    if (!counted->formed || counted->value != total)
        findings_add(model->findings, FINDING_TOTAL, "the root counts %lld records, there are %lld",
                     (long long)counted->value, (long long)total);
    for (size_t i = 0; i < seats; i++) {
        if (counted->by_seat[i] != model->counted[i])
            findings_add(model->findings, FINDING_TOTAL,
                         "the root counts %lld records of %s, there are %lld",
                         (long long)counted->by_seat[i], model->county->seats[i].code,
                         (long long)model->counted[i]);
    }
    size_t restored = 0; /* what it has announced and lost stays missing, and is said so */
    for (size_t i = 0; i < seats; i++)
        restored += model->nodes[i].restored;
    if (counted->reported != seats || counted->expected != seats || counted->behind > restored)
        findings_add(model->findings, FINDING_TOTAL,
                     "the root says %llu of %llu origins, %zu behind; there are %zu",
                     (unsigned long long)counted->reported, (unsigned long long)counted->expected,
                     counted->behind, seats);
}

static void check_complete(struct model *model, size_t root, const struct tree *tree)
{
    for (size_t i = 0; i < model->county->seat_count; i++) {
        const char *code = model->county->seats[i].code;
        const struct seat *seat = tree_seat(tree, span_of_text(code));
        struct completeness answer;
        if (i == root || seat == NULL || model->nodes[i].restored)
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
    size_t root = root_of(model->county);
    struct counted counted = {0};
    struct buffer answer = {0};
    if (!world_runs(model->world, root)) {
        findings_add(model->findings, FINDING_TOTAL, "the root doesn't run");
        return;
    }
    counted.by_seat = mem_alloc(model->county->seat_count * sizeof *counted.by_seat);
    const struct tree *tree = replica_tree(world_replica(model->world, root));
    if (query_rollup(world_view(model->world, root), tree, model->county->seats[root].code,
                     span_of_text("records"), span_of_text("origin"), FRESH_MS, &answer,
                     NULL) == ERR_OK)
        read_rollup(model, span_of_buffer(&answer), &counted);
    compare_counts(model, &counted);
    check_complete(model, root, tree);
    buffer_free(&answer);
    free(counted.by_seat);
}
