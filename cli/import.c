/* terrace import TYPE FILE: many records out of a file.
 *
 *     rows -> checked here against the signed types -> batches -> several in flight -> answers
 *
 * The node keeps the last row of this import that it has taken, under a name made of the file's
 * digest, so the same command after a kill anywhere goes on there and no record comes twice. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/import_batch.h"
#include "cli/print.h"
#include "cli/source.h"
#include "cli/types.h"
#include "cli/value.h"

static const struct option_row options[] = {
    {"format", "FORMAT", "csv or ndjson; unless given, by the file's ending"},
    {"refused", "FILE", "write the refused lines there, to be corrected and imported"},
    {"name", "NAME", "take the same file once more, under another name"},
    {"dry-run", NULL, "check every line, write nothing"},
    {NULL, NULL, NULL},
};

struct import {
    const struct arguments *arguments;
    const char *path;
    struct client *client;
    struct schema *schema;
    const struct record_type *type;
    struct source *source;
    FILE *refused_file; /* NULL: not wanted */
    struct import_batches *batches;
    struct progress progress;
    char name[65]; /* in hexadecimal */
    uint64_t done; /* rows up to here were taken before */
    bool dry;
    bool erased; /* something is, in this node's store */
    uint64_t rows, taken, before, refused, unnamed;
};

/* "FILE:LINE[:COLUMN]: WHAT: WHY (NEXT)", the answer itself where lines are asked for as JSON. */
static void tell_refused(struct import *import, uint64_t line, const struct error *error)
{
    char place[32] = "";
    import->refused++;
    progress_end(&import->progress);
    if (import->arguments->json) {
        print_json(json_pack("{s:s,s:I,s:I,s:s,s:s,s:s,s:s}", "file", import->path, "line",
                             (json_int_t)line, "column", (json_int_t)error->column, "refused",
                             error_name(error->code), "what", error->what, "why", error->why,
                             "next", error->next));
        return;
    }
    if (error->column != 0 && error->line != 0)
        snprintf(place, sizeof place, "%u:%u", error->line, error->column);
    else
        snprintf(place, sizeof place, "%llu", (unsigned long long)line);
    char *why = text_shown(span_of_text(error->why), 0);
    print_note("%s:%s: %s: %s%s%s%s", import->path, place, error->what, why,
               error->next[0] != '\0' ? " (" : "", error->next, error->next[0] != '\0' ? ")" : "");
    free(why);
}

static void keep_refused(struct import *import, struct span raw)
{
    if (import->refused_file == NULL)
        return;
    fwrite(raw.data, 1, raw.size, import->refused_file);
    fputc('\n', import->refused_file);
}

static void on_row(void *context, enum import_verdict verdict, const struct import_row *row,
                   const struct error *error)
{
    struct import *import = context;
    import->taken += verdict == IMPORT_TAKEN;
    import->before += verdict == IMPORT_BEFORE;
    if (verdict == IMPORT_REFUSED) {
        tell_refused(import, row->line, error);
        keep_refused(import, row->raw);
    }
}

static enum error_code take_row(struct import *import, const struct source_row *row,
                                struct error *error)
{
    struct import_row sent = {.number = row->number, .line = row->line, .raw = row->raw};
    memcpy(sent.from, row->from, sizeof sent.from);
    import->rows++;
    if (row->error.code != ERR_OK) {
        tell_refused(import, row->line, &row->error);
        keep_refused(import, row->raw);
    } else if (row->number <= import->done) {
        import->before++;
    } else {
        import->unnamed += row->from[0] == '\0';
        return import_batches_add(import->batches, &sent, span_of_buffer(&row->fields), error);
    }
    return ERR_OK;
}

