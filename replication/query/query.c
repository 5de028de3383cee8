/* Reads of records for people: get and list. Locators are followed to the blocks, which verify
 * themselves; nothing is taken from the store on trust. */
#include "replication/query/query_parts.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "replication/circle.h"

enum { LIST_SCAN_MAX = 10000 };

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

/* Of maps by name, as long as they may be: they are made here, not received. */
static struct mp_reader names_reader(struct span value)
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

enum error_code query_load_state(struct block_cache *cache, const struct view *view,
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
    if (*state == NULL)
        return ERR_DAMAGED;
    if (record_stands(*state))
        return ERR_OK;
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

/* record_describe's pairs, with seats where it names keys. */
static void write_description(const struct tree *tree, struct mp_reader *reader, uint32_t pairs,
                              struct buffer *out)
{
    for (uint32_t i = 0; i < pairs && !reader->failed; i++) {
        struct span name = mp_read_str(reader);
        mp_write_str(out, name);
        if (!span_equal(name, span_of_text("conflicts"))) {
            buffer_append_span(out, mp_read_any(reader));
            continue;
        }
        uint32_t conflicts = mp_read_array(reader);
        mp_write_array(out, conflicts);
        for (uint32_t k = 0; k < conflicts && !reader->failed; k++)
            write_conflict(tree, reader, out);
    }
}

/* Ours, then record_describe's pairs. */
void query_describe(const struct view *view, const struct tree *tree,
                    const struct record_type *type, const struct record_id *id,
                    const struct record_state *state, struct buffer *out)
{
    struct buffer inner = {0}, circle = {0};
    char text[33];
    const struct author *author = tree_author(tree, record_id_author(id).author);
    const char *origin = author == NULL ? "" : author->seat->row.seat;
    const struct operation *creation = record_creation(state, id);
    uint32_t circle_pairs = write_circle(view, tree, state, id, &circle);
    record_describe(state, type, &inner);
    struct mp_reader reader = names_reader(span_of_buffer(&inner));
    uint32_t pairs = mp_read_map(&reader);
    mp_write_map(out, pairs + circle_pairs + 5);
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
    mp_write_text(out, "digest");
    write_digest(state, out);
    write_description(tree, &reader, pairs, out);
    buffer_free(&inner);
    buffer_free(&circle);
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

enum error_code query_record(const struct view *view, const struct tree *tree, struct span name,
                             const struct record_id *id, struct buffer *out, struct error *error)
{
    const struct record_type *type = schema_find_type(tree_schema(tree), name, error);
    struct record_state *state = NULL;
    struct block_cache cache = {0};
    if (type == NULL)
        return ERR_UNKNOWN_TYPE;
    enum error_code code = query_load_state(&cache, view, tree, type, id, &state);
    if (code == ERR_OK) {
        query_describe(view, tree, type, id, state, out);
    } else {
        char text[33];
        record_id_text(id, text);
        error_set(error, code, type->name, "record %s: %s", text,
                  code == ERR_NOT_FOUND ? "not held here" : "its rows here can't be read");
    }
    record_free(state);
    block_cache_free(&cache);
    return code;
}

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
    if (field->kind != FIELD_LIST)
        return span_equal(shown, wanted);
    struct mp_reader items = mp_reader(wanted);
    for (uint32_t i = mp_read_array(&items); i > 0; i--) {
        struct span item = mp_read_any(&items);
        struct mp_reader held = names_reader(shown);
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
    struct mp_reader described = names_reader(record);
    struct span fields = pair_named(&described, span_of_text("fields"));
    struct mp_reader wanted = mp_reader(where);
    struct mp_fields pairs = mp_fields(&wanted);
    bool all = fields.size > 0;
    for (int32_t key; mp_field(&wanted, &pairs, &key);) {
        const struct field *field = type_field(type, key);
        struct span value = mp_read_any(&wanted);
        struct mp_reader reader = names_reader(fields);
        all = all && field != NULL &&
              shows(field, pair_named(&reader, span_of_text(field->name)), value);
    }
    return all;
}

struct listing {
    const struct view *view;
    const struct tree *tree;
    const struct record_type *type;
    struct span where;
    bool deleted_too;
    struct buffer *out;
    bool damaged; /* something that belongs in the list can't be read */
    struct block_cache cache;
};

/* One row of the index; true when it was added to the list. */
static bool list_one(struct listing *listing, struct span index)
{
    struct record_id id;
    uint16_t number;
    struct record_state *state = NULL;
    struct buffer record = {0};
    bool added = false;
    bool read =
        index.size == INDEX_KEY_BYTES &&
        record_key_parse(listing->view, SPAN(index.data + 10, RECORD_KEY_BYTES), &number, &id) &&
        query_load_state(&listing->cache, listing->view, listing->tree, listing->type, &id,
                         &state) == ERR_OK;
    listing->damaged |= !read;
    if (read && (listing->deleted_too || !record_deleted(state))) {
        query_describe(listing->view, listing->tree, listing->type, &id, state, &record);
        added = listing->where.size == 0 ||
                matches(listing->type, span_of_buffer(&record), listing->where);
    }
    if (added)
        buffer_append_span(listing->out, span_of_buffer(&record));
    buffer_free(&record);
    record_free(state);
    return added;
}

/* The greatest key less than this one of fixed length; false when there is none. */
static bool key_before(uint8_t key[static INDEX_KEY_BYTES])
{
    for (size_t i = INDEX_KEY_BYTES; i-- > 0;) {
        if (key[i]-- != 0)
            return true;
    }
    return false;
}

enum error_code query_list(const struct view *view, const struct tree *tree, struct span name,
                           struct span where, bool deleted_too, size_t limit, struct buffer *cursor,
                           struct buffer *out, size_t *count, struct error *error)
{
    const struct record_type *type = schema_find_type(tree_schema(tree), name, error);
    uint8_t from[INDEX_KEY_BYTES];
    struct span key, value;
    *count = 0;
    if (type == NULL)
        return ERR_UNKNOWN_TYPE;
    memset(from, 0xff, sizeof from);
    write_u16(from, type->number);
    if (cursor->size == INDEX_KEY_BYTES && read_u16(cursor->data) == type->number)
        memcpy(from, cursor->data, sizeof from);
    else if (cursor->size != 0)
        return error_set(error, ERR_USAGE, "cursor", "it isn't one that this list has given");
    struct buffer wanted = {0};
    enum error_code code =
        where.size == 0 ? ERR_OK : schema_encode_body(type, where, false, &wanted, error);
    if (code != ERR_OK) {
        buffer_free(&wanted);
        return code;
    }
    struct listing listing = {.view = view,
                              .tree = tree,
                              .type = type,
                              .where = span_of_buffer(&wanted),
                              .deleted_too = deleted_too,
                              .out = out};
    bool more = true;
    for (size_t scanned = 0; more && *count < limit && scanned < LIST_SCAN_MAX; scanned++) {
        enum read_answer answer =
            view->previous(view->context, TABLE_INDEX, SPAN_OF_ARRAY(from), &key, &value);
        listing.damaged |= answer == READ_UNREADABLE;
        more = answer == READ_FOUND && key.size == INDEX_KEY_BYTES &&
               read_u16(key.data) == type->number;
        if (more) {
            memcpy(from, key.data, sizeof from);
            *count += list_one(&listing, SPAN_OF_ARRAY(from));
            more = key_before(from);
        }
    }
    block_cache_free(&listing.cache);
    buffer_free(&wanted);
    buffer_clear(cursor);
    if (listing.damaged)
        return damaged_store(error, "list");
    if (more)
        buffer_append(cursor, from, sizeof from);
    return ERR_OK;
}
