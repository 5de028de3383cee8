/* Totals and how complete they are (rules.md 6): the newest cells of all origins, n of m, the
 * oldest token, and who is behind. Two roll-ups: records, and receipts of a subtree record. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/planted.h"
#include "replication/query/query.h"
#include "replication/rows/rows.h"

enum group_by { BY_NOTHING, BY_TYPE, BY_ORIGIN, BY_TIER, BY_PARENT };

struct group {
    char key[SEAT_NAME_BYTES_MAX + 1];
    char name[SEAT_NAME_BYTES_MAX + 1];
    int64_t value;
};

/* A former key of a seat whose records the present one counts. */
struct heir {
    struct key_id former, key;
    int64_t reported, found; /* by the former one's last report; when the present one began */
};

struct total {
    const struct view *view;
    const struct tree *tree;
    const struct seat *self;
    uint64_t freshness_ms, newest_ms;
    uint64_t as_of_ms; /* the oldest so far, 0 being the oldest of all; UINT64_MAX: nobody yet */
    uint32_t reported, expected;
    int64_t value;
    struct group *groups;
    size_t group_count;
    struct heir *heirs;
    size_t heir_count;
    struct key_id origin; /* of the cell that is visited */
    uint32_t finals;      /* seats of which no key is in force: nothing more will come */
    struct buffer behind;
    uint32_t behind_count;
    bool damaged; /* a cell can't be read */
};

/* Figures from elsewhere may be anything: a sum stops at its ends, it never turns round. */
static int64_t sum_of(int64_t a, int64_t b)
{
    int64_t sum;
    if (__builtin_add_overflow(a, b, &sum))
        return b < 0 ? INT64_MIN : INT64_MAX;
    return sum;
}

static void add_to_group(struct total *total, const char *key, const char *name, int64_t value)
{
    size_t i = 0;
    while (i < total->group_count && strcmp(total->groups[i].key, key) != 0)
        i++;
    if (i == total->group_count) {
        total->groups = mem_resize(total->groups, ++total->group_count * sizeof *total->groups);
        memset(&total->groups[i], 0, sizeof total->groups[i]);
        snprintf(total->groups[i].key, sizeof total->groups[i].key, "%s", key);
        snprintf(total->groups[i].name, sizeof total->groups[i].name, "%s", name);
    }
    total->groups[i].value = sum_of(total->groups[i].value, value);
}

static void add_cell(struct total *total, enum group_by by, const struct cell *cell,
                     const struct seat *origin)
{
    struct mp_reader reader = mp_reader(cell->group);
    mp_read_array(&reader);
    uint16_t number = (uint16_t)mp_read_uint_max(&reader, UINT16_MAX);
    const struct schema *schema = tree_schema(total->tree);
    const struct record_type *type = schema == NULL ? NULL : schema_type(schema, number);
    const struct seat *parent = origin->parent != NULL ? origin->parent : origin;
    char text[16];
    total->value = sum_of(total->value, cell->values[0]);
    switch (by) {
    case BY_NOTHING: break;
    case BY_TYPE:
        snprintf(text, sizeof text, "%u", number);
        add_to_group(total, type == NULL ? text : type->name, type == NULL ? text : type->name,
                     cell->values[0]);
        break;
    case BY_ORIGIN: add_to_group(total, origin->row.seat, origin->row.name, cell->values[0]); break;
    case BY_TIER:
        add_to_group(total, tree_tier_name(total->tree, origin->row.tier),
                     tree_tier_name(total->tree, origin->row.tier), cell->values[0]);
        break;
    case BY_PARENT: add_to_group(total, parent->row.seat, parent->row.name, cell->values[0]); break;
    }
}

