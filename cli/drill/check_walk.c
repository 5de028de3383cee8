/* Walking the stores of a drill.
 *
 * One store after the other: opened read-only, one snapshot, every block opened and verified, every
 * record row and index row looked at, each held against the circle that the record's type and
 * origin give. */
#include "cli/drill/check_walk.h"

#include <stdlib.h>
#include <string.h>

#include "cli/drill/check_steps.h"
#include "cli/drill/sign.h"
#include "cli/drill/stores.h"
#include "cli/print.h"
#include "cli/value.h"
#include "replication/circle.h"
#include "replication/query/query.h"
#include "replication/rows/rows.h"

static const char *const place_names[PLACE_COUNT] = {"log", "state", "index"};

struct walking {
    struct check_table *table;
    struct check_findings *findings;
    const struct tree *tree; /* the root's, with all that was signed: it knows every author */
    const struct view *view;
    size_t seat;
    struct hash operations; /* of the record that comes next */
    uint64_t held;          /* acknowledged records found complete so far in this store */
};

void check_findings_init(struct check_findings *findings)
{
    *findings = (struct check_findings){.named = json_array(), .sums = json_object()};
}

void check_findings_free(struct check_findings *findings)
{
    json_decref(findings->named);
    json_decref(findings->sums);
}

static json_t *name_finding(struct walking *walking, const char *kind, const char *where,
                            const char *why)
{
    if (json_array_size(walking->findings->named) >= FINDINGS_NAMED_MAX)
        return NULL;
    json_t *finding =
        json_pack("{s:s,s:s,s:s,s:s}", "kind", kind, "at",
                  walking->table->drill->seats[walking->seat].code, "where", where, "why", why);
    json_array_append_new(walking->findings->named, finding);
    return finding;
}

static void name_record(struct walking *walking, const struct check_record *record,
                        const char *kind, const char *where, const char *why)
{
    const struct drill *drill = walking->table->drill;
    const struct drill_type *type = drill_type_numbered(drill, record->key.type);
    json_t *finding = name_finding(walking, kind, where, why);
    char id[33];
    if (finding == NULL)
        return;
    record_id_text(&record->key.id, id);
    json_object_set_new(finding, "id", json_string(id));
    json_object_set_new(finding, "type", json_string(type == NULL ? "?" : type->name));
    json_object_set_new(
        finding, "origin",
        json_string(record->origin == DRILL_NO_SEAT ? "?" : drill->seats[record->origin].code));
}

static void leak(struct walking *walking, struct check_record *record, const char *where)
{
    uint32_t number = (uint32_t)walking->seat + 1;
    name_record(walking, record, "leak", where, "it does not belong to this seat");
    if (record->leaked_at != number)
        walking->findings->leaked++;
    record->leaked_at = number;
}

/* Somebody, or a seat that has moved, has extended its circle by this one: signed operations say
 * so, and they are here. */
static bool is_extended_to(const struct walking *walking, const struct check_record *record)
{
    struct circle circle;
    const char *code = walking->table->drill->seats[walking->seat].code;
    if (!query_circle(walking->view, walking->tree, record->key.type, &record->key.id, &circle))
        return false;
    bool joined = false;
    for (size_t i = circle.first_count; i < circle.count; i++)
        joined |= strcmp(circle.seats[i], code) == 0;
    circle_free(&circle);
    return joined;
}

/* Note that this store has the record at one place. False: it must not, or by somebody's hand. */
static bool found(struct walking *walking, struct check_record *record, enum check_place place)
{
    uint32_t number = (uint32_t)walking->seat + 1;
    if (!check_belongs(walking->table, record, walking->seat)) {
        if (check_steps_joined(walking->table, record, walking->seat)) {
            record->joined[place] += record->marked[place] == number ? 0 : 1;
            record->marked[place] = number;
            return place == PLACE_STATE;
        }
        if (!is_extended_to(walking, record))
            leak(walking, record, place_names[place]);
        return false;
    }
    if (record->marked[place] == number)
        return true;
    record->marked[place] = number;
    check_mark(walking->table, record, place, walking->seat);
    record->found[place] += walking->table->outside[walking->seat] ? 0 : 1;
    if (record->acknowledged && record->marked[PLACE_LOG] == number &&
        record->marked[PLACE_STATE] == number && record->marked[PLACE_INDEX] == number)
        walking->held++;
    return true;
}

