/* How far a seat's keys have written, as held here: what a cut-off is made from (rules.md 4, A6,
 * A27). Signed from the node's own heads it loses nothing; from a parent's, what never left it. */
#include <stdlib.h>
#include <string.h>

#include "replication/query/query_parts.h"
#include "replication/rows/branches.h"

struct held_key {
    struct key_id id;
    const struct author *author;
    struct buffer streams, notes; /* lines, one after the other */
    uint32_t stream_count, note_count;
};

struct heads {
    const struct view *view;
    const struct tree *tree;
    const struct seat *seat;
    struct held_key *keys;
    size_t key_count;
};

static struct held_key *key_of(struct heads *heads, struct key_id id)
{
    const struct author *author = tree_author(heads->tree, id);
    if (author == NULL || author->seat != heads->seat)
        return NULL;
    for (size_t i = 0; i < heads->key_count; i++) {
        if (key_id_equal(heads->keys[i].id, id))
            return &heads->keys[i];
    }
    heads->keys = mem_resize(heads->keys, (heads->key_count + 1) * sizeof *heads->keys);
    heads->keys[heads->key_count] = (struct held_key){.id = id, .author = author};
    return &heads->keys[heads->key_count++];
}

/* Of a forked stream the longest branch: a cut-off can name one. */
static struct stream_head longest(const struct branches *branches)
{
    struct stream_head head = {0};
    for (uint8_t i = 0; i < BRANCHES_MAX; i++) {
        if (branches->present[i] && !branches->rows[i].cutting &&
            branches->rows[i].head.seq > head.seq)
            head = branches->rows[i].head;
    }
    return head;
}

static void write_stream(struct held_key *key, const struct stream_id *stream,
                         const struct stream_head *head)
{
    char text[2 * HASH_BYTES + 1];
    query_hex(head->hash.bytes, HASH_BYTES, text);
    mp_write_array(&key->streams, 4);
    mp_write_uint(&key->streams, stream->epoch);
    mp_write_uint(&key->streams, stream->number);
    mp_write_uint(&key->streams, head->seq);
    mp_write_text(&key->streams, text);
    key->stream_count++;
}

static void add_stream(struct heads *heads, const struct stream_id *stream,
                       const struct stream_row *row)
{
    struct stream_head head = row->head;
    struct held_key *key = stream->branch > 0 ? NULL : key_of(heads, stream->author);
    if (key == NULL)
        return;
    if (row->forked) {
        struct branches *branches = branches_read(heads->view, stream);
        head = longest(branches);
        free(branches);
    }
    if (head.seq == 0)
        return;
    write_stream(key, stream, &head);
}

/* The newest report of a key, of whichever epoch. */
static bool newest_report(const struct heads *heads, struct key_id signer, struct note_head *head)
{
    uint8_t key[NOTE_KEY_BYTES_MAX];
    size_t size = note_key(key, HASH_CELLS, signer, 0);
    struct span note;
    return heads->view->get(heads->view->context, TABLE_NOTES, SPAN(key, size), &note) ==
               READ_FOUND &&
           note_read_head(note, HASH_CELLS, head, NULL) == ERR_OK;
}

static void write_notes(struct held_key *key, uint32_t epoch, uint64_t statement, uint64_t report)
{
    mp_write_array(&key->notes, 3);
    mp_write_uint(&key->notes, epoch);
    mp_write_uint(&key->notes, statement);
    mp_write_uint(&key->notes, report);
    key->note_count++;
}

static size_t add_end(struct stated_end ends[static STATED_ENDS_MAX], size_t count,
                      const struct statement_way *way)
{
    size_t at = 0;
    while (at < count && (ends[at].epoch != way->epoch || ends[at].stream != way->number))
        at++;
    if (way->end == 0 || at == STATED_ENDS_MAX || (at < count && ends[at].head.seq >= way->end))
        return count;
    ends[at] =
        (struct stated_end){way->epoch, way->number, {.seq = way->end, .hash = way->end_hash}};
    return at == count ? count + 1 : count;
}

static bool is_for_nobody(const struct statement_way *way)
{
    struct mp_reader seats = mp_reader(way->seats);
    return mp_read_array(&seats) == 0;
}

