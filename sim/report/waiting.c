/* Heads of both ends compared. A stream that only the parent knows is looked for from its side:
 * one of an author outside the parent's subtree may be for any child, one from inside only for the
 * child on whose side the author is. */
#include "sim/report/waiting.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "replication/rows/rows.h"

struct key_place {
    struct key_id key;
    size_t place;
    UT_hash_handle hh;
};

struct waiting_book {
    const struct county *county;
    struct key_place *keys; /* one for each seat */
    struct key_place *table;
    size_t *children, *first_child; /* of seat i: children[first_child[i] .. first_child[i + 1]) */
};

static void list_children(struct waiting_book *book)
{
    const struct county *county = book->county;
    size_t count = county->seat_count;
    book->first_child = mem_alloc((count + 2) * sizeof *book->first_child);
    book->children = mem_alloc((count + 1) * sizeof *book->children);
    for (size_t i = 0; i < count; i++) {
        if (county->seats[i].parent != i)
            book->first_child[county->seats[i].parent + 2]++;
    }
    for (size_t i = 2; i <= count + 1; i++)
        book->first_child[i] += book->first_child[i - 1];
    for (size_t i = 0; i < count; i++) {
        if (county->seats[i].parent != i)
            book->children[book->first_child[county->seats[i].parent + 1]++] = i;
    }
}

struct waiting_book *waiting_book_new(const struct county *county)
{
    struct waiting_book *book = mem_alloc(sizeof *book);
    book->county = county;
    book->keys = mem_alloc((county->seat_count + 1) * sizeof *book->keys);
    for (size_t i = 0; i < county->seat_count; i++) {
        struct key_place *key = &book->keys[i];
        key->key = county->seats[i].key_id;
        key->place = i;
        HASH_ADD(hh, book->table, key, sizeof key->key, key);
    }
    list_children(book);
    return book;
}

void waiting_book_free(struct waiting_book *book)
{
    if (book == NULL)
        return;
    HASH_CLEAR(hh, book->table);
    free(book->keys);
    free(book->children);
    free(book->first_child);
    free(book);
}

const size_t *waiting_book_children(const struct waiting_book *book, size_t parent, size_t *count)
{
    *count = book->first_child[parent + 1] - book->first_child[parent];
    return &book->children[book->first_child[parent]];
}

/* SIZE_MAX: nobody's of this county. */
static size_t author_place(const struct waiting_book *book, const struct stream_id *stream)
{
    struct key_place *found;
    HASH_FIND(hh, book->table, &stream->author, sizeof stream->author, found);
    return found == NULL ? SIZE_MAX : found->place;
}

static bool holds(const struct waiting_book *book, const struct stream_row *row, size_t author,
                  size_t seat)
{
    const struct county *county = book->county;
    if (row->open.holders == HOLDERS_SELF)
        return author == seat;
    if (row->open.holders == HOLDERS_SUBTREE)
        return county->seats[seat].tier <= row->open.tier && county_is_above(county, author, seat);
    for (size_t i = 0; i < row->open.seat_count; i++) {
        if (strcmp(row->open.seats[i], county->seats[seat].code) == 0)
            return true;
    }
    return false;
}

/* What this holder's first block after `held` says of the bytes of all that waits. */
static uint64_t bytes_about(const struct view *view, const struct stream_id *stream, uint32_t held,
                            uint32_t head)
{
    struct buffer stored = {0};
    uint32_t first = 0;
    uint64_t bytes = 0;
    if (block_row_get(view, stream, held + 1, &first, &stored) == READ_FOUND) {
        uint32_t end = block_row_end(view, stream, first, head);
        bytes = end > first ? (uint64_t)stored.size * (head - held) / (end - first) : 0;
    }
    buffer_free(&stored);
    return bytes;
}

struct pair { /* the two ends that are compared */
    const struct view *child, *parent;
    bool bytes;
    struct waiting *sum;
};

