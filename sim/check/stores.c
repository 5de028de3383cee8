/* A walk over every store, then line by line against the model. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replication/verify/verify.h"
#include "sim/check/check_parts.h"

struct walking {
    struct model *model;
    size_t node;
    bool *walked;    /* by node */
    size_t *op_from; /* by operation: where its members begin in has_op */
    size_t *record_from;
    bool *has_op;
    struct hash *states; /* zero: absent */
    bool *listed;
    size_t entries; /* of operations, in this node's log, each once */
};

static const char *seat_of(const struct walking *walking)
{
    return model_node_name(walking->model, walking->node);
}

/* Where a member's things lie; SIZE_MAX: the node is none. */
static size_t op_place(const struct walking *walking, size_t node, size_t op)
{
    const struct model *model = walking->model;
    size_t place = model_circle_place(model, &model->records[model->ops[op].record], node);
    return place == SIZE_MAX ? SIZE_MAX : walking->op_from[op] + place;
}

static size_t record_place(const struct walking *walking, size_t node, size_t record)
{
    const struct model *model = walking->model;
    size_t place = model_circle_place(model, &model->records[record], node);
    return place == SIZE_MAX ? SIZE_MAX : walking->record_from[record] + place;
}

/* By the record itself, or by its twin under the same name. */
static bool is_member(const struct walking *walking, size_t record)
{
    return model_in_circle(walking->model, &walking->model->records[record], walking->node);
}

static void take_op(struct walking *walking, const struct model_op *op)
{
    const struct model *model = walking->model;
    size_t at = op_place(walking, walking->node, (size_t)(op - model->ops));
    if (at == SIZE_MAX && !is_member(walking, op->record)) {
        findings_add(model->findings, FINDING_LEAKED, "%s holds write %llu in its log",
                     seat_of(walking), (unsigned long long)op->serial);
    } else if (at == SIZE_MAX) {
        walking->entries++;
    } else {
        walking->entries += !walking->has_op[at] && !model_is_silent(model, op);
        walking->has_op[at] = true;
    }
}

static bool take_carried(struct walking *walking, const struct hash *digest)
{
    const struct model *model = walking->model;
    size_t place = places_find(&model->carry_names, digest);
    if (place == SIZE_MAX)
        return false;
    const struct model_entry *entry = &model->entries[place];
    for (uint32_t i = 0; i < entry->carried_count; i++) {
        size_t op = model->carried[entry->carried_from + i];
        if (op != SIZE_MAX)
            take_op(walking, &model->ops[op]);
    }
    return true;
}

static bool on_entry(void *context, const struct stream_id *stream, uint32_t seq, uint16_t type,
                     const struct record_id *record, const struct hash *digest)
{
    struct walking *walking = context;
    struct model *model = walking->model;
    const struct model_op *op = model_op_of(model, digest);
    (void)record;
    if (type == 0)
        return true; /* the opening or the end of a stream */
    if (op == NULL && !take_carried(walking, digest)) {
        findings_add(model->findings, FINDING_INVENTED,
                     "%s holds an entry of type %u that nobody wrote (stream %u, place %u)",
                     seat_of(walking), type, stream->number, seq);
    }
    if (op != NULL)
        take_op(walking, op);
    return true;
}

static bool on_record(void *context, uint16_t type, const struct record_id *id,
                      const struct hash *state, bool deleted)
{
    struct walking *walking = context;
    struct model *model = walking->model;
    const struct model_record *record = model_record_of(model, type, id);
    (void)deleted;
    if (record == NULL) {
        findings_add(model->findings, FINDING_INVENTED, "%s has a record that nobody wrote",
                     seat_of(walking));
        return true;
    }
    size_t place = (size_t)(record - model->records);
    size_t at = record_place(walking, walking->node, place);
    if (at != SIZE_MAX)
        walking->states[at] = *state;
    else if (!is_member(walking, place))
        findings_add(model->findings, FINDING_LEAKED, "%s has %s's record %zu", seat_of(walking),
                     model->county->seats[record->origin].code, place);
    return true;
}

static bool on_index(void *context, uint16_t type, const struct record_id *id)
{
    struct walking *walking = context;
    struct model *model = walking->model;
    const struct model_record *record = model_record_of(model, type, id);
    if (record == NULL) {
        findings_add(model->findings, FINDING_INVENTED, "%s lists a record that nobody wrote",
                     seat_of(walking));
        return true;
    }
    size_t place = (size_t)(record - model->records);
    size_t at = record_place(walking, walking->node, place);
    if (at != SIZE_MAX)
        walking->listed[at] = true;
    else if (!is_member(walking, place))
        findings_add(model->findings, FINDING_LEAKED, "%s lists %s's record %zu", seat_of(walking),
                     model->county->seats[record->origin].code, place);
    return true;
}

