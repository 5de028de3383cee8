/* What holds at any moment, whatever is cut, dead or on its way. */
#include <stdlib.h>
#include <string.h>

#include "sim/check/check.h"

/* ---- I3 ---- */

struct seen_state {
    struct hash operations, bytes; /* operations: of the record's name and its operation ids */
};

struct check_states {
    struct seen_state *seen; /* a hash table, open addressing; zero operations: free */
    size_t count, capacity;
};

struct check_states *check_states_new(void)
{
    struct check_states *states = mem_alloc(sizeof *states);
    states->capacity = 1024;
    states->seen = mem_alloc(states->capacity * sizeof *states->seen);
    return states;
}

void check_states_free(struct check_states *states)
{
    if (states != NULL)
        free(states->seen);
    free(states);
}

static struct seen_state *find_place(struct check_states *states, const struct hash *operations)
{
    size_t at = read_u32(operations->bytes) % states->capacity;
    while (!hash_equal(&states->seen[at].operations, &hash_zero) &&
           !hash_equal(&states->seen[at].operations, operations))
        at = (at + 1) % states->capacity;
    return &states->seen[at];
}

static void grow(struct check_states *states)
{
    struct seen_state *old = states->seen;
    size_t old_capacity = states->capacity;
    states->capacity *= 2;
    states->seen = mem_alloc(states->capacity * sizeof *states->seen);
    for (size_t i = 0; i < old_capacity; i++) {
        if (!hash_equal(&old[i].operations, &hash_zero))
            *find_place(states, &old[i].operations) = old[i];
    }
    free(old);
}

/* The canonical bytes begin with the sorted operation ids. */
static void take_state(struct check_states *states, struct model *model, size_t node,
                       const struct model_record *record, const struct record_state *state)
{
    struct buffer bytes = {0};
    record_canonical(state, &bytes);
    struct mp_reader reader = mp_reader(span_of_buffer(&bytes));
    reader.items_max = UINT32_MAX;
    mp_read_array(&reader);
    size_t from = reader.at;
    mp_read_any(&reader);
    struct hash operations = hash_of_two(HASH_BODY, SPAN_OF_ARRAY(record->id.bytes),
                                         SPAN(bytes.data + from, reader.at - from));
    struct hash whole = hash_of(HASH_BODY, span_of_buffer(&bytes));
    buffer_free(&bytes);
    if (2 * states->count >= states->capacity)
        grow(states);
    struct seen_state *seen = find_place(states, &operations);
    if (hash_equal(&seen->operations, &hash_zero)) {
        *seen = (struct seen_state){operations, whole};
        states->count++;
    } else if (!hash_equal(&seen->bytes, &whole)) {
        findings_add(model->findings, FINDING_DIVERGED,
                     "%s has other bytes for the same operations of record %zu",
                     model->county->seats[node].code, (size_t)(record - model->records));
    }
}

void check_equal_states(struct check_states *states, struct model *model)
{
    for (size_t node = 0; node < model->county->seat_count; node++) {
        for (size_t i = 0; i < model->record_count; i++) {
            const struct model_record *record = &model->records[i];
            const struct view *view = world_view(model->world, node);
            uint8_t key[RECORD_KEY_BYTES];
            struct record_row row;
            if (!record_key(view, (uint16_t)record->type, &record->id, key))
                continue;
            if (record_row_read(view, key, &row) != ERR_OK)
                findings_add(model->findings, FINDING_DAMAGED, "%s can't read record %zu",
                             model->county->seats[node].code, i);
            else if (row.state != NULL)
                take_state(states, model, node, record, row.state);
            if (row.state != NULL)
                record_free(row.state);
        }
    }
}

/* ---- I5 ---- */

static size_t seat_of_author(const struct model *model, struct key_id author)
{
    for (size_t i = 0; i < model->county->seat_count; i++) {
        if (key_id_equal(model->county->seats[i].key_id, author))
            return i;
    }
    return SIZE_MAX;
}