static void compare(const struct pair *pair, const struct stream_id *stream, uint32_t at_child,
                    uint32_t at_parent)
{
    if (at_child > at_parent) {
        pair->sum->up += at_child - at_parent;
        if (pair->bytes)
            pair->sum->bytes += bytes_about(pair->child, stream, at_parent, at_child);
    } else if (at_parent > at_child) {
        pair->sum->down += at_parent - at_child;
        if (pair->bytes)
            pair->sum->bytes += bytes_about(pair->parent, stream, at_child, at_parent);
    }
}

static void compare_known_to_child(const struct waiting_book *book, size_t child,
                                   const struct pair *pair)
{
    struct stream_id stream;
    struct stream_row row, other;
    uint64_t cursor = 0;
    while (stream_row_next(pair->child, &cursor, &stream, &row)) {
        size_t author = author_place(book, &stream);
        if (stream.branch != 0 || author == SIZE_MAX ||
            !holds(book, &row, author, book->county->seats[child].parent))
            continue;
        uint32_t held = stream_row_read(pair->parent, &stream, &other) ? other.head.seq : 0;
        compare(pair, &stream, row.head.seq, held);
    }
}

/* A stream that stands at the parent, for this child if it is for it and unknown there. */
static void compare_missing(const struct waiting_book *book, const struct stream_id *stream,
                            const struct stream_row *row, size_t author, size_t child,
                            const struct pair *pair)
{
    struct stream_row other;
    if (holds(book, row, author, child) && !stream_row_read(pair->child, stream, &other))
        compare(pair, stream, 0, row->head.seq);
}

/* The child of `parent` on the way down to `seat`; SIZE_MAX: it isn't below. */
static size_t child_towards(const struct county *county, size_t parent, size_t seat)
{
    while (county->seats[seat].parent != seat) {
        if (county->seats[seat].parent == parent)
            return seat;
        seat = county->seats[seat].parent;
    }
    return SIZE_MAX;
}

struct waiting waiting_of_link(const struct waiting_book *book, struct world *world, size_t child)
{
    struct waiting sum = {0};
    size_t parent = book->county->seats[child].parent;
    struct pair pair = {world_view(world, child), world_view(world, parent), false, &sum};
    struct stream_id stream;
    struct stream_row row;
    if (parent == child)
        return sum;
    compare_known_to_child(book, child, &pair);
    for (uint64_t cursor = 0; stream_row_next(pair.parent, &cursor, &stream, &row);) {
        size_t author = author_place(book, &stream);
        if (stream.branch != 0 || author == SIZE_MAX)
            continue;
        size_t side = child_towards(book->county, parent, author);
        if (side == SIZE_MAX || side == child)
            compare_missing(book, &stream, &row, author, child, &pair);
    }
    return sum;
}

static void compare_from_parent(const struct waiting_book *book, struct world *world, size_t parent,
                                struct waiting *by_child)
{
    size_t count;
    const size_t *children = waiting_book_children(book, parent, &count);
    const struct view *view = world_view(world, parent);
    struct stream_id stream;
    struct stream_row row;
    for (uint64_t cursor = 0; count > 0 && stream_row_next(view, &cursor, &stream, &row);) {
        size_t author = author_place(book, &stream);
        if (stream.branch != 0 || author == SIZE_MAX || row.open.holders == HOLDERS_SELF)
            continue;
        size_t side = child_towards(book->county, parent, author);
        for (size_t i = 0; i < count; i++) {
            size_t child = children[i];
            struct pair pair = {world_view(world, child), view, true, &by_child[child]};
            if (side == SIZE_MAX || side == child)
                compare_missing(book, &stream, &row, author, child, &pair);
        }
    }
}

void waiting_of_all(const struct waiting_book *book, struct world *world, struct waiting *by_child)
{
    const struct county *county = book->county;
    memset(by_child, 0, county->seat_count * sizeof *by_child);
    for (size_t child = 0; child < county->seat_count; child++) {
        size_t parent = county->seats[child].parent;
        struct pair pair = {world_view(world, child), world_view(world, parent), true,
                            &by_child[child]};
        if (parent != child)
            compare_known_to_child(book, child, &pair);
    }
    for (size_t parent = 0; parent < county->seat_count; parent++)
        compare_from_parent(book, world, parent, by_child);
}
