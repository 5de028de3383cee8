/* Scenario files as anybody may write them: what is refused is refused with a place and a reason;
 * what is taken is written so that it is read back, and written the same again. */
#include <assert.h>

#include "sim/scenario/scenario.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool load(void *context, const char *file, struct buffer *bytes)
{
    static const char table[] = "code,name,tier,parent\nA,,top,\nB,,low,A\n";
    (void)context;
    (void)file;
    buffer_append(bytes, table, sizeof table - 1);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error error = {0};
    struct scenario *scenario = scenario_read(SPAN(data, size), "s.yaml", load, NULL, &error);
    if (scenario == NULL) {
        assert(error.code != ERR_OK && error.why[0] != 0 && error.line > 0);
        return 0;
    }
    struct buffer first = {0}, second = {0};
    scenario_write(scenario, &first);
    struct scenario *again = scenario_read(span_of_buffer(&first), "w.yaml", load, NULL, &error);
    assert(again != NULL);
    scenario_write(again, &second);
    assert(span_equal(span_of_buffer(&first), span_of_buffer(&second)));
    buffer_free(&first);
    buffer_free(&second);
    scenario_free(again);
    scenario_free(scenario);
    return 0;
}
