/* What must be so of deadlines: due, overdue, and who is told that a clock may be wrong. */
#include <stdlib.h>
#include <string.h>

#include "tests/story/story.h"

struct due {
    bool limited, overdue, suspect;
    uint64_t due_ms;
};

static bool read_due(struct story *story, size_t seat, const struct named_record *record,
                     struct due *due)
{
    struct buffer described = {0};
    const struct tree *tree = replica_tree(world_replica(story->world, seat));
    *due = (struct due){0};
    enum error_code code =
        query_record_at(world_view(story->world, seat), tree, story->county->seats[seat].code,
                        world_clock_ms(story->world, seat), span_of_text(record->type), &record->id,
                        &described, NULL);
    struct mp_reader reader = mp_reader(span_of_buffer(&described));
    reader.text_keys = true;
    reader.items_max = UINT32_MAX;
    for (uint32_t i = code == ERR_OK ? mp_read_map(&reader) : 0; i > 0 && !reader.failed; i--) {
        struct span name = mp_read_str(&reader);
        if (span_equal(name, span_of_text("due"))) {
            due->limited = true;
            due->due_ms = mp_read_uint(&reader);
        } else if (span_equal(name, span_of_text("overdue"))) {
            due->overdue = mp_read_bool(&reader);
        } else if (span_equal(name, span_of_text("clock_suspect"))) {
            due->suspect = mp_read_bool(&reader);
        } else {
            mp_read_any(&reader);
        }
    }
    buffer_free(&described);
    return code == ERR_OK;
}

static bool is_listed(struct story *story, size_t seat, const struct named_record *record)
{
    struct buffer cursor = {0}, out = {0};
    size_t count = 0;
    char id[33];
    record_id_text(&record->id, id);
    enum error_code code = query_overdue(
        world_view(story->world, seat), replica_tree(world_replica(story->world, seat)),
        world_clock_ms(story->world, seat), SPAN_EMPTY, 100, &cursor, &out, &count, NULL);
    bool found = code == ERR_OK && out.size > 0 && memmem(out.data, out.size, id, 32) != NULL;
    buffer_free(&cursor);
    buffer_free(&out);
    return found;
}

/* due SEAT NAME never | [at=TEXT] overdue | [at=TEXT] later [suspect | sure] */
static void tell_due(struct story *story)
{
    size_t seat = story_seat(story, story_word(story, 1));
    const struct named_record *record = story_record(story, story_word(story, 2));
    struct due due;
    if (seat == SIZE_MAX || record == NULL || !read_due(story, seat, record, &due)) {
        story_fail(story, "%s isn't held there", story_word(story, 2));
        return;
    }
    if (is_listed(story, seat, record) != due.overdue)
        story_fail(story, "`get` and `list --overdue` differ");
    for (size_t i = 3; i < story->line->word_count; i++) {
        const char *word = story->line->words[i];
        bool holds = strcmp(word, "never") == 0     ? !due.limited
                     : strcmp(word, "overdue") == 0 ? due.limited && due.overdue
                     : strcmp(word, "later") == 0   ? due.limited && !due.overdue
                     : strcmp(word, "suspect") == 0 ? due.suspect
                     : strcmp(word, "sure") == 0    ? !due.suspect
                     : strncmp(word, "at=", 3) == 0
                         ? due.due_ms == (uint64_t)strtoull(word + 3, NULL, 10)
                         : false;
        if (!holds)
            story_fail(story, "not \"%s\": due %llu%s%s", word, (unsigned long long)due.due_ms,
                       due.overdue ? ", overdue" : "", due.suspect ? ", suspect" : "");
    }
}

const struct story_command due_commands[] = {
    {"due", 3, tell_due},
    {NULL, 0, NULL},
};
