/* terrace verify: check every hash, signature and derived row of a store. A running node is asked
 * to; a store that no node serves is checked directly. Either way a child process reads it. */
#include <stdlib.h>
#include <string.h>

#include "base/msgpack.h"
#include "cli/client.h"
#include "cli/command.h"
#include "cli/print.h"
#include "cli/value.h"
#include "node/repair.h"
#include "node/scrub.h"

enum { VERIFY_WAIT_MS = 24 * 3600 * 1000 }; /* a whole day; the node says how far it is */

static void show(void *context, const char *place, uint64_t rows)
{
    struct progress *progress = context;
    (void)place;
    progress_update(progress, rows);
}

static bool show_piece(void *context, struct span piece)
{
    json_t *json = value_json(piece);
    if (json != NULL)
        show(context, json_text(json, "place"), json_number(json, "rows"));
    json_decref(json);
    return true;
}

/* ERR_UNREACHABLE: no node serves the directory. */
static enum error_code by_node(const char *directory, struct progress *progress, struct buffer *out,
                               struct error *error)
{
    static const uint8_t no_arguments[] = {0x80};
    struct span value = SPAN_EMPTY;
    struct client *client = client_new(directory, error);
    if (client == NULL)
        return error->code;
    client_patience(client, VERIFY_WAIT_MS);
    enum error_code code = client_ask_pieces(client, "verify", SPAN_OF_ARRAY(no_arguments),
                                             show_piece, progress, &value, error);
    if (code == ERR_OK)
        buffer_append_span(out, value);
    client_free(client);
    return code;
}

static enum error_code directly(const char *directory, bool repair, struct progress *progress,
                                struct buffer *out, struct error *error)
{
    struct scrub_task task = {.program = "/proc/self/exe",
                              .dir = directory,
                              .repair = repair,
                              .context = progress,
                              .progress = show};
    struct scrub_result *result = mem_alloc(sizeof *result);
    enum error_code code = scrub_run(&task, result, error);
    if (code == ERR_OK && repair) {
        task.repair = false;
        code = scrub_run(&task, result, error);
    }
    if (code == ERR_OK) {
        scrub_last_write(directory, result);
        scrub_result_write(result, out);
    }
    free(result);
    return code;
}

static void print_checked(const json_t *answer)
{
    const json_t *checked = json_object_get(answer, "checked");
    char took[32];
    duration_text(json_number(answer, "took_ms"), took);
    printf("checked in %s: %llu blocks with %llu entries in %llu streams, %llu records, %llu "
           "cells, %llu notes, %llu documents\n",
           took, (unsigned long long)json_number(checked, "blocks"),
           (unsigned long long)json_number(checked, "entries"),
           (unsigned long long)json_number(checked, "streams"),
           (unsigned long long)json_number(checked, "records"),
           (unsigned long long)json_number(checked, "cells"),
           (unsigned long long)json_number(checked, "notes"),
           (unsigned long long)json_number(checked, "documents"));
    uint64_t loose = json_number(checked, "loose");
    if (loose > 0)
        printf("%llu blocks wait for the ones before them\n", (unsigned long long)loose);
}

static void print_answer(const json_t *answer)
{
    size_t index = 0;
    json_t *finding = NULL;
    const json_t *findings = json_object_get(answer, "findings");
    print_checked(answer);
    json_array_foreach(findings, index, finding)
    {
        char *key = text_shown(span_of_text(json_text(finding, "key")), 0);
        printf("damaged: %s: %s: %s\n", json_text(finding, "table"), key,
               json_text(finding, "what"));
        free(key);
    }
    uint64_t damaged = json_number(answer, "damaged");
    if (damaged > json_array_size(findings))
        printf("and %llu more\n", (unsigned long long)(damaged - json_array_size(findings)));
    if (damaged == 0)
        printf("sound\n");
}

static int finish(const struct arguments *arguments, const char *directory, struct span value,
                  struct error *error)
{
    json_t *answer = value_json(value);
    if (answer == NULL) {
        error_set(error, ERR_MALFORMED, directory, "the answer was not understood");
        return EXIT_FAILED;
    }
    bool sound = json_flag(answer, "sound");
    if (!arguments->json) {
        print_answer(answer);
        json_decref(answer);
    } else {
        print_json(answer);
    }
    if (!sound)
        print_note("%s: its store is damaged\n  next: stop the node, then `terrace -d %s verify "
                   "--repair`; the damaged file is kept beside the new one",
                   directory, directory);
    return sound ? EXIT_DONE : EXIT_FAILED;
}

static int run(const struct arguments *arguments, struct error *error)
{
    const char *directory = NULL;
    bool repair = arguments_flag(arguments, "repair");
    struct progress progress;
    struct buffer value = {0};
    if (arguments_directory(arguments, &directory, error) != ERR_OK)
        return EXIT_USAGE;
    progress_begin(&progress, repair ? "repair" : "verify", 0, arguments->json);
    enum error_code code = repair ? ERR_UNREACHABLE : by_node(directory, &progress, &value, error);
    if (code == ERR_UNREACHABLE) {
        error_clear(error);
        code = directly(directory, repair, &progress, &value, error);
    }
    progress_end(&progress);
    int status = EXIT_FAILED;
    if (code == ERR_OK)
        status = finish(arguments, directory, span_of_buffer(&value), error);
    buffer_free(&value);
    return status;
}

static const struct option_row options[] = {
    {"repair", NULL,
     "of a stopped node: everything that verifies goes into a new store, derived rows are made "
     "anew; "
     "the rest is fetched from other nodes when it runs"},
    {NULL, NULL, NULL},
};

const struct command command_verify = {
    .name = "verify",
    .usage = "",
    .summary = "check every hash, signature and derived row of this node's store",
    .detail = "Of a running node too. Exit status 0: sound; 1: something is damaged, and named.\n"
              "A damaged store is never changed: --repair moves it aside, to data.damaged-N.",
    .words_min = 0,
    .words_max = 0,
    .options = options,
    .run = run,
};

/* The child of all of the above. */
static const struct option_row child_options[] = {
    {"repair", NULL, "make the store good"},
    {"trusting", NULL, "for tests: rows are only read, nothing is compared"},
    {NULL, NULL, NULL},
};

static int run_child(const struct arguments *arguments, struct error *error)
{
    const char *directory = NULL;
    if (arguments_directory(arguments, &directory, error) != ERR_OK)
        return EXIT_USAGE;
    return arguments_flag(arguments, "repair")
               ? repair_child(directory)
               : scrub_child(directory, arguments_flag(arguments, "trusting"));
}

const struct command command_scrub_store = {
    .name = "scrub-store",
    .usage = "",
    .summary = NULL, /* not for people */
    .words_min = 0,
    .words_max = 0,
    .options = child_options,
    .run = run_child,
};
