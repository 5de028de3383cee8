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

/* The sealed bytes begin with their version, so no other use of the context has this text. */
struct hash entry_seal_leaf(struct span sealed)
{
    return hash_of(HASH_SEAL, sealed);
}

struct hash entry_seal_bound(const uint8_t author_key[static KEY_BYTES], uint32_t epoch)
{
    static const uint8_t label[] = "author of entry"; /* 16 bytes with its end */
    uint8_t text[KEY_BYTES + 4];
    memcpy(text, author_key, KEY_BYTES);
    write_u32(text + KEY_BYTES, epoch);
    return hash_of_two(HASH_SEAL, SPAN_OF_ARRAY(label), SPAN_OF_ARRAY(text));
}

bool entry_seal(const struct entry *entry, const struct author_epoch *self,
                const uint8_t author_key[static KEY_BYTES], const uint8_t (*readers)[KEY_BYTES],
                size_t count, const struct hash *seed, struct buffer *out)
{
    assert(!entry_kind_of_stream(entry->kind) && entry->seal != ENTRY_SHUT);
    struct buffer plain = {0};
    struct hash bound = entry_seal_bound(author_key, self->epoch);
    struct entry_writer *writer = entry_writer_new(self, author_key, entry->schema_version);
    bool added = entry_writer_add(writer, entry);
    assert(added);
    (void)added;
    mp_write_uint(&plain, entry->clock);
    entry_writer_finish(writer, &plain);
    entry_writer_free(writer);
    bool made = seal_make(span_of_buffer(&plain), &bound, readers, count, seed, out);
    buffer_free(&plain);
    return made;
}

/* What was sealed is hostile as anything: its author may be. */
static enum seal_answer decode(const struct author_epoch *self,
                               const uint8_t author_key[static KEY_BYTES],
                               struct unsealed *unsealed)
{
    struct mp_reader reader = mp_reader(span_of_buffer(&unsealed->plain));
    uint64_t clock = mp_read_uint_max(&reader, CLOCK_LIMIT - 1);
    struct span text = SPAN(reader.input.data + reader.at, reader.input.size - reader.at);
    struct entry_list *list = &unsealed->list;
    if (reader.failed || entry_list_decode(text, self, clock, list, NULL) != ERR_OK)
        return SEAL_BROKEN;
    const struct entry *entry = &list->entries[0];
    if (list->count != 1 || entry->clock != clock || entry->seal != ENTRY_CLEAR || entry->hole ||
        entry_kind_of_stream(entry->kind))
        return SEAL_BROKEN;
    entry_list_digests(list, author_key, self->epoch, &unsealed->digest);
    return SEAL_OPENED;
}

enum seal_answer entry_unseal(struct span sealed, const struct author_epoch *self,
                              const uint8_t author_key[static KEY_BYTES],
                              const struct seal_key *key, struct unsealed *unsealed)
{
    struct hash bound = entry_seal_bound(author_key, self->epoch);
    *unsealed = (struct unsealed){0};
    enum seal_answer answer =
        seal_open(sealed, &bound, key, &unsealed->plain, unsealed->content_key);
    if (answer == SEAL_OPENED)
        answer = decode(self, author_key, unsealed);
    if (answer != SEAL_OPENED)
        unsealed_free(unsealed);
    return answer;
}

enum seal_answer entry_unseal_with(struct span sealed, const struct author_epoch *self,
                                   const uint8_t author_key[static KEY_BYTES],
                                   const uint8_t content_key[static SEAL_CONTENT_KEY_BYTES],
                                   struct unsealed *unsealed)
{
    struct hash bound = entry_seal_bound(author_key, self->epoch);
    *unsealed = (struct unsealed){0};
    memcpy(unsealed->content_key, content_key, SEAL_CONTENT_KEY_BYTES);
    enum seal_answer answer = seal_open_with(sealed, &bound, content_key, &unsealed->plain);
    if (answer == SEAL_OPENED)
        answer = decode(self, author_key, unsealed);
    if (answer != SEAL_OPENED)
        unsealed_free(unsealed);
    return answer;
}