size_t query_stated_ends(const struct view *view, struct key_id key,
                         struct stated_end ends[static STATED_ENDS_MAX])
{
    uint8_t from[NOTE_KEY_BYTES_MAX];
    size_t size = note_key(from, HASH_HEADS, key, UINT32_MAX), count = 0;
    struct span found, note;
    struct heads_statement statement;
    for (bool newest = true;; newest = false) {
        if (view->previous(view->context, TABLE_NOTES, SPAN(from, size), &found, &note) !=
                READ_FOUND ||
            found.size != size || memcmp(found.data, from, size - 4) != 0)
            return count;
        uint32_t epoch = read_u32(found.data + size - 4);
        if (statement_decode(note, &statement, NULL) == ERR_OK) {
            for (size_t i = 0; i < statement.way_count; i++) {
                if (newest || is_for_nobody(&statement.ways[i]))
                    count = add_end(ends, count, &statement.ways[i]);
            }
            statement_free(&statement);
        }
        if (epoch == 0)
            return count;
        write_u32(from + size - 4, epoch - 1);
    }
}

/* To the end that their author's statements give them: streams of a way that is the tree's no more,
 * and that aren't here since they name other seats; and its own, as far as it has carried them. */
static void add_ends(const struct heads *heads, struct held_key *key)
{
    struct stated_end ends[STATED_ENDS_MAX];
    struct stream_row *row = mem_alloc(sizeof *row);
    size_t count = query_stated_ends(heads->view, key->id, ends);
    for (size_t i = 0; i < count; i++) {
        struct stream_id stream = {key->id, ends[i].epoch, ends[i].stream, 0};
        if (!stream_row_read(heads->view, &stream, row) || row->head.seq == 0)
            write_stream(key, &stream, &ends[i].head);
    }
    free(row);
}

static void add_notes(const struct heads *heads, struct held_key *key)
{
    uint8_t from[NOTE_KEY_BYTES_MAX], prefix = 1 + KEY_ID_BYTES;
    size_t size = note_key(from, HASH_HEADS, key->id, 0);
    struct span found, note;
    struct note_head report = {0};
    bool reported = newest_report(heads, key->id, &report), written = false;
    while (heads->view->next(heads->view->context, TABLE_NOTES, SPAN(from, size), &found, &note) ==
               READ_FOUND &&
           found.size == size && memcmp(found.data, from, prefix) == 0) {
        uint32_t epoch = read_u32(found.data + prefix);
        struct note_head head;
        bool of_report = reported && report.epoch == epoch;
        if (note_read_head(note, HASH_HEADS, &head, NULL) == ERR_OK)
            write_notes(key, epoch, head.k, of_report ? report.k : 0);
        written |= of_report;
        if (epoch == UINT32_MAX)
            break;
        write_u32(from + prefix, epoch + 1);
    }
    if (reported && !written)
        write_notes(key, report.epoch, 0, report.k);
    add_ends(heads, key);
}

static void write_key(const struct held_key *key, struct buffer *out)
{
    static const char *const statuses[] = {"active", "retired", "revoked", "released"};
    char text[2 * KEY_ID_BYTES + 1];
    query_hex(key->id.bytes, KEY_ID_BYTES, text);
    mp_write_map(out, 5);
    query_put_text(out, "key", text);
    query_put_uint(out, "generation", key->author->generation);
    query_put_text(out, "status", statuses[key->author->status]);
    mp_write_text(out, "streams");
    mp_write_array(out, key->stream_count);
    buffer_append_span(out, span_of_buffer(&key->streams));
    mp_write_text(out, "notes");
    mp_write_array(out, key->note_count);
    buffer_append_span(out, span_of_buffer(&key->notes));
}

enum error_code query_heads(const struct view *view, const struct tree *tree, struct span seat,
                            struct buffer *out, struct error *error)
{
    struct heads heads = {.view = view, .tree = tree, .seat = tree_seat(tree, seat)};
    struct stream_id id;
    if (heads.seat == NULL)
        return error_set(error, ERR_NOT_FOUND, "heads", "no signed document here names this seat");
    struct stream_row *row = mem_alloc(sizeof *row);
    key_of(&heads, seat_key_id(heads.seat));
    for (uint64_t cursor = 0; stream_row_next(view, &cursor, &id, row);)
        add_stream(&heads, &id, row);
    free(row);
    mp_write_map(out, 3);
    query_put_text(out, "seat", heads.seat->row.seat);
    query_put_text(out, "name", heads.seat->row.name);
    mp_write_text(out, "keys");
    mp_write_array(out, (uint32_t)heads.key_count);
    for (size_t i = 0; i < heads.key_count; i++) {
        add_notes(&heads, &heads.keys[i]);
        write_key(&heads.keys[i], out);
        buffer_free(&heads.keys[i].streams);
        buffer_free(&heads.keys[i].notes);
    }
    free(heads.keys);
    return ERR_OK;
}
