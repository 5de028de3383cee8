/* What has changed here since a cursor: a walk over the arrivals, whose blocks are opened.
 *
 *     cursor = number 8 ‖ entries of it already told 2 ‖ life of the number before 4
 *
 * Nothing is told twice or left out: an arrival is written in the commit that judged its entries.
 */
#include <stdlib.h>
#include <string.h>

#include "replication/query/query_parts.h"
#include "replication/rows/branches.h"
#include "schema/erasure.h"
#include "schema/extension.h"

enum { WATCH_ENTRIES_MAX = 20000 };

struct watch {
    const struct view *view;
    const struct tree *tree;
    const struct record_type *type; /* NULL: all */
    uint64_t n;
    uint16_t told;
    uint32_t life;
    struct buffer *out;
    size_t count, scanned;
};

static void cursor_write(const struct watch *watch, struct buffer *cursor)
{
    buffer_clear(cursor);
    buffer_append_u64(cursor, watch->n);
    buffer_append_u16(cursor, watch->told);
    buffer_append_u32(cursor, watch->life);
}

static enum error_code too_old(struct error *error)
{
    error_set(error, ERR_STALE, "cursor",
              "it is older than what is remembered here, or from before the store was restored");
    error_next(error,
               "begin again: a `list` or `export` of everything, then a watch without cursor");
    return ERR_STALE;
}

/* The life of the arrival before `n`: 0 for the first of all. */
static bool life_before(const struct view *view, uint64_t n, uint32_t *life)
{
    struct arrival before;
    *life = 0;
    if (n == 0)
        return true;
    bool there = arrival_read(view, n - 1, &before) && before.n == n - 1;
    *life = there ? before.life : 0;
    return there;
}

static enum error_code cursor_read(struct watch *watch, const struct buffer *cursor,
                                   struct error *error)
{
    uint32_t life;
    if (cursor->size == 0) {
        watch->n = arrivals_end(watch->view);
        return life_before(watch->view, watch->n, &watch->life) ? ERR_OK : too_old(error);
    }
    if (cursor->size != WATCH_CURSOR_BYTES)
        return error_set(error, ERR_USAGE, "cursor", "it isn't one that `watch` has given");
    watch->n = read_u64(cursor->data);
    watch->told = read_u16(cursor->data + 8);
    watch->life = read_u32(cursor->data + 10);
    return life_before(watch->view, watch->n, &life) && life == watch->life ? ERR_OK
                                                                            : too_old(error);
}

void query_watch_oldest(const struct view *view, struct buffer *cursor)
{
    struct watch watch = {.n = arrivals_end(view)};
    watch.n = watch.n < ARRIVALS_MAX ? 0 : watch.n - ARRIVALS_MAX + 1;
    if (life_before(view, watch.n, &watch.life))
        cursor_write(&watch, cursor);
}

/* A forked dot names two. */
static const struct operation *operation_named(const struct record_state *state,
                                               const struct dot *dot, const struct hash *digest)
{
    for (size_t i = record_operation_count(state); i-- > 0;) {
        const struct operation *op = record_operation(state, i);
        if (op->dot.n == dot->n && dot_compare(&op->dot, dot) == 0 &&
            hash_equal(&op->digest, digest))
            return op;
    }
    return NULL;
}

/* Whether some value of a field that this operation wrote stands beside another. */
static bool conflicts(const struct record_state *state, const struct record_type *type,
                      struct span body)
{
    const struct operation *shown = NULL;
    struct mp_reader reader = mp_reader(body);
    struct mp_fields fields = mp_fields(&reader);
    for (int32_t key; mp_field(&reader, &fields, &key);) {
        const struct field *field = type_field(type, key);
        mp_read_any(&reader);
        if (field != NULL && record_shown(state, field, &shown) > 1)
            return true;
    }
    return false;
}

static const char *change_of(const struct record_state *state, const struct record_type *type,
                             const struct entry *entry, const struct operation *op, bool creates)
{
    if (op == NULL || op->verdict == OPERATION_EXCLUDED)
        return "excluded";
    if (record_is_void(state, op))
        return "void";
    if (op->extends)
        return "extended";
    if (op->erases)
        return "erased";
    if (op->deletes == 1)
        return "deleted";
    if (conflicts(state, type, entry_fields(entry)))
        return "conflict";
    return creates ? "created" : "changed";
}