/* Every cell of one roll-up; the origin's seat must be ours or below ours. */
static void each_cell(struct total *total, uint16_t rollup, void *context,
                      void (*visit)(struct total *, void *, const struct cell *,
                                    const struct seat *))
{
    struct buffer from = {0};
    struct span key, value;
    buffer_append_u16(&from, rollup);
    for (;;) {
        struct cell cell;
        struct key_id origin;
        uint64_t report;
        enum read_answer answer = total->view->next(total->view->context, TABLE_CELLS,
                                                    span_of_buffer(&from), &key, &value);
        total->damaged |= answer == READ_UNREADABLE;
        if (answer != READ_FOUND)
            break;
        if (key.size < 2 || key.size >= STORE_KEY_BYTES_MAX || read_u16(key.data) != rollup)
            break;
        bool parsed = cell_parse(key, value, &cell, &origin, &report);
        total->damaged |= !parsed;
        const struct author *author = parsed ? tree_author(total->tree, origin) : NULL;
        if (author != NULL && cell.value_count > 0 &&
            seat_is_ancestor_or_self(total->self, author->seat)) {
            total->origin = origin;
            visit(total, context, &cell, author->seat);
        }
        buffer_clear(&from);
        buffer_append_span(&from, key);
        buffer_append_byte(&from, 0);
    }
    buffer_free(&from);
}

/* [type, former key] of a cell of what is inherited. */
static bool read_inherited(const struct cell *cell, uint64_t *type, struct key_id *former)
{
    struct mp_reader reader = mp_reader(cell->group);
    mp_read_array(&reader);
    *type = mp_read_uint(&reader);
    const uint8_t *key = mp_read_bin_of(&reader, KEY_ID_BYTES);
    if (key != NULL)
        memcpy(former->bytes, key, KEY_ID_BYTES);
    return !reader.failed;
}

static struct heir *heir_of(struct total *total, struct key_id former)
{
    for (size_t i = 0; i < total->heir_count; i++) {
        if (key_id_equal(total->heirs[i].former, former))
            return &total->heirs[i];
    }
    return NULL;
}

/* A key says that it counts all that is left of a former one of its seat (rules.md A28). */
static void visit_heirs(struct total *total, void *context, const struct cell *cell,
                        const struct seat *origin)
{
    uint64_t type;
    struct key_id id;
    (void)context;
    if (!read_inherited(cell, &type, &id) || type != 0)
        return;
    const struct author *former = tree_author(total->tree, id);
    const struct author *present = tree_author(total->tree, total->origin);
    if (former == NULL || former->seat != origin || seat_status_is_in_force(former->status) ||
        !seat_status_is_in_force(present->status))
        return;
    struct heir *heir = heir_of(total, id);
    if (heir == NULL) {
        total->heirs = mem_resize(total->heirs, (total->heir_count + 1) * sizeof *total->heirs);
        heir = &total->heirs[total->heir_count++];
    }
    *heir = (struct heir){.former = id, .key = total->origin, .found = cell->values[0]};
}

static void visit_inherited(struct total *total, void *context, const struct cell *cell,
                            const struct seat *origin)
{
    uint64_t type;
    struct key_id id;
    struct heir *heir = read_inherited(cell, &type, &id) ? heir_of(total, id) : NULL;
    if (heir == NULL || type == 0 || !key_id_equal(heir->key, total->origin))
        return;
    add_cell(total, *(const enum group_by *)context, cell, origin);
}

static void visit_records(struct total *total, void *context, const struct cell *cell,
                          const struct seat *origin)
{
    struct heir *heir = heir_of(total, total->origin);
    if (heir != NULL && !PLANTED(HEIR_COUNTED_TWICE)) {
        heir->reported = sum_of(heir->reported, cell->values[0]);
        return;
    }
    add_cell(total, *(const enum group_by *)context, cell, origin);
}

static void add_behind(struct total *total, const struct seat *seat, const char *state,
                       uint64_t as_of_ms, uint64_t missing)
{
    mp_write_map(&total->behind, 5);
    mp_write_text(&total->behind, "seat");
    mp_write_text(&total->behind, seat->row.seat);
    mp_write_text(&total->behind, "name");
    mp_write_text(&total->behind, seat->row.name);
    mp_write_text(&total->behind, "state");
    mp_write_text(&total->behind, state);
    mp_write_text(&total->behind, "as_of");
    mp_write_uint(&total->behind, as_of_ms);
    mp_write_text(&total->behind, "missing");
    mp_write_uint(&total->behind, missing);
    total->behind_count++;
}

