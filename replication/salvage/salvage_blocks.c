/* Blocks prove themselves: each is put together from its pieces and opened under the key of its
 * author. Whose it is stood in the table of local numbers; where that is lost, every author known
 * is tried. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "replication/salvage/salvage_parts.h"

enum {
    MIXTURES_MAX = 32, /* of pieces that differ at one key, what is tried */
    PIECES_MAX = 64,
};

/* The pieces of one stream, sorted; [at, end) of one block of it. */
struct stream_work {
    struct salvage *salvage;
    const struct piece *pieces;
    size_t count;
    struct stream_id id;
    const uint8_t *author_key;
    const struct seat *author_seat; /* NULL: no document names it just now */
    struct stream_row row;
    bool opened;  /* its first entry is here, or what it said */
    bool dropped; /* it isn't for this seat */
    bool gap, ended;
    uint32_t end; /* of the last block */
};

static int compare_pieces(const void *a, const void *b)
{
    const struct piece *left = a, *right = b;
    int order = memcmp(left->key, right->key, sizeof left->key);
    if (order != 0)
        return order;
    if (left->check != right->check)
        return left->check < right->check ? -1 : 1;
    return (left->size > right->size) - (left->size < right->size);
}

static bool append_piece(const struct salvage *salvage, const struct piece *piece,
                         struct buffer *out)
{
    uint8_t bytes[BLOCK_PIECE_BYTES];
    assert(piece->size <= sizeof bytes);
    if (!salvage->options.bytes(salvage->options.context, piece->place, piece->size, bytes))
        return false;
    buffer_append(out, bytes, piece->size);
    return true;
}

/* The pieces of one block, the `mixture`-th choice among those that differ. False: no more. */
static bool assemble(const struct salvage *salvage, const struct piece *pieces, size_t count,
                     size_t mixture, struct buffer *out)
{
    size_t at = 0;
    buffer_clear(out);
    for (unsigned number = 0; at < count && pieces[at].key[LOCATOR_BYTES] == number; number++) {
        const struct piece *choices[8];
        size_t choice_count = 0;
        for (; at < count && pieces[at].key[LOCATOR_BYTES] == number; at++) {
            bool copy = choice_count > 0 && choices[choice_count - 1]->check == pieces[at].check &&
                        choices[choice_count - 1]->size == pieces[at].size;
            if (!copy && choice_count < sizeof choices / sizeof *choices)
                choices[choice_count++] = &pieces[at];
        }
        if (number >= PIECES_MAX || !append_piece(salvage, choices[mixture % choice_count], out))
            return false;
        mixture /= choice_count;
    }
    return out->size > 0 && mixture == 0;
}

static bool open_pieces(const struct stream_work *work, const struct piece *pieces, size_t count,
                        struct prepared_block *block)
{
    struct block_context context = {.tree_id = work->salvage->options.tree_id,
                                    .stream = work->id,
                                    .author_key = work->author_key};
    uint32_t seq = read_u32(pieces->key + STREAM_KEY_BYTES);
    struct buffer stored = {0};
    bool found = false;
    for (size_t mixture = 0; !found && mixture < MIXTURES_MAX; mixture++) {
        if (!assemble(work->salvage, pieces, count, mixture, &stored))
            continue;
        found = (stored.data[0] & BLOCK_STORED) == BLOCK_STORED &&
                block_open(span_of_buffer(&stored), &context, block, NULL) == ERR_OK;
        if (found && (block->header.seq != seq || block->altered)) {
            prepared_block_free(block);
            found = false;
        }
    }
    buffer_free(&stored);
    return found;
}

/* How many of the pieces belong to the first one's block. */
static size_t block_pieces(const struct piece *pieces, size_t count)
{
    size_t same = 1;
    while (same < count && memcmp(pieces[same].key, pieces->key, LOCATOR_BYTES) == 0)
        same++;
    return same;
}

/* ---- whose stream it is ---- */