/* Whom a record is for says the stream of its creation, where that is held. */
static void learn_address(struct walking *walking, struct check_record *record)
{
    const struct drill_type *type = drill_type_numbered(walking->table->drill, record->key.type);
    if (type == NULL || type->circle != CIRCLE_ADDRESSED || record->to != DRILL_NO_SEAT)
        return;
    struct circle circle;
    if (!query_circle(walking->view, walking->tree, record->key.type, &record->key.id, &circle))
        return;
    if (circle.holders == HOLDERS_PATH)
        check_table_address(walking->table, record, circle.seats[circle.first_count - 1]);
    circle_free(&circle);
}

/* The end of the path that a stream leads along; DRILL_NO_SEAT: it leads along none. */
static size_t end_of(const struct walking *walking, const struct stream_id *stream)
{
    struct stream_row *row = mem_alloc(sizeof *row);
    struct error error;
    size_t end = DRILL_NO_SEAT;
    if (!stream_row_read(walking->view, stream, row) || row->open.seat_count == 0 ||
        drill_find(walking->table->drill, row->open.seats[row->open.seat_count - 1], &end,
                   &error) != ERR_OK)
        end = DRILL_NO_SEAT;
    free(row);
    return end;
}

/* Whether a stream of this author has something to do here: somebody on the same line up or down,
 * or along a path that leads through here; in any shape that the tree has had. */
static bool has_business(const struct walking *walking, const struct stream_id *stream,
                         size_t author)
{
    const struct check_shapes *shapes = &walking->table->shapes;
    size_t end = DRILL_NO_SEAT;
    for (size_t shape = 0; shape < shapes->count; shape++) {
        if (check_shape_above_or_same(shapes, shape, author, walking->seat) ||
            check_shape_above_or_same(shapes, shape, walking->seat, author))
            return true;
    }
    end = end_of(walking, stream);
    for (size_t shape = 0; shape < shapes->count && end != DRILL_NO_SEAT; shape++) {
        if (check_shape_on_path(shapes, shape, author, end, walking->seat))
            return true;
    }
    return false;
}

/* An entry in front of its key's cut-off, written by the record's own author: it was created. */
static void learn_trust(const struct walking *walking, const struct stream_id *stream, uint32_t seq,
                        struct check_record *record)
{
    if (!walking->table->outside[walking->seat] &&
        memcmp(stream->author.bytes, record->key.id.bytes, KEY_ID_BYTES) == 0 &&
        tree_trust(walking->tree, stream->author, stream->epoch, stream->number, seq) ==
            TRUST_COUNTS)
        record->trusted = true;
}

static bool see_entry(void *context, const struct stream_id *stream, uint32_t seq, uint16_t type,
                      const struct record_id *record, const struct hash *digest)
{
    struct walking *walking = context;
    const struct drill *drill = walking->table->drill;
    (void)digest;
    walking->findings->entries++;
    if (type != 0) {
        struct check_record *seen = check_table_find(walking->table, type, record);
        learn_address(walking, seen);
        learn_trust(walking, stream, seq, seen);
        found(walking, seen, PLACE_LOG);
        return true;
    }
    /* the opening or the end of a stream */
    size_t author = check_table_seat_of(walking->table, stream->author);
    if (author == DRILL_NO_SEAT || !has_business(walking, stream, author)) {
        json_t *finding = name_finding(walking, "leak", "log", "a stream of another branch");
        if (finding != NULL && author != DRILL_NO_SEAT)
            json_object_set_new(finding, "origin", json_string(drill->seats[author].code));
        walking->findings->leaked++;
    }
    return true;
}

