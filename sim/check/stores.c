/* A walk over every store, then line by line against the model. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replication/verify/verify.h"
#include "sim/check/check.h"

struct walking {
    struct model *model;
    size_t node;
    bool *has_op;        /* by node, by operation */
    struct hash *states; /* by node, by record; zero: absent */
    bool *listed;        /* by node, by record */
};

static const char *seat_of(const struct walking *walking)
{
    return walking->model->county->seats[walking->node].code;
}

static size_t op_place(const struct walking *walking, size_t node, size_t op)
{
    return node * walking->model->op_count + op;
}

static size_t record_place(const struct walking *walking, size_t node, size_t record)
{
    return node * walking->model->record_count + record;
}

static bool on_entry(void *context, const struct stream_id *stream, uint32_t seq, uint16_t type,
                     const struct record_id *record, const struct hash *digest)
{
    struct walking *walking = context;
    struct model *model = walking->model;
    const struct model_op *op = model_op_of(model, digest);
    (void)record;
    if (type == 0)
        return true; /* the open or close of a stream */
    if (type == 0)
        return true; /* the opening or the end of a stream */
    if (op == NULL) {
        findings_add(model->findings, FINDING_INVENTED,
                     "%s holds an entry of type %u that nobody wrote (stream %u, place %u)",
                     seat_of(walking), type, stream->number, seq);
        return true;
    }
    walking->has_op[op_place(walking, walking->node, (size_t)(op - model->ops))] = true;
    if (!model_in_circle(model, &model->records[op->record], walking->node))
        findings_add(model->findings, FINDING_LEAKED, "%s holds write %llu in its log",
                     seat_of(walking), (unsigned long long)op->serial);
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
    walking->states[record_place(walking, walking->node, place)] = *state;
    if (!model_in_circle(model, record, walking->node))
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
    walking->listed[record_place(walking, walking->node, place)] = true;
    if (!model_in_circle(model, record, walking->node))
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
    (void)key;
    findings_add(walking->model->findings, FINDING_WAITING, "%s has a row in %s: %.*s",
                 seat_of(walking), table_name(table), (int)(value.size < 80 ? value.size : 80),
                 (const char *)value.data);
    return true;
}

static void on_finding(void *context, const struct verify_finding *finding)
{
    struct walking *walking = context;
    findings_add(walking->model->findings, FINDING_DAMAGED, "%s: %s: %s: %s", seat_of(walking),
                 table_name(finding->table), finding->key, finding->what);
}

/* The core's own verifier has nothing to say of a store that only the core has written to. */
static void verify_store(struct walking *walking, const struct tree *tree)
{
    const struct county *county = walking->model->county;
    struct verify_options options = {.tree_id = *tree_id(tree),
                                     .own = county->seats[walking->node].key_id,
                                     .context = walking,
                                     .finding = on_finding};
    struct verify *verify = verify_new(&options);
    while (verify_step(verify, world_view(walking->model->world, walking->node))) {
    }
    verify_free(verify);
}

/* A watch from the beginning tells each operation that is here once. What waits is told later. */
static void check_watch(const struct walking *walking, const struct tree *tree)
{
    enum { STEP = 500 };
    const struct model *model = walking->model;
    const struct view *view = world_view(model->world, walking->node);
    struct buffer cursor = {0}, before = {0}, lines = {0};
    struct error error = {0};
    struct span key, value;
    size_t told = 0, held = 0, count = 0;
    if (view->next(view->context, TABLE_PARKED, SPAN_EMPTY, &key, &value) == READ_FOUND)
        return;
    for (size_t i = 0; i < model->op_count; i++)
        held += walking->has_op[op_place(walking, walking->node, i)];
    query_watch_oldest(view, &cursor);
    do {
        buffer_clear(&before);
        buffer_clear(&lines);
        buffer_append_span(&before, span_of_buffer(&cursor));
        if (query_watch(view, tree, SPAN_EMPTY, STEP, &cursor, &lines, &count, &error) != ERR_OK)
            break;
        told += count;
    } while (!span_equal(span_of_buffer(&before), span_of_buffer(&cursor)));
    if (told != held || error.code != ERR_OK)
        findings_add(model->findings, FINDING_UNTOLD, "a watch at %s tells %zu of %zu writes %s",
                     seat_of(walking), told, held, error.why);
    buffer_free(&lines);
    buffer_free(&before);
    buffer_free(&cursor);
}

static void walk_all(struct walking *walking)
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
    for (size_t node = 0; node < model->county->seat_count; node++) {
        walking->node = node;
        if (!world_runs(model->world, node))
            continue;
        const struct tree *tree = replica_tree(world_replica(model->world, node));
        struct error error = {0};
        if (query_walk(world_view(model->world, node), tree, &visitor, &error) != ERR_OK)
            findings_add(model->findings, FINDING_DAMAGED, "%s: %s: %s", seat_of(walking),
                         error.what, error.why);
        verify_store(walking, tree);
        check_watch(walking, tree);
    }
}