void query_put_fields(struct buffer *out, const struct record_type *type, struct span body)
{
    struct buffer pairs = {0};
    uint32_t count = 0;
    struct mp_reader reader = mp_reader(body);
    struct mp_fields fields = mp_fields(&reader);
    for (int32_t key; mp_field(&reader, &fields, &key);) {
        const struct field *field = type_field(type, key);
        struct span value = mp_read_any(&reader);
        if (field == NULL || reader.failed)
            continue;
        mp_write_text(&pairs, field->name);
        buffer_append_span(&pairs, value);
        count++;
    }
    mp_write_map(out, count);
    buffer_append_span(out, span_of_buffer(&pairs));
    buffer_free(&pairs);
}

/* Who joins, under the name "_circle". */
static void write_joining(struct span body, struct buffer *out)
{
    struct mp_reader reader = mp_reader(body);
    struct mp_fields fields = mp_fields(&reader);
    mp_write_map(out, 1);
    mp_write_text(out, "_circle");
    for (int32_t key; mp_field(&reader, &fields, &key);) {
        struct span value = mp_read_any(&reader);
        if (key == EXTEND_SEATS)
            buffer_append_span(out, value);
    }
}

/* How many operations it takes the words from, under the name "_erased", and why. */
static void write_erasing(struct span body, struct buffer *out)
{
    struct erasure erasure = erasure_of(body);
    mp_write_map(out, erasure.reason.size > 0 ? 2 : 1);
    query_put_uint(out, "_erased", erasure.count);
    if (erasure.reason.size > 0) {
        mp_write_text(out, "_reason");
        mp_write_str(out, erasure.reason);
    }
}

/* One operation may stand in several streams: it is told where it was folded in from. What came in
 * a carry entry and waits is told when it is settled. */
static bool is_elsewhere(const struct operation *op, const struct located_entry *located)
{
    struct entry_place place = located_place(located), folded;
    if (op == NULL)
        return located->carried;
    folded = operation_place(op);
    return !entry_place_equal(&place, &folded);
}

/* Whether one arrival tells what stands here. */
static bool tells(const struct arrival *arrival, const struct entry_place *place)
{
    if (stream_id_compare(&arrival->stream, &place->stream) != 0 || place->seq < arrival->seq ||
        place->seq - arrival->seq >= arrival->count)
        return false;
    return place->carried ? !arrival_leaves_out_carried(arrival, place->seq, place->index)
                          : !arrival_leaves_out(arrival, place->seq);
}

/* A step that has turned void since is told there, where that is told, and not here as well. Looked
 * for so far ahead; a reader who is farther behind may hear it twice. */
static bool is_told_again(const struct watch *watch, const struct entry_place *place)
{
    enum { LOOKED_AT_MAX = 1024 };
    struct arrival arrival;
    uint64_t n = watch->n + 1;
    for (unsigned i = 0; i < LOOKED_AT_MAX && arrival_read(watch->view, n, &arrival); i++) {
        if (tells(&arrival, place))
            return true;
        n = arrival.n + 1;
    }
    return false;
}

static void write_cursor(const struct watch *watch)
{
    struct buffer cursor = {0};
    char hex[2 * WATCH_CURSOR_BYTES + 1] = "";
    cursor_write(watch, &cursor);
    for (size_t i = 0; i < cursor.size; i++) {
        hex[2 * i] = "0123456789abcdef"[cursor.data[i] >> 4];
        hex[2 * i + 1] = "0123456789abcdef"[cursor.data[i] & 15];
    }
    query_put_text(watch->out, "cursor", hex);
    buffer_free(&cursor);
}

/* The step of its type's workflow that a write takes; NULL: none. */
static const struct transition *step_of(const struct record_type *type, const struct entry *entry)
{
    return type->workflow == NULL || entry->kind != ENTRY_WRITE
               ? NULL
               : workflow_transition(type->workflow, schema_body_transition(entry_fields(entry)));
}

