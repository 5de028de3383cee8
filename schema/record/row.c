/* A record's state as one row of the store, and back.
 *
 * The row is a fields map of bins; authors are named by their place in the first:
 *
 *      1 authors       key id 8, epoch 4; ascending
 *      2 operations    as they came: author, digest, clock, rank, verdict + 2 * deletes, stream,
 *                      seq, context [author, n, ...]; n is the next one of its author, or for
 *                      verdict + 6 a forked one that follows; stream + branch * 65,536
 *      3 assignments   field, author, n, value; n + sibling * 2^32 under a forked dot
 *      4 list items    field, author, n, place, value
 *      5 counters      field, author, n, value
 *      6 members       -5, author, n, place, seat; absent where nobody extended the circle
 *      7 state         number; 7 to 9 absent where no transition was taken
 *      8 shelved       as 3: assignments that may stand again when transitions turn out void
 *      9 shelved       as 4: items of void transitions
 *
 * The verdict's number has 96 more for what erases, 12 more for an extension, and 24 more for what
 * was carried here: behind `seq` stands then where: key id ‖ epoch, stream + branch * 65,536, seq,
 * index. It has 48 more for a transition: behind that stand its number, `to`, `from`, and whether
 * it is void.
 *
 * Several bins, because one value holds VALUE_ITEMS_MAX items at most and a record may have
 * more operations than that. A disk can damage a row, so reading it believes nothing: since
 * operations stand in the order they came, one pass finds contexts that can't be. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "schema/record/state.h"

enum {
    ROW_AUTHORS = 1,
    ROW_OPERATIONS,
    ROW_ASSIGNMENTS,
    ROW_ITEMS,
    ROW_COUNTERS,
    ROW_MEMBERS,
    ROW_STATE,
    ROW_SHELVED,
    ROW_SHELVED_ITEMS,
    ROW_FIELDS
};
enum { AUTHOR_BYTES = KEY_ID_BYTES + 4 };
enum { FIELD_LEAST = -32, FIELD_MOST = 1023 };
/* beside the verdict: another operation of a dot that is here; an extension; a carried one; a
 * transition; what erases */
enum { ROW_SIBLING = 6, ROW_EXTENDS = 12, ROW_CARRIED = 24, ROW_TRANSITION = 48 };
enum { ROW_ERASES = 96 };
enum { ROW_FLAGS_MAX = ROW_ERASES + ROW_TRANSITION + ROW_CARRIED + ROW_EXTENDS + ROW_SIBLING + 5 };
enum { ROW_STREAM_MAX = 0xffffff }; /* branch 1 byte, stream 2 */

/* ---- writing ---- */

static uint64_t author_place(const struct record_state *record, const struct dot *dot)
{
    bool found;
    size_t place = record_author_place(record, dot->author, dot->epoch, &found);
    assert(found);
    return place;
}

static void write_carrier(const struct carrier *carrier, struct buffer *out)
{
    uint8_t author[AUTHOR_BYTES];
    memcpy(author, carrier->author.bytes, KEY_ID_BYTES);
    write_u32(author + KEY_ID_BYTES, carrier->epoch);
    mp_write_bin(out, SPAN_OF_ARRAY(author));
    mp_write_uint(out, (uint64_t)carrier->branch << 16 | carrier->stream);
    mp_write_uint(out, carrier->seq);
    mp_write_uint(out, carrier->index);
}

static void write_operation(const struct record_state *record, const struct stored *stored,
                            struct buffer *out)
{
    const struct operation *op = &stored->operation;
    mp_write_uint(out, author_place(record, &op->dot));
    mp_write_bin(out, SPAN_OF_ARRAY(op->digest.bytes));
    mp_write_uint(out, op->clock);
    mp_write_uint(out, op->rank);
    mp_write_uint(out, (op->verdict == OPERATION_EXCLUDED ? 1u : 0u) + 2u * op->deletes +
                           (stored->sibling_place > 0 ? ROW_SIBLING : 0u) +
                           (op->extends ? ROW_EXTENDS : 0u) + (op->carried ? ROW_CARRIED : 0u) +
                           (op->transition != 0 ? ROW_TRANSITION : 0u) +
                           (op->erases ? ROW_ERASES : 0u));
    if (stored->sibling_place > 0)
        mp_write_uint(out, op->dot.n);
    mp_write_uint(out, (uint64_t)op->branch << 16 | op->stream);
    mp_write_uint(out, op->seq);
    if (op->carried)
        write_carrier(&op->carrier, out);
    if (op->transition != 0) {
        mp_write_uint(out, op->transition);
        mp_write_uint(out, op->to);
        mp_write_uint(out, op->from);
        mp_write_bool(out, stored->is_void);
    }
    mp_write_array(out, (uint32_t)(2 * op->context_count));
    for (size_t i = 0; i < op->context_count; i++) {
        mp_write_uint(out, author_place(record, &op->context[i]));
        mp_write_uint(out, op->context[i].n);
    }
}

