#include "replication/format/entry_seal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/msgpack.h"
#include "replication/format/entry_parts.h"

void unsealed_free(struct unsealed *unsealed)
{
    entry_list_free(&unsealed->list);
    buffer_free(&unsealed->plain);
    *unsealed = (struct unsealed){0};
}

enum seal_form { FORM_WHOLE = 1, FORM_LEFT, FORM_BARE };

enum { AT_MARK = 1, AT_WHOLE = AT_MARK + HASH_BYTES, AT_LEFT = AT_WHOLE + HASH_BYTES };

_Static_assert((int)SEALED_BYTES_LEAST == (int)AT_LEFT, "the shortest has nothing left in it");

bool entry_seal_is_left(struct span sealed)
{
    return sealed.size >= AT_LEFT && sealed.data[0] != FORM_WHOLE;
}

/* The hash of the seal as its author signed it. */
static struct hash hash_of_whole(struct span sealed)
{
    struct hash hash;
    if (!entry_seal_is_left(sealed))
        return hash_of(HASH_SEAL, SPAN(sealed.data + AT_WHOLE, sealed.size - AT_WHOLE));
    memcpy(hash.bytes, sealed.data + AT_WHOLE, HASH_BYTES);
    return hash;
}

/* A seal has more bytes than this text, and every other use of the context begins with a word. */
struct hash entry_seal_leaf(struct span sealed)
{
    uint8_t text[AT_LEFT] = {FORM_WHOLE};
    assert(sealed.size >= AT_LEFT);
    struct hash whole = hash_of_whole(sealed);
    memcpy(text + AT_MARK, sealed.data + AT_MARK, HASH_BYTES);
    memcpy(text + AT_WHOLE, whole.bytes, HASH_BYTES);
    return hash_of(HASH_SEAL, SPAN_OF_ARRAY(text));
}

struct hash entry_seal_mark(const uint8_t blind[static ENTRY_BLIND_BYTES],
                            const struct hash *digest)
{
    uint8_t text[16 + ENTRY_BLIND_BYTES] = "operation";
    memcpy(text + 16, blind, ENTRY_BLIND_BYTES);
    return hash_of_two(HASH_SEAL, SPAN_OF_ARRAY(text), SPAN_OF_ARRAY(digest->bytes));
}

struct hash entry_seal_bound(const uint8_t author_key[static KEY_BYTES], uint32_t epoch)
{
    static const uint8_t label[] = "author of entry"; /* 16 bytes with its end */
    uint8_t text[KEY_BYTES + 4];
    memcpy(text, author_key, KEY_BYTES);
    write_u32(text + KEY_BYTES, epoch);
    return hash_of_two(HASH_SEAL, SPAN_OF_ARRAY(label), SPAN_OF_ARRAY(text));
}

/* blind, clock, and a block's text with this entry alone; its digest. False: it has no room. */
static bool write_inside(const struct entry *entry, const uint8_t blind[static ENTRY_BLIND_BYTES],
                         const struct author_epoch *self,
                         const uint8_t author_key[static KEY_BYTES], struct buffer *plain,
                         struct hash *digest)
{
    assert(!entry_kind_of_stream(entry->kind) && entry->seal != ENTRY_SHUT);
    struct entry_writer *writer = entry_writer_new(self, author_key, entry->schema_version);
    bool added = entry_writer_add(writer, entry);
    if (added) {
        buffer_append(plain, blind, ENTRY_BLIND_BYTES);
        mp_write_uint(plain, entry->clock);
        entry_writer_finish(writer, plain);
        *digest = entry_writer_digests(writer)[0];
    }
    entry_writer_free(writer);
    return added;
}

bool entry_seal(const struct entry *entry, const struct author_epoch *self,
                const uint8_t author_key[static KEY_BYTES], const uint8_t (*readers)[KEY_BYTES],
                size_t count, const struct hash *seed, struct buffer *out)
{
    static const uint8_t label[16] = "blind", form = FORM_WHOLE;
    struct buffer plain = {0};
    size_t from = out->size;
    struct hash bound = entry_seal_bound(author_key, self->epoch);
    struct hash blind = hash_of_two(HASH_SEAL, SPAN_OF_ARRAY(label), SPAN_OF_ARRAY(seed->bytes));
    struct hash digest;
    bool made = write_inside(entry, blind.bytes, self, author_key, &plain, &digest);
    assert(made);
    struct hash mark = entry_seal_mark(blind.bytes, &digest);
    buffer_append(out, &form, 1);
    buffer_append(out, mark.bytes, HASH_BYTES);
    made = seal_make(span_of_buffer(&plain), &bound, readers, count, seed, out);
    if (!made)
        out->size = from;
    buffer_free(&plain);
    return made;
}

/* What proves of the rest that it is left of these bytes. */
static void write_head(struct span sealed, uint8_t form, struct buffer *out)
{
    struct hash whole = hash_of_whole(sealed);
    buffer_append(out, &form, 1);
    buffer_append(out, sealed.data + AT_MARK, HASH_BYTES);
    buffer_append(out, whole.bytes, HASH_BYTES);
}

