/* Lists of a type's records, the newest first. Where an index serves what is asked, its rows alone
 * are read: those of one value stand in the order of time; of several they are gathered and put in
 * that order, unless there are too many, for then the newest are soon found among all. Whatever
 * found a record, it is asked itself before it is listed. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "replication/query/query_parts.h"
#include "replication/query/query_scan.h"
#include "replication/rows/field_rows.h"
#include "schema/retention.h"

enum {
    LIST_SCAN_MAX = 10000,
    LIST_BYTES_MAX = 1 << 20,       /* of one step, and the record that goes beyond */
    LIST_GATHER_MAX = 10000,        /* rows of an index; beyond, all records are looked at */
    PLACE_BYTES = FIELD_TAIL_BYTES, /* clock 8, record without its type 7 */
};

/* The value of a named pair in a map; empty: none. Consumes the map. */
static struct span pair_named(struct mp_reader *reader, struct span wanted)
{
    struct span found = SPAN_EMPTY;
    for (uint32_t pairs = mp_read_map(reader); pairs > 0 && !reader->failed; pairs--) {
        struct span name = mp_read_str(reader), value = mp_read_any(reader);
        if (span_equal(name, wanted))
            found = value;
    }
    return found;
}

/* Whether a field shows what is wanted: the same value; of a list, every item wanted. */
static bool shows(const struct field *field, struct span shown, struct span wanted)
{
    if (field->kind != FIELD_LIST) {
        struct buffer told = {0};
        schema_tell_value(field, wanted, &told);
        bool same = span_equal(shown, span_of_buffer(&told));
        buffer_free(&told);
        return same;
    }
    struct mp_reader items = mp_reader(wanted);
    for (uint32_t i = mp_read_array(&items); i > 0; i--) {
        struct span item = mp_read_any(&items);
        struct mp_reader held = query_names_reader(shown);
        bool found = false;
        for (uint32_t k = mp_read_array(&held); k > 0 && !held.failed; k--)
            found |= span_equal(mp_read_any(&held), item);
        if (!found)
            return false;
    }
    return true;
}

/* Whether a described record shows every pair of `where`, a body of the type. */
static bool matches(const struct record_type *type, struct span record, struct span where)
{
    struct mp_reader described = query_names_reader(record);
    struct span fields = pair_named(&described, span_of_text("fields"));
    struct mp_reader wanted = mp_reader(where);
    struct mp_fields pairs = mp_fields(&wanted);
    bool all = fields.size > 0;
    for (int32_t key; mp_field(&wanted, &pairs, &key);) {
        const struct field *field = type_field(type, key);
        struct span value = mp_read_any(&wanted);
        struct mp_reader reader = query_names_reader(fields);
        all = all && field != NULL &&
              shows(field, pair_named(&reader, span_of_text(field->name)), value);
    }
    return all;
}

enum test_kind { TEST_EQUAL, TEST_AT_LEAST, TEST_ABOVE, TEST_AT_MOST, TEST_BELOW, TEST_KINDS };

/* What a field is to show, as in a body. */
struct test {
    const struct field *field;
    enum test_kind kind;
    struct span value; /* into `bodies` */
};

struct listing {
    const struct view *view;
    const struct tree *tree;
    const struct record_type *type;
    const struct record_type *companion; /* NULL: none */
    struct buffer bodies[TEST_KINDS];    /* what is wanted, of the type; and of its companion */
    struct buffer private;
    struct test *tests; /* those that a state is asked; the others need the description */
    size_t test_count;
    bool describe; /* there are others */
    bool deleted_too;
    uint64_t time_ms; /* that retention is judged by; 0: by none */
    struct list_plan plan;
    struct field_range range; /* of the plan's index */
    bool in_order;            /* its rows are in the order of time */
    struct buffer scratch;
    struct buffer *out;
    bool damaged; /* something that belongs in the list can't be read */
    struct block_cache cache, private_cache;
};