static const struct record_type *type_of(const struct walking *walking,
                                         const struct check_record *record)
{
    return schema_type(tree_schema(walking->tree), record->key.type);
}

/* Takes the state out of what is shown of a record of which nothing but its creation is there:
 * nobody wrote it. True: it is the one in which such a record begins. */
static bool takes_initial_state(const struct record_type *type, json_t *fields)
{
    if (type == NULL || type->workflow == NULL)
        return true;
    const char *name = type_field(type, type->workflow->field)->name;
    bool initial = strcmp(json_text(fields, name), workflow_initial(type->workflow)->name) == 0;
    json_object_del(fields, name);
    return initial;
}

/* What follows from other fields nobody wrote either. */
static void leave_out_derived(const struct record_type *type, json_t *fields)
{
    for (size_t i = 0; type != NULL && fields != NULL && i < type->field_count; i++) {
        if (type->fields[i].more->derivation != NULL)
            json_object_del(fields, type->fields[i].name);
    }
}

/* Steps that are still on their way are no difference. */
static void compare_steps(struct walking *walking, struct check_record *record, const json_t *shown)
{
    const char *why = check_steps_fault(record, shown);
    if (why == NULL)
        return;
    record->wrong_fields = record->wrong_fields || walking->findings->settled;
    record->late = record->late || !walking->findings->settled;
    name_record(walking, record, walking->findings->settled ? "difference" : "behind", "state",
                why);
}

/* What was acknowledged must still be what the origin shows, unless somebody has changed it since.
 */
static void compare_fields(struct walking *walking, struct check_record *record)
{
    const struct drill_type *type = drill_type_numbered(walking->table->drill, record->key.type);
    struct buffer value = {0};
    struct error error;
    enum error_code code = query_record(walking->view, walking->tree, span_of_text(type->name),
                                        &record->key.id, &value, &error);
    json_t *shown = code == ERR_OK ? value_json(span_of_buffer(&value)) : NULL;
    json_t *counted = json_deep_copy(shown);
    json_t *fields = json_object_get(shown, "fields");
    leave_out_derived(type_of(walking, record), fields);
    if (fields != NULL && record->steps != NULL) {
        compare_steps(walking, record, shown);
    } else if (fields == NULL || (json_number(shown, "operations") == 1 &&
                                  (!takes_initial_state(type_of(walking, record), fields) ||
                                   check_fields_hash(fields) != record->fields_hash))) {
        record->wrong_fields = true;
        name_record(walking, record, "difference", "state",
                    fields == NULL ? "it can't be read" : "its fields are not those acknowledged");
    }
    if (record->origin == walking->seat)
        check_steps_count(walking->findings, walking->table, record, type_of(walking, record),
                          counted);
    json_decref(counted);
    json_decref(shown);
    buffer_free(&value);
}

static bool see_operations(void *context, uint16_t type, const struct record_id *id,
                           const struct hash *names)
{
    struct walking *walking = context;
    (void)type;
    (void)id;
    walking->operations = *names;
    return true;
}

/* Other bytes from the same operations are a difference; other operations only when none is on its
 * way. */
static void compare_state(struct walking *walking, struct check_record *record,
                          const struct hash *state)
{
    if (!record->has_state) {
        record->has_state = true;
        record->state = *state;
        record->operations = walking->operations;
    } else if (!hash_equal(&record->operations, &walking->operations)) {
        record->late = true;
        name_record(walking, record, walking->findings->settled ? "difference" : "behind", "state",
                    "it has other operations than the holders looked at before");
    } else if (!hash_equal(&record->state, state)) {
        record->diverged = true;
        name_record(walking, record, "difference", "state",
                    "its state is not that of the holders looked at before");
    }
}

static bool is_closed_state(const struct workflow *workflow, const json_t *said)
{
    for (size_t i = 0; i < workflow->state_count; i++) {
        if (json_is_string(said) && strcmp(workflow->states[i].name, json_string_value(said)) == 0)
            return workflow->states[i].closed;
    }
    return false;
}

