/* From the plain text of a block to absolute entries.
 *
 * Everything in the text is hostile until the block's signature holds, and that is known only
 * after the digests have been made from it: so every count is compared with what can stand in
 * the bytes before memory is asked for, and two allocations serve the whole list. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/msgpack.h"
#include "replication/format/entry_parts.h"
#include "replication/format/plain_block.h"

enum {
    AUTHOR_BYTES = KEY_ID_BYTES + 4,
    ENTRY_BYTES_LEAST = 6, /* an array of five one-byte values */
};

struct decoding {
    struct mp_reader reader;
    struct author_epoch self;
    struct author_epoch authors[BLOCK_AUTHORS_MAX];
    size_t author_count;
    uint64_t clock;  /* of the entry before */
    int64_t counter; /* of the last record of this author and epoch */
    struct dot *contexts;
    size_t context_count, context_capacity;
};

static bool same_author(const struct author_epoch *a, const struct author_epoch *b)
{
    return key_id_equal(a->author, b->author) && a->epoch == b->epoch;
}

static void read_authors(struct decoding *d)
{
    uint32_t count = mp_read_array(&d->reader);
    if (count > BLOCK_AUTHORS_MAX) {
        mp_fail(&d->reader);
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *bytes = mp_read_bin_of(&d->reader, AUTHOR_BYTES);
        if (bytes == NULL)
            return;
        memcpy(d->authors[i].author.bytes, bytes, KEY_ID_BYTES);
        d->authors[i].epoch = read_u32(bytes + KEY_ID_BYTES);
    }
    d->author_count = count;
}

/* A place in the table, from 1; NULL fails the reader. */
static const struct author_epoch *read_author(struct decoding *d)
{
    uint64_t place = mp_read_uint_max(&d->reader, d->author_count);
    if (d->reader.failed || place == 0) {
        mp_fail(&d->reader);
        return NULL;
    }
    return &d->authors[place - 1];
}

static void read_clock(struct decoding *d, struct entry *entry)
{
    int64_t difference = mp_read_int(&d->reader);
    int64_t clock = 0;
    if (__builtin_add_overflow((int64_t)d->clock, difference, &clock) || clock < 0 ||
        (uint64_t)clock >= CLOCK_LIMIT) {
        mp_fail(&d->reader);
        return;
    }
    entry->clock = d->clock = (uint64_t)clock;
}

static void read_own_record(struct decoding *d, struct entry *entry)
{
    int64_t difference = mp_read_int(&d->reader);
    int64_t counter = 0;
    if (__builtin_add_overflow(d->counter, difference, &counter) || counter < 1 ||
        counter > UINT32_MAX) {
        mp_fail(&d->reader);
        return;
    }
    d->counter = counter;
    entry->record = record_id_make(&d->self, (uint32_t)counter);
}

/* One form for each record: an own one never stands in the form with the table. */
static void read_other_record(struct decoding *d, struct entry *entry)
{
    uint32_t parts = mp_read_array(&d->reader);
    const struct author_epoch *author = read_author(d);
    uint64_t counter = mp_read_uint_max(&d->reader, UINT32_MAX);
    if (d->reader.failed || parts != 2 || counter == 0 || same_author(author, &d->self)) {
        mp_fail(&d->reader);
        return;
    }
    entry->record = record_id_make(author, (uint32_t)counter);
}

static void read_record(struct decoding *d, struct entry *entry)
{
    entry->has_record = entry->type != 0;
    if (!entry->has_record)
        mp_read_uint_max(&d->reader, 0);
    else if (mp_peek(&d->reader) == MP_ARRAY)
        read_other_record(d, entry);
    else
        read_own_record(d, entry);
}

struct span entry_read_body(struct mp_reader *reader, bool *hole, struct hash *hash)
{
    enum mp_kind kind = mp_peek(reader);
    struct span body = mp_read_any(reader);
    *hole = false;
    if (kind == MP_MAP || kind == MP_BIN)
        return body;
    struct mp_reader inside = mp_reader(body);
    uint32_t parts = kind == MP_ARRAY ? mp_read_array(&inside) : 0;
    if (parts == 1) {
        const uint8_t *bytes = mp_read_bin_of(&inside, HASH_BYTES);
        *hole = bytes != NULL;
        if (*hole)
            memcpy(hash->bytes, bytes, HASH_BYTES);
    } else if (parts == 2) {
        mp_read_bin_of(&inside, 16);
        if (mp_peek(&inside) != MP_MAP)
            mp_fail(&inside);
    } else {
        mp_fail(&inside);
    }
    if (inside.failed)
        mp_fail(reader);
    return body;
}

