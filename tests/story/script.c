/* Lines to words, blocks of lines, and the telling. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/story/story.h"

enum { SCRIPT_BYTES_MAX = 256 << 10, DEPTH_MAX = 8 };

/* ---- reading ---- */

static char *read_file(const char *file)
{
    FILE *in = fopen(file, "rb");
    if (in == NULL) {
        fprintf(stderr, "%s: can't be opened\n", file);
        return NULL;
    }
    char *text = mem_alloc(SCRIPT_BYTES_MAX + 1);
    text[fread(text, 1, SCRIPT_BYTES_MAX, in)] = '\0';
    fclose(in);
    return text;
}

/* Words are parted by blanks; "..." keeps blanks in a word, the quotes fall away. */
static size_t split(char *text, char **words)
{
    size_t count = 0;
    for (char *at = text; *at != '\0';) {
        while (*at == ' ' || *at == '\t')
            *at++ = '\0';
        if (*at == '\0' || *at == '#' || count == WORDS_MAX) {
            *at = '\0';
            break;
        }
        words[count++] = at;
        char *to = at;
        bool quoted = false;
        for (; *at != '\0' && (quoted || (*at != ' ' && *at != '\t')); at++) {
            if (*at == '"')
                quoted = !quoted;
            else
                *to++ = *at;
        }
        char *end = at;
        if (*at != '\0')
            at++;
        memset(to, '\0', (size_t)(end - to));
        *to = '\0';
    }
    return count;
}

struct script *script_read(const char *file)
{
    char *text = read_file(file);
    if (text == NULL)
        return NULL;
    struct script *script = mem_alloc(sizeof *script);
    size_t capacity = 0;
    unsigned number = 0;
    script->file = file;
    script->text = text;
    for (char *at = text, *next; at != NULL; at = next) {
        struct line line = {.number = ++number};
        next = strchr(at, '\n');
        if (next != NULL)
            *next++ = '\0';
        line.word_count = split(at, line.words);
        if (line.word_count == 0)
            continue;
        if (script->line_count == capacity) {
            capacity = capacity * 2 + 64;
            script->lines = mem_resize(script->lines, capacity * sizeof *script->lines);
        }
        script->lines[script->line_count++] = line;
    }
    return script;
}

void script_free(struct script *script)
{
    if (script == NULL)
        return;
    free(script->lines);
    free(script->text);
    free(script);
}

/* ---- telling ---- */

void story_fail(struct story *story, const char *format, ...)
{
    va_list arguments;
    fprintf(stderr, "%s:%u: ", story->script->file, story->line->number);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    story->failures++;
}

const char *story_word(struct story *story, size_t index)
{
    return index < story->line->word_count ? story->line->words[index] : "";
}

static void trace_line(struct story *story)
{
    if (story->quiet)
        return;
    buffer_append_byte(&story->trace, '>');
    for (size_t i = 0; i < story->line->word_count; i++) {
        buffer_append_byte(&story->trace, ' ');
        buffer_append_span(&story->trace, span_of_text(story->line->words[i]));
    }
    buffer_append_byte(&story->trace, '\n');
}

static const struct story_command *find_command(const char *name)
{
    static const struct story_command *const tables[] = {
        world_commands, expect_commands, plant_commands, fork_commands,
        seal_commands,  signed_commands, due_commands,   figure_commands};
    for (size_t table = 0; table < sizeof tables / sizeof *tables; table++) {
        for (const struct story_command *command = tables[table]; command->name != NULL;
             command++) {
            if (strcmp(command->name, name) == 0)
                return command;
        }
    }
    return NULL;
}

static bool is_block(const struct line *line)
{
    return strcmp(line->words[0], "define") == 0 || strcmp(line->words[0], "repeat") == 0;
}

/* The line `end` that belongs to the block that begins at `from`. */
static size_t block_end(const struct script *script, size_t from)
{
    size_t depth = 0;
    for (size_t i = from; i < script->line_count; i++) {
        depth += is_block(&script->lines[i]);
        if (strcmp(script->lines[i].words[0], "end") == 0 && --depth == 0)
            return i;
    }
    return script->line_count;
}

