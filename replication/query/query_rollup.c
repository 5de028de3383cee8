/* Totals and how complete they are (rules.md 6): the newest cells of all origins, n of m, the
 * oldest token, and who is behind. Two roll-ups: records, and receipts of a subtree record. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/planted.h"
#include "replication/query/query_parts.h"
#include "replication/query/total.h"

enum group_by { BY_NOTHING, BY_TYPE, BY_ORIGIN, BY_TIER, BY_PARENT };

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
void total_each_cell(struct total *total, uint16_t rollup, void *context,
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
        const struct fold_seat *as = NULL;
        if (author != NULL && cell.value_count > 0 &&
            (seat_is_ancestor_or_self(total->self, author->seat) || PLANTED(MOVED_COUNTS_TWICE)) &&
            total_fold_naming(total, author->seat, &as) == NULL) {
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

struct heir *total_heir_of(const struct total *total, struct key_id former)
{
    for (size_t i = 0; i < total->heir_count; i++) {
        if (key_id_equal(total->heirs[i].former, former))
            return &total->heirs[i];
    }
    return NULL;
}

/* Of two keys that count for one former key: the one in force, else the later one. */
static bool counts_rather(const struct author *one, const struct author *other)
{
    bool in_force = seat_status_is_in_force(one->status);
    if (in_force != seat_status_is_in_force(other->status))
        return in_force;
    return one->generation != other->generation ? one->generation > other->generation
                                                : key_id_compare(one->id, other->id) < 0;
}

/* A key says that it counts all that is left of a former one of its seat (rules.md A28). It may be
 * out of force itself: what its last report said stands, of the former one as of its own. */
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
        present->generation <= former->generation)
        return;
    struct heir *heir = total_heir_of(total, id);
    if (heir == NULL) {
        total->heirs = mem_resize(total->heirs, (total->heir_count + 1) * sizeof *total->heirs);
        heir = &total->heirs[total->heir_count++];
    } else if (!counts_rather(present, tree_author(total->tree, heir->key))) {
        return;
    }
    *heir = (struct heir){.former = id, .key = total->origin, .found = cell->values[0]};
}

/* Whose origins aren't known above: they stand under the seat that has folded them. */
static void visit_folded(struct total *total, void *context, const struct cell *cell,
                         const struct total_fold *fold)
{
    char key[SEAT_NAME_BYTES_MAX + 1], name[SEAT_NAME_BYTES_MAX + 1];
    enum group_by by = *(const enum group_by *)context;
    if (by <= BY_TYPE) {
        add_cell(total, by, cell, fold->seat);
        return;
    }
    total_fold_words(fold, key, name);
    total->value = sum_of(total->value, cell->values[0]);
    add_to_group(total, key, name, cell->values[0]);
}

static void visit_inherited(struct total *total, void *context, const struct cell *cell,
                            const struct seat *origin)
{
    uint64_t type;
    struct key_id id;
    struct heir *heir = read_inherited(cell, &type, &id) ? total_heir_of(total, id) : NULL;
    if (heir == NULL || type == 0 || !key_id_equal(heir->key, total->origin))
        return;
    add_cell(total, *(const enum group_by *)context, cell, origin);
}

static void visit_records(struct total *total, void *context, const struct cell *cell,
                          const struct seat *origin)
{
    struct heir *heir = total_heir_of(total, total->origin);
    if (heir != NULL && !PLANTED(HEIR_COUNTED_TWICE)) {
        heir->reported = sum_of(heir->reported, cell->values[0]);
        return;
    }
    add_cell(total, *(const enum group_by *)context, cell, origin);
}

