/* What a declared roll-up must say: figures, groups, who is behind, what came late. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "replication/query/query_rollup.h"
#include "tests/story/story.h"

enum { FRESH_MS = 60 * 60 * 1000 };

static void put_number(struct mp_reader *reader, struct buffer *out)
{
    char text[32] = "none";
    if (mp_peek(reader) == MP_INT)
        snprintf(text, sizeof text, "%" PRId64, mp_read_int(reader));
    else
        mp_read_any(reader);
    buffer_append_span(out, span_of_text(text));
}

/* [{"key": K, "value": N ...} ...] as " K=N" */
static void put_list(struct mp_reader *reader, const char *first, const char *second,
                     struct buffer *out)
{
    for (uint32_t count = mp_read_array(reader); count > 0 && !reader->failed; count--) {
        struct buffer value = {0};
        buffer_append_byte(out, ' ');
        for (uint32_t pairs = mp_read_map(reader); pairs > 0 && !reader->failed; pairs--) {
            struct span key = mp_read_str(reader);
            if (span_equal(key, span_of_text(first)))
                buffer_append_span(out, mp_read_str(reader));
            else if (span_equal(key, span_of_text(second)) && mp_peek(reader) == MP_STR)
                buffer_append_span(&value, mp_read_str(reader));
            else if (span_equal(key, span_of_text(second)))
                put_number(reader, &value);
            else
                mp_read_any(reader);
        }
        buffer_append_byte(out, '=');
        buffer_append_span(out, span_of_buffer(&value));
        buffer_free(&value);
    }
}

/* "VALUE[/DENOMINATOR][, building], N of M; KEY=VALUE ...; behind SEAT=STATE ...; late ..." */
static void answer_text(struct span answer, struct buffer *out)
{
    struct mp_reader reader = mp_reader(answer);
    struct buffer groups = {0}, behind = {0}, late = {0}, origins = {0};
    reader.text_keys = true;
    reader.items_max = UINT32_MAX;
    for (uint32_t pairs = mp_read_map(&reader); pairs > 0 && !reader.failed; pairs--) {
        struct span key = mp_read_str(&reader);
        if (span_equal(key, span_of_text("value"))) {
            put_number(&reader, out);
        } else if (span_equal(key, span_of_text("more")) && mp_peek(&reader) == MP_BOOL) {
            if (mp_read_bool(&reader))
                buffer_append_span(out, span_of_text("+"));
        } else if (span_equal(key, span_of_text("denominator")) && mp_peek(&reader) == MP_INT) {
            buffer_append_byte(out, '/');
            put_number(&reader, out);
        } else if (span_equal(key, span_of_text("complete")) && mp_peek(&reader) == MP_STR) {
            mp_read_str(&reader);
            buffer_append_span(out, span_of_text("building "));
        } else if (span_equal(key, span_of_text("groups"))) {
            put_list(&reader, "key", "value", &groups);
        } else if (span_equal(key, span_of_text("behind"))) {
            put_list(&reader, "seat", "state", &behind);
        } else if (span_equal(key, span_of_text("late"))) {
            put_list(&reader, "seat", "period", &late);
        } else if (span_equal(key, span_of_text("origins"))) {
            mp_read_array(&reader);
            put_number(&reader, &origins);
            buffer_append_span(&origins, span_of_text(" of "));
            put_number(&reader, &origins);
        } else {
            mp_read_any(&reader);
        }
    }
    buffer_append_span(out, span_of_text(", "));
    buffer_append_span(out, span_of_buffer(&origins));
    buffer_append_span(out, groups.size > 0 ? span_of_text(";") : SPAN_EMPTY);
    buffer_append_span(out, span_of_buffer(&groups));
    buffer_append_span(out, behind.size > 0 ? span_of_text("; behind") : SPAN_EMPTY);
    buffer_append_span(out, span_of_buffer(&behind));
    buffer_append_span(out, late.size > 0 ? span_of_text("; late") : SPAN_EMPTY);
    buffer_append_span(out, span_of_buffer(&late));
    buffer_free(&groups);
    buffer_free(&behind);
    buffer_free(&late);
    buffer_free(&origins);
}

/* figure SEAT NAME BY|- TEXT [since=MS]: own cells are counted again first. */
static void tell_figure(struct story *story)
{
    size_t seat = story_seat(story, story_word(story, 1));
    const char *by = story_word(story, 3);
    struct rollup_question question = {.name = span_of_text(story_word(story, 2)),
                                       .by = strcmp(by, "-") == 0 ? SPAN_EMPTY : span_of_text(by),
                                       .verify = true,
                                       .freshness_ms = FRESH_MS};
    struct buffer answer = {0}, text = {0};
    struct error error = {0};
    if (seat == SIZE_MAX)
        return;
    if (story->line->word_count > 5)
        question.since_ms = 1;
    if (query_rollup_of(world_view(story->world, seat),
                        replica_tree(world_replica(story->world, seat)), story_word(story, 1),
                        &question, &answer, &error) == ERR_OK)
        answer_text(span_of_buffer(&answer), &text);
    else
        buffer_append_span(&text, span_of_text(error.why));
    if (!span_equal(span_of_buffer(&text), span_of_text(story_word(story, 4))))
        story_fail(story, "%s says '%.*s'", story_word(story, 1), (int)text.size,
                   (const char *)text.data);
    buffer_free(&answer);
    buffer_free(&text);
}

const struct story_command figure_commands[] = {
    {"figure", 4, tell_figure},
    {NULL, 0, NULL},
};
