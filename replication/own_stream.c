/* The streams that this node writes: one open stream for each audience. Entries gather in a
 * writer while a batch goes on; the block is signed when the batch closes, or when it is full. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "replication/erase.h"

void own_stream_free(struct own_stream *stream)
{
    entry_writer_free(stream->writer);
    buffer_free(&stream->open);
    free(stream);
}

/* The row is written from memory, never from what the store says of it. */
static void write_row(struct step *step, const struct own_stream *stream, bool closed,
                      struct stream_row *row)
{
    enum error_code code = stream_open_decode(span_of_buffer(&stream->open), &row->open, NULL);
    assert(code == ERR_OK);
    (void)code;
    row->head = stream->head;
    row->closed = closed;
    stream_row_write(step->updates, &stream->id, row);
}

/* Whom a stream is for, in one hash: class, way, whose keys read it. */
static struct hash print_of(const struct stream_open *open)
{
    struct stream_open of = *open;
    struct buffer bytes = {0};
    of.continues = of.has_instance = false;
    of.epoch_count = 0;
    stream_open_encode(&of, &bytes);
    struct hash print = hash_of(HASH_SEAL, span_of_buffer(&bytes));
    buffer_free(&bytes);
    return print;
}

void own_stream_describe(struct own_stream *stream, const struct stream_open *open)
{
    stream->class = open->class;
    stream->holders = open->holders;
    stream->sealed = open->sealed_to[0] != '\0';
    memcpy(stream->reader, open->sealed_to, sizeof stream->reader);
    stream->print = print_of(open);
    stream_open_encode(open, &stream->open);
}

struct known_epochs {
    struct stream_open *open;
    uint32_t own;
};

static void note_epoch(void *context, uint32_t epoch)
{
    struct known_epochs *known = context;
    if (epoch != known->own && known->open->epoch_count < HOLDERS_MAX)
        known->open->epochs[known->open->epoch_count++] = epoch;
}

/* What a stream for this audience is, but for what it says of its epoch. */
static void fill_open(struct replica *replica, const struct audience *audience,
                      struct stream_open *open)
{
    memset(open, 0, sizeof *open);
    open->class = audience->class;
    open->holders = audience->holders;
    open->tier = audience->tier;
    open->seat_count = audience->seat_count;
    for (size_t i = 0; i < audience->seat_count; i++)
        memcpy(open->seats[i], audience->seats[i], strlen(audience->seats[i]) + 1);
    if (audience->sealed_to == NULL)
        return;
    const uint8_t(*keys)[KEY_BYTES];
    size_t count = seal_readers(replica, audience->sealed_to, &keys);
    memcpy(open->sealed_to, audience->sealed_to, strlen(audience->sealed_to) + 1);
    open->reader_count = (uint8_t)count;
    for (size_t i = 0; i < count; i++)
        open->readers[i] = key_id_of(keys[i]);
}

static void tell_of_epoch(struct step *step, struct stream_open *open)
{
    struct replica *replica = step->replica;
    struct known_epochs known = {open, replica->self.epoch};
    who_each_epoch(step->view, replica->key_id, &known, note_epoch);
    open->has_instance = true;
    memcpy(open->instance, replica->options.instance, sizeof open->instance);
}

static struct entry entry_about_stream(struct step *step, uint8_t kind, struct span body)
{
    return (struct entry){
        .kind = kind,
        .clock = step->wall_ms,
        .n = 1,
        .body = body,
        .body_hash = entry_body_hash(body),
    };
}

/* A new stream begins with its `open` entry, which names everything it is. */
static struct own_stream *own_stream_open(struct step *step, struct stream_row *row)
{
    struct replica *replica = step->replica;
    assert(replica->next_stream >= 1 && replica->next_stream <= STREAM_NUMBER_MAX);
    struct own_stream *stream = mem_alloc(sizeof *stream);
    stream->id = (struct stream_id){replica->self.author, replica->self.epoch,
                                    (uint16_t)replica->next_stream++};
    stream->next = replica->own_streams;
    replica->own_streams = stream;
    if (stream->id.number == 1)
        tell_of_epoch(step, &row->open);
    own_stream_describe(stream, &row->open);
    write_row(step, stream, false, row);
    struct entry entry = entry_about_stream(step, ENTRY_OPEN, span_of_buffer(&stream->open));
    own_stream_add(step, stream, &entry, NULL);
    updates_trace(step->updates, "open %s", label_stream(replica->tree, &stream->id).text);
    return stream;
}

void own_stream_close(struct step *step, struct own_stream *stream)
{
    static const uint8_t empty_map[] = {0x80};
    struct entry entry = entry_about_stream(step, ENTRY_CLOSE, SPAN_OF_ARRAY(empty_map));
    own_stream_add(step, stream, &entry, NULL);
    own_stream_sign(step, stream);
    struct stream_row *row = mem_alloc(sizeof *row);
    write_row(step, stream, true, row);
    updates_trace(step->updates, "close %s at %u",
                  label_stream(step->replica->tree, &stream->id).text, stream->head.seq);
    struct own_stream **link = &step->replica->own_streams;
    while (*link != stream)
        link = &(*link)->next;
    *link = stream->next;
    own_stream_free(stream);
    free(row);
}

