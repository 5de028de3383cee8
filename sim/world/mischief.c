/* Each kind is made from parts that the core itself offers, put together wrongly. */
#include "sim/world/mischief.h"

#include <assert.h>
#include <string.h>

#include "replication/format/note.h"

/* Message types of formats.md 6, as on the wire. */
enum { WIRE_BLOCK = 8, WIRE_STATEMENT = 11 };
/* A stream that is refused is not looked at again in its session, so each gets a number of its own.
 */
enum { STREAM_NUMBER_MIN = 60000, EPOCH = 0x7fff0001 };
enum { FORM = BLOCK_HAS_STREAM | BLOCK_HAS_PLACE | BLOCK_HAS_CLOCK };

const char *mischief_name(enum mischief mischief)
{
    static const char *const names[] = {
#define X(name) #name,
        MISCHIEF_LIST(X)
#undef X
    };
    return names[mischief];
}

struct making {
    struct world *world;
    const struct county *county;
    size_t from, to; /* seats */
    uint16_t number; /* of the stream */
    uint8_t key[KEY_BYTES];
    const uint8_t *secret;
    struct prepared_block block;
};

static void add_entry(struct entry_writer *writer, uint8_t kind, const struct making *making,
                      struct span body)
{
    struct author_epoch author = {key_id_of(making->key), EPOCH};
    struct entry entry = {
        .kind = kind,
        .type = kind == ENTRY_WRITE ? 2 : 0,
        .clock = world_wall_ms(making->world),
        .schema_version = 1,
        .has_record = kind == ENTRY_WRITE,
        .n = 1,
        .body = body,
        .body_hash = entry_body_hash(body),
    };
    if (kind == ENTRY_WRITE)
        entry.record = record_id_make(&author, 1);
    bool added = entry_writer_add(writer, &entry);
    assert(added);
    (void)added;
}

/* The first block of a stream between the two ends, or of the author's own, with one record. */
static void make_block(struct making *making, bool own_only, const char *text)
{
    struct author_epoch author = {key_id_of(making->key), EPOCH};
    struct stream_id stream = {author.author, EPOCH, making->number};
    struct stream_head start = {0};
    struct stream_open open = {.class = CLASS_NORMAL, .seat_count = own_only ? 0 : 2};
    struct buffer body = {0};
    open.holders = own_only ? HOLDERS_SELF : HOLDERS_PATH;
    if (!own_only) {
        memcpy(open.seats[0], making->county->seats[making->from].code, sizeof open.seats[0]);
        memcpy(open.seats[1], making->county->seats[making->to].code, sizeof open.seats[1]);
    }
    struct entry_writer *writer = entry_writer_new(&author, making->key, 1);
    stream_open_encode(&open, &body);
    add_entry(writer, ENTRY_OPEN, making, span_of_buffer(&body));
    buffer_clear(&body);
    mp_write_map(&body, 1);
    mp_write_uint(&body, 1);
    mp_write_text(&body, text);
    add_entry(writer, ENTRY_WRITE, making, span_of_buffer(&body));
    block_make(writer, &making->county->tree_id, &stream, &start, making->key, making->secret, NULL,
               &making->block);
    entry_writer_free(writer);
    buffer_free(&body);
}

static void write_block(struct making *making, struct buffer *body)
{
    struct stream_head start = {0};
    block_write(&making->block, FORM, &start, body);
    prepared_block_free(&making->block);
}

static void make_altered(struct making *making, struct buffer *body)
{
    uint8_t signature[SIGNATURE_BYTES];
    make_block(making, false, "true");
    memcpy(signature, making->block.signature, sizeof signature);
    prepared_block_free(&making->block);
    make_block(making, false, "false");
    memcpy(making->block.signature, signature, sizeof signature);
    write_block(making, body);
}

static void make_garbage(struct making *making, struct buffer *body)
{
    uint8_t bytes[200];
    prng_fill(world_prng(making->world), bytes, sizeof bytes);
    bytes[0] |= 192; /* a codec that there isn't: nothing that might be a block of a later place */
    buffer_append(body, bytes, prng_between(world_prng(making->world), 1, sizeof bytes));
}

/* In the name of the receiver itself or, every other time, of the one above it. */
static void make_forged(struct making *making, struct buffer *body)
{
    size_t author = making->to, above = world_parent(making->world, making->to);
    if (above != making->from && prng_chance(world_prng(making->world), 500))
        author = above;
    memcpy(making->key, making->county->seats[author].signing_key, KEY_BYTES);
    make_block(making, false, "forged");
    write_block(making, body);
}

static void make_unknown(struct making *making, struct buffer *body)
{
    uint8_t seed[32], secret[SECRET_BYTES];
    prng_fill(world_prng(making->world), seed, sizeof seed);
    sign_key_pair(seed, making->key, secret);
    making->secret = secret;
    make_block(making, false, "nobody");
    write_block(making, body);
}

static void make_note(struct making *making, struct buffer *body)
{
    struct heads_statement statement = {
        .head = {key_id_of(making->county->seats[making->from].signing_key), EPOCH, 1},
        .clock_ms = world_wall_ms(making->world),
    };
    statement_encode(&statement, body);
    note_sign(body, HASH_HEADS, &making->county->tree_id,
              making->county->seats[making->to].signing_secret, NULL);
}

static void make_body(struct making *making, enum mischief mischief, struct buffer *body)
{
    switch (mischief) {
    case MISCHIEF_GARBAGE: make_garbage(making, body); break;
    case MISCHIEF_FORGED_BLOCK: make_forged(making, body); break;
    case MISCHIEF_ALTERED_BLOCK: make_altered(making, body); break;
    case MISCHIEF_UNKNOWN_KEY: make_unknown(making, body); break;
    case MISCHIEF_NOT_ALLOWED:
        make_block(making, true, "own only");
        write_block(making, body);
        break;
    case MISCHIEF_FORGED_NOTE: make_note(making, body); break;
    case MISCHIEF_COUNT: assert(false);
    }
}

bool mischief_make(struct world *world, enum mischief mischief, size_t child, bool to_parent)
{
    const struct county *county = world_county(world);
    size_t parent = world_parent(world, child);
    struct making making = {.world = world, .county = county};
    making.number = (uint16_t)prng_between(world_prng(world), STREAM_NUMBER_MIN, STREAM_NUMBER_MAX);
    making.from = to_parent ? child : parent;
    making.to = to_parent ? parent : child;
    making.secret = county->seats[making.from].signing_secret;
    memcpy(making.key, county->seats[making.from].signing_key, KEY_BYTES);
    struct buffer body = {0};
    bool is_note = mischief == MISCHIEF_FORGED_NOTE;
    if (!is_note)
        mp_write_uint(&body, world_next_handle(world, child, to_parent));
    make_body(&making, mischief, &body);
    bool sent = world_inject(world, child, to_parent, is_note ? CHANNEL_CONTROL : CHANNEL_NORMAL,
                             is_note ? WIRE_STATEMENT : WIRE_BLOCK, span_of_buffer(&body));
    buffer_free(&body);
    return sent;
}