/* By the word of its type. */
static bool is_closed(struct walking *walking, const struct check_record *record)
{
    const struct record_type *type = type_of(walking, record);
    const struct field *field = type == NULL             ? NULL
                                : type->workflow != NULL ? type_field(type, type->workflow->field)
                                                         : type_field(type, type->closed_by);
    struct buffer value = {0};
    struct error error;
    if (field == NULL || query_record(walking->view, walking->tree, span_of_text(type->name),
                                      &record->key.id, &value, &error) != ERR_OK)
        return false;
    json_t *shown = value_json(span_of_buffer(&value));
    const json_t *said = json_object_get(json_object_get(shown, "fields"), field->name);
    bool closed =
        type->workflow != NULL ? is_closed_state(type->workflow, said)
        : type->closed_choice == NULL
            ? json_is_true(said)
            : json_is_string(said) && strcmp(json_string_value(said), type->closed_choice) == 0;
    json_decref(shown);
    buffer_free(&value);
    return closed;
}

static bool see_record(void *context, uint16_t type, const struct record_id *id,
                       const struct hash *state, bool deleted)
{
    struct walking *walking = context;
    struct check_record *record = check_table_find(walking->table, type, id);
    learn_address(walking, record);
    walking->findings->states++;
    if (!found(walking, record, PLACE_STATE))
        return true;
    record->at_origin = record->at_origin || record->origin == walking->seat;
    if (walking->table->outside[walking->seat])
        return true; /* what a thief makes of it is nobody's affair */
    compare_state(walking, record, state);
    if (record->origin != walking->seat) {
        if (record->acknowledged && check_steps_joined(walking->table, record, walking->seat))
            compare_fields(walking, record);
    } else {
        record->deleted = deleted;
        record->closed =
            check_has_moved(walking->table, walking->seat) && is_closed(walking, record);
        if (record->acknowledged)
            compare_fields(walking, record);
    }
    return true;
}

static bool see_index(void *context, uint16_t type, const struct record_id *id)
{
    struct walking *walking = context;
    walking->findings->index_rows++;
    found(walking, check_table_find(walking->table, type, id), PLACE_INDEX);
    return true;
}

static bool see_damage(void *context, const char *what, struct span key)
{
    struct walking *walking = context;
    (void)key;
    walking->findings->damaged++;
    name_finding(walking, "damage", "store", what);
    return true;
}

/* Whose entry a row of `parked` or `quarantine` is about. */
static bool author_of_row(const struct walking *walking, enum table table, struct span key,
                          struct key_id *author)
{
    struct entry_place place;
    struct span locator = table == TABLE_PARKED ? parked_locator(key)
                          : key.size > 1        ? SPAN(key.data + 1, key.size - 1)
                                                : SPAN_EMPTY;
    if (locator.size == 0 || !entry_place_parse(walking->view, locator, &place))
        return false;
    *author = place.stream.author;
    return true;
}

static bool see_aside(void *context, enum table table, struct span key, struct span value)
{
    struct walking *walking = context;
    struct key_id author;
    bool known = author_of_row(walking, table, key, &author);
    (void)value;
    if (table == TABLE_PARKED) {
        bool pending = known && tree_trust(walking->tree, author, 0, 0, 0) == TRUST_PENDING;
        walking->findings->pending += pending ? 1 : 0;
        walking->findings->parked += pending ? 0 : 1;
        return true;
    }
    if (walking->table->outside[walking->seat])
        return true;
    if (known && check_table_cut_off(walking->table, author)) {
        walking->findings->behind_cut_off++;
        return true;
    }
    walking->findings->set_aside++;
    name_finding(walking, "quarantine", "store", "the node has set something aside");
    return true;
}