static uint32_t next_seq(const struct own_stream *stream)
{
    return stream->head.seq +
           (stream->writer == NULL ? 0 : (uint32_t)entry_writer_count(stream->writer));
}

struct own_stream *own_stream_for(struct step *step, const struct audience *audience)
{
    struct own_stream *stream = step->replica->own_streams;
    struct stream_row *row = mem_alloc(sizeof *row);
    fill_open(step->replica, audience, &row->open);
    struct hash print = print_of(&row->open);
    while (stream != NULL && !hash_equal(&stream->print, &print))
        stream = stream->next;
    uint32_t most = tuning_or(step->replica->options.tuning.stream_entries_max, STREAM_ENTRIES_MAX);
    if (stream != NULL && next_seq(stream) + 1 >= most) { /* room for the close entry */
        own_stream_close(step, stream);
        stream = NULL;
    }
    if (stream == NULL)
        stream = own_stream_open(step, row);
    free(row);
    return stream;
}

static uint32_t schema_version(const struct replica *replica)
{
    const struct schema *schema = tree_schema(replica->tree);
    return schema == NULL ? 0 : schema->version;
}

static uint32_t last_added(const struct own_stream *stream, const struct hash **digest)
{
    size_t count = entry_writer_count(stream->writer);
    if (digest != NULL)
        *digest = &entry_writer_digests(stream->writer)[count - 1];
    return next_seq(stream) - 1;
}

/* What is sealed to the end is sealed to this seat too (A4): what was lost comes back readable. */
static void seal_entry(struct step *step, const struct own_stream *stream,
                       const struct entry *entry, struct buffer *sealed)
{
    struct replica *replica = step->replica;
    const uint8_t(*keys)[KEY_BYTES];
    size_t count = seal_readers(replica, stream->reader, &keys);
    struct hash digest = entry_digest(entry, replica->options.signing_key, replica->self.epoch);
    struct hash seed = replica_seed(replica, &digest);
    bool made =
        entry_seal(entry, &replica->self, replica->options.signing_key, keys, count, &seed, sealed);
    assert(made); /* seal_readers gives none that can't be */
    (void)made;
}

static bool add_to_writer(struct own_stream *stream, const struct entry *entry, struct span sealed)
{
    return sealed.size > 0 ? entry_writer_add_sealed(stream->writer, entry, sealed)
                           : entry_writer_add(stream->writer, entry);
}

uint32_t own_stream_add(struct step *step, struct own_stream *stream, const struct entry *entry,
                        const struct hash **digest)
{
    struct replica *replica = step->replica;
    struct entry dated = *entry;
    struct buffer sealed = {0};
    uint32_t most = tuning_or(replica->options.tuning.block_entries, BLOCK_ENTRIES_USUAL);
    if (dated.schema_version == 0) /* what goes again says what it said first */
        dated.schema_version = schema_version(replica);
    if (stream->sealed && !entry_kind_of_stream(entry->kind))
        seal_entry(step, stream, &dated, &sealed);
    struct span bytes = span_of_buffer(&sealed);
    bool added = stream->writer != NULL && entry_writer_count(stream->writer) < most &&
                 add_to_writer(stream, &dated, bytes);
    if (!added) {
        own_stream_sign(step, stream);
        stream->writer =
            entry_writer_new(&replica->self, replica->options.signing_key, dated.schema_version);
        added = add_to_writer(stream, &dated, bytes);
    }
    assert(added);
    buffer_free(&sealed);
    return last_added(stream, digest);
}

void own_stream_sign(struct step *step, struct own_stream *stream)
{
    struct replica *replica = step->replica;
    if (stream->writer == NULL)
        return;
    struct prepared_block block;
    struct buffer stored = {0};
    block_make(stream->writer, &replica->options.tree_id, &stream->id, &stream->head,
               replica->options.signing_key, replica->options.signing_secret,
               replica->options.verifier, &block);
    block_write(&block, BLOCK_STORED, &stream->head, &stored);
    erase_and_store(step, &stream->id, block.header.seq, span_of_buffer(&stored));
    uint32_t from = stream->head.seq;
    stream->head = (struct stream_head){
        .seq = from + block.header.count,
        .hash = block.hash,
        .clock = block.header.clock,
    };
    entry_writer_free(stream->writer);
    stream->writer = NULL;

    struct stream_row *row = mem_alloc(sizeof *row);
    write_row(step, stream, false, row);
    updates_trace(step->updates, "sign %s %u..%u", label_stream(replica->tree, &stream->id).text,
                  from, stream->head.seq);
    cursors_head_moved(step, &stream->id, row, NULL);
    arrival_put(step, &stream->id, from, block.header.count);
    updates_set_signs(step->updates);
    replica->self_dirty = true;
    if (row->open.holders != HOLDERS_SELF)
        replica->heads_changed = true;
    prepared_block_free(&block);
    buffer_free(&stored);
    free(row);
}

void own_streams_sign_all(struct step *step)
{
    for (struct own_stream *stream = step->replica->own_streams; stream != NULL;
         stream = stream->next)
        own_stream_sign(step, stream);
}