static void listing_free(struct listing *listing)
{
    for (size_t i = 0; i < TEST_KINDS; i++)
        buffer_free(&listing->bodies[i]);
    buffer_free(&listing->private);
    buffer_free(&listing->scratch);
    free(listing->tests);
    block_cache_free(&listing->cache);
    block_cache_free(&listing->private_cache);
}

/* ---- what is asked ---- */

static bool is_ordered(const struct field *field)
{
    return field != NULL && field->kind != FIELD_LIST && field->kind != FIELD_COUNTER;
}

static enum error_code no_order(const struct record_type *type, const struct field *field,
                                struct error *error)
{
    error_set(error, ERR_INVALID, type->name,
              "%s is a %s: its records can't be told apart by more and less", field->name,
              field_kind_name(field->kind));
    error_next(error, "compare numbers, dates, times, texts and choices; of a list ask for an item "
                      "with =");
    return ERR_INVALID;
}

static enum error_code add_tests(struct listing *listing, enum test_kind kind, struct error *error)
{
    struct mp_reader reader = mp_reader(span_of_buffer(&listing->bodies[kind]));
    struct mp_fields pairs = mp_fields(&reader);
    listing->tests =
        mem_resize(listing->tests, (listing->test_count + pairs.left + 1) * sizeof *listing->tests);
    for (int32_t key; mp_field(&reader, &pairs, &key);) {
        const struct field *field = type_field(listing->type, key);
        struct span value = mp_read_any(&reader);
        if (is_ordered(field))
            listing->tests[listing->test_count++] = (struct test){field, kind, value};
        else if (kind == TEST_EQUAL)
            listing->describe = true;
        else if (field != NULL)
            return no_order(listing->type, field, error);
    }
    return ERR_OK;
}

/* What a list is to match, private fields too, as bodies. */
static enum error_code read_wanted(const struct record_type *type,
                                   const struct record_type *companion, struct span where,
                                   struct buffer *wanted, struct buffer *wanted_private,
                                   struct error *error)
{
    struct buffer shared = {0}, private = {0};
    enum error_code code = ERR_OK;
    if (where.size == 0)
        return ERR_OK;
    uint32_t count = schema_split_fields(companion, where, &shared, &private);
    code = schema_encode_wanted(type, span_of_buffer(&shared), wanted, error);
    if (code == ERR_OK && count > 0)
        code = schema_encode_wanted(companion, span_of_buffer(&private), wanted_private, error);
    buffer_free(&shared);
    buffer_free(&private);
    return code;
}

static enum error_code refuse_private(const struct listing *listing, struct error *error)
{
    error_set(error, ERR_INVALID, listing->type->name,
              "private fields can only be asked for with =");
    error_next(error, "compare a field that isn't private");
    return ERR_INVALID;
}

static enum error_code read_tests(struct listing *listing, const struct list_query *query,
                                  struct error *error)
{
    const struct span wanted[TEST_KINDS] = {query->where, query->at_least, query->above,
                                            query->at_most, query->below};
    enum error_code code = ERR_OK;
    for (int kind = 0; code == ERR_OK && kind < TEST_KINDS; kind++) {
        struct buffer private = {0};
        code = read_wanted(listing->type, listing->companion, wanted[kind], &listing->bodies[kind],
                           &private, error);
        if (code == ERR_OK && kind != TEST_EQUAL && private.size > 0)
            code = refuse_private(listing, error);
        if (kind == TEST_EQUAL)
            buffer_append_span(&listing->private, span_of_buffer(&private));
        buffer_free(&private);
        if (code == ERR_OK && listing->bodies[kind].size > 0)
            code = add_tests(listing, (enum test_kind)kind, error);
    }
    listing->describe = listing->describe || listing->private.size > 0;
    return code;
}

/* ---- which index serves it ---- */

static const struct test *test_of(const struct listing *listing, int32_t field, enum test_kind kind)
{
    for (size_t i = 0; i < listing->test_count; i++) {
        if (listing->tests[i].field->number == field && listing->tests[i].kind == kind)
            return &listing->tests[i];
    }
    return NULL;
}

