/* Records of a type in the order of their creation (the index) or of their ids (author by author,
 * counter by counter). What isn't asked for isn't opened: fields, private fields and the circle
 * wait until somebody wants them. */
#include "replication/query/query_scan.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "replication/circle.h"
#include "replication/query/query_parts.h"
#include "schema/type/row.h"

struct query_scan {
    const struct view *view;
    const struct tree *tree;
    const struct record_type *type;
    struct scan_range range;
    bool begun, over;
    uint8_t at[INDEX_KEY_BYTES]; /* SCAN_BY_CREATION: where the next look begins */
    /* SCAN_BY_ID: whose records are walked, and from which counter to which; `next` beyond 32 bits:
     * all are done with */
    struct author_epoch author;
    uint32_t who, most;
    uint64_t next;
    struct block_cache cache, private_cache;
    uint64_t opened;
    /* the last record */
    struct record_id id;
    bool covered; /* not opened: `clock`, and the index's values in `told` up to `ends` */
    uint64_t clock;
    struct buffer told;
    size_t ends[INDEX_FIELDS_MAX];
    struct record_state *state;
    struct query_private private;
    bool private_loaded;
    struct buffer described, private_described, circle;
};

void scan_range_all(struct scan_range *range)
{
    *range = (struct scan_range){.backward = true, .created_max = UINT64_MAX};
    memset(range->id_max.bytes, 0xff, sizeof range->id_max.bytes);
}

static int id_compare(const struct record_id *a, const struct record_id *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes);
}

struct query_scan *query_scan_new(const struct view *view, const struct tree *tree,
                                  const struct record_type *type, const struct scan_range *range)
{
    struct query_scan *scan = mem_alloc(sizeof *scan);
    scan->view = view;
    scan->tree = tree;
    scan->type = type;
    scan->range = *range;
    return scan;
}

static void forget_record(struct query_scan *scan)
{
    record_free(scan->state);
    scan->state = NULL;
    scan->covered = false;
    query_private_free(&scan->private);
    scan->private_loaded = false;
    buffer_clear(&scan->described);
    buffer_clear(&scan->private_described);
    buffer_clear(&scan->circle);
}

void query_scan_free(struct query_scan *scan)
{
    if (scan == NULL)
        return;
    forget_record(scan);
    block_cache_free(&scan->cache);
    block_cache_free(&scan->private_cache);
    buffer_free(&scan->described);
    buffer_free(&scan->private_described);
    buffer_free(&scan->circle);
    buffer_free(&scan->told);
    free(scan);
}

/* The record that `id` names; of one that the index names it must be here. */
static enum scan_answer open_record(struct query_scan *scan, bool must_be)
{
    scan->opened++;
    enum error_code code =
        query_load_state(&scan->cache, scan->view, scan->tree, scan->type, &scan->id, &scan->state);
    if (code == ERR_NOT_FOUND && !must_be)
        return SCAN_NONE;
    if (code != ERR_OK)
        return SCAN_DAMAGED;
    return record_deleted(scan->state) ? SCAN_NONE : SCAN_RECORD;
}

/* ---- by creation ---- */

static void begin_index(struct query_scan *scan)
{
    uint8_t record[RECORD_KEY_BYTES];
    uint64_t clock = scan->range.backward ? scan->range.created_max : scan->range.created_min;
    memset(record, scan->range.backward ? 0xff : 0, sizeof record);
    write_u16(record, scan->type->number);
    index_key(scan->at, clock, record);
    if (scan->range.backward)
        memset(scan->at + 10, 0xff, RECORD_KEY_BYTES);
    scan->over = scan->range.created_min > scan->range.created_max;
}

/* The next key in the scan's direction; false: there is none. */
static bool step_key(uint8_t key[static INDEX_KEY_BYTES], bool backward)
{
    for (size_t i = INDEX_KEY_BYTES; i-- > 0;) {
        if (backward ? key[i]-- != 0 : ++key[i] != 0)
            return true;
    }
    return false;
}

static enum scan_answer next_by_creation(struct query_scan *scan)
{
    const struct view *view = scan->view;
    struct span key, value;
    uint16_t number;
    enum read_answer answer = (scan->range.backward ? view->previous : view->next)(
        view->context, TABLE_INDEX, SPAN_OF_ARRAY(scan->at), &key, &value);
    if (answer == READ_UNREADABLE)
        return SCAN_DAMAGED;
    if (answer != READ_FOUND || key.size != INDEX_KEY_BYTES ||
        read_u16(key.data) != scan->type->number ||
        read_u64(key.data + 2) < scan->range.created_min ||
        read_u64(key.data + 2) > scan->range.created_max)
        return SCAN_END;
    memcpy(scan->at, key.data, INDEX_KEY_BYTES);
    bool read = record_key_parse(view, SPAN(scan->at + 10, RECORD_KEY_BYTES), &number, &scan->id);
    scan->over = !step_key(scan->at, scan->range.backward);
    return read ? open_record(scan, true) : SCAN_DAMAGED;
}