static bool on_damage(void *context, const char *what, struct span key)
{
    struct walking *walking = context;
    (void)key;
    findings_add(walking->model->findings, FINDING_DAMAGED, "%s: %s", seat_of(walking), what);
    return true;
}

static bool on_aside(void *context, enum table table, struct span key, struct span value)
{
    struct walking *walking = context;
    if (aside_is_excused(walking->model, walking->node, table, key, value))
        return true;
    findings_add(walking->model->findings, FINDING_WAITING, "%s has a row in %s: %.*s",
                 seat_of(walking), table_name(table), (int)(value.size < 80 ? value.size : 80),
                 (const char *)value.data);
    return true;
}

static void on_finding(void *context, const struct verify_finding *finding)
{
    static const char unsaid[] = "it can't be decoded, and quarantine doesn't say so";
    struct walking *walking = context;
    if (strcmp(finding->what, unsaid) == 0 &&
        poison_is_own(walking->model, walking->node, finding->key))
        return;
    findings_add(walking->model->findings, FINDING_DAMAGED, "%s: %s: %s: %s", seat_of(walking),
                 table_name(finding->table), finding->key, finding->what);
}

/* The core's own verifier has nothing to say of a store that only the core has written to. */
static void verify_store(struct walking *walking, const struct tree *tree)
{
    struct verify_options options = {.tree_id = *tree_id(tree),
                                     .own =
                                         world_keys(walking->model->world, walking->node)->key_id,
                                     .seal = world_keys(walking->model->world, walking->node)->seal,
                                     .context = walking,
                                     .finding = on_finding};
    struct verify *verify = verify_new(&options);
    while (verify_step(verify, world_view(walking->model->world, walking->node))) {
    }
    verify_free(verify);
}

/* A watch from the beginning tells each operation that is here once, and a step again when it has
 * become void or stands again. What waits is told later. */
static void check_watch(const struct walking *walking, const struct tree *tree)
{
    enum { STEP = 500 };
    const struct model *model = walking->model;
    const struct view *view = world_view(model->world, walking->node);
    struct buffer cursor = {0}, before = {0}, lines = {0};
    struct error error = {0};
    struct span key, value;
    size_t told = 0, held = walking->entries, count = 0;
    if (view->next(view->context, TABLE_PARKED, SPAN_EMPTY, &key, &value) == READ_FOUND ||
        memory_store_row_count(world_store(model->world, walking->node), TABLE_ARRIVALS) >=
            ARRIVALS_MAX)
        return; /* what waits is told later; of more, the oldest are forgotten */
    query_watch_oldest(view, &cursor);
    do {
        buffer_clear(&before);
        buffer_clear(&lines);
        buffer_append_span(&before, span_of_buffer(&cursor));
        if (query_watch(view, tree, SPAN_EMPTY, STEP, &cursor, &lines, &count, &error) != ERR_OK)
            break;
        told += count;
    } while (!span_equal(span_of_buffer(&before), span_of_buffer(&cursor)));
    if (told < held || (told > held && !model->any_steps) || error.code != ERR_OK)
        findings_add(model->findings, FINDING_UNTOLD, "a watch at %s tells %zu of %zu writes %s",
                     seat_of(walking), told, held, error.why);
    buffer_free(&lines);
    buffer_free(&before);
    buffer_free(&cursor);
}

static void walk_node(struct walking *walking, size_t node)
{
    struct model *model = walking->model;
    struct walk_visitor visitor = {
        .context = walking,
        .entry = on_entry,
        .record = on_record,
        .index = on_index,
        .damage = on_damage,
        .aside = on_aside,
    };
    const struct tree *tree = replica_tree(world_replica(model->world, node));
    struct error error = {0};
    walking->node = node;
    walking->entries = 0;
    walking->walked[node] = true;
    if (query_walk(world_view(model->world, node), tree, &visitor, &error) != ERR_OK)
        findings_add(model->findings, FINDING_DAMAGED, "%s: %s: %s", seat_of(walking), error.what,
                     error.why);
    verify_store(walking, tree);
    check_watch(walking, tree);
}

/* All, or of a large county the root's and every so manieth. */
static void walk_all(struct walking *walking)
{
    struct model *model = walking->model;
    size_t held = 0;
    for (size_t i = 0; i < model->op_count; i++)
        held += model->ops[i].held_count;
    size_t every = held / CHECK_WALK_ENTRIES + 1;
    for (size_t node = 0; node < model->county->seat_count; node++) {
        bool is_root = model->county->seats[node].parent == node;
        if (world_runs(model->world, node) && model_counts(model, node) &&
            (every == 1 || node % every == every / 2 || (is_root && held < 4 * CHECK_WALK_ENTRIES)))
            walk_node(walking, node);
    }
}

