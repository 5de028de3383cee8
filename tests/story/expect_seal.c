/* What is nowhere to be read: neither in a node's rows nor in its blocks, opened as far as its own
 * key opens them. */
#include <stdlib.h>
#include <string.h>

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
    if (search.where != NULL)
        story_fail(story, "%s reads \"%s\" in %s", story_word(story, 1), search.word, search.where);
}

const struct story_command seal_commands[] = {
    {"unread", 2, tell_unread},
    {NULL, 0, NULL},
};
