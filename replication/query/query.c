/* Reads of records for people: get and list. Locators are followed to the blocks, which verify
 * themselves; nothing is taken from the store on trust. */
#include "replication/query/query_parts.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "replication/circle.h"

static const char hex_digits[] = "0123456789abcdef";

void query_hex(const uint8_t *bytes, size_t size, char *text)
{
    for (size_t i = 0; i < size; i++) {
        text[2 * i] = hex_digits[bytes[i] >> 4];
        text[2 * i + 1] = hex_digits[bytes[i] & 15];
    }
    text[2 * size] = '\0';
}

void record_id_text(const struct record_id *id, char text[static 33])
{
    query_hex(id->bytes, sizeof id->bytes, text);
}

static int digit(uint8_t character)
{
    const char *found = character == '\0' ? NULL : strchr(hex_digits, character);
    return found == NULL ? -1 : (int)(found - hex_digits);
}

bool record_id_parse(struct span text, struct record_id *id)
{
    if (text.size != 2 * sizeof id->bytes)
        return false;
    for (size_t i = 0; i < sizeof id->bytes; i++) {
        int high = digit(text.data[2 * i]), low = digit(text.data[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        id->bytes[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

struct mp_reader query_names_reader(struct span value)
{
    struct mp_reader reader = mp_reader(value);
    reader.text_keys = true;
    reader.items_max = UINT32_MAX;
    return reader;
}

enum error_code damaged_store(struct error *error, const char *what)
{
    error_set(error, ERR_DAMAGED, what, "part of it can't be read: the store is damaged");
    error_next(error, "the node looks into it by itself; `terrace verify` names what is damaged");
    return ERR_DAMAGED;
}

enum error_code query_load_folded(struct block_cache *cache, const struct view *view,
                                  const struct tree *tree, const struct record_type *type,
                                  const struct record_id *id, struct record_state **state)
{
    uint8_t key[RECORD_KEY_BYTES];
    struct record_row row;
    if (!record_key(view, type->number, id, key))
        return ERR_NOT_FOUND;
    enum error_code code = record_row_read(view, key, &row);
    if (code != ERR_OK)
        return code;
    if (!row.present)
        return ERR_NOT_FOUND;
    *state = row.located ? record_from_creation(cache, view, tree, type, id, &row) : row.state;
    return *state == NULL ? ERR_DAMAGED : ERR_OK;
}

enum error_code query_load_state(struct block_cache *cache, const struct view *view,
                                 const struct tree *tree, const struct record_type *type,
                                 const struct record_id *id, struct record_state **state)
{
    enum error_code code = query_load_folded(cache, view, tree, type, id, state);
    if (code != ERR_OK || record_stands(*state))
        return code;
    record_free(*state);
    *state = NULL;
    return ERR_NOT_FOUND;
}

/* The pairs "circle" and, of a subtree, "circle_below"; gives how many. */
static uint32_t write_circle(const struct view *view, const struct tree *tree,
                             const struct record_state *state, const struct record_id *id,
                             struct buffer *out)
{
    struct block_cache cache = {0};
    struct circle circle;
    uint32_t pairs = 1;
    (void)circle_load(&cache, view, tree, state, id, NULL, &circle);
    mp_write_text(out, "circle");
    mp_write_array(out, (uint32_t)circle.count);
    for (size_t i = 0; i < circle.count; i++)
        mp_write_text(out, circle.seats[i]);
    if (circle.holders == HOLDERS_SUBTREE) {
        mp_write_text(out, "circle_below");
        mp_write_text(out, tree_tier_name(tree, circle.tier));
        pairs++;
    }
    circle_free(&circle);
    block_cache_free(&cache);
    return pairs;
}

static void write_digest(const struct record_state *state, struct buffer *out)
{
    struct buffer canonical = {0};
    char text[2 * HASH_BYTES + 1];
    record_canonical(state, &canonical);
    struct hash digest = hash_of(HASH_BODY, span_of_buffer(&canonical));
    query_hex(digest.bytes, HASH_BYTES, text);
    mp_write_text(out, text);
    buffer_free(&canonical);
}

/* One conflict as record_describe wrote it, with the seat of its author. */
static void write_conflict(const struct tree *tree, struct mp_reader *reader, struct buffer *out)
{
    struct buffer pairs = {0};
    const struct author *author = NULL;
    uint32_t count = mp_read_map(reader);
    for (uint32_t i = 0; i < count && !reader->failed; i++) {
        struct span name = mp_read_str(reader), value = mp_read_any(reader);
        if (span_equal(name, span_of_text("author"))) {
            struct mp_reader key = mp_reader(value);
            struct key_id id;
            const uint8_t *bytes = mp_read_bin_of(&key, KEY_ID_BYTES);
            if (bytes != NULL) {
                memcpy(id.bytes, bytes, KEY_ID_BYTES);
                author = tree_author(tree, id);
            }
        }
        mp_write_str(&pairs, name);
        buffer_append_span(&pairs, value);
    }
    mp_write_map(out, count + 2);
    mp_write_text(out, "seat");
    mp_write_text(out, author == NULL ? "" : author->seat->row.seat);
    mp_write_text(out, "name");
    mp_write_text(out, author == NULL ? "" : author->seat->row.name);
    buffer_append_span(out, span_of_buffer(&pairs));
    buffer_free(&pairs);
}

/* The fields of both, as one map. */
static void write_fields(struct span fields, struct span private, struct buffer *out)
{
    uint32_t count, more;
    struct span pairs = query_inside(fields, &count);
    struct span others = query_inside(query_pair(private, "fields"), &more);
    mp_write_map(out, count + more);
    buffer_append_span(out, pairs);
    buffer_append_span(out, others);
}

static void write_conflicts(const struct tree *tree, struct span list, uint32_t count,
                            struct buffer *out)
{
    struct mp_reader reader = query_names_reader(list);
    for (uint32_t i = 0; i < count && !reader.failed; i++)
        write_conflict(tree, &reader, out);
}

/* record_describe's pairs, with seats where it names keys; `private`: its map of the companion. */
static void write_description(const struct tree *tree, struct mp_reader *reader, uint32_t pairs,
                              struct span private, struct buffer *out)
{
    for (uint32_t i = 0; i < pairs && !reader->failed; i++) {
        struct span name = mp_read_str(reader), value = mp_read_any(reader);
        bool conflicts = span_equal(name, span_of_text("conflicts"));
        uint32_t count, more = 0;
        struct span list = query_inside(value, &count), others = SPAN_EMPTY;
        mp_write_str(out, name);
        if (span_equal(name, span_of_text("fields"))) {
            write_fields(value, private, out);
            continue;
        }
        if (!conflicts && !span_equal(name, span_of_text("void")) &&
            !span_equal(name, span_of_text("surplus"))) {
            buffer_append_span(out, value);
            continue;
        }
        if (conflicts)
            others = query_inside(query_pair(private, "conflicts"), &more);
        mp_write_array(out, count + more);
        write_conflicts(tree, list, count, out);
        write_conflicts(tree, others, more, out);
    }
}

/* Ours, then record_describe's pairs. */
void query_describe_at(struct block_cache *cache, const struct view *view, const struct tree *tree,
                       const char *seat, uint64_t now_ms, const struct record_type *type,
                       const struct record_id *id, const struct record_state *state,
                       struct buffer *out)
{
    bool steps = seat != NULL && type->workflow != NULL;
    struct buffer inner = {0}, circle = {0}, described = {0}, due = {0};
    struct query_private private;
    char text[33];
    const struct author *author = tree_author(tree, record_id_author(id).author);
    const char *origin = author == NULL ? "" : author->seat->row.seat;
    const struct operation *creation = record_creation(state, id);
    uint32_t circle_pairs = write_circle(view, tree, state, id, &circle);
    query_private_load(cache, view, tree, type, id, state, &private);
    query_private_describe(&private, &described);
    record_describe(state, type, &inner);
    struct mp_reader reader = query_names_reader(span_of_buffer(&inner));
    uint32_t pairs = mp_read_map(&reader);
    uint32_t due_pairs = now_ms == 0 ? 0 : query_put_due(view, type, id, now_ms, &due);
    mp_write_map(out, pairs + circle_pairs + due_pairs + 5 + (steps ? 1 : 0) +
                          (private.type != NULL ? 1 : 0));
    mp_write_text(out, "id");
    record_id_text(id, text);
    mp_write_text(out, text);
    mp_write_text(out, "type");
    mp_write_text(out, type->name);
    mp_write_text(out, "origin");
    mp_write_text(out, origin);
    mp_write_text(out, "created");
    mp_write_uint(out, creation == NULL ? 0 : creation->clock);
    buffer_append_span(out, span_of_buffer(&circle));
    buffer_append_span(out, span_of_buffer(&due));
    mp_write_text(out, "digest");
    write_digest(state, out);
    if (steps) {
        mp_write_text(out, "steps");
        query_steps(view, tree, seat, type, id, state, out);
    }
    if (private.type != NULL)
        query_private_write(view, tree, seat, &private, id, out);
    write_description(tree, &reader, pairs, span_of_buffer(&described), out);
    query_private_free(&private);
    buffer_free(&described);
    buffer_free(&inner);
    buffer_free(&circle);
    buffer_free(&due);
}

void query_describe(struct block_cache *cache, const struct view *view, const struct tree *tree,
                    const struct record_type *type, const struct record_id *id,
                    const struct record_state *state, struct buffer *out)
{
    query_describe_at(cache, view, tree, NULL, 0, type, id, state, out);
}

bool query_circle(const struct view *view, const struct tree *tree, uint16_t type,
                  const struct record_id *id, struct circle *circle)
{
    const struct schema *schema = tree_schema(tree);
    const struct record_type *known = schema == NULL ? NULL : schema_type(schema, type);
    struct record_state *state = NULL;
    struct block_cache cache = {0};
    bool read = known != NULL &&
                query_load_state(&cache, view, tree, known, id, &state) == ERR_OK &&
                circle_load(&cache, view, tree, state, id, NULL, circle);
    record_free(state);
    block_cache_free(&cache);
    return read;
}

enum error_code query_record_at(const struct view *view, const struct tree *tree, const char *seat,
                                uint64_t now_ms, struct span name, const struct record_id *id,
                                struct buffer *out, struct error *error)
{
    const struct record_type *type = schema_find_type(tree_schema(tree), name, error);
    struct record_state *state = NULL;
    struct block_cache cache = {0}, private_cache = {.beside = &cache};
    if (type == NULL)
        return ERR_UNKNOWN_TYPE;
    enum error_code code = query_load_state(&cache, view, tree, type, id, &state);
    if (code == ERR_OK) {
        query_describe_at(&private_cache, view, tree, seat, now_ms, type, id, state, out);
    } else {
        char text[33];
        record_id_text(id, text);
        error_set(error, code, type->name, "record %s: %s", text,
                  code == ERR_NOT_FOUND ? "not held here" : "its rows here can't be read");
    }
    record_free(state);
    block_cache_free(&cache);
    block_cache_free(&private_cache);
    return code;
}

enum error_code query_record(const struct view *view, const struct tree *tree, struct span name,
                             const struct record_id *id, struct buffer *out, struct error *error)
{
    return query_record_at(view, tree, NULL, 0, name, id, out, error);
}
