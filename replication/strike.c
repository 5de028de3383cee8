/* Strikes: what is sealed is dropped by those who can't read it, too (rules.md B97).
 *
 *     author of the sealed stream          who passes it on, and who reads it
 *     something in it is erased  ------>   strike, clear, in the same stream or along its way:
 *                                          what is left of each sealed entry, sealed as well
 *                                     ->   rows 'S', by leaf
 *                                     ->   row 'X': the stored blocks are looked through
 *                                     ->   a copy that comes later is filtered by them
 *
 * A strike counts where its author's seat is the one whose stream it is: nobody strikes out what
 * others have written. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "replication/carry.h"
#include "replication/erase.h"
#include "replication/format/block_parts.h"
#include "replication/format/entry_parts.h"

/* ---- a body: {1: [what is left, as it stands in the stream, ...]} ---- */

enum { STRIKE_LEFT = 1 };

static bool read_strike(struct span body, struct mp_reader *list, uint32_t *count)
{
    struct mp_reader reader = mp_reader(body);
    struct mp_fields fields = mp_fields(&reader);
    *count = 0;
    for (int32_t key; mp_field(&reader, &fields, &key);) {
        if (key == STRIKE_LEFT) {
            *count = mp_read_array(&reader);
            *list = reader;
            for (uint32_t i = 0; i < *count && !reader.failed; i++) {
                struct span left = mp_read_bin(&reader);
                if (left.size < SEALED_BYTES_LEAST || !entry_seal_is_left(left))
                    mp_fail(&reader);
            }
        } else {
            mp_read_any(&reader);
            if (key < 0)
                mp_fail(&reader);
        }
    }
    mp_read_end(&reader);
    return !reader.failed && *count > 0;
}

static void write_strike(struct span lefts, uint32_t count, struct buffer *body)
{
    mp_write_map(body, 1);
    mp_write_uint(body, STRIKE_LEFT);
    mp_write_array(body, count);
    buffer_append_span(body, lefts);
}

/* ---- what a strike does here ---- */

enum outcome strike_take(struct step *step, const struct located_entry *located)
{
    struct entry_place place = located_place(located);
    struct mp_reader list;
    uint32_t count, news = 0;
    if (!read_strike(located->entry->body, &list, &count))
        return quarantine_entry(step, located, ERR_MALFORMED, "a strike that isn't in its form")
                   ? OUTCOME_SETTLED
                   : OUTCOME_KNOWN;
    for (uint32_t i = 0; i < count; i++) {
        struct hash leaf = entry_seal_leaf(mp_read_bin(&list));
        news += struck_row_put(step->updates, &leaf, located->entry->clock, &place, (uint16_t)i);
    }
    if (news > 0)
        erase_look(step);
    updates_trace(step->updates, "strike %u, by %s", news,
                  label_stream(step->replica->tree, &place.stream).text);
    return news > 0 ? OUTCOME_SETTLED : OUTCOME_KNOWN;
}

/* The element of that strike; it lives in `held`. */
static bool read_left(struct step *step, const struct struck_row *row, const struct hash *leaf,
                      struct buffer *held)
{
    struct prepared_block block;
    struct mp_reader list;
    uint32_t count;
    bool found = false;
    if (block_row_open(step->view, step->replica->tree, &row->place.stream, row->place.seq,
                       &block) != ERR_OK)
        return false;
    uint32_t at = row->place.seq - block.header.seq;
    if (!block.opaque && block.list.entries[at].kind == ENTRY_STRIKE &&
        read_strike(block.list.entries[at].body, &list, &count) && row->index < count) {
        for (uint32_t i = 0; i < row->index; i++)
            mp_read_bin(&list);
        struct span left = mp_read_bin(&list);
        struct hash of = entry_seal_leaf(left);
        found = hash_equal(&of, leaf);
        buffer_clear(held);
        if (found)
            buffer_append_span(held, left);
    }
    prepared_block_free(&block);
    return found;
}

static bool same_seat(const struct tree *tree, struct key_id a, struct key_id b)
{
    const struct author *one = tree_author(tree, a), *other = tree_author(tree, b);
    return key_id_equal(a, b) || (one != NULL && other != NULL && one->seat == other->seat);
}

bool strike_left(struct step *step, struct key_id author, const struct hash *leaf,
                 struct buffer *held)
{
    struct struck_row row, best = {.clock = 0};
    bool any = false;
    for (uint32_t cursor = 0; struck_row_next(step->view, leaf, &cursor, &row);) {
        if (same_seat(step->replica->tree, author, row.place.stream.author) &&
            (!any || row.clock >= best.clock)) {
            best = row;
            any = true;
        }
    }
    return any && read_left(step, &best, leaf, held);
}

/* ---- what is written by the author of a sealed stream ---- */

struct striking {
    struct step *step;
    const struct stream_id *stream;
    const struct stream_open *open;
    const struct block_erasing *erasing;
    struct buffer lefts;
    uint32_t count;
};

/* The keys that read it now: those of whom it was sealed to, or at least our own. */
static size_t readers_of(struct striking *striking, const uint8_t (**keys)[KEY_BYTES])
{
    struct replica *replica = striking->step->replica;
    size_t count = seal_readers(replica, striking->open->sealed_to, keys);
    if (count == 0)
        *keys = (const uint8_t(*)[KEY_BYTES])replica->options.seal.public_key;
    return count == 0 ? 1 : count;
}