static void write_held(const struct record_state *record, const struct held_list *list, bool places,
                       struct buffer *out)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct held *held = &list->at[i];
        const struct dot *dot = &held->by->operation.dot;
        mp_write_int(out, held->field);
        mp_write_uint(out, author_place(record, dot));
        mp_write_uint(out, (uint64_t)held->by->sibling_place << 32 | dot->n);
        if (places)
            mp_write_uint(out, held->place);
        buffer_append(out, held->value, held->value_size);
    }
}

static void write_section(struct buffer *row, int32_t key, struct buffer *section)
{
    mp_write_int(row, key);
    mp_write_bin(row, span_of_buffer(section));
    buffer_clear(section);
}

void record_encode(const struct record_state *record, struct buffer *row)
{
    struct buffer section = {0};
    bool members = record->members.count > 0, steps = record->transition_count > 0;
    mp_write_map(row, ROW_COUNTERS + (members ? 1u : 0u) + (steps ? ROW_FIELDS - ROW_STATE : 0u));
    for (size_t i = 0; i < record->author_count; i++) {
        buffer_append(&section, record->authors[i].key.bytes, KEY_ID_BYTES);
        buffer_append_u32(&section, record->authors[i].epoch);
    }
    write_section(row, ROW_AUTHORS, &section);
    for (size_t i = 0; i < record->applied_count; i++)
        write_operation(record, record->applied[i], &section);
    write_section(row, ROW_OPERATIONS, &section);
    write_held(record, &record->assignments, false, &section);
    write_section(row, ROW_ASSIGNMENTS, &section);
    write_held(record, &record->items, true, &section);
    write_section(row, ROW_ITEMS, &section);
    write_held(record, &record->counters, false, &section);
    write_section(row, ROW_COUNTERS, &section);
    write_held(record, &record->members, true, &section);
    if (members)
        write_section(row, ROW_MEMBERS, &section);
    if (steps) {
        mp_write_uint(&section, record->state);
        write_section(row, ROW_STATE, &section);
        write_held(record, &record->shelved_assignments, false, &section);
        write_section(row, ROW_SHELVED, &section);
        write_held(record, &record->shelved_items, true, &section);
        write_section(row, ROW_SHELVED_ITEMS, &section);
    }
    buffer_free(&section);
}

/* ---- reading ---- */

/* The authors that the row names; their counts rise as operations are read. */
static bool read_authors(struct record_state *record, struct span bytes)
{
    if (bytes.size % AUTHOR_BYTES != 0)
        return false;
    size_t count = bytes.size / AUTHOR_BYTES;
    record->authors = mem_alloc((count + 1) * sizeof record->authors[0]);
    record->author_capacity = count + 1;
    for (size_t i = 0; i < count; i++) {
        const uint8_t *from = bytes.data + i * AUTHOR_BYTES;
        if (i > 0 && memcmp(from - AUTHOR_BYTES, from, AUTHOR_BYTES) >= 0)
            return false;
        struct author *author = &record->authors[record->author_count++];
        memcpy(author->key.bytes, from, KEY_ID_BYTES);
        author->epoch = read_u32(from + KEY_ID_BYTES);
    }
    return true;
}

static const struct author *read_author(const struct record_state *record, struct mp_reader *reader)
{
    uint64_t place = mp_read_uint(reader);
    if (!reader->failed && place < record->author_count)
        return &record->authors[place];
    mp_fail(reader);
    return NULL;
}

/* Only what came before can have been seen. */
static void read_context(const struct record_state *record, struct mp_reader *reader,
                         struct operation *op, struct dot context[static CONTEXT_PAIRS_MAX])
{
    uint32_t numbers = mp_read_array(reader);
    if (numbers % 2 != 0 || numbers > 2 * CONTEXT_PAIRS_MAX)
        mp_fail(reader);
    for (uint32_t i = 0; i < numbers / 2 && !reader->failed; i++) {
        const struct author *author = read_author(record, reader);
        uint64_t n = mp_read_uint(reader);
        if (author == NULL || n == 0 || n > author->count) {
            mp_fail(reader);
            return;
        }
        context[i] = (struct dot){author->key, author->epoch, (uint32_t)n};
        if ((i > 0 && dot_compare(&context[i - 1], &context[i]) >= 0) ||
            dot_compare(&op->dot, &context[i]) == 0)
            mp_fail(reader);
    }
    op->context = context;
    op->context_count = numbers / 2;
}