/* Which of the acknowledged records that this store must have are not there, place by place. */
static void name_lacking(struct walking *walking)
{
    uint32_t number = (uint32_t)walking->seat + 1;
    for (struct check_record *record = walking->table->records; record != NULL;
         record = record->hh.next) {
        if (!record->acknowledged || !check_belongs(walking->table, record, walking->seat))
            continue;
        for (size_t place = 0; place < PLACE_COUNT; place++) {
            if (record->marked[place] == number)
                continue;
            walking->findings->lacking++;
            name_record(walking, record, "missing", place_names[place],
                        "acknowledged, and not here");
            break;
        }
    }
}

void check_name_lacking(struct check_table *table, struct check_findings *findings,
                        struct check_record *record, size_t shape)
{
    struct walking walking = {.table = table, .findings = findings};
    for (size_t seat = 0; seat < table->drill->seat_count; seat++) {
        walking.seat = seat;
        for (size_t place = 0; place < PLACE_COUNT; place++) {
            if (!check_must_hold(table, record, shape, seat) ||
                check_marked(table, record, (enum check_place)place, seat))
                continue;
            findings->lacking++;
            name_record(&walking, record, "missing", place_names[place],
                        "acknowledged, and not here");
            break;
        }
    }
}

void check_name_left_behind(struct check_table *table, struct check_findings *findings,
                            struct check_record *record, size_t seat)
{
    struct walking walking = {.table = table, .findings = findings, .seat = seat};
    findings->lacking++;
    name_record(&walking, record, "missing", "state",
                "its seat has moved below this one, and it is open, and not here");
}

void check_name_cut(struct check_table *table, struct check_findings *findings,
                    struct check_record *record, size_t seat)
{
    struct walking walking = {.table = table, .findings = findings, .seat = seat};
    name_record(&walking, record, "cut-off", "state", "its key was cut off, and it counts here");
}

static enum error_code walk_store(void *context, const struct view *view, struct error *error)
{
    struct walking *walking = context;
    struct walk_visitor visitor = {.context = walking,
                                   .entry = see_entry,
                                   .operations = see_operations,
                                   .record = see_record,
                                   .index = see_index,
                                   .damage = see_damage,
                                   .aside = see_aside};
    walking->view = view;
    walking->held = 0;
    enum error_code code = query_walk(view, walking->tree, &visitor, error);
    if (code == ERR_OK && !walking->table->changed &&
        walking->held != walking->table->due[walking->seat])
        name_lacking(walking);
    walking->findings->stores++;
    return code;
}

/* Who is listed no more has a tree of its own, in which it is. */
static enum error_code walk_outside(struct walking *walking, const struct seal_key *seal,
                                    struct error *error)
{
    const struct drill *drill = walking->table->drill;
    const struct tree *all = walking->tree;
    struct tree *own = stores_tree_of(drill, walking->seat, error);
    if (own == NULL)
        return error->code;
    tree_set_seal_key(own, seal);
    walking->tree = own;
    enum error_code code = stores_visit(drill, walking->seat, walk_store, walking, error);
    walking->tree = all;
    tree_free(own);
    return code;
}

enum error_code check_walk(struct check_table *table, struct check_findings *findings, bool quiet,
                           struct error *error)
{
    const struct drill *drill = table->drill;
    struct tree *tree = sign_known_to_all(drill, NULL, 0, error);
    enum error_code code = tree == NULL ? error->code : ERR_OK;
    struct walking walking = {.table = table, .findings = findings, .tree = tree};
    struct progress progress;
    progress_begin(&progress, "stores walked", drill->seat_count, quiet);
    for (size_t i = 0; i < drill->seat_count && code == ERR_OK; i++) {
        struct seal_key seal;
        walking.seat = i;
        bool has_seal = stores_seal_key(drill, i, &seal);
        tree_set_seal_key(tree, has_seal ? &seal : NULL);
        code = table->outside[i] ? walk_outside(&walking, has_seal ? &seal : NULL, error)
                                 : stores_visit(drill, i, walk_store, &walking, error);
        progress_update(&progress, i + 1);
    }
    progress_end(&progress);
    tree_free(tree);
    return code;
}
