/* What is nowhere to be read: neither in a node's rows nor in its blocks, opened as far as its own
 * key opens them. */
#include <stdlib.h>
#include <string.h>

#include "replication/format/block_parts.h"
#include "replication/format/payload.h"
#include "replication/query/query_parts.h"
#include "tests/story/story.h"

struct search {
    const char *word;
    const char *where; /* NULL: nowhere yet */
};

static bool has_word(const char *word, struct span bytes)
{
    return bytes.size > 0 && memmem(bytes.data, bytes.size, word, strlen(word)) != NULL;
}

static void search_row(void *context, enum table table, struct span key, struct span value)
{
    struct search *search = context;
    if (has_word(search->word, key) || has_word(search->word, value))
        search->where = table_name(table);
}

static void search_block(struct search *search, const struct prepared_block *block)
{
    if (has_word(search->word, span_of_buffer(&block->plain)))
        search->where = "the text of a block";
    for (size_t i = 0; block->unsealed != NULL && i < block->list.count; i++) {
        if (has_word(search->word, span_of_buffer(&block->unsealed[i].plain)))
            search->where = "a seal that it opens";
    }
}

/* unread SEAT WORD: the node holds the word nowhere, and can't read it. */
static void tell_unread(struct story *story)
{
    size_t seat = story_seat(story, story_word(story, 1));
    struct search search = {.word = story_word(story, 2)};
    struct stream_id stream;
    if (seat == SIZE_MAX)
        return;
    const struct view *view = world_view(story->world, seat);
    const struct tree *tree = replica_tree(world_replica(story->world, seat));
    struct stream_row *row = mem_alloc(sizeof *row);
    memory_store_each(world_store(story->world, seat), &search, search_row);
    for (uint64_t cursor = 0; stream_row_next(view, &cursor, &stream, row);) {
        struct prepared_block block;
        for (uint32_t seq = row->from; seq < row->head.seq;) {
            if (block_row_open(view, tree, &stream, seq, &block) != ERR_OK) {
                story_fail(story, "a block of %s can't be read", story_word(story, 1));
                break;
            }
            search_block(&search, &block);
            seq += block.header.count;
            prepared_block_free(&block);
        }
    }
    free(row);
    story->leaks += search.where != NULL;
    if (search.where != NULL)
        story_fail(story, "%s reads \"%s\" in %s", story_word(story, 1), search.word, search.where);
}

/* Blocks of one stream, opened with this key. */
static void search_stream(struct search *search, const struct view *view, const struct tree *tree,
                          const struct stream_id *stream, const struct stream_row *row,
                          const struct seal_key *key)
{
    uint8_t author_key[KEY_BYTES];
    bool known = author_key_read(view, tree, stream->author, author_key);
    for (uint32_t seq = row->from; known && seq < row->head.seq;) {
        struct buffer stored = {0};
        struct prepared_block block;
        uint32_t first;
        struct block_context context = {.tree_id = *tree_id(tree),
                                        .stream = *stream,
                                        .author_key = author_key,
                                        .verifier = tree_verifier(tree),
                                        .seal = key};
        known = block_row_get(view, stream, seq, &first, &stored) == READ_FOUND &&
                block_open(span_of_buffer(&stored), &context, &block, NULL) == ERR_OK;
        if (known) {
            search_block(search, &block);
            for (size_t i = 0; i < block.list.count; i++) {
                struct carry carry;
                if (carry_entry_open(view, tree, &block.list.entries[i], &carry) != ERR_OK)
                    continue;
                for (size_t k = 0; carry.unsealed != NULL && k < carry.list.count; k++) {
                    if (has_word(search->word, span_of_buffer(&carry.unsealed[k].plain)))
                        search->where = "a seal that is carried";
                }
                carry_free(&carry);
            }
            seq += block.header.count;
            prepared_block_free(&block);
        }
        buffer_free(&stored);
    }
}

