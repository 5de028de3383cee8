/* What must be so of forked streams. Nothing here changes the world. */
#include <stdlib.h>
#include <string.h>

#include "tests/story/story.h"

static struct branches *read_branches(struct story *story, size_t seat, const char *word)
{
    struct store_port port;
    struct stream_id stream;
    memory_store_port(world_store(story->world, seat), &port);
    return story_stream(story, &port.view, word, &stream) ? branches_read(&port.view, &stream)
                                                          : NULL;
}

/* branches SEAT STREAM N: so many branches of it count. */
static void tell_branches(struct story *story)
{
    size_t seat = story_seat(story, story_word(story, 1));
    struct branches *branches =
        seat == SIZE_MAX ? NULL : read_branches(story, seat, story_word(story, 2));
    unsigned long count = 0;
    for (uint8_t i = 0; i < BRANCHES_MAX && branches != NULL; i++)
        count += branch_is_leaf(branches, i);
    if (count != strtoul(story_word(story, 3), NULL, 10))
        story_fail(story, "%lu branches", count);
    free(branches);
}

/* branch SEAT STREAM IMAGE kept | gone: whether a branch at SEAT has what the image's head names.
 */
static void tell_branch(struct story *story)
{
    size_t seat = story_seat(story, story_word(story, 1));
    struct memory_store *image = story_image(story, story_word(story, 3));
    struct store_port there, here;
    struct stream_id stream;
    struct stream_row *row = mem_alloc(sizeof *row);
    bool kept = false;
    if (seat != SIZE_MAX && image != NULL) {
        memory_store_port(image, &there);
        memory_store_port(world_store(story->world, seat), &here);
        struct branches *branches = read_branches(story, seat, story_word(story, 2));
        if (branches != NULL && story_stream(story, &there.view, story_word(story, 2), &stream) &&
            stream_row_read(&there.view, &stream, row)) {
            for (uint8_t i = 0; i < BRANCHES_MAX; i++)
                kept |= branch_is_leaf(branches, i) &&
                        branch_has(&here.view, branches, i, row->head.seq,
                                   SPAN_OF_ARRAY(row->head.hash.bytes));
        }
        free(branches);
    }
    if (kept != (strcmp(story_word(story, 4), "kept") == 0))
        story_fail(story, "it is %s", kept ? "kept" : "gone");
    free(row);
}

/* alarm SEAT none | TEXT: an alarm that begins so. */
static void tell_alarm(struct story *story)
{
    size_t seat = story_seat(story, story_word(story, 1));
    const struct replica *replica = seat == SIZE_MAX ? NULL : world_replica(story->world, seat);
    const char *text = story_word(story, 2);
    size_t count = replica == NULL ? 0 : replica_alarm_count(replica);
    bool found = strcmp(text, "none") == 0 ? count == 0 : false;
    for (size_t i = 0; i < count && !found; i++)
        found = strncmp(replica_alarm(replica, i), text, strlen(text)) == 0;
    if (!found)
        story_fail(story, "alarms: %s", count == 0 ? "none" : replica_alarm(replica, 0));
}

/* watched SEAT N: a watch from the beginning tells so many writes, and comes to the end. */
static void tell_watched(struct story *story)
{
    enum { STEP = 500 };
    size_t seat = story_seat(story, story_word(story, 1)), told = 0, count = 0;
    struct buffer cursor = {0}, before = {0}, lines = {0};
    struct error error = {0};
    if (seat == SIZE_MAX)
        return;
    const struct view *view = world_view(story->world, seat);
    query_watch_oldest(view, &cursor);
    do {
        buffer_clear(&before);
        buffer_clear(&lines);
        buffer_append_span(&before, span_of_buffer(&cursor));
        if (query_watch(view, story->county->tree, SPAN_EMPTY, STEP, &cursor, &lines, &count,
                        &error) != ERR_OK)
            break;
        told += count;
    } while (!span_equal(span_of_buffer(&before), span_of_buffer(&cursor)));
    if (error.code != ERR_OK || told != strtoul(story_word(story, 2), NULL, 10))
        story_fail(story, "told %zu writes %s", told, error.code == ERR_OK ? "" : error.why);
    buffer_free(&lines);
    buffer_free(&before);
    buffer_free(&cursor);
}

/* revoked SEAT OF N: of what OF's keys wrote behind their cut-offs so many entries are listed. */
static void tell_revoked(struct story *story)
{
    size_t seat = story_seat(story, story_word(story, 1)), count = 0;
    struct revoked_of of = {.seat = span_of_text(story_word(story, 2))};
    struct buffer cursor = {0}, lines = {0};
    struct error error = {0};
    if (seat == SIZE_MAX)
        return;
    enum error_code code = query_revoked(world_view(story->world, seat),
                                         replica_tree(world_replica(story->world, seat)), &of, 100,
                                         &cursor, &lines, &count, &error);
    if (code != ERR_OK || count != strtoul(story_word(story, 3), NULL, 10))
        story_fail(story, "%zu are listed %s", count, code == ERR_OK ? "" : error.why);
    buffer_free(&lines);
    buffer_free(&cursor);
}

const struct story_command fork_commands[] = {
    {"branches", 3, tell_branches}, {"branch", 4, tell_branch},   {"alarm", 2, tell_alarm},
    {"watched", 2, tell_watched},   {"revoked", 3, tell_revoked}, {NULL, 0, NULL},
};