/* An index's rows as far as they can be narrowed; gives by how much, 0: not at all. */
static size_t narrow(const struct listing *listing, struct field_range *range)
{
    size_t gain = 0;
    for (const int32_t *field = range->index.fields; *field != 0; field++) {
        const struct test *equal = test_of(listing, *field, TEST_EQUAL);
        if (equal == NULL) {
            const struct test *least = test_of(listing, *field, TEST_AT_LEAST);
            const struct test *above = test_of(listing, *field, TEST_ABOVE);
            const struct test *most = test_of(listing, *field, TEST_AT_MOST);
            const struct test *below = test_of(listing, *field, TEST_BELOW);
            const struct test *low = above != NULL ? above : least;
            const struct test *high = below != NULL ? below : most;
            if (low == NULL && high == NULL)
                return gain;
            field_range_between(range, low == NULL ? SPAN_EMPTY : low->value, above != NULL,
                                high == NULL ? SPAN_EMPTY : high->value, below != NULL);
            return gain + 1;
        }
        field_range_equal(range, equal->value);
        gain += 2;
    }
    return gain;
}

static void choose(struct listing *listing)
{
    size_t best = 0;
    for (size_t i = 0; !listing->deleted_too && i < listing->type->index_count; i++) {
        struct field_index index;
        struct field_range range;
        if (!field_index_find(listing->view, listing->type, i, &index))
            continue;
        field_range_all(&range, &index);
        size_t gain = narrow(listing, &range);
        if (gain <= best)
            continue;
        best = gain;
        listing->range = range;
        listing->plan.fields = index.fields;
        size_t fields = 0;
        while (index.fields[fields] != 0)
            fields++;
        listing->in_order = gain == 2 * fields;
    }
}

/* ---- one record ---- */

static bool passes(const struct test *test, struct span shown)
{
    if (shown.size == 0)
        return false;
    int order = index_value_compare(test->field, shown, test->value);
    switch (test->kind) {
    case TEST_EQUAL: return order == 0;
    case TEST_AT_LEAST: return order >= 0;
    case TEST_ABOVE: return order > 0;
    case TEST_AT_MOST: return order <= 0;
    case TEST_BELOW: return order < 0;
    case TEST_KINDS: break;
    }
    return false;
}

static bool is_wanted(struct listing *listing, const struct record_state *state)
{
    bool all =
        (listing->deleted_too || !record_deleted(state)) &&
        (listing->time_ms == 0 || !record_past_retention(state, listing->type, listing->time_ms));
    for (size_t i = 0; all && i < listing->test_count; i++)
        all = passes(
            &listing->tests[i],
            record_shown_value(state, listing->type, listing->tests[i].field, &listing->scratch));
    return all;
}

/* A record by its place, clock ‖ who ‖ counter; true when it was added to the list. */
static bool list_one(struct listing *listing, const uint8_t place[static PLACE_BYTES])
{
    uint8_t key[RECORD_KEY_BYTES];
    struct record_id id;
    uint16_t number;
    struct record_state *state = NULL;
    struct buffer record = {0};
    struct span where = span_of_buffer(&listing->bodies[TEST_EQUAL]);
    struct span private = span_of_buffer(&listing->private);
    write_u16(key, listing->type->number);
    memcpy(key + 2, place + 8, RECORD_KEY_BYTES - 2);
    bool read = record_key_parse(listing->view, SPAN_OF_ARRAY(key), &number, &id) &&
                query_load_state(&listing->cache, listing->view, listing->tree, listing->type, &id,
                                 &state) == ERR_OK;
    bool added = read && is_wanted(listing, state);
    listing->damaged |= !read;
    listing->plan.examined++;
    if (added)
        query_describe(&listing->private_cache, listing->view, listing->tree, listing->type, &id,
                       state, &record);
    if (added && listing->describe)
        added =
            (where.size == 0 || matches(listing->type, span_of_buffer(&record), where)) &&
            (private.size == 0 || matches(listing->companion, span_of_buffer(&record), private));
    if (added)
        buffer_append_span(listing->out, span_of_buffer(&record));
    buffer_free(&record);
    record_free(state);
    return added;
}

/* ---- ways to go through them: from `from`, a place or the greatest there is, down ---- */