static void read_carrier(struct mp_reader *reader, struct carrier *carrier)
{
    const uint8_t *author = mp_read_bin_of(reader, AUTHOR_BYTES);
    uint64_t stream = mp_read_uint_max(reader, ROW_STREAM_MAX);
    if (author != NULL) {
        memcpy(carrier->author.bytes, author, KEY_ID_BYTES);
        carrier->epoch = read_u32(author + KEY_ID_BYTES);
    }
    carrier->stream = (uint16_t)stream;
    carrier->branch = (uint8_t)(stream >> 16);
    carrier->seq = (uint32_t)mp_read_uint_max(reader, UINT32_MAX);
    carrier->index = (uint16_t)mp_read_uint_max(reader, UINT16_MAX);
}

static void read_transition(struct mp_reader *reader, struct operation *op, bool *is_void)
{
    op->transition = (uint16_t)mp_read_uint_max(reader, UINT16_MAX);
    op->to = (uint8_t)mp_read_uint_max(reader, WORKFLOW_STATES_MAX);
    op->from = mp_read_uint(reader);
    *is_void = mp_read_bool(reader);
    if (op->transition == 0 || op->to == 0 || op->verdict == OPERATION_EXCLUDED || op->extends ||
        op->erases || op->deletes != 0)
        mp_fail(reader);
}

/* The verdict's number and what it says beside; gives it without the flag. */
static uint64_t take_flag(uint64_t flags, uint64_t flag, bool *there)
{
    *there = flags >= flag;
    return *there ? flags - flag : flags;
}

static bool read_dot(struct record_state *record, struct mp_reader *reader, bool sibling,
                     const struct author *author, struct operation *op)
{
    op->dot = (struct dot){author->key, author->epoch, author->count + 1};
    if (!sibling)
        return true;
    op->dot.n = (uint32_t)mp_read_uint_max(reader, UINT32_MAX);
    if (reader->failed || op->dot.n == 0 || op->dot.n > author->count)
        return false;
    record_mark_forked(record, &op->dot);
    return true;
}

static bool read_operation(struct record_state *record, struct mp_reader *reader)
{
    struct operation op = {0};
    struct dot context[CONTEXT_PAIRS_MAX];
    bool transition, sibling, is_void = false;
    const struct author *author = read_author(record, reader);
    const uint8_t *digest = mp_read_bin_of(reader, HASH_BYTES);
    if (author == NULL || digest == NULL || author->count == UINT32_MAX)
        return false;
    memcpy(op.digest.bytes, digest, HASH_BYTES);
    op.clock = mp_read_uint(reader);
    op.rank = (uint8_t)mp_read_uint_max(reader, UINT8_MAX);
    uint64_t flags = mp_read_uint_max(reader, ROW_FLAGS_MAX);
    flags = take_flag(flags, ROW_ERASES, &op.erases);
    flags = take_flag(flags, ROW_TRANSITION, &transition);
    flags = take_flag(flags, ROW_CARRIED, &op.carried);
    flags = take_flag(flags, ROW_EXTENDS, &op.extends);
    flags = take_flag(flags, ROW_SIBLING, &sibling);
    if (!read_dot(record, reader, sibling, author, &op))
        return false;
    op.verdict = flags % 2 == 1 ? OPERATION_EXCLUDED : OPERATION_ADMITTED;
    op.deletes = (uint8_t)(flags / 2);
    uint64_t stream = mp_read_uint_max(reader, ROW_STREAM_MAX);
    op.stream = (uint16_t)stream;
    op.branch = (uint8_t)(stream >> 16);
    op.seq = (uint32_t)mp_read_uint_max(reader, UINT32_MAX);
    if (op.carried)
        read_carrier(reader, &op.carrier);
    if (transition)
        read_transition(reader, &op, &is_void);
    read_context(record, reader, &op, context);
    if (reader->failed)
        return false;
    const struct stored *stored = record_store(record, &op);
    record->applied[stored->serial]->is_void = is_void;
    record->transition_count += transition ? 1 : 0;
    return true;
}

static bool read_operations(struct record_state *record, struct span bytes)
{
    struct mp_reader reader = mp_reader(bytes);
    while (mp_peek(&reader) != MP_END) {
        if (!read_operation(record, &reader))
            return false;
    }
    for (size_t i = 0; i < record->author_count; i++) {
        if (record->authors[i].count == 0)
            return false;
    }
    return true;
}

/* Who wrote a value: an admitted operation that is here. */
static const struct stored *read_writer(const struct record_state *record, struct mp_reader *reader)
{
    const struct author *author = read_author(record, reader);
    uint64_t n = mp_read_uint(reader);
    uint64_t sibling = n >> 32;
    n = (uint32_t)n;
    if (author == NULL || n == 0 || n > author->count)
        return NULL;
    const struct stored *by = author->operations[n - 1];
    for (; by != NULL && sibling > 0; sibling--)
        by = by->sibling;
    return by != NULL && by->operation.verdict == OPERATION_ADMITTED ? by : NULL;
}

