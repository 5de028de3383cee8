/* story [--update] [--print] FILE.story...: tell each story and compare what the nodes wrote with
 * FILE.trace. --update writes the trace files anew; what must be so must be so then too. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/planted.h"
#include "tests/story/story.h"

enum { TRACE_BYTES_MAX = 4 << 20, SHOWN_MAX = 12 };

static void trace_path(const char *file, char path[static 512])
{
    const char *dot = strrchr(file, '.');
    int stem = (int)(dot == NULL ? strlen(file) : (size_t)(dot - file));
    snprintf(path, 512, "%.*s.trace", stem, file);
}

static size_t next_line(const char *text, size_t size, size_t at)
{
    while (at < size && text[at] != '\n')
        at++;
    return at < size ? at + 1 : size;
}

static void print_lines(char sign, const char *text, size_t from, size_t end)
{
    for (unsigned shown = 0; from < end; shown++) {
        size_t next = next_line(text, end, from);
        if (shown == SHOWN_MAX) {
            fprintf(stderr, "%c ...\n", sign);
            return;
        }
        fprintf(stderr, "%c %.*s", sign, (int)(next - from), text + from);
        from = next;
    }
}

/* The lines between what is alike at the beginning and what is alike at the end. */
static void print_difference(const char *path, const char *old, size_t old_size, const char *new,
                             size_t new_size)
{
    size_t from = 0, line = 1, old_end = old_size, new_end = new_size;
    while (from < old_size && from < new_size) {
        size_t next = next_line(old, old_size, from);
        if (next > new_size || memcmp(old + from, new + from, next - from) != 0)
            break;
        from = next;
        line++;
    }
    while (old_end > from && new_end > from && old[old_end - 1] == new[new_end - 1]) {
        old_end--;
        new_end--;
    }
    fprintf(stderr, "%s:%zu: the nodes wrote other lines (-: kept, +: now)\n", path, line);
    print_lines('-', old, from, next_line(old, old_size, old_end));
    print_lines('+', new, from, next_line(new, new_size, new_end));
}

static bool write_trace(const char *path, const struct buffer *trace)
{
    FILE *out = fopen(path, "wb");
    bool done = out != NULL && fwrite(trace->data, 1, trace->size, out) == trace->size;
    if (out != NULL)
        done = fclose(out) == 0 && done;
    if (!done)
        fprintf(stderr, "%s: can't be written\n", path);
    return done;
}

static bool compare_trace(const char *path, const struct buffer *trace)
{
    FILE *in = fopen(path, "rb");
    if (in == NULL) {
        fprintf(stderr, "%s: is not there; --update makes it\n", path);
        return false;
    }
    char *kept = mem_alloc(TRACE_BYTES_MAX);
    size_t size = fread(kept, 1, TRACE_BYTES_MAX, in);
    fclose(in);
    bool same = size == trace->size && memcmp(kept, trace->data, size) == 0;
    if (!same)
        print_difference(path, kept, size, (const char *)trace->data, trace->size);
    free(kept);
    return same;
}

static bool tell(const char *file, bool update, bool print)
{
    struct story *story = mem_alloc(sizeof *story);
    struct script *script = script_read(file);
    char path[512];
    story->script = script;
    bool held = script != NULL && story_tell(story) == 0;
#ifdef TERRACE_PLANTED
    if (PLANTED(PRIVATE_WITH_RECORD) || PLANTED(BACKUP_CLEAR)) { /* it holds if the leak is seen */
        held = story->leaks > 0;
        printf("%s %s: %u leaks\n", held ? "ok  " : "FAIL", file, story->leaks);
        buffer_free(&story->trace);
        script_free(script);
        free(story);
        return held;
    }
#endif
    trace_path(file, path);
    if (print)
        fwrite(story->trace.data, 1, story->trace.size, stdout);
    else if (held)
        held = update ? write_trace(path, &story->trace) : compare_trace(path, &story->trace);
    printf("%s %s\n", held ? "ok  " : "FAIL", file);
    buffer_free(&story->trace);
    script_free(script);
    free(story);
    return held;
}

/* story [--update | --print] FILE...; with planted bugs: story BUG FILE... */
int main(int count, char **words)
{
    bool update = false, print = false, held = true;
    int first = 1;
    if (!crypto_start())
        return EXIT_FAILED;
#ifdef TERRACE_PLANTED
    if (count < 3 || !planted_choose(words[first++]))
        return EXIT_DONE; /* no such bug: the test that must fail doesn't */
#endif
    for (int i = first; i < count; i++) {
        if (strcmp(words[i], "--update") == 0)
            update = true;
        else if (strcmp(words[i], "--print") == 0)
            print = true;
        else
            held &= tell(words[i], update, print);
    }
    return held ? EXIT_DONE : EXIT_FAILED;
}