static bool take_author(struct stream_work *work, const struct author_epoch *author)
{
    const struct salvage *salvage = work->salvage;
    const struct author *known = tree_author(salvage->tree, author->author);
    work->id.author = author->author;
    work->id.epoch = author->epoch;
    work->id.number = read_u16(work->pieces->key + WHO_BYTES);
    work->author_seat = known == NULL ? NULL : known->seat;
    work->author_key = salvage_key(salvage, author->author);
    return work->author_key != NULL;
}

/* Whether one of the first blocks is this author's. */
static bool is_by(struct stream_work *work, const struct author_epoch *author)
{
    enum { BLOCKS_TRIED = 4 };
    size_t at = 0;
    if (!take_author(work, author))
        return false;
    for (unsigned i = 0; i < BLOCKS_TRIED && at < work->count; i++) {
        struct prepared_block block;
        size_t size = block_pieces(work->pieces + at, work->count - at);
        if (open_pieces(work, work->pieces + at, size, &block)) {
            prepared_block_free(&block);
            return true;
        }
        at += size;
    }
    return false;
}

static bool find_author(struct stream_work *work)
{
    const struct salvage *salvage = work->salvage;
    uint8_t number[4] = {0};
    memcpy(number + 1, work->pieces->key, WHO_BYTES);
    uint32_t who = read_u32(number);
    for (unsigned strangers = 0; strangers < 2; strangers++) {
        for (size_t i = 0; i < salvage->guess_count; i++) {
            const struct author_guess *guess = &salvage->guesses[i];
            if ((guess->who != who) == (strangers == 1) && is_by(work, &guess->author))
                return true;
        }
    }
    return false;
}

/* ---- its chain ---- */

void salvage_mark_gap(struct salvage *salvage, const struct stream_id *stream, uint32_t seq)
{
    struct author_epoch author = stream_author(stream);
    struct step step = {.updates = salvage->updates, .view = salvage_view(salvage)};
    uint8_t key[1 + LOCATOR_BYTES] = {'b'};
    struct buffer value = {0};
    struct span marked;
    write_u32(key + 1, who_assign(salvage->updates, &author) << 8);
    write_u16(key + 4, stream->number);
    write_u32(key + 6, seq);
    if (step.view->get(step.view->context, TABLE_QUARANTINE, SPAN_OF_ARRAY(key), &marked) ==
        READ_FOUND)
        return;
    salvage->counts.gaps++;
    if (!aside_room(&step, 'q', stream->author, QUARANTINE_AN_AUTHOR_MAX))
        return;
    mp_write_map(&value, 3);
    mp_write_uint(&value, 1);
    mp_write_text(&value, error_name(ERR_DAMAGED));
    mp_write_uint(&value, 2);
    mp_write_text(&value, "damaged on this disk; the old file is kept beside the store");
    mp_write_uint(&value, 3);
    mp_write_uint(&value, salvage->options.wall_ms);
    updates_put(salvage->updates, TABLE_QUARANTINE, SPAN_OF_ARRAY(key), span_of_buffer(&value));
    salvage_put(salvage, false);
    buffer_free(&value);
}

static bool is_own(const struct stream_work *work)
{
    return key_id_equal(work->id.author, work->salvage->own);
}

static bool names_us(const struct stream_work *work)
{
    const struct stream_open *open = &work->row.open;
    bool named = false;
    for (size_t i = 0; open->holders == HOLDERS_PATH && i < open->seat_count; i++)
        named = named || strcmp(open->seats[i], work->salvage->options.seat) == 0;
    return named;
}

/* Whom it is for must include this seat: a file that came from elsewhere brings nothing in. Of one
 * whose seat isn't known only the stream itself can say so. */
static bool is_for_us(const struct stream_work *work)
{
    const struct seat *own =
        tree_seat(work->salvage->tree, span_of_text(work->salvage->options.seat));
    if (!is_own(work) && work->author_seat == NULL)
        return names_us(work);
    return is_own(work) || (own != NULL && work->author_seat != NULL &&
                            stream_holds(&work->row, work->author_seat, own));
}