static struct span read_value(struct mp_reader *reader, int32_t key, const struct stored *by,
                              int32_t field)
{
    struct mp_reader value = *reader;
    enum mp_kind kind = mp_peek(reader);
    bool fits =
        kind == MP_STR || kind == MP_INT || kind == MP_BOOL || kind == MP_BIN || kind == MP_NIL;
    if (key == ROW_ITEMS || key == ROW_MEMBERS || key == ROW_SHELVED_ITEMS)
        fits = kind == MP_STR;
    if (key == ROW_MEMBERS)
        fits = fits && field == FIELD_CIRCLE && by->operation.extends;
    if (key == ROW_COUNTERS)
        mp_read_int(&value);
    if (key == ROW_ASSIGNMENTS && field == FIELD_DELETED)
        fits = by->operation.deletes == (mp_read_bool(&value) ? 1 : 2);
    if (!fits || value.failed)
        mp_fail(reader);
    return mp_read_any(reader);
}

/* A counter holds one total for each author. */
static bool follows(const struct held *before, const struct held *held, int32_t key)
{
    if (held_compare(before, held) >= 0)
        return false;
    return key != ROW_COUNTERS || before->field != held->field ||
           dot_compare(&before->by->operation.dot, &held->by->operation.dot) != 0;
}

static bool read_held(const struct record_state *record, struct mp_reader *reader, int32_t key,
                      struct held_list *list)
{
    struct held held = {0};
    int64_t field = mp_read_int(reader);
    if (field < FIELD_LEAST || field > FIELD_MOST || field == 0)
        return false;
    held.field = (int32_t)field;
    held.by = read_writer(record, reader);
    if (key == ROW_ITEMS || key == ROW_MEMBERS || key == ROW_SHELVED_ITEMS)
        held.place = (uint32_t)mp_read_uint_max(reader, VALUE_ITEMS_MAX);
    if (reader->failed || held.by == NULL)
        return false;
    struct span value = read_value(reader, key, held.by, held.field);
    if (reader->failed || (list->count > 0 && !follows(&list->at[list->count - 1], &held, key)))
        return false;
    if (key != ROW_COUNTERS || !PLANTED(TOTAL_FORGOTTEN))
        held_insert(list, held, value);
    return true;
}

static bool read_state(struct record_state *record, struct span bytes)
{
    struct mp_reader reader = mp_reader(bytes);
    record->state = (uint8_t)mp_read_uint_max(&reader, WORKFLOW_STATES_MAX);
    mp_read_end(&reader);
    return !reader.failed && record->transition_count > 0;
}

static bool read_section(struct record_state *record, int32_t key, struct span bytes)
{
    if (key == ROW_AUTHORS)
        return read_authors(record, bytes);
    if (key == ROW_OPERATIONS)
        return read_operations(record, bytes);
    if (key == ROW_STATE)
        return read_state(record, bytes);
    struct held_list *lists[ROW_FIELDS] = {
        [ROW_ASSIGNMENTS] = &record->assignments,     [ROW_ITEMS] = &record->items,
        [ROW_COUNTERS] = &record->counters,           [ROW_MEMBERS] = &record->members,
        [ROW_SHELVED] = &record->shelved_assignments, [ROW_SHELVED_ITEMS] = &record->shelved_items,
    };
    struct held_list *list = lists[key];
    struct mp_reader reader = mp_reader(bytes);
    while (mp_peek(&reader) != MP_END) {
        if (!read_held(record, &reader, key, list))
            return false;
    }
    return true;
}

struct record_state *record_decode(struct span row)
{
    struct record_state *record = record_new();
    struct mp_reader reader = mp_reader(row);
    struct mp_fields fields = mp_fields(&reader);
    int32_t key, expected = ROW_AUTHORS;
    bool good = true;
    while (good && mp_field(&reader, &fields, &key)) {
        struct span bytes = mp_read_bin(&reader);
        if (expected == ROW_MEMBERS && key == ROW_STATE)
            expected = key;
        good = !reader.failed && key == expected++ && key < ROW_FIELDS &&
               read_section(record, key, bytes);
    }
    mp_read_end(&reader);
    int32_t end = record->transition_count > 0 ? ROW_FIELDS : ROW_STATE;
    if (good && !reader.failed &&
        (expected == end || (expected == ROW_MEMBERS && end == ROW_STATE)))
        return record;
    record_free(record);
    return NULL;
}