/* The entry that is in the seal, as it stays. False: all of it stays. */
static bool make_left(struct striking *striking, const struct entry *entry,
                      const struct hash *digest, struct entry *left, struct buffer *body)
{
    struct span rest;
    *left = *entry;
    left->seal = ENTRY_CLEAR;
    left->sealed = SPAN_EMPTY;
    if (entry->kind == ENTRY_CARRY && !entry->strange) {
        left->holed = true;
        bool some = carry_erase(entry->body, striking->erasing, body) > 0;
        left->body = span_of_buffer(body);
        return some;
    }
    left->hole = true;
    left->body = entry_no_body();
    return !entry->hole && erased_row_read(striking->step->view, entry, digest, &rest);
}

/* The next block's worth of them into one stream. */
static void append_strike(struct striking *striking, struct own_stream *own, struct span body)
{
    struct step *step = striking->step;
    struct entry entry = {
        .kind = ENTRY_STRIKE,
        .clock = step->wall_ms,
        .n = 1,
        .body = body,
        .body_hash = entry_body_hash(body),
    };
    struct located_entry located = {.author = step->replica->self,
                                    .stream = own->id.number,
                                    .entry = &entry,
                                    .made_here = true};
    located.seq = own_stream_add(step, own, &entry, &located.digest);
    own_stream_sign(step, own);
    step->replica->self_dirty = true;
    strike_take(step, &located);
}

static bool is_covered(const char (*told)[SEAT_BYTES_MAX + 1], size_t count, const char *seat)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(told[i], seat) == 0)
            return true;
    }
    return false;
}

/* Its stream is still ours to write, or has ended: then those who hold it are told along the ways
 * of now, which may be others. */
static void tell_holders(struct striking *striking, struct span body)
{
    struct step *step = striking->step;
    const struct tree *tree = step->replica->tree;
    struct own_stream *own = step->replica->own_streams;
    char told[2 * HOLDERS_MAX][SEAT_BYTES_MAX + 1];
    size_t count = 0;
    while (own != NULL && stream_id_compare(&own->id, striking->stream) != 0)
        own = own->next;
    if (own != NULL) {
        append_strike(striking, own, body);
        return;
    }
    for (size_t i = striking->open->seat_count; i-- > 0;) {
        const struct seat *end = tree_seat(tree, span_of_text(striking->open->seats[i]));
        const struct seat *way[HOLDERS_MAX];
        struct audience to = {.class = striking->open->class, .holders = HOLDERS_PATH};
        if (end == NULL || end == own_seat(step->replica) ||
            is_covered((const char(*)[SEAT_BYTES_MAX + 1]) told, count, end->row.seat) ||
            count >= HOLDERS_MAX)
            continue;
        size_t length = seat_path_between(own_seat(step->replica), end, way);
        for (size_t k = 0; k < length; k++) {
            to.seats[to.seat_count++] = way[k]->row.seat;
            memcpy(told[count++], way[k]->row.seat, sizeof told[0]);
        }
        if (length > 1)
            append_strike(striking, own_stream_for(step, &to), body);
    }
}

static void tell(struct striking *striking)
{
    struct buffer body = {0};
    if (striking->count == 0)
        return;
    write_strike(span_of_buffer(&striking->lefts), striking->count, &body);
    tell_holders(striking, span_of_buffer(&body));
    buffer_clear(&striking->lefts);
    striking->count = 0;
    buffer_free(&body);
}

static void strike_entry(struct striking *striking, const struct prepared_block *block, size_t at)
{
    struct step *step = striking->step;
    const struct entry *entry = &block->list.entries[at];
    const struct author_epoch self = {block->header.stream.author, block->header.stream.epoch};
    struct entry left;
    struct buffer body = {0}, bytes = {0};
    if (make_left(striking, entry, &block->digests[at], &left, &body)) {
        const uint8_t(*keys)[KEY_BYTES];
        size_t count = readers_of(striking, &keys);
        struct hash seed = replica_seed(step->replica, &block->leaves[at]);
        if (!entry_seal_left(&left, &block->unsealed[at], entry->sealed, &self,
                             block->header.author_key, keys, count, &seed, &bytes) ||
            bytes.size > SEALED_BYTES_MAX)
            entry_seal_nothing(entry->sealed, &bytes);
        if (striking->lefts.size + bytes.size > ENTRY_BYTES_MAX / 2)
            tell(striking);
        mp_write_bin(&striking->lefts, span_of_buffer(&bytes));
        striking->count++;
    }
    buffer_free(&bytes);
    buffer_free(&body);
}

void strike_due(struct step *step, const struct stream_id *stream, uint32_t seq,
                const struct block_erasing *erasing)
{
    const struct author *author = tree_author(step->replica->tree, stream->author);
    const struct stream_open *open = load_stream_open(step, stream);
    struct prepared_block block;
    struct error error;
    if (author == NULL || author->seat != own_seat(step->replica) || open == NULL ||
        open->sealed_to[0] == '\0' || PLANTED(STRIKE_FORGOTTEN) ||
        block_row_open(step->view, step->replica->tree, stream, seq, &block) != ERR_OK)
        return;
    struct stream_open *of = mem_copy(open, sizeof *open); /* the cache holds one alone */
    struct striking striking = {step, stream, of, erasing, {0}, 0};
    for (size_t i = 0; !block.opaque && i < block.list.count; i++) {
        if (block.list.entries[i].seal == ENTRY_OPENED)
            strike_entry(&striking, &block, i);
    }
    if (striking.count > 0 && write_room_in_epoch(step, &error) == ERR_OK)
        tell(&striking);
    buffer_free(&striking.lefts);
    free(of);
    prepared_block_free(&block);
}