static void write_change(struct watch *watch, struct block_cache *cache,
                         const struct located_entry *located)
{
    struct left_entry left = {.rest = {0}};
    const struct entry *entry = left_of(watch->view, located->entry, located->digest, &left);
    const struct record_type *type = schema_type(tree_schema(watch->tree), entry->type);
    struct dot dot = entry_dot(entry, &located->author);
    struct record_state *state = NULL;
    char id[33];
    query_load_folded(cache, watch->view, watch->tree, type, &entry->record, &state);
    const struct operation *op =
        state == NULL ? NULL : operation_named(state, &dot, located->digest);
    struct entry_place place = located_place(located);
    if (is_elsewhere(op, located) ||
        (op != NULL && record_is_void(state, op) && is_told_again(watch, &place))) {
        left_entry_free(&left);
        record_free(state);
        return;
    }
    record_id_text(&entry->record, id);
    const struct transition *step = step_of(type, entry);
    const struct record_type *of =
        type->companion_of == 0 ? NULL : schema_type(tree_schema(watch->tree), type->companion_of);
    bool creates = entry_begins(watch->tree, type, entry, &located->author) == BEGINS;
    bool alarms = creates && type->alarm;
    mp_write_map(watch->out, 8U + (step != NULL) + (of != NULL) + alarms);
    write_cursor(watch);
    query_put_text(watch->out, "change", change_of(state, type, entry, op, creates));
    if (alarms) {
        mp_write_text(watch->out, "alarm");
        mp_write_bool(watch->out, true);
    }
    if (step != NULL)
        query_put_text(watch->out, "step", step->name);
    if (of != NULL) {
        mp_write_text(watch->out, "private");
        mp_write_bool(watch->out, true);
    }
    query_put_text(watch->out, "type", of != NULL ? of->name : type->name);
    query_put_text(watch->out, "id", id);
    query_put_seat(watch->out, watch->tree, located->author.author);
    query_put_uint(watch->out, "clock", entry->clock);
    mp_write_text(watch->out, "fields");
    if (entry->kind == ENTRY_EXTEND)
        write_joining(entry_fields(entry), watch->out);
    else if (entry->kind == ENTRY_ERASE)
        write_erasing(entry->body, watch->out);
    else
        query_put_fields(watch->out, type, entry_fields(entry));
    watch->count++;
    left_entry_free(&left);
    record_free(state);
}

/* A companion is made with its record, also where nobody has said anything private. */
static bool is_silent(const struct record_type *type, const struct entry *entry)
{
    struct mp_reader reader = mp_reader(entry_fields(entry));
    return type->companion_of != 0 && entry->kind == ENTRY_WRITE && entry->n == 1 &&
           mp_peek(&reader) == MP_MAP && mp_read_map(&reader) == 0;
}

static bool is_wanted(const struct watch *watch, const struct entry *entry)
{
    const struct record_type *type = schema_type(tree_schema(watch->tree), entry->type);
    bool known = entry->kind == ENTRY_WRITE || entry->kind == ENTRY_EXTEND ||
                 entry->kind == ENTRY_CARRY || entry->kind == ENTRY_ERASE;
    return known && !entry->strange && type != NULL && !is_silent(type, entry) &&
           (watch->type == NULL || watch->type == type ||
            watch->type->number == type->companion_of);
}

/* All that a carry entry brought. */
static void write_carried(struct watch *watch, struct block_cache *cache,
                          const struct arrival *arrival, const struct located_entry *located)
{
    struct entry_place at = located_place(located);
    struct carry carry;
    if (carry_entry_open(watch->view, watch->tree, located->entry, &carry) != ERR_OK)
        return;
    for (size_t i = 0; i < carry.list.count; i++) {
        struct located_entry inner = carried_entry(&carry, &at, i);
        if (is_wanted(watch, inner.entry) && !arrival_leaves_out_carried(arrival, at.seq, i))
            write_change(watch, cache, &inner);
    }
    carry_free(&carry);
}