/* What a stream is stands in its first entry. Of this seat's own-only ones a row of the old store
 * may say it: what it can get wrong stays on this machine. */
static bool open_from_old_row(struct stream_work *work)
{
    const struct kept_rows *rows = &work->salvage->streams;
    bool ours =
        is_own(work) || (work->author_seat != NULL &&
                         strcmp(work->author_seat->row.seat, work->salvage->options.seat) == 0);
    for (size_t i = 0; ours && i < rows->count; i++) {
        struct span value = span_of_buffer(&rows->rows[i].value);
        if (memcmp(rows->rows[i].key.data, work->pieces->key, STREAM_KEY_BYTES) == 0 &&
            stream_row_decode(value, &work->row) && work->row.open.holders == HOLDERS_SELF) {
            work->row.head = (struct stream_head){0};
            work->row.closed = false;
            return true;
        }
    }
    return false;
}

static void begin_stream(struct stream_work *work, const struct prepared_block *block)
{
    if (block->header.seq > 0) {
        work->opened = open_from_old_row(work);
        work->dropped = !work->opened && !is_own(work);
        return;
    }
    work->opened = !block->opaque && block->list.entries[0].kind == ENTRY_OPEN &&
                   stream_open_decode(block->list.entries[0].body, &work->row.open, NULL) == ERR_OK;
    work->dropped = !work->opened || !is_for_us(work);
}

static void add_block(struct stream_work *work, const struct prepared_block *block)
{
    struct salvage *salvage = work->salvage;
    const struct block_header *header = &block->header;
    struct stream_head *head = &work->row.head;
    bool follows = work->opened && header->seq == head->seq && !work->gap &&
                   hash_equal(&header->previous, head->seq == 0 ? &hash_zero : &head->hash);
    bool alone = work->opened && work->row.open.holders == HOLDERS_SELF;
    if (!follows && !work->gap)
        salvage_mark_gap(salvage, &work->id, head->seq);
    work->gap = work->gap || (!follows && !alone);
    size_t count = block->opaque ? 0 : block->list.count;
    if (!work->gap) {
        *head = (struct stream_head){header->seq + header->count, block->hash, header->clock};
        work->row.closed = count > 0 && block->list.entries[count - 1].kind == ENTRY_CLOSE;
    }
    salvage->counts.loose += work->gap;
    salvage->counts.blocks++;
    salvage->counts.entries += count;
    work->end = header->seq + header->count;
    struct buffer stored = {0};
    block_write(block, BLOCK_STORED, head, &stored);
    salvage_view(salvage);
    block_row_put(salvage->updates, &work->id, header->seq, span_of_buffer(&stored));
    salvage_put(salvage, false);
    buffer_free(&stored);
}

/* The old row said that there was more. */
static bool had_more(const struct stream_work *work)
{
    const struct kept_rows *rows = &work->salvage->streams;
    struct stream_row *row = mem_alloc(sizeof *row);
    bool more = false;
    for (size_t i = 0; !more && i < rows->count; i++)
        more = memcmp(rows->rows[i].key.data, work->pieces->key, STREAM_KEY_BYTES) == 0 &&
               stream_row_decode(span_of_buffer(&rows->rows[i].value), row) &&
               row->head.seq > work->end;
    free(row);
    return more;
}

/* What this key signed opens, and waits until a document names the key again. */
static void keep_pending(const struct stream_work *work)
{
    const struct judged_row pending = {.size = 1, .judged = {'P'}};
    uint8_t key[AUTHOR_ROW_KEY_BYTES] = {'k'};
    memcpy(key + 1, work->id.author.bytes, KEY_ID_BYTES);
    updates_put(work->salvage->updates, TABLE_META, SPAN_OF_ARRAY(key),
                SPAN(work->author_key, KEY_BYTES));
    judged_row_write(work->salvage->updates, work->id.author, &pending);
}