static enum error_code take_rows(struct import *import, struct error *error)
{
    struct source_row row = {0};
    enum error_code code = ERR_OK;
    error_clear(error);
    while (code == ERR_OK && source_next(import->source, &row, error)) {
        code = take_row(import, &row, error);
        progress_update(&import->progress, source_line(import->source));
    }
    buffer_free(&row.fields);
    code = code == ERR_OK ? error->code : code;
    if (code == ERR_OK)
        code = import_batches_finish(import->batches, error);
    progress_end(&import->progress);
    return code;
}

/* The import's name: of its type, what the file holds, and what the person calls it. */
static void set_name(struct import *import, const struct hash *digest)
{
    static const char digits[] = "0123456789abcdef";
    const char *given = arguments_value(import->arguments, "name");
    struct buffer bytes = {0};
    buffer_append(&bytes, digest->bytes, HASH_BYTES);
    buffer_append(&bytes, import->type->name, strlen(import->type->name) + 1);
    buffer_append_span(&bytes, span_of_text(given == NULL ? "" : given));
    struct hash hash = hash_of(HASH_REQUEST, span_of_buffer(&bytes));
    buffer_free(&bytes);
    for (size_t i = 0; i < HASH_BYTES; i++) {
        import->name[2 * i] = digits[hash.bytes[i] >> 4];
        import->name[2 * i + 1] = digits[hash.bytes[i] & 15];
    }
    import->name[64] = '\0';
}

static enum error_code ask_done(struct import *import, struct error *error)
{
    struct buffer args = {0};
    struct span value = SPAN_EMPTY;
    mp_write_map(&args, 1);
    mp_write_text(&args, "name");
    mp_write_text(&args, import->name);
    enum error_code code =
        client_ask(import->client, "imported", span_of_buffer(&args), &value, error);
    buffer_free(&args);
    if (code != ERR_OK)
        return code;
    json_t *answer = value_json(value);
    import->done = json_number(answer, "row");
    import->erased = json_is_true(json_object_get(answer, "erased"));
    json_decref(answer);
    return ERR_OK;
}

static bool is_same_file(const char *a, const char *b)
{
    struct stat one, other;
    return stat(a, &one) == 0 && stat(b, &other) == 0 && one.st_dev == other.st_dev &&
           one.st_ino == other.st_ino;
}

static enum error_code open_refused(struct import *import, struct error *error)
{
    const char *path = arguments_value(import->arguments, "refused");
    if (path == NULL)
        return ERR_OK;
    if (is_same_file(path, import->path))
        return error_set(error, ERR_USAGE, path, "it is the file that is imported");
    import->refused_file = fopen(path, "we");
    if (import->refused_file == NULL)
        return error_set(error, ERR_IO, path, "opening: %s", strerror(errno));
    struct span header = source_header(import->source);
    if (header.size > 0)
        keep_refused(import, header);
    return ERR_OK;
}

static enum error_code close_refused(struct import *import, struct error *error)
{
    if (import->refused_file == NULL)
        return ERR_OK;
    bool failed = ferror(import->refused_file) != 0;
    failed |= fclose(import->refused_file) != 0;
    import->refused_file = NULL;
    if (!failed)
        return ERR_OK;
    return error_set(error, ERR_IO, arguments_value(import->arguments, "refused"),
                     "the refused lines could not be written");
}

static enum error_code open_all(struct import *import, struct error *error)
{
    const struct arguments *arguments = import->arguments;
    const char *directory = NULL;
    enum source_format format;
    struct hash digest;
    uint64_t line_count = 0;
    if (source_format_of(arguments_value(arguments, "format"), import->path, &format, error) !=
            ERR_OK ||
        arguments_directory(arguments, &directory, error) != ERR_OK ||
        (import->client = client_new(directory, error)) == NULL ||
        (import->schema = types_ask(import->client, error)) == NULL)
        return error->code;
    import->type = schema_find_type(import->schema, span_of_text(arguments->words[0]), error);
    if (import->type == NULL)
        return error->code;
    import->source =
        source_new(import->path, format, import->type,
                   schema_companion(import->schema, import->type), &digest, &line_count, error);
    if (import->source == NULL)
        return error->code;
    set_name(import, &digest);
    progress_begin(&import->progress, "lines read", line_count, arguments->json);
    if (ask_done(import, error) != ERR_OK || open_refused(import, error) != ERR_OK)
        return error->code;
    import->dry = arguments_flag(arguments, "dry-run");
    import->batches = import_batches_new(import->client, import->type->name, import->name,
                                         import->done, import->dry, on_row, import);
    return ERR_OK;
}

