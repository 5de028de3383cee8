/* What the record commands share. */
#include <poll.h>

#include "cli/record.h"

#include <stdlib.h>

#include "cli/client.h"

json_t *ask_node(const struct arguments *arguments, const char *verb, const struct buffer *args,
                 struct error *error)
{
    const char *directory = NULL;
    struct buffer value = {0};
    json_t *json = NULL;
    if (arguments_directory(arguments, &directory, error) == ERR_OK &&
        client_once(directory, verb, span_of_buffer(args), &value, error) == ERR_OK) {
        json = value_json(span_of_buffer(&value));
        if (json == NULL)
            error_set(error, ERR_MALFORMED, directory, "its answer to `%s` was not understood",
                      verb);
    }
    buffer_free(&value);
    return json;
}

void args_text(struct buffer *args, const char *key, const char *text)
{
    mp_write_text(args, key);
    mp_write_text(args, text);
}

enum error_code args_pairs(struct buffer *args, const char *key, const char *const *pairs,
                           size_t count, struct error *error)
{
    size_t bad = 0;
    mp_write_text(args, key);
    if (value_from_pairs(pairs, count, args, &bad))
        return ERR_OK;
    error_set(error, ERR_USAGE, pairs[bad], "expected NAME=VALUE in UTF-8");
    error_next(error, "write for example title=桥面开裂");
    return ERR_USAGE;
}

int finish_write(const struct arguments *arguments, const char *verb, const char *type,
                 const struct buffer *args, struct error *error)
{
    json_t *answer = ask_node(arguments, verb, args, error);
    if (answer == NULL)
        return EXIT_FAILED;
    if (arguments->json) {
        print_json(answer);
        return EXIT_DONE;
    }
    char when[32];
    time_text(json_number(answer, "clock"), when);
    printf("%s %s %s\n", json_text(answer, "id"), type, when);
    json_decref(answer);
    return EXIT_DONE;
}

enum { ASKING_MS = 3000, PAUSE_MS = 50 };

int write_when_known(const struct arguments *arguments, const char *verb, const struct buffer *args,
                     struct error *error)
{
    uint64_t until_ms = tick_now_ms() + ASKING_MS;
    for (;;) {
        error_clear(error); /* of the try before */
        int status = finish_write(arguments, verb, arguments->words[0], args, error);
        if (status == EXIT_DONE || error->code != ERR_PARKED || tick_now_ms() >= until_ms)
            return status;
        poll(NULL, 0, PAUSE_MS);
    }
}
