/* What holds at any moment, whatever is cut, dead or on its way: looked at row by row as rows
 * become durable, and once more over everything by the sweeps. */
#include <stdlib.h>
#include <string.h>

#include "replication/rows/branches.h"
#include "sim/check/check_parts.h"

/* A sweep of a large county goes on where the last one has ended. */
enum { SWEEP_RECORDS = 10 * 1000, SWEEP_ROWS = 100 * 1000 };

/* ---- I3 ---- */

/* The canonical bytes begin with the sorted operation ids. */
static void take_state(struct model *model, size_t node, const struct model_record *record,
                       const struct record_state *state)
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
    size_t seen = places_find(&model->states, &operations);
    size_t is = (size_t)(read_u64(whole.bytes) >> 1);
    buffer_free(&bytes);
    if (seen == SIZE_MAX)
        places_set(&model->states, &operations, is);
    else if (seen != is)
        findings_add(model->findings, FINDING_DIVERGED,
                     "%s has other bytes for the same operations of record %zu",
                     model_node_name(model, node), (size_t)(record - model->records));
}

/* A hole may come before the erasure that made it: then the operation says nothing yet. */
static bool any_erased(const struct model *model, const struct model_record *record)
{
    bool any = false;
    for (size_t i = 0; i < record->op_count && !any; i++)
        any = model->ops[record->ops[i]].ever_erased;
    return any;
}

static void look_at_state(struct model *model, size_t node, const struct model_record *record,
                          const uint8_t key[static RECORD_KEY_BYTES])
{
    struct record_row row;
    if (record_row_read(world_view(model->world, node), key, &row) != ERR_OK) {
        findings_add(model->findings, FINDING_DAMAGED, "%s can't read record %zu",
                     model_node_name(model, node), (size_t)(record - model->records));
        return;
    }
    if (row.state != NULL && !any_erased(model, record))
        take_state(model, node, record, row.state);
    record_free(row.state);
}

void check_equal_states(struct model *model)
{
    size_t count = model->record_count, most = count < SWEEP_RECORDS ? count : SWEEP_RECORDS;
    for (size_t turn = 0; turn < most; turn++) {
        size_t i = model->swept_record++ % count;
        const struct model_record *record = &model->records[i];
        for (size_t k = model_circle_size(model, record); k-- > 0;) {
            size_t node = model_circle_seat(model, record, k);
            uint8_t key[RECORD_KEY_BYTES];
            if (record_key(world_view(model->world, node), (uint16_t)record->type, &record->id,
                           key))
                look_at_state(model, node, record, key);
        }
    }
}

/* ---- I4, I5 ---- */

/* A row that stands, or has just been taken away. */
static struct model_record *record_of_row(struct model *model, size_t node, enum table table,
                                          struct span key)
{
    uint16_t type;
    struct record_id id;
    if (table == TABLE_INDEX)
        key = key.size == INDEX_KEY_BYTES ? SPAN(key.data + 10, RECORD_KEY_BYTES) : SPAN_EMPTY;
    if (!record_key_parse(world_view(model->world, node), key, &type, &id))
        return NULL;
    return model_record_of(model, type, &id);
}

static void check_record_row(struct model *model, size_t node, enum table table, struct span key)
{
    static const char *const does[] = {"has", "lists"};
    struct model_record *record = record_of_row(model, node, table, key);
    if (record == NULL)
        findings_add(model->findings, FINDING_INVENTED, "%s %s a record that nobody wrote",
                     model_node_name(model, node), does[table == TABLE_INDEX]);
    else if (!model_in_circle(model, record, model->nodes[node].seat))
        findings_add(model->findings, FINDING_LEAKED, "%s %s record %zu of %s",
                     model_node_name(model, node), does[table == TABLE_INDEX],
                     (size_t)(record - model->records), model->county->seats[record->origin].code);
}

void live_row(struct model *model, size_t node, enum table table, struct span key)
{
    const struct view *view = world_view(model->world, node);
    struct span value;
    bool is_record = table == TABLE_RECORDS || table == TABLE_INDEX;
    /* in compressed blocks chance makes texts; holdings.c follows what is in them */
    if (table == TABLE_BLOCKS)
        return;
    if (is_record) {
        struct model_record *record = record_of_row(model, node, table, key);
        if (record != NULL)
            record->unchecked = true;
    }
    if (view->get(view->context, table, key, &value) != READ_FOUND)
        return;
    model_check_texts(model, node, table_name(table), key);
    model_check_texts(model, node, table_name(table), value);
    if (is_record)
        check_record_row(model, node, table, key);
    else
        rows_check(model, node, table, key, value);
    if (table == TABLE_RECORDS && record_of_row(model, node, table, key) != NULL)
        look_at_state(model, node, record_of_row(model, node, table, key), key.data);
}