static void close_all(struct import *import)
{
    if (import->refused_file != NULL)
        fclose(import->refused_file);
    import_batches_free(import->batches);
    source_free(import->source);
    schema_free(import->schema);
    client_free(import->client);
}

static void tell_end(const struct import *import, uint64_t duration_ms)
{
    bool dry = import->dry;
    if (import->arguments->json) {
        print_json(json_pack("{s:s,s:s,s:b,s:I,s:I,s:I,s:I,s:f}", "file", import->path, "type",
                             import->type->name, "dry_run", dry, "rows", (json_int_t)import->rows,
                             dry ? "good" : "taken", (json_int_t)import->taken, "taken_before",
                             (json_int_t)import->before, "refused", (json_int_t)import->refused,
                             "seconds", (double)duration_ms / 1000));
        return;
    }
    printf("%s: %llu %s, %llu refused", import->type->name, (unsigned long long)import->taken,
           dry ? "good" : "taken", (unsigned long long)import->refused);
    if (import->before > 0)
        printf(", %llu taken before", (unsigned long long)import->before);
    printf("; %llu rows in %.1f s\n", (unsigned long long)import->rows, (double)duration_ms / 1000);
}

/* What the node can't be asked of: words that were erased may be among them. */
static void tell_unnamed(const struct import *import)
{
    if (import->unnamed == 0 || !import->erased ||
        (!type_is_personal(import->type) && import->type->companion == 0))
        return;
    print_note("%s: %llu lines don't say which record they were exported from (_id), so whether "
               "they bring back what was erased can't be known: docs/erasing.md",
               import->path, (unsigned long long)import->unnamed);
}

static int run(const struct arguments *arguments, struct error *error)
{
    struct import import = {.arguments = arguments, .path = arguments->words[1]};
    uint64_t began_ms = tick_now_ms();
    enum error_code code = open_all(&import, error);
    if (code == ERR_OK) {
        code = take_rows(&import, error);
        if (code != ERR_OK && error->next[0] == '\0')
            error_next(error, "the same command again goes on where this one stopped");
    }
    if (code == ERR_OK)
        code = close_refused(&import, error);
    if (code == ERR_OK)
        tell_unnamed(&import);
    if (code == ERR_OK)
        tell_end(&import, tick_now_ms() - began_ms);
    close_all(&import);
    return code == ERR_OK && import.refused == 0 ? EXIT_DONE : EXIT_FAILED;
}

const struct command command_import = {
    .name = "import",
    .usage = "TYPE FILE",
    .summary = "new records from a file, NDJSON or CSV; goes on where it was interrupted",
    .detail =
        "NDJSON: one object a line, field name to value. CSV: the first row names the fields;\n"
        "an empty cell is no value; a list is a JSON array of texts, anything else its one item;\n"
        "a ' in front of = + - @ is taken away, as `terrace export` puts it there. UTF-8, with or\n"
        "without a byte order mark. FILE - is the standard input (with --format).\n"
        "Lines that are refused are named on stderr, the others go in; exit status 1 if any was.\n"
        "What a new record shows by itself (its first state, what follows from other fields) is\n"
        "left out; a record in a later state is refused: steps are taken, not set.\n"
        "A line whose _id names a record here brings back nothing that was erased in it: refused.\n"
        "The same file again, after whatever interruption, makes no record twice. A file that was\n"
        "changed is another file: correct the refused lines in the file of --refused alone.",
    .words_min = 2,
    .words_max = 2,
    .options = options,
    .run = run,
};