static void check_ops(const struct walking *walking)
{
    const struct model *model = walking->model;
    for (size_t i = 0; i < model->op_count; i++) {
        const struct model_op *op = &model->ops[i];
        if (op->acknowledged && op->fate == MODEL_ASKED)
            findings_add(model->findings, FINDING_LOST,
                         "write %llu was acknowledged and is nowhere",
                         (unsigned long long)op->serial);
        if (op->fate != MODEL_DONE || !op->in_log || op->forked || op->cut)
            continue;
        const struct model_record *record = &model->records[op->record];
        bool told = model_has_twins(model, record); /* check_twins */
        for (size_t k = 0; k < model_circle_size(model, record) && !told; k++) {
            size_t node = model_circle_seat(model, record, k);
            if (walking->walked[node] && !model_is_free(record, k) &&
                !walking->has_op[walking->op_from[i] + k])
                findings_add(model->findings, node == op->seat ? FINDING_LOST : FINDING_WAITING,
                             "write %llu of %s is not at %s", (unsigned long long)op->serial,
                             model->county->seats[op->seat].code, model->county->seats[node].code);
        }
    }
}

/* Whether a node holds all that was written to a record. */
static bool has_all(const struct walking *walking, const struct model_record *record, size_t node)
{
    const struct model *model = walking->model;
    for (size_t i = 0; i < record->op_count; i++) {
        const struct model_op *op = &model->ops[record->ops[i]];
        if (op->fate == MODEL_DONE && !op->forked && !op->cut &&
            !walking->has_op[op_place(walking, node, record->ops[i])])
            return false;
    }
    return true;
}

/* All holders alike, and the first of them as the model says. */
static void check_record(const struct walking *walking, size_t place)
{
    struct model *model = walking->model;
    const struct model_record *record = &model->records[place];
    const struct hash *first = NULL;
    for (size_t k = 0; k < model_circle_size(model, record); k++) {
        size_t node = model_circle_seat(model, record, k), at = walking->record_from[place] + k;
        const struct hash *state = &walking->states[at];
        if (!walking->walked[node] || model_is_free(record, k))
            continue;
        if (hash_equal(state, &hash_zero) || !walking->listed[at]) {
            findings_add(model->findings, FINDING_WAITING, "record %zu of %s is not %s %s", place,
                         model->county->seats[record->origin].code,
                         hash_equal(state, &hash_zero) ? "at" : "listed at",
                         model->county->seats[node].code);
            continue;
        }
        if (!has_all(walking, record, node))
            continue; /* told already */
        if (first != NULL && !hash_equal(first, state))
            findings_add(model->findings, FINDING_DIVERGED, "record %zu of %s differs at %s", place,
                         model->county->seats[record->origin].code,
                         model->county->seats[node].code);
        if ((first == NULL || record->type == MODEL_VISIT) && !record->forked)
            compare_with_fold(model, record, node); /* what is private each tells for itself */
        first = first == NULL ? state : first;
    }
}

/* Where the members of each operation, and of each record, begin. */
static void lay_out(struct walking *walking)
{
    const struct model *model = walking->model;
    size_t ops = 0, records = 0;
    walking->walked = mem_alloc(model->county->seat_count);
    walking->op_from = mem_alloc((model->op_count + 1) * sizeof *walking->op_from);
    walking->record_from = mem_alloc((model->record_count + 1) * sizeof *walking->record_from);
    for (size_t i = 0; i < model->op_count; i++) {
        const struct model_op *op = &model->ops[i];
        walking->op_from[i] = ops;
        if (op->record != SIZE_MAX)
            ops += model_circle_size(model, &model->records[op->record]);
    }
    for (size_t i = 0; i < model->record_count; i++) {
        walking->record_from[i] = records;
        records += model_circle_size(model, &model->records[i]);
    }
    walking->has_op = mem_alloc(ops + 1);
    walking->states = mem_alloc((records + 1) * sizeof(struct hash));
    walking->listed = mem_alloc(records + 1);
}

void check_stores(struct model *model)
{
    struct walking walking = {.model = model};
    lay_out(&walking);
    walk_all(&walking);
    check_ops(&walking);
    for (size_t i = 0; i < model->record_count; i++) {
        const struct model_record *record = &model->records[i];
        if (record_lives(model, record) && !model_has_twins(model, record))
            check_record(&walking, i);
    }
    free(walking.listed);
    free(walking.states);
    free(walking.has_op);
    free(walking.record_from);
    free(walking.op_from);
    free(walking.walked);
}