/* Its branch of a forked stream has been pushed out, and its block with it. */
static bool has_left(const struct watch *watch, const struct arrival *arrival)
{
    struct branches *branches = branches_read(watch->view, &arrival->stream);
    uint8_t branch = arrival->stream.branch;
    bool left = branches->rows[0].forked && (branch >= BRANCHES_MAX || !branches->present[branch] ||
                                             arrival->seq < branches->rows[branch].from ||
                                             arrival->seq >= branches->rows[branch].head.seq);
    free(branches);
    return left;
}

/* One arrival, from what was told of it on. ERR_OK: it is done; ERR_PARKED: there is more of it;
 * ERR_DAMAGED: its block can't be read, and nothing is left out silently. */
static enum error_code take_arrival(struct watch *watch, const struct arrival *arrival,
                                    size_t limit)
{
    struct prepared_block *block = mem_alloc(sizeof *block);
    struct block_cache cache = {0};
    bool open =
        block_row_open(watch->view, watch->tree, &arrival->stream, arrival->seq, block) == ERR_OK;
    for (; open && watch->told < arrival->count && watch->count < limit; watch->scanned++) {
        uint32_t seq = arrival->seq + watch->told++;
        if (block->opaque || seq - block->header.seq >= block->list.count)
            continue;
        struct located_entry located = {
            .author = stream_author(&arrival->stream),
            .stream = arrival->stream.number,
            .seq = seq,
            .entry = &block->list.entries[seq - block->header.seq],
            .digest = &block->digests[seq - block->header.seq],
        };
        if (!is_wanted(watch, located.entry) || arrival_leaves_out(arrival, seq))
            continue;
        if (located.entry->kind == ENTRY_CARRY)
            write_carried(watch, &cache, arrival, &located);
        else
            write_change(watch, &cache, &located);
    }
    if (open)
        prepared_block_free(block);
    block_cache_free(&cache);
    free(block);
    if (watch->told >= arrival->count || (!open && has_left(watch, arrival)))
        return ERR_OK;
    return open ? ERR_PARKED : ERR_DAMAGED;
}

/* A number that is not there though later ones are was lost with a part of the store. */
static enum error_code end_step(const struct watch *watch, enum error_code code,
                                struct buffer *cursor, size_t *count, struct error *error)
{
    struct arrival next;
    bool there = arrival_read(watch->view, watch->n, &next) && next.n == watch->n;
    if (code == ERR_OK && watch->count == 0 && !there && arrivals_end(watch->view) > watch->n)
        code = too_old(error);
    if (code == ERR_DAMAGED && watch->count == 0) {
        error_set(error, code, "watch", "a block that came here can't be read any more");
        error_next(error, "`terrace verify`; then the same cursor goes on, or begin again with a "
                          "list");
    }
    if ((code == ERR_DAMAGED && watch->count == 0) || code == ERR_STALE)
        return code;
    cursor_write(watch, cursor);
    *count = watch->count;
    return ERR_OK;
}

enum error_code query_watch(const struct view *view, const struct tree *tree, struct span name,
                            size_t limit, struct buffer *cursor, struct buffer *out, size_t *count,
                            struct error *error)
{
    struct watch watch = {.view = view, .tree = tree, .out = out};
    struct arrival arrival;
    *count = 0;
    if (name.size > 0) {
        watch.type = schema_find_type(tree_schema(tree), name, error);
        if (watch.type == NULL)
            return ERR_UNKNOWN_TYPE;
    }
    enum error_code code = cursor_read(&watch, cursor, error);
    if (code != ERR_OK)
        return code;
    while (code == ERR_OK && tree_schema(tree) != NULL && watch.count < limit &&
           watch.scanned < WATCH_ENTRIES_MAX && arrival_read(view, watch.n, &arrival) &&
           arrival.n >= watch.n) {
        code = arrival.n > watch.n ? too_old(error) : take_arrival(&watch, &arrival, limit);
        if (code == ERR_OK) {
            watch.n++;
            watch.told = 0;
            watch.life = arrival.life;
        }
    }
    return end_step(&watch, code, cursor, count, error);
}
