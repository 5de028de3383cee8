/* The directory of a drill: reading, changing, looking up. */
#include "cli/drill/drill.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "cli/drill/drill_json.h"
#include "cli/drill/process.h"
#include "node/author/file.h"

enum { DRILL_JSON_BYTES_MAX = 64 << 20 };

static enum error_code take_lock(struct drill *drill, struct error *error)
{
    char path[PATH_MAX];
    enum error_code code = drill_file_path(drill, "drill.lock", path, error);
    if (code != ERR_OK)
        return code;
    drill->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (drill->lock < 0)
        return file_error(error, path, "opening");
    while (flock(drill->lock, LOCK_EX) != 0) {
        if (errno != EINTR)
            return file_error(error, path, "locking");
    }
    return ERR_OK;
}

static enum error_code no_drill(const char *directory, struct error *error)
{
    error_set(error, ERR_NOT_FOUND, directory, "there is no drill in this directory");
    error_next(error, "make one with `terrace drill up --tree TREE.csv --dir %s`", directory);
    return ERR_NOT_FOUND;
}

static enum error_code begin_in(const char *directory, struct drill *drill, struct error *error)
{
    *drill = (struct drill){.lock = -1, .directory = realpath(directory, NULL)};
    return drill->directory == NULL ? no_drill(directory, error) : ERR_OK;
}

enum error_code drill_begin(const char *directory, struct drill *drill, struct error *error)
{
    enum error_code code = begin_in(directory, drill, error);
    if (code == ERR_OK)
        code = take_lock(drill, error);
    if (code != ERR_OK)
        drill_free(drill);
    return code;
}

static enum error_code read_file(struct drill *drill, struct error *error)
{
    char path[PATH_MAX];
    struct buffer text = {0};
    enum error_code code = drill_file_path(drill, "drill.json", path, error);
    if (code == ERR_OK)
        code = file_read(path, DRILL_JSON_BYTES_MAX, &text, error);
    if (code == ERR_NOT_FOUND)
        code = no_drill(drill->directory, error);
    if (code == ERR_OK)
        code = drill_json_read(span_of_buffer(&text), path, drill, error);
    buffer_free(&text);
    return code;
}

enum error_code drill_open(const char *directory, bool change, struct drill *drill,
                           struct error *error)
{
    enum error_code code = begin_in(directory, drill, error);
    if (code == ERR_OK && change)
        code = take_lock(drill, error);
    if (code == ERR_OK)
        code = read_file(drill, error);
    if (code == ERR_OK)
        process_find(drill);
    else
        drill_free(drill);
    return code;
}

enum error_code drill_open_given(const struct arguments *arguments, bool change,
                                 struct drill *drill, struct error *error)
{
    const char *directory = arguments_value(arguments, "dir");
    *drill = (struct drill){.lock = -1};
    if (directory == NULL)
        directory = arguments->directory;
    if (directory != NULL)
        return drill_open(directory, change, drill, error);
    error_set(error, ERR_USAGE, "drill", "which one? No directory was named");
    error_next(error, "add --dir DIR");
    return ERR_USAGE;
}

void drill_free(struct drill *drill)
{
    if (drill->lock >= 0)
        close(drill->lock);
    free(drill->types);
    free(drill->changes);
    free(drill->seats);
    free(drill->directory);
    *drill = (struct drill){.lock = -1};
}

enum error_code drill_save(const struct drill *drill, struct error *error)
{
    char path[PATH_MAX];
    struct buffer text = {0};
    enum error_code code = drill_file_path(drill, "drill.json", path, error);
    if (code == ERR_OK) {
        drill_json_write(drill, &text);
        code = file_replace(path, span_of_buffer(&text), 0600, error);
    }
    buffer_free(&text);
    return code;
}

static enum error_code find_span(const struct drill *drill, struct span code, size_t *seat,
                                 struct error *error)
{
    for (size_t i = 0; i < drill->seat_count; i++) {
        if (span_equal(code, span_of_text(drill->seats[i].code))) {
            *seat = i;
            return ERR_OK;
        }
    }
    char name[SEAT_BYTES_MAX * 2];
    snprintf(name, sizeof name, "%.*s", (int)(code.size < 60 ? code.size : 60),
             (const char *)code.data);
    error_set(error, ERR_NOT_FOUND, name, "this drill has no such seat");
    error_next(error, "`terrace drill status --all --dir %s` lists them", drill->directory);
    return ERR_NOT_FOUND;
}

enum error_code drill_find(const struct drill *drill, const char *code, size_t *seat,
                           struct error *error)
{
    return find_span(drill, span_of_text(code), seat, error);
}

enum error_code drill_find_list(const struct drill *drill, const char *list, bool *chosen,
                                struct error *error)
{
    while (*list != '\0') {
        size_t size = strcspn(list, ",");
        size_t seat = 0;
        if (size != 0 && find_span(drill, SPAN(list, size), &seat, error) != ERR_OK)
            return error->code;
        chosen[seat] = chosen[seat] || size != 0;
        list += size + (list[size] == ',' ? 1 : 0);
    }
    return ERR_OK;
}

bool drill_above_or_same(const struct drill *drill, size_t above, size_t below)
{
    while (below != above && below != DRILL_NO_SEAT)
        below = drill->seats[below].parent;
    return below == above;
}

bool drill_on_path(const struct drill *drill, size_t from, size_t to, size_t seat)
{
    size_t meet = from;
    while (!drill_above_or_same(drill, meet, to))
        meet = drill->seats[meet].parent;
    return drill_above_or_same(drill, meet, seat) &&
           (drill_above_or_same(drill, seat, from) || drill_above_or_same(drill, seat, to));
}

size_t drill_branch(const struct drill *drill, size_t seat)
{
    while (seat != 0 && drill->seats[seat].parent != 0)
        seat = drill->seats[seat].parent;
    return seat;
}

const struct drill_type *drill_type_numbered(const struct drill *drill, uint16_t number)
{
    for (size_t i = 0; i < drill->type_count; i++) {
        if (drill->types[i].number == number)
            return &drill->types[i];
    }
    return NULL;
}

const struct drill_type *drill_type_named(const struct drill *drill, const char *name)
{
    for (size_t i = 0; i < drill->type_count; i++) {
        if (strcmp(drill->types[i].name, name) == 0)
            return &drill->types[i];
    }
    return NULL;
}

enum error_code drill_node_path(const struct drill *drill, size_t seat, char path[static PATH_MAX],
                                struct error *error)
{
    return path_join(path, drill->directory, drill->seats[seat].code, error);
}

enum error_code drill_file_path(const struct drill *drill, const char *name,
                                char path[static PATH_MAX], struct error *error)
{
    return path_join(path, drill->directory, name, error);
}
