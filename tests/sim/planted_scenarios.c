/* planted_scenarios NAME FILE...: with this bug in force one of these scenarios doesn't hold, in
 * one of the orders that its steps allow. `none`: no bug, and all hold. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/planted.h"
#include "sim/run/run.h"

enum { TEXT_MAX = 1500 };

static bool read_file(const char *path, struct buffer *text)
{
    char piece[4096];
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return false;
    for (size_t size; (size = fread(piece, 1, sizeof piece, file)) > 0;)
        buffer_append_span(text, SPAN(piece, size));
    return fclose(file) == 0;
}

static bool holds(const struct scenario *scenario, const char *name, const char *file)
{
    bool held = true;
    for (uint64_t order = 0; held && order < scenario_orders(scenario); order++) {
        struct run_options options = {.order = order};
        struct run_result result;
        struct error error = {0};
        held = run_scenario(scenario, &options, &result, &error) == ERR_OK &&
               result.outcome == OUTCOME_HELD;
        const struct buffer *text = &result.findings.text;
        if (!held)
            printf("%s: found by %s, order %llu:\n%.*s\n", name, file, (unsigned long long)order,
                   (int)(text->size < TEXT_MAX ? text->size : TEXT_MAX), (const char *)text->data);
        run_result_clear(&result);
    }
    return held;
}

int main(int count, char **words)
{
    bool held = true;
    if (count < 3 || !crypto_start() || !planted_choose(words[1])) {
        fprintf(stderr, "usage: planted_scenarios NAME FILE...\n");
        return 2;
    }
    for (int i = 2; i < count && held; i++) {
        struct buffer text = {0};
        struct error error = {0};
        struct scenario *scenario = NULL;
        if (read_file(words[i], &text))
            scenario = scenario_read(span_of_buffer(&text), words[i], NULL, NULL, &error);
        buffer_free(&text);
        if (scenario == NULL) {
            fprintf(stderr, "%s: %s: %s\n", words[i], error.what, error.why);
            return 2;
        }
        held = holds(scenario, words[1], words[i]);
        scenario_free(scenario);
    }
    if (held)
        printf("%s: all held\n", words[1]);
    return held == (strcmp(words[1], "none") == 0) ? 0 : 1;
}