/* [bin32, map]: the hash of what it was, and what it is. */
static bool read_holed(struct decoding *d, struct entry *entry)
{
    struct mp_reader ahead = d->reader;
    const uint8_t *hash = mp_peek(&ahead) == MP_ARRAY && mp_read_array(&ahead) == 2
                              ? mp_read_bin_of(&ahead, HASH_BYTES)
                              : NULL;
    if (hash == NULL || mp_peek(&ahead) != MP_MAP)
        return false;
    memcpy(entry->body_hash.bytes, hash, HASH_BYTES);
    entry->body = mp_read_any(&ahead);
    entry->holed = true;
    d->reader = ahead;
    return true;
}

/* Only what is written about a record can be erased. */
static void read_body(struct decoding *d, struct entry *entry)
{
    if (entry->kind == ENTRY_CARRY && read_holed(d, entry))
        return;
    entry->body = entry_read_body(&d->reader, &entry->hole, &entry->body_hash);
    if (entry->hole) {
        entry->body = entry_no_body();
        if (entry_kind_known(entry->kind) && entry->kind != ENTRY_WRITE)
            mp_fail(&d->reader);
    } else if (!d->reader.failed) {
        entry->body_hash = entry_body_hash(entry->body);
    }
}

static struct dot *context_room(struct decoding *d, size_t more)
{
    size_t needed = d->context_count + more;
    if (needed > d->context_capacity) {
        d->context_capacity = needed + d->context_capacity;
        d->contexts = mem_resize(d->contexts, d->context_capacity * sizeof *d->contexts);
    }
    return d->contexts + d->context_count;
}

/* Pairs ascend by (author, epoch), which also makes them unique. */
static void read_context(struct decoding *d, struct entry *entry)
{
    uint32_t parts = mp_read_array(&d->reader);
    if (parts % 2 != 0 || parts / 2 > CONTEXT_PAIRS_MAX) {
        mp_fail(&d->reader);
        return;
    }
    if (parts == 0)
        return;
    struct dot *dots = context_room(d, parts / 2);
    for (uint32_t i = 0; i < parts / 2; i++) {
        const struct author_epoch *author = read_author(d);
        uint64_t n = mp_read_uint_max(&d->reader, UINT32_MAX);
        if (d->reader.failed || n == 0 || same_author(author, &d->self)) {
            mp_fail(&d->reader);
            return;
        }
        dots[i] = (struct dot){author->author, author->epoch, (uint32_t)n};
        if (i > 0 && dot_compare(&dots[i - 1], &dots[i]) >= 0) {
            mp_fail(&d->reader);
            return;
        }
    }
    entry->context_count = parts / 2;
    d->context_count += parts / 2;
}

/* What has its default is left out, unless something that is not stands behind it. */
static void read_history(struct decoding *d, struct entry *entry, uint32_t parts)
{
    entry->n = 1;
    if (parts > ENTRY_PARTS_LEAST)
        entry->n = (uint32_t)mp_read_uint_max(&d->reader, UINT32_MAX);
    if (parts > ENTRY_PARTS_LEAST + 1)
        read_context(d, entry);
    bool alone = parts == ENTRY_PARTS_LEAST + 1;
    if (entry->n == 0 || (alone && entry->n == 1) ||
        (parts == ENTRY_PARTS_KNOWN && entry->context_count == 0))
        mp_fail(&d->reader);
    if (entry_kind_of_stream(entry->kind) && (entry->n != 1 || entry->context_count != 0))
        mp_fail(&d->reader);
}

static void read_further(struct decoding *d, struct entry *entry, uint32_t parts)
{
    size_t from = d->reader.at;
    for (uint32_t i = ENTRY_PARTS_KNOWN; i < parts && !d->reader.failed; i++)
        mp_read_any(&d->reader);
    if (!d->reader.failed && parts > ENTRY_PARTS_KNOWN) {
        entry->further = SPAN(d->reader.input.data + from, d->reader.at - from);
        entry->strange = true;
    }
}

static void read_sealed(struct decoding *d, struct entry *entry)
{
    entry->sealed = mp_read_bin(&d->reader);
    entry->kind = ENTRY_SEALED;
    entry->seal = ENTRY_SHUT;
    entry->clock = d->clock;
    if (entry->sealed.size < SEALED_BYTES_LEAST || entry->sealed.size > SEALED_BYTES_MAX)
        mp_fail(&d->reader);
}