/* The newest report of an origin; false: it has never reported. */
static bool report_of_key(const struct total *total, struct key_id signer, struct note_head *head,
                          uint64_t *token_ms)
{
    uint8_t key[NOTE_KEY_BYTES_MAX];
    struct span note;
    struct cell_report report;
    size_t size = note_key(key, HASH_CELLS, signer, 0);
    *token_ms = 0;
    if (total->view->get(total->view->context, TABLE_NOTES, SPAN(key, size), &note) != READ_FOUND ||
        report_decode(note, &report, NULL) != ERR_OK)
        return false;
    *token_ms = report.token.present ? report.token.clock_ms : 0;
    *head = report.head;
    report_free(&report);
    return true;
}

static bool report_of(const struct total *total, const struct seat *seat, struct note_head *head,
                      uint64_t *token_ms)
{
    return report_of_key(total, seat_key_id(seat), head, token_ms);
}

/* Figures of the seat's former keys that nobody counts in their place stand as they were last
 * reported: their time is the total's, too. True: there are some. */
static bool former_reports(struct total *total, const struct seat *seat)
{
    const struct held_document *listing = seat->row.generation > 1 ? tree_listing_of(seat) : NULL;
    bool any = false;
    for (size_t i = 0; listing != NULL && i < listing->row_count; i++) {
        struct seat_row row;
        struct note_head head;
        uint64_t as_of;
        if (seat_row_decode(listing->rows[i], &row, NULL) != ERR_OK ||
            strcmp(row.seat, seat->row.seat) != 0 || row.generation >= seat->row.generation)
            continue;
        struct key_id former = key_id_of(row.signing_key);
        if (heir_of(total, former) != NULL || !report_of_key(total, former, &head, &as_of))
            continue;
        if (as_of < total->as_of_ms)
            total->as_of_ms = as_of;
        any = true;
    }
    return any;
}

/* A statement of the same epoch says which report was the newest then: when that one is here, or a
 * later one, the figures are of the statement's time as well. 0: it tells nothing. */
static uint64_t stated_ms(const struct total *total, const struct note_head *reported)
{
    uint8_t key[NOTE_KEY_BYTES_MAX];
    struct span note;
    struct heads_statement statement;
    size_t size = note_key(key, HASH_HEADS, reported->signer, reported->epoch);
    if (total->view->get(total->view->context, TABLE_NOTES, SPAN(key, size), &note) != READ_FOUND ||
        statement_decode(note, &statement, NULL) != ERR_OK)
        return 0;
    uint64_t token_ms =
        statement.token.present && statement.report <= reported->k ? statement.token.clock_ms : 0;
    statement_free(&statement);
    return token_ms;
}

static bool is_fresh(const struct total *total, uint64_t as_of_ms)
{
    return as_of_ms + total->freshness_ms >= total->newest_ms;
}

/* An origin's as-of is that of its figures. What it has not said since then, nobody here can know;
 * who is heard and whose report stays away is no more silent than whose blocks do. */
static void judge_origin(struct total *total, const struct seat *seat)
{
    struct completeness complete;
    struct note_head head;
    uint64_t as_of;
    total->expected++;
    bool former = former_reports(total, seat);
    if (seat == total->self) { /* its own figures are of now, which the newest token names best */
        total->reported++;
        if (total->newest_ms < total->as_of_ms)
            total->as_of_ms = total->newest_ms;
        return;
    }
    bool reported = report_of(total, seat, &head, &as_of);
    uint64_t stated = reported ? stated_ms(total, &head) : 0;
    if (as_of > total->newest_ms) /* of a wrong clock at the top, since put right */
        as_of = 0;
    if (stated > as_of && stated <= total->newest_ms)
        as_of = stated;
    total->reported += reported || former;
    if (!seat_status_is_in_force(seat->row.status)) { /* what stands is the last there will be */
        total->finals++;
        if (reported && as_of < total->as_of_ms)
            total->as_of_ms = as_of;
        add_behind(total, seat, "final", as_of, 0);
        return;
    }
    query_completeness(total->view, total->tree, total->self->row.seat, seat, total->freshness_ms,
                       &complete);
    if (reported && as_of < total->as_of_ms)
        total->as_of_ms = as_of;
    if (complete.state == COMPLETE_WITHHELD)
        add_behind(total, seat, "withheld", as_of, complete.missing);
    else if (!reported)
        add_behind(total, seat, "unknown", complete.as_of_ms, 0);
    else if (!is_fresh(total, as_of))
        add_behind(total, seat, is_fresh(total, complete.as_of_ms) ? "withheld" : "silent", as_of,
                   0);
}