void total_add_behind(struct total *total, const struct seat *seat, const char *state,
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

bool total_reported(const struct total *total, const struct seat *seat, uint64_t *token_ms)
{
    struct note_head head;
    return report_of_key(total, seat_key_id(seat), &head, token_ms);
}

bool total_is_built(const struct total *total, struct key_id origin)
{
    const struct schema *schema = tree_schema(total->tree);
    bool built = true;
    if (total->rollup != NULL && total->rollup->number != ROLLUP_OVERDUE)
        return rollup_is_built(total->view, origin, total->rollup, total->type);
    for (size_t i = 0; total->rollup != NULL && built && i < schema->type_count; i++) {
        const struct record_type *type = &schema->types[i];
        built = type_rollup_count(type) == type->rollup_count ||
                rollup_is_built(total->view, origin, total->rollup, type);
    }
    return built;
}

bool total_head(const struct total *total, struct key_id key, struct note_head *head)
{
    uint64_t token_ms;
    return report_of_key(total, key, head, &token_ms);
}

/* They stand as they were last reported: their time is the total's, too. */
bool total_former(const struct total *total, const struct seat *seat, uint64_t *oldest_ms)
{
    const struct held_document *listing = seat->row.generation > 1 ? tree_listing_of(seat) : NULL;
    *oldest_ms = UINT64_MAX;
    bool any = false;
    for (size_t i = 0; listing != NULL && i < listing->row_count; i++) {
        struct seat_row row;
        struct note_head head;
        uint64_t as_of;
        if (seat_row_decode(listing->rows[i], &row, NULL) != ERR_OK ||
            strcmp(row.seat, seat->row.seat) != 0 || row.generation >= seat->row.generation)
            continue;
        struct key_id former = key_id_of(row.signing_key);
        if (total_heir_of(total, former) != NULL || !report_of_key(total, former, &head, &as_of) ||
            !total_is_built(total, former))
            continue;
        if (as_of < *oldest_ms)
            *oldest_ms = as_of;
        any = true;
    }
    return any;
}

uint64_t total_stated_ms(const struct total *total, const struct note_head *reported)
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

bool total_is_fresh(const struct total *total, uint64_t as_of_ms)
{
    return as_of_ms + total->freshness_ms >= total->newest_ms || PLANTED(SILENT_IS_COMPLETE);
}

bool total_as_of(const struct total *total, const struct seat *seat, uint64_t *as_of_ms)
{
    struct note_head head;
    bool reported = report_of_key(total, seat_key_id(seat), &head, as_of_ms);
    uint64_t stated = reported ? total_stated_ms(total, &head) : 0;
    if (*as_of_ms > total->newest_ms) /* of a wrong clock at the top, since put right */
        *as_of_ms = 0;
    if (stated > *as_of_ms && stated <= total->newest_ms)
        *as_of_ms = stated;
    return reported;
}

/* Of one that a fold names: the fold's oldest token, unless its statement says that the report
 * which stands there is still the newest. */
static uint64_t folded_as_of(const struct total *total, const struct seat *seat,
                             const struct total_fold *fold, const struct fold_seat *as)
{
    struct note_head head = {seat_key_id(seat), as->epoch, as->k};
    uint64_t as_of = fold->stated.oldest_ms;
    uint64_t stated = as->generation == seat->row.generation ? total_stated_ms(total, &head) : 0;
    if (as_of > total->newest_ms)
        as_of = 0;
    return stated > as_of && stated <= total->newest_ms ? stated : as_of;
}

/* An origin's as-of is that of its figures. What it has not said since then, nobody here can know;
 * who is heard and whose report stays away is no more silent than whose blocks do. */
static void judge_reported(struct total *total, const struct seat *seat, uint64_t as_of,
                           bool reported, bool building)
{
    struct completeness complete;
    if (!seat_status_is_in_force(seat->row.status)) { /* what stands is the last there will be */
        total->finals++;
        if (reported && as_of < total->as_of_ms)
            total->as_of_ms = as_of;
        total_add_behind(total, seat, "final", as_of, 0);
        return;
    }
    query_completeness(total->view, total->tree, total->self->row.seat, seat, total->freshness_ms,
                       &complete);
    if (reported && as_of < total->as_of_ms)
        total->as_of_ms = as_of;
    if (complete.clock_suspect) {
        mp_write_text(&total->suspect, seat->row.seat);
        total->suspect_count++;
    }
    if (complete.state == COMPLETE_WITHHELD)
        total_add_behind(total, seat, "withheld", as_of, complete.missing);
    else if (building)
        total_add_behind(total, seat, "building", as_of, 0);
    else if (!reported)
        total_add_behind(total, seat, "unknown", complete.as_of_ms, 0);
    else if (!total_is_fresh(total, as_of))
        total_add_behind(total, seat,
                         total_is_fresh(total, complete.as_of_ms) ? "withheld" : "silent", as_of,
                         0);
}

static void judge_origin(struct total *total, const struct seat *seat)
{
    uint64_t as_of;
    const struct fold_seat *as = NULL;
    struct total_fold *fold = total_fold_naming(total, seat, &as);
    total->expected++;
    if (fold != NULL) { /* how many of them are built: total_judge_folds */
        as_of = folded_as_of(total, seat, fold, as);
        fold->counted++;
        fold->as_of_ms = as_of < fold->as_of_ms ? as_of : fold->as_of_ms;
        judge_reported(total, seat, as_of, true, false);
        return;
    }
    uint64_t former_ms;
    bool former = total_former(total, seat, &former_ms);
    total->as_of_ms = former_ms < total->as_of_ms ? former_ms : total->as_of_ms;
    bool built = total_is_built(total, seat_key_id(seat));
    if (seat == total->self) { /* its own figures are of now, which the newest token names best */
        total->reported += built;
        if (!built)
            total_add_behind(total, seat, "building", total->newest_ms, 0);
        if (total->newest_ms < total->as_of_ms)
            total->as_of_ms = total->newest_ms;
        return;
    }
    bool reported = total_as_of(total, seat, &as_of);
    total->reported += (reported && built) || former;
    judge_reported(total, seat, as_of, reported && built, reported && !built);
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

void total_find_heirs(struct total *total)
{
    total_each_cell(total, ROLLUP_INHERITED, NULL, visit_heirs);
}

void total_judge_origins(struct total *total)
{
    for (size_t i = 0; i < tree_seat_count(total->tree); i++) {
        const struct seat *seat = tree_seat_at(total->tree, i);
        if (seat_is_ancestor_or_self(total->self, seat))
            judge_origin(total, seat);
    }
    total_judge_folds(total);
}

static enum error_code total_records(struct total *total, struct span by_text, struct error *error)
{
    enum group_by by;
    if (!parse_by(by_text, &by))
        return error_set(error, ERR_USAGE, "rollup", "--by is one of type, origin, tier, parent");
    total_find_heirs(total);
    total_each_cell(total, ROLLUP_RECORDS, &by, visit_records);
    total_each_cell(total, ROLLUP_INHERITED, &by, visit_inherited);
    total_each_folded(total, ROLLUP_RECORDS, &by, visit_folded);
    total_judge_origins(total);
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

uint32_t total_standing_pairs(const struct total *total)
{
    return 6 + (total->fold_count > 0);
}

void total_write_standing(const struct total *total, struct buffer *out)
{
    mp_write_text(out, "origins");
    mp_write_array(out, 2);
    mp_write_uint(out, total->reported);
    mp_write_uint(out, total->expected);
    query_put_uint(out, "as_of", total->as_of_ms == UINT64_MAX ? 0 : total->as_of_ms);
    query_put_uint(out, "newest", total->newest_ms);
    mp_write_text(out, "behind");
    mp_write_array(out, total->behind_count);
    buffer_append_span(out, span_of_buffer(&total->behind));
    query_put_uint(out, "finals", total->finals);
    mp_write_text(out, "suspect");
    mp_write_array(out, total->suspect_count);
    buffer_append_span(out, span_of_buffer(&total->suspect));
    if (total->fold_count > 0)
        total_write_folds(total, out);
}

static void write_total(const struct total *total, struct span name, struct buffer *out)
{
    uint64_t lost = 0;
    for (size_t i = 0; i < total->heir_count; i++) {
        const struct heir *heir = &total->heirs[i];
        if (heir->reported > heir->found && heir->found >= 0)
            lost += (uint64_t)(heir->reported - heir->found);
    }
    for (size_t i = 0; i < total->fold_count; i++)
        lost += total->folds[i].used ? total->folds[i].stated.lost : 0;
    mp_write_map(out, 4 + total_standing_pairs(total));
    mp_write_text(out, "name");
    mp_write_str(out, name);
    mp_write_text(out, "value");
    mp_write_int(out, total->value);
    mp_write_text(out, "groups");
    write_groups(total, out);
    query_put_uint(out, "lost", lost);
    total_write_standing(total, out);
}

bool total_begin(struct total *total, const struct view *view, const struct tree *tree,
                 const char *self, uint64_t freshness_ms, struct error *error)
{
    *total = (struct total){
        .view = view,
        .tree = tree,
        .self = tree_seat(tree, span_of_text(self)),
        .freshness_ms = freshness_ms,
        .newest_ms = newest_token_ms(view),
        .as_of_ms = UINT64_MAX,
    };
    if (total->self == NULL)
        error_set(error, ERR_NOT_ALLOWED, self, "no signed document names this seat");
    else
        total_find_folds(total);
    return total->self != NULL;
}

void total_end(struct total *total)
{
    free(total->groups);
    free(total->heirs);
    total_free_folds(total);
    buffer_free(&total->behind);
    buffer_free(&total->suspect);
}

enum error_code query_rollup(const struct view *view, const struct tree *tree, const char *self,
                             struct span name, struct span by, uint64_t freshness_ms,
                             struct buffer *out, struct error *error)
{
    struct total total;
    enum error_code code;
    if (!total_begin(&total, view, tree, self, freshness_ms, error))
        return ERR_NOT_ALLOWED;
    if (span_equal(name, span_of_text("received")))
        code = total_received(&total, by, error);
    else
        code = total_records(&total, by, error);
    if (code == ERR_OK && total.damaged)
        code = damaged_store(error, "rollup");
    if (code == ERR_OK)
        write_total(&total, name, out);
    total_end(&total);
    return code;
}