/* The greatest place below this one; false when there is none. */
static bool place_before(uint8_t place[static PLACE_BYTES])
{
    for (size_t i = PLACE_BYTES; i-- > 0;) {
        if (place[i]-- != 0)
            return true;
    }
    return false;
}

static bool has_room(const struct listing *listing, size_t limit, size_t count)
{
    return count < limit && listing->out->size < LIST_BYTES_MAX;
}

/* All records by time. True: there is more behind `from`. */
static bool scan(struct listing *listing, size_t limit, uint8_t from[static PLACE_BYTES],
                 size_t *count)
{
    uint8_t row[INDEX_KEY_BYTES];
    struct span key, value;
    bool more = true;
    write_u16(row, listing->type->number);
    for (size_t looked = 0; has_room(listing, limit, *count) && more && looked < LIST_SCAN_MAX;
         looked++) {
        write_u64(row + 2, read_u64(from));
        write_u16(row + 10, listing->type->number);
        memcpy(row + 12, from + 8, PLACE_BYTES - 8);
        enum read_answer answer = listing->view->previous(listing->view->context, TABLE_INDEX,
                                                          SPAN_OF_ARRAY(row), &key, &value);
        listing->damaged |= answer == READ_UNREADABLE;
        more = answer == READ_FOUND && key.size == INDEX_KEY_BYTES &&
               read_u16(key.data) == listing->type->number;
        if (more) {
            memcpy(from, key.data + 2, 8);
            memcpy(from + 8, key.data + 12, PLACE_BYTES - 8);
            *count += list_one(listing, from);
            more = place_before(from);
        }
    }
    return more;
}

static void place_of(const struct field_row *row, uint8_t place[static PLACE_BYTES])
{
    write_u64(place, row->clock);
    memcpy(place + 8, row->record + 2, PLACE_BYTES - 8);
}

/* The rows of one value, which stand by time. */
static bool follow(struct listing *listing, size_t limit, uint8_t from[static PLACE_BYTES],
                   size_t *count)
{
    struct field_row row;
    bool more = true;
    field_range_until(&listing->range, SPAN(from, PLACE_BYTES));
    for (size_t looked = 0; has_room(listing, limit, *count) && more && looked < LIST_SCAN_MAX;
         looked++) {
        enum read_answer answer = field_range_previous(listing->view, &listing->range, &row);
        listing->damaged |= answer == READ_UNREADABLE;
        more = answer == READ_FOUND;
        if (more) {
            place_of(&row, from);
            *count += list_one(listing, from);
            more = place_before(from);
        }
    }
    return more;
}

struct places {
    size_t count;
    uint8_t at[LIST_GATHER_MAX][PLACE_BYTES];
};

static int newest_first(const void *a, const void *b)
{
    return memcmp(b, a, PLACE_BYTES);
}

/* Of the plan's rows those from `from` on; false: there are too many. */
static bool gather(struct listing *listing, const uint8_t from[static PLACE_BYTES],
                   struct places *places)
{
    struct field_range range = listing->range;
    struct field_row row;
    places->count = 0;
    for (size_t looked = 0; looked <= LIST_GATHER_MAX; looked++) {
        enum read_answer answer = field_range_next(listing->view, &range, &row);
        listing->damaged |= answer == READ_UNREADABLE;
        if (answer != READ_FOUND) {
            qsort(places->at, places->count, PLACE_BYTES, newest_first);
            return true;
        }
        if (looked == LIST_GATHER_MAX)
            break;
        place_of(&row, places->at[places->count]);
        if (memcmp(places->at[places->count], from, PLACE_BYTES) <= 0)
            places->count++;
    }
    return false;
}

static bool take(struct listing *listing, const struct places *places, size_t limit,
                 uint8_t from[static PLACE_BYTES], size_t *count)
{
    size_t i = 0;
    for (; i < places->count && has_room(listing, limit, *count); i++)
        *count += list_one(listing, places->at[i]);
    if (i < places->count)
        memcpy(from, places->at[i], PLACE_BYTES);
    return i < places->count;
}