/* How far each seat has said it holds the stream of one record's creation. */
struct receipts {
    struct stream_id stream;
    uint32_t seq;
    const struct seat **seats;
    size_t count;
};

static void visit_received(struct total *total, void *context, const struct cell *cell,
                           const struct seat *origin)
{
    struct receipts *receipts = context;
    struct mp_reader reader = mp_reader(cell->group);
    mp_read_array(&reader);
    const uint8_t *author = mp_read_bin_of(&reader, KEY_ID_BYTES);
    uint64_t epoch = mp_read_uint(&reader), number = mp_read_uint(&reader);
    (void)total;
    if (reader.failed || memcmp(author, receipts->stream.author.bytes, KEY_ID_BYTES) != 0 ||
        epoch != receipts->stream.epoch || number != receipts->stream.number ||
        cell->values[0] <= (int64_t)receipts->seq)
        return;
    receipts->seats =
        mem_resize(receipts->seats, (receipts->count + 1) * sizeof(const struct seat *));
    receipts->seats[receipts->count++] = origin;
}

static bool has_received(const struct receipts *receipts, const struct seat *seat)
{
    for (size_t i = 0; i < receipts->count; i++) {
        if (receipts->seats[i] == seat)
            return true;
    }
    return false;
}

/* Where a subtree record's creation stands. */
static enum error_code locate_creation(const struct total *total, const struct record_id *id,
                                       struct receipts *receipts, struct error *error)
{
    const struct schema *schema = tree_schema(total->tree);
    for (size_t i = 0; schema != NULL && i < schema->type_count; i++) {
        const struct record_type *type = &schema->types[i];
        uint8_t key[RECORD_KEY_BYTES];
        struct record_row row;
        if (type->circle != CIRCLE_SUBTREE || !record_key(total->view, type->number, id, key) ||
            record_row_read(total->view, key, &row) != ERR_OK || !row.present)
            continue;
        struct author_epoch creator = record_id_author(id);
        receipts->stream =
            (struct stream_id){creator.author, creator.epoch, row.stream, row.branch};
        receipts->seq = row.seq;
        const struct operation *op = row.located ? NULL : record_creation(row.state, id);
        if (op != NULL) {
            receipts->stream.number = op->stream;
            receipts->stream.branch = op->branch;
            receipts->seq = op->seq;
        }
        record_free(row.state);
        return ERR_OK;
    }
    return error_set(error, ERR_NOT_FOUND, "received",
                     "no record of a subtree type with this id is held here");
}

static enum error_code total_received(struct total *total, struct span by, struct error *error)
{
    struct record_id id;
    struct receipts receipts = {0};
    if (!record_id_parse(by, &id))
        return error_set(error, ERR_USAGE, "received", "--by takes the id of a directive");
    enum error_code code = locate_creation(total, &id, &receipts, error);
    const struct author *author =
        code == ERR_OK ? tree_author(total->tree, receipts.stream.author) : NULL;
    if (author == NULL) {
        return code != ERR_OK
                   ? code
                   : error_set(error, ERR_UNKNOWN_KEY, "received", "its author is unknown");
    }
    each_cell(total, ROLLUP_RECEIVED, &receipts, visit_received);
    for (size_t i = 0; i < tree_seat_count(total->tree); i++) {
        const struct seat *seat = tree_seat_at(total->tree, i);
        if (seat == author->seat || seat == total->self ||
            !seat_is_ancestor_or_self(total->self, seat) ||
            !seat_is_ancestor_or_self(author->seat, seat))
            continue;
        struct note_head head;
        uint64_t as_of;
        bool reported = report_of(total, seat, &head, &as_of);
        total->expected++;
        if (reported && as_of < total->as_of_ms)
            total->as_of_ms = as_of;
        if (has_received(&receipts, seat))
            total->reported++;
        else
            add_behind(total, seat, "waiting", as_of, 1);
    }
    total->value = total->reported;
    free(receipts.seats);
    return ERR_OK;
}