/* ---- by an index ---- */

/* What the row holds of its record; false: not all of it, a text was cut. */
static bool tell_row(struct query_scan *scan, const struct field_row *row)
{
    const int32_t *fields = scan->range.index.index.fields;
    struct span values = row->values;
    struct buffer value = {0};
    bool whole = true;
    buffer_clear(&scan->told);
    scan->clock = row->clock;
    for (size_t i = 0; whole && fields[i] != 0 && i < INDEX_FIELDS_MAX; i++) {
        const struct field *field = type_field(scan->type, fields[i]);
        buffer_clear(&value);
        whole = index_key_decode(field, &values, &value);
        bool state = scan->type->workflow != NULL && scan->type->workflow->field == fields[i];
        if (value.size > 0 && state)
            buffer_append_span(&scan->told, span_of_buffer(&value));
        else if (value.size > 0)
            schema_tell_value(field, span_of_buffer(&value), &scan->told);
        scan->ends[i] = scan->told.size;
    }
    buffer_free(&value);
    return whole;
}

static enum scan_answer next_by_index(struct query_scan *scan)
{
    struct field_row row;
    uint16_t number;
    enum read_answer answer = (scan->range.backward ? field_range_previous : field_range_next)(
        scan->view, &scan->range.index, &row);
    if (answer == READ_UNREADABLE)
        return SCAN_DAMAGED;
    if (answer != READ_FOUND)
        return SCAN_END;
    if (!record_key_parse(scan->view, SPAN_OF_ARRAY(row.record), &number, &scan->id))
        return SCAN_DAMAGED;
    scan->covered = scan->range.covered && tell_row(scan, &row);
    return scan->covered ? SCAN_RECORD : open_record(scan, true);
}

/* ---- by id ---- */

static void begin_ids(struct query_scan *scan)
{
    scan->author = record_id_author(&scan->range.id_min);
    scan->next = UINT64_MAX;
    scan->over = id_compare(&scan->range.id_min, &scan->range.id_max) > 0;
}

static bool is_of_origin(const struct query_scan *scan)
{
    const struct author *author = tree_author(scan->tree, scan->author.author);
    return scan->range.origin.size == 0 ||
           (author != NULL && span_equal(span_of_text(author->seat->row.seat), scan->range.origin));
}

/* The author at `scan->author` or the next one, with the counters that lie between the bounds. */
static enum scan_answer begin_author(struct query_scan *scan)
{
    if (!who_from(scan->view, &scan->author, &scan->who))
        return SCAN_END;
    struct record_id first = record_id_make(&scan->author, 1),
                     last = record_id_make(&scan->author, UINT32_MAX);
    if (id_compare(&first, &scan->range.id_max) > 0)
        return SCAN_END;
    bool at_min = id_compare(&first, &scan->range.id_min) < 0;
    bool at_max = id_compare(&last, &scan->range.id_max) > 0;
    scan->next = at_min ? record_id_counter(&scan->range.id_min) : 1;
    scan->most = at_max ? record_id_counter(&scan->range.id_max) : UINT32_MAX;
    if (id_compare(&last, &scan->range.id_min) < 0 || !is_of_origin(scan))
        scan->next = (uint64_t)scan->most + 1;
    return SCAN_NONE;
}

/* The one behind this one. */
static enum scan_answer leave_author(struct query_scan *scan)
{
    uint8_t bytes[KEY_ID_BYTES + 4];
    memcpy(bytes, scan->author.author.bytes, KEY_ID_BYTES);
    write_u32(bytes + KEY_ID_BYTES, scan->author.epoch);
    size_t i = sizeof bytes;
    while (i > 0 && ++bytes[i - 1] == 0)
        i--;
    memcpy(scan->author.author.bytes, bytes, KEY_ID_BYTES);
    scan->author.epoch = read_u32(bytes + KEY_ID_BYTES);
    scan->next = UINT64_MAX;
    scan->over = i == 0;
    return SCAN_NONE;
}