/* Whoever had the disk, and the keys of every machine and of all people beside it. */
static void search_disk(struct story *story, size_t seat, struct search *search)
{
    const struct view *view = world_view(story->world, seat);
    const struct tree *tree = replica_tree(world_replica(story->world, seat));
    struct stream_row *row = mem_alloc(sizeof *row);
    struct stream_id stream;
    memory_store_each(world_store(story->world, seat), search, search_row);
    for (uint64_t cursor = 0; stream_row_next(view, &cursor, &stream, row);) {
        for (size_t i = 0; i < story->county->seat_count; i++) {
            for (uint32_t k = 0; k <= story->county->seats[i].escrow; k++) {
                struct seal_key escrow = county_escrow(story->county, i, k);
                search_stream(search, view, tree, &stream, row, &escrow);
            }
            for (uint32_t k = 1; k <= story->county->seats[i].generation; k++) {
                struct county_keys keys;
                county_keys(story->county, i, k, &keys);
                search_stream(search, view, tree, &stream, row, &keys.seal);
            }
        }
    }
    free(row);
}

/* gone SEAT WORD: on its disk the word is nowhere, whatever keys are beside it. */
static void tell_gone(struct story *story)
{
    size_t seat = story_seat(story, story_word(story, 1));
    struct search search = {.word = story_word(story, 2)};
    if (seat == SIZE_MAX)
        return;
    search_disk(story, seat, &search);
    if (search.where != NULL)
        story_fail(story, "%s keeps \"%s\" in %s", story_word(story, 1), search.word, search.where);
}

/* kept SEAT WORD: somebody's key opens it there. */
static void tell_kept(struct story *story)
{
    size_t seat = story_seat(story, story_word(story, 1));
    struct search search = {.word = story_word(story, 2)};
    if (seat == SIZE_MAX)
        return;
    search_disk(story, seat, &search);
    if (search.where == NULL)
        story_fail(story, "%s keeps no \"%s\", sealed or not", story_word(story, 1), search.word);
}

/* listen: from here on what passes is kept. */
static void tell_listen(struct story *story)
{
    story->listening = true;
}

void story_hear(struct story *story, size_t to, bool is_block, struct span body)
{
    struct block_parts parts;
    struct mp_reader reader = mp_reader(body);
    buffer_append_span(&story->heard[to], body);
    if (!is_block)
        return;
    mp_read_any(&reader); /* the handle */
    if (!reader.failed && block_parts_read(SPAN(body.data + reader.at, body.size - reader.at),
                                           &parts, NULL) == ERR_OK)
        payload_unpack(parts.payload, (enum block_codec)parts.payload_codec, &story->heard[to]);
}

/* unheard SEAT WORD: it never came to the seat, but sealed. */
static void tell_unheard(struct story *story)
{
    size_t seat = story_seat(story, story_word(story, 1));
    if (seat == SIZE_MAX)
        return;
    if (!story->listening || story->heard[seat].size == 0)
        story_fail(story, "nothing came to %s that was listened to", story_word(story, 1));
    if (has_word(story_word(story, 2), span_of_buffer(&story->heard[seat]))) {
        story->leaks++;
        story_fail(story, "%s heard \"%s\"", story_word(story, 1), story_word(story, 2));
    }
}

/* private SEAT NAME elsewhere|SEAT,SEAT...: whether the private fields are held here, and by whom.
 */
static void tell_private(struct story *story)
{
    size_t seat = story_seat(story, story_word(story, 1));
    const struct named_record *record = story_record(story, story_word(story, 2));
    struct buffer described = {0}, said = {0};
    if (seat == SIZE_MAX || record == NULL)
        return;
    const struct tree *tree = replica_tree(world_replica(story->world, seat));
    query_record(world_view(story->world, seat), tree, span_of_text(record->type), &record->id,
                 &described, NULL);
    uint32_t count;
    struct span private = query_pair(span_of_buffer(&described), "private");
    struct span circle = query_inside(query_pair(private, "circle"), &count);
    struct mp_reader reader = mp_reader(circle);
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0)
            buffer_append_byte(&said, ',');
        buffer_append_span(&said, mp_read_str(&reader));
    }
    if (span_equal(query_pair(private, "held"), SPAN("\xc2", 1)))
        buffer_append_span(&said, span_of_text("elsewhere"));
    if (!span_equal(span_of_buffer(&said), span_of_text(story_word(story, 3))))
        story_fail(story, "the private fields of %s are held by %.*s, says %s", record->name,
                   (int)said.size, (const char *)said.data, story_word(story, 1));
    buffer_free(&described);
    buffer_free(&said);
}

const struct story_command seal_commands[] = {
    {"private", 3, tell_private},
    {"listen", 0, tell_listen},
    {"unheard", 2, tell_unheard},
    {"unread", 2, tell_unread},
    {"gone", 2, tell_gone},
    {"kept", 2, tell_kept},
    {NULL, 0, NULL},
};
