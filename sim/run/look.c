/* What a step expects of a seat, read from its store as a person would read it. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replication/rows/branches.h"
#include "sim/run/run_parts.h"

enum { FRESH_MS = 10 * 60 * 1000, LINES_MAX = 64, LINE_BYTES = 128 };

struct looking {
    struct run *run;
    const struct step *step;
    size_t node;
};

static void miss(const struct looking *looking, const struct step_pair *pair, const char *found)
{
    const struct run *run = looking->run;
    findings_add(&run->result->findings, FINDING_EXPECTED,
                 "line %u: %s of %s at %s is %s, expected %s", looking->step->line,
                 pair->key[0] != '\0' && pair->key[0] != '=' ? pair->key : look_names[pair->look],
                 looking->step->name[0] != '\0' ? looking->step->name : "the store",
                 model_node_name(run->model, looking->node), found,
                 look_is_list(pair->look) ? "others"
                 : pair->value[0] != '\0' ? pair->value
                                          : "none");
}

/* ---- a record ---- */

struct shown {
    bool present, deleted;
    int64_t operations;
    char fields[LINES_MAX][LINE_BYTES]; /* "s=v2"; of a list one line an item */
    size_t field_count;
    struct shown_list {
        char lines[LINES_MAX][LINE_BYTES];
        size_t count;
    } conflicts, voids, surplus;
};

static void value_text(struct mp_reader *reader, char text[static 64])
{
    enum mp_kind kind = mp_peek(reader);
    if (kind == MP_STR) {
        struct span value = mp_read_str(reader);
        snprintf(text, 64, "%.*s", (int)value.size, (const char *)value.data);
    } else if (kind == MP_BOOL) {
        snprintf(text, 64, "%s", mp_read_bool(reader) ? "true" : "false");
    } else if (kind == MP_NIL) {
        mp_read_any(reader);
        snprintf(text, 64, "erased");
    } else {
        snprintf(text, 64, "%" PRId64, mp_read_int(reader));
    }
}

static void read_fields(struct mp_reader *reader, struct shown *shown)
{
    for (uint32_t pairs = mp_read_map(reader); pairs > 0 && !reader->failed; pairs--) {
        struct span name = mp_read_str(reader);
        uint32_t items = mp_peek(reader) == MP_ARRAY ? mp_read_array(reader) : 1;
        for (uint32_t i = 0; i < items && !reader->failed && shown->field_count < LINES_MAX; i++) {
            char value[64];
            value_text(reader, value);
            snprintf(shown->fields[shown->field_count++], LINE_BYTES, "%.*s=%s",
                     (int)(name.size < 40 ? name.size : 40), (const char *)name.data, value);
        }
    }
}

/* "s=v2" of a conflict, "close" of a void step, "notes 4" of a surplus item. */
static void read_list(struct mp_reader *reader, const char *between, struct shown_list *list)
{
    for (uint32_t count = mp_read_array(reader); count > 0 && !reader->failed; count--) {
        char field[41] = "", value[64] = "";
        for (uint32_t pairs = mp_read_map(reader); pairs > 0 && !reader->failed; pairs--) {
            struct span key = mp_read_str(reader);
            if (span_equal(key, span_of_text("field")) || span_equal(key, span_of_text("step"))) {
                struct span name = mp_read_str(reader);
                snprintf(field, sizeof field, "%.*s", (int)(name.size < 40 ? name.size : 40),
                         (const char *)name.data);
            } else if (span_equal(key, span_of_text("value")) ||
                       span_equal(key, span_of_text("place"))) {
                value_text(reader, value);
            } else {
                mp_read_any(reader);
            }
        }
        if (list->count < LINES_MAX)
            snprintf(list->lines[list->count++], LINE_BYTES, "%s%s%s", field, between, value);
    }
}

static void read_record(const struct looking *looking, struct shown *shown)
{
    struct run *run = looking->run;
    struct named *named = run_named(run, NAMED_RECORD, looking->step->name);
    size_t place = named == NULL ? SIZE_MAX : model_record_at(run->model, named->serial);
    struct buffer described = {0};
    memset(shown, 0, sizeof *shown);
    if (place == SIZE_MAX)
        return;
    const struct model_record *record = &run->model->records[place];
    const struct tree *tree = replica_tree(world_replica(run->world, looking->node));
    shown->present = query_record(world_view(run->world, looking->node), tree,
                                  span_of_text(model_type_name(record->type)), &record->id,
                                  &described, NULL) == ERR_OK;
    struct mp_reader reader = mp_reader(span_of_buffer(&described));
    reader.text_keys = true;
    for (uint32_t pairs = shown->present ? mp_read_map(&reader) : 0; pairs > 0 && !reader.failed;
         pairs--) {
        struct span key = mp_read_str(&reader);
        if (span_equal(key, span_of_text("fields")))
            read_fields(&reader, shown);
        else if (span_equal(key, span_of_text("conflicts")))
            read_list(&reader, "=", &shown->conflicts);
        else if (span_equal(key, span_of_text("void")))
            read_list(&reader, "", &shown->voids);
        else if (span_equal(key, span_of_text("surplus")))
            read_list(&reader, " ", &shown->surplus);
        else if (span_equal(key, span_of_text("deleted")))
            shown->deleted = mp_read_bool(&reader);
        else if (span_equal(key, span_of_text("operations")))
            shown->operations = mp_read_int(&reader);
        else
            mp_read_any(&reader);
    }
    buffer_free(&described);
}