static size_t find_definition(const struct script *script, const char *name)
{
    for (size_t i = 0; i < script->line_count; i++) {
        if (strcmp(script->lines[i].words[0], "define") == 0 && script->lines[i].word_count > 1 &&
            strcmp(script->lines[i].words[1], name) == 0)
            return i;
    }
    return script->line_count;
}

static void tell_lines(struct story *story, size_t from, size_t end, unsigned depth);

static void tell_repeat(struct story *story, size_t from, size_t end, unsigned depth)
{
    bool quiet = story->quiet;
    long times = strtol(story_word(story, 1), NULL, 10);
    unsigned failures = story->failures;
    story->quiet = true;
    for (long i = 0; i < times && story->failures == failures; i++)
        tell_lines(story, from + 1, end, depth + 1);
    story->quiet = quiet;
}

static void tell_definition(struct story *story, const char *name, unsigned depth)
{
    size_t from = find_definition(story->script, name);
    if (from == story->script->line_count || depth >= DEPTH_MAX) {
        story_fail(story, "nothing is defined as %s", name);
        return;
    }
    tell_lines(story, from + 1, block_end(story->script, from), depth + 1);
}

static void tell_line(struct story *story, unsigned depth)
{
    const char *word = story->line->words[0];
    trace_line(story);
    if (strcmp(word, "do") == 0) {
        tell_definition(story, story_word(story, 1), depth);
        return;
    }
    if (strcmp(word, "story") == 0) {
        story_end(story);
        story_begin(story);
        return;
    }
    const struct story_command *command = find_command(word);
    if (command == NULL)
        story_fail(story, "no such command: %s", word);
    else if (story->line->word_count <= command->words)
        story_fail(story, "%s takes %zu words", word, command->words);
    else if (story->world == NULL)
        story_fail(story, "a file begins with `story`");
    else
        command->tell(story);
}

static void tell_lines(struct story *story, size_t from, size_t end, unsigned depth)
{
    for (size_t i = from; i < end; i++) {
        story->line = &story->script->lines[i];
        if (!is_block(story->line)) {
            tell_line(story, depth);
            continue;
        }
        size_t after = block_end(story->script, i);
        if (strcmp(story->line->words[0], "repeat") == 0) {
            trace_line(story);
            tell_repeat(story, i, after, depth);
        }
        i = after;
    }
}

int story_tell(struct story *story)
{
    tell_lines(story, 0, story->script->line_count, 0);
    story_end(story);
    return (int)story->failures;
}

/* ---- words ---- */

size_t story_seat(struct story *story, const char *word)
{
    size_t seat = county_find(story->county, word);
    if (seat == SIZE_MAX)
        story_fail(story, "there is no seat %s", word);
    return seat;
}

struct named_record *story_record(struct story *story, const char *name)
{
    for (size_t i = 0; i < story->record_count; i++) {
        if (strcmp(story->records[i].name, name) == 0)
            return &story->records[i];
    }
    story_fail(story, "no record is named %s", name);
    return NULL;
}

struct memory_store *story_image(struct story *story, const char *name)
{
    for (size_t i = 0; i < story->image_count; i++) {
        if (strcmp(story->images[i].name, name) == 0)
            return story->images[i].store;
    }
    story_fail(story, "no image is named %s", name);
    return NULL;
}

bool story_stream(struct story *story, const struct view *view, const char *word,
                  struct stream_id *stream)
{
    struct stream_row *row = mem_alloc(sizeof *row);
    bool found = false;
    for (uint64_t cursor = 0; !found && stream_row_next(view, &cursor, stream, row);)
        found = strcmp(label_stream(story->county->tree, stream).text, word) == 0;
    free(row);
    if (!found)
        story_fail(story, "no stream %s is held there", word);
    return found;
}