/* Whether a seat may hold it, by the stream's own words. */
static bool is_named(const struct model *model, const struct model_stream *stream,
                     const struct stream_open *open, size_t author, size_t seat)
{
    bool may = author == seat;
    const struct model_stream *known = model->changing ? stream : NULL;
    if (known != NULL && !known->forked)
        return model_stream_holder(known, seat) != SIZE_MAX;
    if (author != SIZE_MAX && open->holders == HOLDERS_SUBTREE)
        may |= county_is_above(model->county, author, seat) &&
               model->county->seats[seat].tier <= open->tier;
    for (size_t i = 0; open->holders == HOLDERS_PATH && i < open->seat_count; i++)
        may |= strcmp(open->seats[i], model->county->seats[seat].code) == 0;
    return may;
}

static void sweep_streams(struct model *model, size_t node)
{
    struct stream_id stream;
    const struct view *view = world_view(model->world, node);
    for (uint64_t cursor = 0; stream_row_next(view, &cursor, &stream, model->row);) {
        size_t author = model_seat_of_key(model, stream.author), seat = model->nodes[node].seat;
        if (!is_named(model, model_find_stream(model, &stream), &model->row->open, author, seat))
            findings_add(model->findings, FINDING_LEAKED, "%s holds stream %u of %s",
                         model_node_name(model, node), stream.number,
                         author == SIZE_MAX ? "nobody" : model->county->seats[author].code);
    }
}

static size_t sweep_rows(struct model *model, size_t node, enum table table)
{
    const struct view *view = world_view(model->world, node);
    uint8_t from[STORE_KEY_BYTES_MAX + 1] = {0};
    size_t size = 1, rows = 0;
    struct span key, value;
    while (size <= STORE_KEY_BYTES_MAX &&
           view->next(view->context, table, SPAN(from, size), &key, &value) == READ_FOUND) {
        memcpy(from, key.data, key.size);
        from[key.size] = 0;
        size = key.size + 1;
        model_check_texts(model, node, table_name(table), key);
        model_check_texts(model, node, table_name(table), value);
        if (table == TABLE_RECORDS || table == TABLE_INDEX)
            check_record_row(model, node, table, SPAN(from, size - 1));
        rows++;
    }
    return rows;
}

void check_circles(struct model *model)
{
    size_t rows = 0;
    for (size_t turn = 0; turn < model->node_count && rows < SWEEP_ROWS; turn++) {
        size_t node = model->swept_node++ % model->node_count;
        sweep_streams(model, node);
        for (int table = 0; table < TABLE_COUNT; table++) {
            if (table != TABLE_BLOCKS)
                rows += sweep_rows(model, node, (enum table)table);
        }
    }
}

/* ---- is anything on its way? ---- */

/* A branch's way is its own; behind a break in it nobody need hold it to its end. */
static bool may_lack(const struct model *model, const struct stream_open *open, size_t seat)
{
    size_t path[HOLDERS_MAX], count = 0;
    for (size_t i = 0; open->holders == HOLDERS_PATH && i < open->seat_count; i++) {
        size_t at = model_seat_of_code(model, span_of_text(open->seats[i]));
        if (at != SIZE_MAX)
            path[count++] = at;
    }
    return model_is_behind_break(model, path, count, seat);
}

static bool has_end(const struct model *model, size_t node, const struct stream_id *stream,
                    const struct hash *end)
{
    struct branches *branches = branches_read(world_view(model->world, node), stream);
    bool has = false;
    for (uint8_t i = 0; i < BRANCHES_MAX; i++)
        has |= branch_is_leaf(branches, i) && hash_equal(&branches->rows[i].head.hash, end);
    free(branches);
    return has;
}

static bool all_have_ends_of(const struct model *model, const struct model_stream *stream,
                             size_t node)
{
    struct branches *branches = branches_read(world_view(model->world, node), &stream->id);
    bool level = true;
    for (uint8_t i = 0; i < BRANCHES_MAX; i++) {
        const struct stream_row *row = &branches->rows[i];
        bool asked =
            branch_is_leaf(branches, i) && !may_lack(model, &row->open, model->nodes[node].seat);
        for (size_t seat = 0; asked && seat < model->county->seat_count; seat++) {
            if (level && model_counts(model, seat) && !may_lack(model, &row->open, seat) &&
                is_named(model, stream, &row->open, stream->author, seat))
                level = has_end(model, seat, &stream->id, &row->head.hash);
        }
    }
    free(branches);
    return level;
}

/* Whoever holds a branch of a forked stream, and whomever that branch is for, keep it to the same
 * end. (Branches of one number may be for different seats.) */
static bool fork_is_level(const struct model *model, const struct model_stream *stream)
{
    bool level = true;
    for (size_t node = 0; node < model->county->seat_count && level; node++)
        level = !model_counts(model, node) || all_have_ends_of(model, stream, node);
    return level;
}

bool check_streams_level(const struct model *model)
{
    size_t left = model->forked_streams;
    if (model->behind > 0)
        return false;
    for (size_t i = 0; left > 0 && i < model->stream_count; i++) {
        if (!model->streams[i].forked)
            continue;
        left--;
        if (!fork_is_level(model, &model->streams[i]))
            return false;
    }
    return true;
}