/* A field has the value; of a list one item is it. Empty: the field isn't there. */
static void look_field(const struct looking *looking, const struct step_pair *pair,
                       const struct shown *shown)
{
    char wanted[LINE_BYTES];
    const char *found = NULL;
    size_t size = strlen(pair->key);
    snprintf(wanted, sizeof wanted, "%s=%s", pair->key, pair->value);
    for (size_t i = 0; i < shown->field_count; i++) {
        if (strcmp(shown->fields[i], wanted) == 0)
            return;
        if (strncmp(shown->fields[i], pair->key, size) == 0 && shown->fields[i][size] == '=')
            found = shown->fields[i] + size + 1;
    }
    if (found != NULL || pair->value[0] != '\0')
        miss(looking, pair, found != NULL ? found : "not there");
}

static int compare_lines(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void look_list(const struct looking *looking, const struct step_pair *first,
                      struct shown_list *list)
{
    const struct step *step = looking->step;
    char wanted[LINES_MAX][LINE_BYTES];
    struct buffer found = {0};
    size_t count = 0;
    for (size_t i = 0; i < step->pair_count && count < LINES_MAX; i++) {
        if (step->pairs[i].look == first->look && step->pairs[i].key[0] == '=')
            snprintf(wanted[count++], LINE_BYTES, "%s", step->pairs[i].value);
    }
    qsort(wanted, count, LINE_BYTES, compare_lines);
    qsort(list->lines, list->count, LINE_BYTES, compare_lines);
    bool same = count == list->count;
    for (size_t i = 0; i < list->count; i++) {
        same = same && strcmp(wanted[i], list->lines[i]) == 0;
        buffer_append_span(&found, span_of_text(list->lines[i]));
        buffer_append_byte(&found, ' ');
    }
    buffer_append_byte(&found, '\0');
    if (!same)
        miss(looking, first, (const char *)found.data);
    buffer_free(&found);
}

static void look_record(const struct looking *looking, const struct step_pair *pair)
{
    struct shown *shown = mem_alloc(sizeof *shown);
    char text[32];
    read_record(looking, shown);
    switch ((int)pair->look) {
    case LOOK_FIELD: look_field(looking, pair, shown); break;
    case LOOK_CONFLICTS:
    case LOOK_VOID:
    case LOOK_SURPLUS:
        if (pair->key[0] == '\0')
            look_list(looking, pair,
                      pair->look == LOOK_VOID      ? &shown->voids
                      : pair->look == LOOK_SURPLUS ? &shown->surplus
                                                   : &shown->conflicts);
        break;
    case LOOK_DELETED:
    case LOOK_PRESENT: {
        bool found = pair->look == LOOK_DELETED ? shown->deleted : shown->present;
        if (strcmp(found ? "true" : "false", pair->value) != 0)
            miss(looking, pair, found ? "true" : "false");
        break;
    }
    default:
        snprintf(text, sizeof text, "%" PRId64, shown->operations);
        if (strcmp(text, pair->value) != 0)
            miss(looking, pair, text);
        break;
    }
    free(shown);
}

/* ---- a seat ---- */

static void look_total(const struct looking *looking, const struct step_pair *pair)
{
    const struct run *run = looking->run;
    const struct tree *tree = replica_tree(world_replica(run->world, looking->node));
    const char *self = run->county->seats[world_seat_of(run->world, looking->node)].code;
    struct buffer answer = {0};
    char value[32] = "", origins[48] = "", id[33] = "";
    struct named *named = run_named(looking->run, NAMED_RECORD, looking->step->name);
    size_t place = named == NULL ? SIZE_MAX : model_record_at(run->model, named->serial);
    bool of_record = pair->look == LOOK_RECEIVED;
    if (of_record && place != SIZE_MAX)
        record_id_text(&run->model->records[place].id, id);
    query_rollup(world_view(run->world, looking->node), tree, self,
                 span_of_text(of_record ? "received" : "records"), span_of_text(id), FRESH_MS,
                 &answer, NULL);
    struct mp_reader reader = mp_reader(span_of_buffer(&answer));
    reader.text_keys = true;
    for (uint32_t pairs = mp_read_map(&reader); pairs > 0 && !reader.failed; pairs--) {
        struct span name = mp_read_str(&reader);
        if (span_equal(name, span_of_text("value"))) {
            snprintf(value, sizeof value, "%" PRId64, mp_read_int(&reader));
        } else if (span_equal(name, span_of_text("origins"))) {
            mp_read_array(&reader);
            uint64_t reported = mp_read_uint(&reader), expected = mp_read_uint(&reader);
            snprintf(origins, sizeof origins, "%" PRIu64 " of %" PRIu64, reported, expected);
        } else {
            mp_read_any(&reader);
        }
    }
    buffer_free(&answer);
    const char *found = pair->look == LOOK_TOTAL ? value : origins;
    if (strcmp(found, pair->value) != 0)
        miss(looking, pair, found);
}

static void look_complete(const struct looking *looking, const struct step_pair *pair)
{
    static const char *const names[] = {"now", "silent", "withheld", "unknown"};
    const struct run *run = looking->run;
    const char *self = run->county->seats[world_seat_of(run->world, looking->node)].code;
    const struct tree *tree = replica_tree(world_replica(run->world, looking->node));
    const struct seat *author = tree_seat(tree, span_of_text(pair->key));
    struct completeness answer = {.state = COMPLETE_UNKNOWN};
    char missing[32];
    if (author != NULL)
        query_completeness(world_view(run->world, looking->node), tree, self, author, FRESH_MS,
                           &answer);
    snprintf(missing, sizeof missing, "%" PRIu64, answer.missing);
    const char *found = pair->look == LOOK_COMPLETE  ? names[answer.state]
                        : pair->look == LOOK_SUSPECT ? answer.clock_suspect ? "true" : "false"
                                                     : missing;
    if (strcmp(found, pair->value) != 0)
        miss(looking, pair, found);
}

static void look_refused(const struct looking *looking, const struct step_pair *pair)
{
    const struct refusals *refusals =
        replica_refusals(world_replica(looking->run->world, looking->node));
    uint64_t found = 0;
    char text[32];
#define X(name)                                                                                    \
    if (strcmp(pair->key, #name) == 0)                                                             \
        found = refusals->name;
    REFUSAL_LIST(X)
#undef X
    snprintf(text, sizeof text, "%" PRIu64, found);
    if (found < strtoull(pair->value, NULL, 10))
        miss(looking, pair, text);
}

static void look_number(const struct looking *looking, const struct step_pair *pair)
{
    struct world *world = looking->run->world;
    uint64_t found =
        pair->look == LOOK_EPOCH
            ? replica_epoch(world_replica(world, looking->node)) >> 16
            : memory_store_row_count(world_store(world, looking->node),
                                     pair->look == LOOK_PARKED ? TABLE_PARKED : TABLE_QUARANTINE);
    char text[32];
    snprintf(text, sizeof text, "%" PRIu64, found);
    if (strcmp(text, pair->value) != 0)
        miss(looking, pair, text);
}

static void look_author(const struct looking *looking, const struct step_pair *pair)
{
    const struct run *run = looking->run;
    const struct view *view = world_view(run->world, looking->node);
    struct stream_row *row = mem_alloc(sizeof *row);
    struct stream_id stream;
    uint64_t cursor = 0, entries = 0, most = 0;
    size_t author = county_find(run->county, pair->key);
    while (stream_row_next(view, &cursor, &stream, row)) {
        if (!key_id_equal(stream.author, run->county->seats[author].key_id))
            continue;
        uint64_t leaves = 0;
        struct branches *branches = branches_read(view, &stream);
        for (uint8_t i = 0; i < BRANCHES_MAX; i++)
            leaves += branch_is_leaf(branches, i);
        entries += row->head.seq;
        most = leaves > most ? leaves : most;
        free(branches);
    }
    char found[32];
    snprintf(found, sizeof found, "%" PRIu64, pair->look == LOOK_ENTRIES ? entries : most);
    if (strcmp(found, pair->value) != 0)
        miss(looking, pair, found);
    free(row);
}

static void look_expired(const struct looking *looking, const struct step_pair *pair)
{
    const struct run *run = looking->run;
    const char *self = run->county->seats[world_seat_of(run->world, looking->node)].code;
    const struct tree *tree = replica_tree(world_replica(run->world, looking->node));
    uint64_t expires_ms = tree_expires_ms(tree, span_of_text(self));
    bool found = expires_ms > 0 && expires_ms < world_clock_ms(run->world, looking->node);
    if (strcmp(found ? "true" : "false", pair->value) != 0)
        miss(looking, pair, found ? "true" : "false");
}

static void look_root(const struct looking *looking, const struct step_pair *pair)
{
    const struct tree *tree = replica_tree(world_replica(looking->run->world, looking->node));
    const struct held_document *held = tree_find_document(tree, DOCUMENT_ROOT, SPAN_EMPTY);
    const struct held_document *waiting = tree_pending_root(tree);
    char found[64];
    int size = snprintf(found, sizeof found, "%" PRIu64,
                        held == NULL ? (uint64_t)0 : held->header.version);
    if (waiting != NULL)
        snprintf(found + size, sizeof found - (size_t)size, ", %" PRIu64 " waits",
                 waiting->header.version);
    if (strcmp(found, pair->value) != 0)
        miss(looking, pair, found);
}

static void look_alarm(const struct looking *looking, const struct step_pair *pair)
{
    const struct replica *replica = world_replica(looking->run->world, looking->node);
    size_t count = replica_alarm_count(replica);
    bool found = strcmp(pair->value, "none") == 0 && count == 0;
    for (size_t i = 0; i < count; i++)
        found |= strncmp(replica_alarm(replica, i), pair->value, strlen(pair->value)) == 0;
    if (!found)
        miss(looking, pair, count == 0 ? "none" : replica_alarm(replica, 0));
}

static void look_called(const struct looking *looking, const struct step_pair *pair)
{
    const struct run *run = looking->run;
    const char *self = run->county->seats[world_seat_of(run->world, looking->node)].code;
    struct buffer answer = {0};
    uint64_t answered = 0, of = 0;
    char found[48];
    query_roll_call(world_view(run->world, looking->node),
                    replica_tree(world_replica(run->world, looking->node)), self,
                    span_of_text(pair->key), &answer, NULL);
    struct mp_reader reader = mp_reader(span_of_buffer(&answer));
    reader.text_keys = true;
    for (uint32_t pairs = mp_read_map(&reader); pairs > 0 && !reader.failed; pairs--) {
        struct span name = mp_read_str(&reader);
        if (span_equal(name, span_of_text("answered")))
            answered = mp_read_uint(&reader);
        else if (span_equal(name, span_of_text("of")))
            of = mp_read_uint(&reader);
        else
            mp_read_any(&reader);
    }
    buffer_free(&answer);
    snprintf(found, sizeof found, "%" PRIu64 " of %" PRIu64, answered, of);
    if (strcmp(found, pair->value) != 0)
        miss(looking, pair, found);
}

static void look_answer(const struct looking *looking, const struct step_pair *pair)
{
    const struct run *run = looking->run;
    bool answered = run->answer_request == run->asked_request;
    const char *found = answered ? error_name(run->answer_code) : "unanswered";
    if (strcmp(found, pair->value) != 0)
        miss(looking, pair, found);
}

void run_look(struct run *run, const struct step *step, size_t node)
{
    struct looking looking = {run, step, node};
    for (size_t i = 0; i < step->pair_count; i++) {
        const struct step_pair *pair = &step->pairs[i];
        if (!world_runs(run->world, node)) {
            miss(&looking, pair, "not known: the seat doesn't run");
            return;
        }
        switch (pair->look) {
        case LOOK_FIELD:
        case LOOK_CONFLICTS:
        case LOOK_VOID:
        case LOOK_SURPLUS:
        case LOOK_DELETED:
        case LOOK_PRESENT:
        case LOOK_OPERATIONS: look_record(&looking, pair); break;
        case LOOK_EPOCH:
        case LOOK_PARKED:
        case LOOK_ASIDE: look_number(&looking, pair); break;
        case LOOK_RECEIVED:
        case LOOK_TOTAL:
        case LOOK_ORIGINS: look_total(&looking, pair); break;
        case LOOK_ENTRIES:
        case LOOK_BRANCHES: look_author(&looking, pair); break;
        case LOOK_ALARM: look_alarm(&looking, pair); break;
        case LOOK_EXPIRED: look_expired(&looking, pair); break;
        case LOOK_ROOT: look_root(&looking, pair); break;
        case LOOK_ANSWER: look_answer(&looking, pair); break;
        case LOOK_SUSPECT:
        case LOOK_COMPLETE:
        case LOOK_HELD: look_complete(&looking, pair); break;
        case LOOK_CALLED: look_called(&looking, pair); break;
        case LOOK_REFUSED: look_refused(&looking, pair); break;
        case LOOK_KINDS: break;
        }
    }
}