static bool go_on(struct listing *listing, size_t limit, uint8_t from[static PLACE_BYTES],
                  size_t *count)
{
    if (listing->plan.fields != NULL && listing->in_order)
        return follow(listing, limit, from, count);
    struct places *places = listing->plan.fields == NULL ? NULL : mem_alloc(sizeof *places);
    bool gathered = places != NULL && gather(listing, from, places);
    if (!gathered)
        listing->plan.fields = NULL;
    bool more =
        gathered ? take(listing, places, limit, from, count) : scan(listing, limit, from, count);
    free(places);
    return more;
}

/* A cursor is the key of an index row: the type ‖ the clock ‖ the record that is next. */
static bool read_cursor(const struct record_type *type, struct span cursor,
                        uint8_t from[static PLACE_BYTES])
{
    memset(from, 0xff, PLACE_BYTES);
    if (cursor.size == 0)
        return true;
    if (cursor.size != INDEX_KEY_BYTES || read_u16(cursor.data) != type->number)
        return false;
    memcpy(from, cursor.data + 2, 8);
    memcpy(from + 8, cursor.data + 12, PLACE_BYTES - 8);
    return true;
}

static void write_cursor(const struct record_type *type, const uint8_t from[static PLACE_BYTES],
                         struct buffer *cursor)
{
    uint8_t number[2];
    write_u16(number, type->number);
    buffer_append(cursor, number, sizeof number);
    buffer_append(cursor, from, 8);
    buffer_append(cursor, number, sizeof number);
    buffer_append(cursor, from + 8, PLACE_BYTES - 8);
}

/* Signed time and one's own clock must both have come so far; without a token nothing is past. */
uint64_t query_retention_time(const struct view *view, uint64_t now_ms)
{
    uint64_t token_ms = newest_token_ms(view);
    return now_ms < token_ms ? now_ms : token_ms;
}

enum error_code query_list_by(const struct view *view, const struct tree *tree,
                              const struct list_query *query, size_t limit, struct buffer *cursor,
                              struct list_plan *plan, struct buffer *out, size_t *count,
                              struct error *error)
{
    const struct record_type *type = schema_find_type(tree_schema(tree), query->type, error);
    uint8_t from[PLACE_BYTES];
    *count = 0;
    if (type == NULL)
        return ERR_UNKNOWN_TYPE;
    if (!read_cursor(type, span_of_buffer(cursor), from))
        return error_set(error, ERR_USAGE, "cursor", "it isn't one that this list has given");
    struct listing listing = {.view = view,
                              .tree = tree,
                              .type = type,
                              .companion = schema_companion(tree_schema(tree), type),
                              .deleted_too = query->deleted_too,
                              .time_ms = query_retention_time(view, query->now_ms),
                              .out = out};
    listing.private_cache.beside = &listing.cache;
    enum error_code code = read_tests(&listing, query, error);
    if (code == ERR_OK) {
        choose(&listing);
        bool more = go_on(&listing, limit, from, count);
        buffer_clear(cursor);
        if (listing.damaged)
            code = damaged_store(error, "list");
        else if (more)
            write_cursor(type, from, cursor);
        if (plan != NULL)
            *plan = listing.plan;
    }
    listing_free(&listing);
    return code;
}

enum error_code query_list(const struct view *view, const struct tree *tree, struct span name,
                           struct span where, bool deleted_too, size_t limit, struct buffer *cursor,
                           struct buffer *out, size_t *count, struct error *error)
{
    const struct list_query query = {.type = name, .where = where, .deleted_too = deleted_too};
    return query_list_by(view, tree, &query, limit, cursor, NULL, out, count, error);
}

void query_index_names(const struct tree *tree, struct span name, const struct list_plan *plan,
                       struct buffer *out)
{
    const struct record_type *type = schema_find_type(tree_schema(tree), name, NULL);
    uint32_t count = 0;
    while (type != NULL && plan->fields != NULL && plan->fields[count] != 0)
        count++;
    mp_write_array(out, count);
    for (uint32_t i = 0; i < count; i++)
        mp_write_text(out, type_field(type, plan->fields[i])->name);
}
