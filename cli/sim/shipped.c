/* A word is a path if it has a slash or an ending, else the name of a shipped scenario. */
#include "cli/sim/shipped.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/nearest.h"
#include "sim/scenario/settings.h"

enum { FILE_BYTES_MAX = 64 << 20, NAMES_MAX = 256 };
static const char ending[] = ".yaml";

static const struct shipped_file *find_shipped(const char *name, const char *more)
{
    size_t size = strlen(name);
    for (const struct shipped_file *file = shipped_files; file->name != NULL; file++) {
        if (strncmp(file->name, name, size) == 0 && strcmp(file->name + size, more) == 0)
            return file;
    }
    return NULL;
}

static bool read_whole(const char *path, struct buffer *bytes)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return false;
    char piece[1 << 14];
    size_t size;
    while ((size = fread(piece, 1, sizeof piece, file)) > 0 && bytes->size < FILE_BYTES_MAX)
        buffer_append(bytes, piece, size);
    bool good = ferror(file) == 0;
    fclose(file);
    return good;
}

/* A table that the scenario names: beside it; or, for a shipped one, in the program. */
static bool load_beside(void *context, const char *file, struct buffer *bytes)
{
    const char *path = context;
    const char *slash = path == NULL ? NULL : strrchr(path, '/');
    char beside[4096];
    if (path == NULL) {
        const struct shipped_file *shipped = find_shipped(file, "");
        if (shipped != NULL)
            buffer_append(bytes, shipped->bytes, shipped->size);
        return shipped != NULL;
    }
    int folder = slash == NULL || file[0] == '/' ? 0 : (int)(slash - path) + 1;
    snprintf(beside, sizeof beside, "%.*s%s", folder, path, file);
    if (read_whole(beside, bytes))
        return true;
    const struct shipped_file *shipped = find_shipped(file, "");
    if (shipped != NULL)
        buffer_append(bytes, shipped->bytes, shipped->size);
    return shipped != NULL;
}

static void unknown_name(const char *word, struct error *error)
{
    char kept[NAMES_MAX][SCENARIO_NAME_BYTES];
    const char *names[NAMES_MAX];
    size_t count = 0;
    for (const struct shipped_file *file = shipped_files; file->name != NULL; file++) {
        const char *dot = strrchr(file->name, '.');
        if (dot == NULL || strcmp(dot, ending) != 0 || count == NAMES_MAX)
            continue;
        snprintf(kept[count], sizeof kept[count], "%.*s", (int)(dot - file->name), file->name);
        names[count] = kept[count];
        count++;
    }
    const char *meant = nearest_word(span_of_text(word), names, count);
    error_set(error, ERR_NOT_FOUND, word, "there is no file and no shipped scenario of this name");
    if (meant != NULL)
        error_next(error, "did you mean '%s'? `terrace sim list` names all that are shipped",
                   meant);
    else
        error_next(error, "`terrace sim list` names those that are shipped");
}

/* The text of a file or of a shipped scenario; *name for messages, *path where tables lie beside it
 * (NULL: in the program). */
static bool read_text(const char *word, struct buffer *bytes, const char **name, const char **path,
                      struct error *error)
{
    const struct shipped_file *shipped = find_shipped(word, ending);
    bool is_path = strchr(word, '/') != NULL || strchr(word, '.') != NULL;
    if (!is_path && shipped != NULL) {
        buffer_append(bytes, shipped->bytes, shipped->size);
        *name = shipped->name;
        *path = NULL;
        return true;
    }
    *name = *path = word;
    if (read_whole(word, bytes))
        return true;
    if (is_path)
        error_set(error, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, word, "can't be read: %s",
                  strerror(errno));
    else
        unknown_name(word, error);
    return false;
}

static bool apply_settings(struct buffer *bytes, const char *name,
                           const struct arguments *arguments, struct error *error)
{
    for (size_t i = 0; arguments != NULL && i < arguments->given_count; i++) {
        const struct option_given *given = &arguments->given[i];
        if (strcmp(given->row->name, "set") == 0 &&
            scenario_set(bytes, name, given->value, error) != ERR_OK)
            return false;
    }
    return true;
}

struct scenario *scenario_open_set(const char *word, const struct arguments *arguments,
                                   struct error *error)
{
    struct buffer bytes = {0};
    const char *name, *path;
    struct scenario *scenario = NULL;
    if (read_text(word, &bytes, &name, &path, error) &&
        apply_settings(&bytes, name, arguments, error))
        scenario = scenario_read(span_of_buffer(&bytes), name, load_beside, (void *)(uintptr_t)path,
                                 error);
    buffer_free(&bytes);
    return scenario;
}

struct scenario *scenario_open(const char *word, struct error *error)
{
    return scenario_open_set(word, NULL, error);
}