bool entry_seal_left(const struct entry *left, const struct unsealed *was, struct span sealed,
                     const struct author_epoch *self, const uint8_t author_key[static KEY_BYTES],
                     const uint8_t (*readers)[KEY_BYTES], size_t count, const struct hash *seed,
                     struct buffer *out)
{
    const uint8_t form = readers == NULL ? FORM_BARE : FORM_LEFT;
    struct buffer plain = {0};
    size_t from = out->size;
    struct hash digest, bound = entry_seal_bound(author_key, self->epoch);
    bool made = write_inside(left, was->blind, self, author_key, &plain, &digest);
    assert(!made || hash_equal(&digest, &was->digest));
    write_head(sealed, form, out);
    if (made && readers == NULL)
        buffer_append_span(out, span_of_buffer(&plain));
    else if (made)
        made = seal_make(span_of_buffer(&plain), &bound, readers, count, seed, out);
    if (!made)
        out->size = from;
    buffer_free(&plain);
    return made;
}

void entry_seal_nothing(struct span sealed, struct buffer *out)
{
    write_head(sealed, FORM_LEFT, out);
}

/* What was sealed is hostile as anything: its author may be. */
static enum seal_answer decode(const struct author_epoch *self,
                               const uint8_t author_key[static KEY_BYTES], const struct hash *mark,
                               struct unsealed *unsealed)
{
    struct span plain = span_of_buffer(&unsealed->plain);
    struct entry_list *list = &unsealed->list;
    if (plain.size < ENTRY_BLIND_BYTES)
        return SEAL_BROKEN;
    memcpy(unsealed->blind, plain.data, ENTRY_BLIND_BYTES);
    struct mp_reader reader =
        mp_reader(SPAN(plain.data + ENTRY_BLIND_BYTES, plain.size - ENTRY_BLIND_BYTES));
    uint64_t clock = mp_read_uint_max(&reader, CLOCK_LIMIT - 1);
    struct span text = SPAN(reader.input.data + reader.at, reader.input.size - reader.at);
    if (reader.failed || entry_list_decode(text, self, clock, list, NULL) != ERR_OK)
        return SEAL_BROKEN;
    const struct entry *entry = &list->entries[0];
    if (list->count != 1 || entry->clock != clock || entry->seal != ENTRY_CLEAR ||
        entry_kind_of_stream(entry->kind))
        return SEAL_BROKEN;
    entry_list_digests(list, author_key, self->epoch, &unsealed->digest);
    struct hash found = entry_seal_mark(unsealed->blind, &unsealed->digest);
    return hash_equal(&found, mark) ? SEAL_OPENED : SEAL_BROKEN;
}

/* The seal in the bytes, or of bare ones the text; empty: neither. */
static struct span inside_of(struct span sealed, bool *bare, struct hash *mark)
{
    if (sealed.size < AT_LEFT || sealed.data[0] < FORM_WHOLE || sealed.data[0] > FORM_BARE)
        return SPAN_EMPTY;
    size_t from = sealed.data[0] == FORM_WHOLE ? AT_WHOLE : AT_LEFT;
    *bare = sealed.data[0] == FORM_BARE;
    memcpy(mark->bytes, sealed.data + AT_MARK, HASH_BYTES);
    return SPAN(sealed.data + from, sealed.size - from);
}

static enum seal_answer open_inside(struct span sealed, const struct author_epoch *self,
                                    const uint8_t author_key[static KEY_BYTES],
                                    const struct seal_key *key, const uint8_t *content_key,
                                    struct unsealed *unsealed)
{
    struct hash bound = entry_seal_bound(author_key, self->epoch), mark;
    bool bare = false;
    struct span inside = inside_of(sealed, &bare, &mark);
    enum seal_answer answer = inside.size > 0 ? SEAL_OPENED : SEAL_BROKEN;
    *unsealed = (struct unsealed){0};
    if (bare) {
        buffer_append_span(&unsealed->plain, inside);
    } else if (answer == SEAL_OPENED && key != NULL) {
        answer = seal_open(inside, &bound, key, &unsealed->plain, unsealed->content_key);
    } else if (answer == SEAL_OPENED && content_key != NULL) {
        memcpy(unsealed->content_key, content_key, SEAL_CONTENT_KEY_BYTES);
        answer = seal_open_with(inside, &bound, content_key, &unsealed->plain);
    }
    if (answer == SEAL_OPENED)
        answer = decode(self, author_key, &mark, unsealed);
    if (answer != SEAL_OPENED)
        unsealed_free(unsealed);
    return answer;
}

enum seal_answer entry_unseal(struct span sealed, const struct author_epoch *self,
                              const uint8_t author_key[static KEY_BYTES],
                              const struct seal_key *key, struct unsealed *unsealed)
{
    return open_inside(sealed, self, author_key, key, NULL, unsealed);
}

enum seal_answer entry_unseal_with(struct span sealed, const struct author_epoch *self,
                                   const uint8_t author_key[static KEY_BYTES],
                                   const uint8_t content_key[static SEAL_CONTENT_KEY_BYTES],
                                   struct unsealed *unsealed)
{
    return open_inside(sealed, self, author_key, NULL, content_key, unsealed);
}