/* From the stream's own words and from parents: whether a seat may hold it. */
static bool may_hold(const struct model *model, const struct stream_row *row, size_t author,
                     size_t seat)
{
    if (seat == author)
        return true;
    if (row->open.holders == HOLDERS_SUBTREE)
        return county_is_above(model->county, author, seat) &&
               model->county->seats[seat].tier <= row->open.tier;
    for (size_t i = 0; row->open.holders == HOLDERS_PATH && i < row->open.seat_count; i++) {
        if (strcmp(row->open.seats[i], model->county->seats[seat].code) == 0)
            return true;
    }
    return false;
}

static void check_stream_rows(struct model *model, size_t node, struct stream_row *row)
{
    struct stream_id stream;
    const struct view *view = world_view(model->world, node);
    for (uint64_t cursor = 0; stream_row_next(view, &cursor, &stream, row);) {
        size_t author = seat_of_author(model, stream.author);
        if (author == SIZE_MAX || !may_hold(model, row, author, node))
            findings_add(model->findings, FINDING_LEAKED, "%s holds stream %u of %s",
                         model->county->seats[node].code, stream.number,
                         author == SIZE_MAX ? "nobody" : model->county->seats[author].code);
    }
}

static void check_rows(struct model *model, size_t node, enum table table)
{
    const struct view *view = world_view(model->world, node);
    uint8_t from[STORE_KEY_BYTES_MAX + 1] = {0};
    size_t size = 1;
    struct span key, value;
    while (size <= STORE_KEY_BYTES_MAX &&
           view->next(view->context, table, SPAN(from, size), &key, &value) == READ_FOUND) {
        memcpy(from, key.data, key.size);
        from[key.size] = 0;
        size = key.size + 1;
        model_check_texts(model, node, table_name(table), key);
        model_check_texts(model, node, table_name(table), value);
    }
}

static void check_record_rows(struct model *model, size_t node)
{
    for (size_t i = 0; i < model->record_count; i++) {
        const struct model_record *record = &model->records[i];
        const struct view *view = world_view(model->world, node);
        uint8_t key[RECORD_KEY_BYTES];
        struct span value;
        if (!model_in_circle(model, record, node) &&
            record_key(view, (uint16_t)record->type, &record->id, key) &&
            view->get(view->context, TABLE_RECORDS, SPAN_OF_ARRAY(key), &value) != READ_ABSENT)
            findings_add(model->findings, FINDING_LEAKED, "%s has record %zu of %s",
                         model->county->seats[node].code, i,
                         model->county->seats[record->origin].code);
    }
}

void check_circles(struct model *model)
{
    struct stream_row *row = mem_alloc(sizeof *row);
    for (size_t node = 0; node < model->county->seat_count; node++) {
        check_stream_rows(model, node, row);
        check_record_rows(model, node);
        for (int table = 0; table < TABLE_COUNT; table++) {
            /* in compressed blocks chance makes texts; check_stores opens them */
            if (table != TABLE_BLOCKS)
                check_rows(model, node, (enum table)table);
        }
    }
    free(row);
}

/* ---- is anything on its way? ---- */

static bool holds_as_much(const struct model *model, size_t node, const struct stream_id *stream,
                          const struct stream_head *head, struct stream_row *row)
{
    return stream_row_read(world_view(model->world, node), stream, row) &&
           row->head.seq >= head->seq;
}

static bool level_with(const struct model *model, size_t node, struct stream_row *rows)
{
    struct stream_id stream;
    for (uint64_t cursor = 0;
         stream_row_next(world_view(model->world, node), &cursor, &stream, &rows[0]);) {
        size_t author = seat_of_author(model, stream.author);
        for (size_t seat = 0; seat < model->county->seat_count; seat++) {
            if (author != SIZE_MAX && may_hold(model, &rows[0], author, seat) &&
                rows[0].open.holders != HOLDERS_SELF &&
                !holds_as_much(model, seat, &stream, &rows[0].head, &rows[1]))
                return false;
        }
    }
    return true;
}

bool check_streams_level(const struct model *model)
{
    struct stream_row *rows = mem_alloc(2 * sizeof *rows);
    bool level = true;
    for (size_t node = 0; node < model->county->seat_count && level; node++)
        level = level_with(model, node, rows);
    free(rows);
    return level;
}