static void read_entry(struct decoding *d, struct entry *entry)
{
    size_t from = d->reader.at;
    if (mp_peek(&d->reader) == MP_BIN) {
        read_sealed(d, entry);
        return;
    }
    uint32_t parts = mp_read_array(&d->reader);
    if (parts < ENTRY_PARTS_LEAST) {
        mp_fail(&d->reader);
        return;
    }
    entry->kind = (uint8_t)mp_read_uint_max(&d->reader, UINT8_MAX);
    entry->type = (uint16_t)mp_read_uint_max(&d->reader, UINT16_MAX);
    entry->strange = !entry_kind_known(entry->kind);
    if (!entry->strange && (entry->type == 0) != entry_kind_of_stream(entry->kind))
        mp_fail(&d->reader);
    read_clock(d, entry);
    read_record(d, entry);
    read_body(d, entry);
    read_history(d, entry, parts);
    read_further(d, entry, parts);
    size_t size = d->reader.at - from;
    size_t most = entry->kind == ENTRY_CARRY    ? CARRY_BYTES_MAX
                  : entry->kind == ENTRY_STRIKE ? STRIKE_BYTES_MAX
                                                : ENTRY_BYTES_MAX;
    if (size > most + (entry->holed ? BLOCK_ENTRIES_USUAL * ENTRY_HOLE_BYTES : 0))
        mp_fail(&d->reader);
}

/* The contexts' memory may have moved while it grew: entries get their part of it at the end. */
static void hand_out_contexts(struct decoding *d, struct entry_list *list)
{
    size_t used = 0;
    for (size_t i = 0; i < list->count; i++) {
        struct entry *entry = &list->entries[i];
        entry->context = entry->context_count == 0 ? NULL : d->contexts + used;
        used += entry->context_count;
    }
    assert(used == d->context_count);
    list->contexts = d->contexts;
}

static enum error_code fail(struct error *error, const char *why)
{
    return error_set(error, ERR_MALFORMED, "the entries of a block", "%s", why);
}

enum error_code entry_list_decode(struct span plain, const struct author_epoch *self,
                                  uint64_t clock, struct entry_list *list, struct error *error)
{
    struct decoding d = {.reader = mp_reader(plain), .self = *self, .clock = clock};
    *list = (struct entry_list){0};
    if (clock >= CLOCK_LIMIT)
        return fail(error, "the block's clock is past the year 10000");
    uint32_t version = (uint32_t)mp_read_uint_max(&d.reader, UINT32_MAX);
    read_authors(&d);
    uint64_t count = mp_read_uint_max(&d.reader, BLOCK_ENTRIES_MAX);
    if (d.reader.failed || count == 0)
        return fail(error, "expected a schema version, authors and 1 to 1,024 entries");
    if (count * ENTRY_BYTES_LEAST > plain.size - d.reader.at)
        return fail(error, "it says more entries than can stand in its bytes");
    list->schema_version = version;
    list->count = count;
    list->entries = mem_alloc(count * sizeof *list->entries);
    for (size_t i = 0; i < count && !d.reader.failed; i++) {
        list->entries[i].schema_version = version;
        read_entry(&d, &list->entries[i]);
    }
    mp_read_end(&d.reader);
    if (d.reader.failed) {
        free(d.contexts);
        entry_list_free(list);
        return fail(error, "an entry is not in its form, or something is left after the last");
    }
    hand_out_contexts(&d, list);
    return ERR_OK;
}

bool entry_decode_at(struct span plain, const struct author_epoch *self,
                     const struct entry_mark *mark, struct entry_list *one)
{
    struct decoding d = {
        .reader = mp_reader(plain), .self = *self, .clock = mark->clock, .counter = mark->counter};
    *one = (struct entry_list){.count = 1};
    one->schema_version = (uint32_t)mp_read_uint_max(&d.reader, UINT32_MAX);
    read_authors(&d);
    if (d.reader.failed || mark->at < d.reader.at || mark->at > plain.size)
        return false;
    d.reader.at = mark->at;
    one->entries = mem_alloc(sizeof *one->entries);
    one->entries->schema_version = one->schema_version;
    read_entry(&d, one->entries);
    if (d.reader.failed) {
        free(d.contexts);
        entry_list_free(one);
        return false;
    }
    hand_out_contexts(&d, one);
    return true;
}