static enum scan_answer next_by_id(struct query_scan *scan)
{
    uint8_t from[RECORD_KEY_BYTES];
    struct span key, value;
    if (scan->next == UINT64_MAX)
        return begin_author(scan);
    if (scan->next > scan->most)
        return leave_author(scan);
    write_u16(from, scan->type->number);
    from[2] = (uint8_t)(scan->who >> 16);
    write_u16(from + 3, (uint16_t)scan->who);
    write_u32(from + 5, (uint32_t)scan->next);
    enum read_answer answer =
        scan->view->next(scan->view->context, TABLE_RECORDS, SPAN_OF_ARRAY(from), &key, &value);
    if (answer == READ_UNREADABLE)
        return SCAN_DAMAGED;
    if (answer != READ_FOUND || key.size != RECORD_KEY_BYTES || memcmp(key.data, from, 5) != 0 ||
        read_u32(key.data + 5) > scan->most)
        return leave_author(scan);
    uint32_t counter = read_u32(key.data + 5);
    scan->next = (uint64_t)counter + 1;
    scan->id = record_id_make(&scan->author, counter);
    return open_record(scan, false);
}

enum scan_answer query_scan_next(struct query_scan *scan)
{
    forget_record(scan);
    enum scan_order order = scan->range.order;
    if (!scan->begun && order == SCAN_BY_CREATION)
        begin_index(scan);
    else if (!scan->begun && order == SCAN_BY_ID)
        begin_ids(scan);
    scan->begun = true;
    if (scan->over)
        return SCAN_END;
    if (order == SCAN_BY_INDEX)
        return next_by_index(scan);
    return order == SCAN_BY_CREATION ? next_by_creation(scan) : next_by_id(scan);
}

uint64_t query_scan_opened(const struct query_scan *scan)
{
    return scan->opened;
}

bool query_scan_covered(const struct query_scan *scan)
{
    return scan->covered;
}

struct span query_scan_indexed(const struct query_scan *scan, size_t which)
{
    assert(scan->covered && which < INDEX_FIELDS_MAX);
    size_t begin = which == 0 ? 0 : scan->ends[which - 1];
    return SPAN(scan->told.data + begin, scan->ends[which] - begin);
}

const struct record_id *query_scan_id(const struct query_scan *scan)
{
    return &scan->id;
}

const struct record_state *query_scan_state(const struct query_scan *scan)
{
    return scan->state;
}

struct span query_scan_fields(struct query_scan *scan)
{
    assert(scan->state != NULL);
    if (scan->described.size == 0)
        record_describe(scan->state, scan->type, &scan->described);
    return query_pair(span_of_buffer(&scan->described), "fields");
}

uint64_t query_scan_created(const struct query_scan *scan)
{
    if (scan->covered)
        return scan->clock;
    const struct operation *creation = record_creation(scan->state, &scan->id);
    return creation == NULL ? 0 : creation->clock;
}

uint64_t query_scan_changed(struct query_scan *scan)
{
    (void)query_scan_fields(scan);
    struct mp_reader reader = mp_reader(query_pair(span_of_buffer(&scan->described), "changed"));
    return mp_read_uint(&reader);
}

uint64_t query_scan_due(const struct query_scan *scan)
{
    uint8_t key[RECORD_KEY_BYTES];
    if (scan->type->workflow == NULL || !record_key(scan->view, scan->type->number, &scan->id, key))
        return 0;
    return deadline_row_read(scan->view, key).due_ms;
}

bool query_scan_overdue(const struct query_scan *scan, uint64_t now_ms)
{
    uint64_t due_ms = query_scan_due(scan);
    return due_ms != 0 && (due_ms <= now_ms || due_ms <= newest_token_ms(scan->view));
}

static void load_private(struct query_scan *scan)
{
    if (scan->private_loaded)
        return;
    query_private_load(&scan->private_cache, scan->view, scan->tree, scan->type, &scan->id,
                       scan->state, &scan->private);
    query_private_describe(&scan->private, &scan->private_described);
    scan->private_loaded = true;
}

struct span query_scan_private(struct query_scan *scan, bool *damaged)
{
    assert(scan->state != NULL);
    load_private(scan);
    *damaged = scan->private.damaged;
    return query_pair(span_of_buffer(&scan->private_described), "fields");
}

struct span query_scan_circle(struct query_scan *scan)
{
    struct block_cache cache = {0};
    struct circle circle = {0};
    assert(scan->state != NULL);
    if (scan->circle.size == 0) {
        (void)circle_load(&cache, scan->view, scan->tree, scan->state, &scan->id, NULL, &circle);
        mp_write_array(&scan->circle, (uint32_t)circle.count);
        for (size_t i = 0; i < circle.count; i++)
            mp_write_text(&scan->circle, circle.seats[i]);
        circle_free(&circle);
        block_cache_free(&cache);
    }
    return span_of_buffer(&scan->circle);
}

size_t query_scan_conflicts(struct query_scan *scan)
{
    uint32_t shared, private;
    (void)query_scan_fields(scan);
    load_private(scan);
    (void)query_inside(query_pair(span_of_buffer(&scan->described), "conflicts"), &shared);
    (void)query_inside(query_pair(span_of_buffer(&scan->private_described), "conflicts"), &private);
    return (size_t)shared + private;
}