static void check_ops(const struct walking *walking)
{
    const struct model *model = walking->model;
    for (size_t i = 0; i < model->op_count; i++) {
        const struct model_op *op = &model->ops[i];
        if (op->fate != MODEL_DONE && !(op->acknowledged && op->fate == MODEL_ASKED))
            continue;
        if (op->record == SIZE_MAX) {
            findings_add(model->findings, FINDING_LOST,
                         "write %llu was acknowledged and is nowhere",
                         (unsigned long long)op->serial);
            continue;
        }
        for (size_t node = 0; node < model->county->seat_count; node++) {
            if (model_in_circle(model, &model->records[op->record], node) &&
                !walking->has_op[op_place(walking, node, i)])
                findings_add(model->findings, node == op->node ? FINDING_LOST : FINDING_WAITING,
                             "write %llu of %s is not at %s", (unsigned long long)op->serial,
                             model->county->seats[op->node].code, model->county->seats[node].code);
        }
    }
}

static bool lives(const struct model *model, const struct model_record *record)
{
    for (size_t i = 0; i < record->op_count; i++) {
        if (model->ops[record->ops[i]].fate == MODEL_DONE)
            return true;
    }
    return false;
}

static void compare_with_fold(const struct walking *walking, size_t place, size_t node)
{
    const struct model *model = walking->model;
    const struct model_record *record = &model->records[place];
    struct buffer described = {0}, found = {0}, expected = {0};
    bool deleted;
    model_fold(model, record, &expected, &deleted);
    enum error_code code =
        query_record(world_view(model->world, node), model->county->tree,
                     span_of_text(model_type_name(record->type)), &record->id, &described, NULL);
    if (code != ERR_OK || !model_read_state(span_of_buffer(&described), &found))
        findings_add(model->findings, FINDING_DAMAGED, "%s can't describe record %zu",
                     model->county->seats[node].code, place);
    else if (!span_equal(span_of_buffer(&found), span_of_buffer(&expected)))
        findings_add(model->findings, FINDING_WRONG,
                     "record %zu at %s is\n%.*sand by the rules it is\n%.*s", place,
                     model->county->seats[node].code, (int)found.size, (const char *)found.data,
                     (int)expected.size, (const char *)expected.data);
    buffer_free(&described);
    buffer_free(&found);
    buffer_free(&expected);
}

/* Whether a node holds all that was written to a record. */
static bool has_all(const struct walking *walking, const struct model_record *record, size_t node)
{
    for (size_t i = 0; i < record->op_count; i++) {
        if (walking->model->ops[record->ops[i]].fate == MODEL_DONE &&
            !walking->has_op[op_place(walking, node, record->ops[i])])
            return false;
    }
    return true;
}

/* All holders alike, and the first of them as the model says. */
static void check_record(const struct walking *walking, size_t place)
{
    const struct model *model = walking->model;
    const struct model_record *record = &model->records[place];
    const struct hash *first = NULL;
    for (size_t node = 0; node < model->county->seat_count; node++) {
        size_t at = record_place(walking, node, place);
        const struct hash *state = &walking->states[at];
        if (!model_in_circle(model, record, node))
            continue;
        if (hash_equal(state, &hash_zero) || !walking->listed[at]) {
            findings_add(model->findings, FINDING_WAITING, "record %zu of %s is not %s %s", place,
                         model->county->seats[record->origin].code,
                         hash_equal(state, &hash_zero) ? "at" : "listed at",
                         model->county->seats[node].code);
            continue;
        }
        if (!has_all(walking, record, node)) {
            continue; /* told already */
        } else if (first == NULL) {
            first = state;
            compare_with_fold(walking, place, node);
        } else if (!hash_equal(first, state)) {
            findings_add(model->findings, FINDING_DIVERGED, "record %zu of %s differs at %s", place,
                         model->county->seats[record->origin].code,
                         model->county->seats[node].code);
        }
    }
}

void check_stores(struct model *model)
{
    size_t nodes = model->county->seat_count;
    struct walking walking = {
        .model = model,
        .has_op = mem_alloc(nodes * model->op_count + 1),
        .states = mem_alloc((nodes * model->record_count + 1) * sizeof(struct hash)),
        .listed = mem_alloc(nodes * model->record_count + 1),
    };
    walk_all(&walking);
    check_ops(&walking);
    for (size_t i = 0; i < model->record_count; i++) {
        if (lives(model, &model->records[i]))
            check_record(&walking, i);
    }
    free(walking.listed);
    free(walking.states);
    free(walking.has_op);
}