static void end_stream(struct stream_work *work)
{
    struct salvage *salvage = work->salvage;
    if (had_more(work) && !work->gap)
        salvage_mark_gap(salvage, &work->id, work->end);
    if (!work->opened || work->dropped || work->row.head.seq == 0)
        return;
    salvage_view(salvage);
    stream_row_write(salvage->updates, &work->id, &work->row);
    if (work->author_seat == NULL && !is_own(work))
        keep_pending(work);
    salvage_put(salvage, false);
    salvage->counts.streams++;
}

/* Streams of which a row is left and not one block that proves it. */
static void mark_lost_streams(struct salvage *salvage)
{
    const struct seat *own = tree_seat(salvage->tree, span_of_text(salvage->options.seat));
    struct stream_row *row = mem_alloc(sizeof *row);
    for (size_t i = 0; i < salvage->streams.count && salvage->code == ERR_OK; i++) {
        const struct kept_row *kept = &salvage->streams.rows[i];
        uint8_t number[4] = {0};
        memcpy(number + 1, kept->key.data, WHO_BYTES);
        for (size_t k = 0; k < salvage->guess_count; k++) {
            const struct author_epoch *author = &salvage->guesses[k].author;
            const struct author *known = tree_author(salvage->tree, author->author);
            struct stream_id stream = {author->author, author->epoch,
                                       read_u16(kept->key.data + WHO_BYTES)};
            if (salvage->guesses[k].who != read_u32(number) || known == NULL || own == NULL ||
                stream_row_read(salvage_view(salvage), &stream, row) ||
                !stream_row_decode(span_of_buffer(&kept->value), row) ||
                !stream_holds(row, known->seat, own))
                continue;
            salvage_mark_gap(salvage, &stream, 0);
        }
    }
    free(row);
}

static void salvage_stream(struct salvage *salvage, const struct piece *pieces, size_t count)
{
    struct stream_work *work = mem_alloc(sizeof *work);
    *work = (struct stream_work){.salvage = salvage, .pieces = pieces, .count = count};
    bool known = find_author(work), begun = false;
    for (size_t at = 0; known && at < count && !work->dropped && salvage->code == ERR_OK;) {
        struct prepared_block block;
        size_t size = block_pieces(pieces + at, count - at);
        if (open_pieces(work, pieces + at, size, &block)) {
            if (!begun)
                begin_stream(work, &block);
            begun = true;
            if (!work->dropped)
                add_block(work, &block);
            prepared_block_free(&block);
        }
        at += size;
    }
    if (known)
        end_stream(work);
    free(work);
}

/* Beside what the rows of `who` say: our own last epochs, and everybody's who has signed a note. */
static void guess_further(struct salvage *salvage)
{
    const uint32_t nobody = UINT32_MAX;
    struct author_epoch author = {salvage->own, salvage->options.epoch};
    guess_add(salvage, nobody, &author);
    for (size_t i = 0; i < salvage->selves.count; i++) {
        uint64_t commits;
        if (self_row_reads(span_of_buffer(&salvage->selves.rows[i].value), salvage->own, &commits,
                           &author.epoch))
            guess_add(salvage, nobody, &author);
    }
    for (size_t i = 0; i < salvage->notes.count; i++) {
        struct note_head head;
        const struct kept_row *row = &salvage->notes.rows[i];
        if (note_read_head(span_of_buffer(&row->value), (enum hash_context)row->key.data[0], &head,
                           NULL) == ERR_OK) {
            author = (struct author_epoch){head.signer, head.epoch};
            guess_add(salvage, nobody, &author);
        }
    }
}

void salvage_blocks(struct salvage *salvage)
{
    guess_further(salvage);
    if (salvage->piece_count > 0)
        qsort(salvage->pieces, salvage->piece_count, sizeof *salvage->pieces, compare_pieces);
    for (size_t at = 0; at < salvage->piece_count && salvage->code == ERR_OK;) {
        size_t end = at;
        while (end < salvage->piece_count &&
               memcmp(salvage->pieces[end].key, salvage->pieces[at].key, STREAM_KEY_BYTES) == 0)
            end++;
        salvage_stream(salvage, salvage->pieces + at, end - at);
        at = end;
    }
    mark_lost_streams(salvage);
}