static bool parse_by(struct span text, enum group_by *by)
{
    static const char *const names[] = {"", "type", "origin", "tier", "parent"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (span_equal(text, span_of_text(names[i]))) {
            *by = (enum group_by)i;
            return true;
        }
    }
    return false;
}

static enum error_code total_records(struct total *total, struct span by_text, struct error *error)
{
    enum group_by by;
    if (!parse_by(by_text, &by))
        return error_set(error, ERR_USAGE, "rollup", "--by is one of type, origin, tier, parent");
    each_cell(total, ROLLUP_INHERITED, NULL, visit_heirs);
    each_cell(total, ROLLUP_RECORDS, &by, visit_records);
    each_cell(total, ROLLUP_INHERITED, &by, visit_inherited);
    for (size_t i = 0; i < tree_seat_count(total->tree); i++) {
        const struct seat *seat = tree_seat_at(total->tree, i);
        if (seat_is_ancestor_or_self(total->self, seat))
            judge_origin(total, seat);
    }
    return ERR_OK;
}

static void write_groups(const struct total *total, struct buffer *out)
{
    mp_write_array(out, (uint32_t)total->group_count);
    for (size_t i = 0; i < total->group_count; i++) {
        mp_write_map(out, 3);
        mp_write_text(out, "key");
        mp_write_text(out, total->groups[i].key);
        mp_write_text(out, "name");
        mp_write_text(out, total->groups[i].name);
        mp_write_text(out, "value");
        mp_write_int(out, total->groups[i].value);
    }
}

static void write_total(const struct total *total, struct span name, struct buffer *out)
{
    uint64_t lost = 0;
    for (size_t i = 0; i < total->heir_count; i++) {
        const struct heir *heir = &total->heirs[i];
        if (heir->reported > heir->found && heir->found >= 0)
            lost += (uint64_t)(heir->reported - heir->found);
    }
    mp_write_map(out, 9);
    mp_write_text(out, "name");
    mp_write_str(out, name);
    mp_write_text(out, "value");
    mp_write_int(out, total->value);
    mp_write_text(out, "groups");
    write_groups(total, out);
    mp_write_text(out, "origins");
    mp_write_array(out, 2);
    mp_write_uint(out, total->reported);
    mp_write_uint(out, total->expected);
    mp_write_text(out, "as_of");
    mp_write_uint(out, total->as_of_ms == UINT64_MAX ? 0 : total->as_of_ms);
    mp_write_text(out, "newest");
    mp_write_uint(out, total->newest_ms);
    mp_write_text(out, "behind");
    mp_write_array(out, total->behind_count);
    buffer_append(out, total->behind.data, total->behind.size);
    mp_write_text(out, "lost");
    mp_write_uint(out, lost);
    mp_write_text(out, "finals");
    mp_write_uint(out, total->finals);
}

enum error_code query_rollup(const struct view *view, const struct tree *tree, const char *self,
                             struct span name, struct span by, uint64_t freshness_ms,
                             struct buffer *out, struct error *error)
{
    struct total total = {
        .view = view,
        .tree = tree,
        .self = tree_seat(tree, span_of_text(self)),
        .freshness_ms = freshness_ms,
        .newest_ms = newest_token_ms(view),
        .as_of_ms = UINT64_MAX,
    };
    enum error_code code;
    if (total.self == NULL)
        code = error_set(error, ERR_NOT_ALLOWED, self, "no signed document names this seat");
    else if (span_equal(name, span_of_text("records")))
        code = total_records(&total, by, error);
    else if (span_equal(name, span_of_text("received")))
        code = total_received(&total, by, error);
    else
        code = error_set(error, ERR_NOT_FOUND, "rollup", "the roll-ups are records and received");
    if (code == ERR_OK && total.damaged)
        code = damaged_store(error, "rollup");
    if (code == ERR_OK)
        write_total(&total, name, out);
    free(total.groups);
    free(total.heirs);
    buffer_free(&total.behind);
    return code;
}
