/* By what the figures of a declared roll-up are split. */
#include "replication/query/asking.h"

#include <stdio.h>
#include <string.h>

static bool parse_dimension(struct asking *asking, struct span word, int *by)
{
    static const struct {
        const char *word;
        int by;
    } seats[] = {{"origin", BY_SEAT}, {"seat", BY_SEAT}, {"tier", BY_TIER}, {"parent", BY_PARENT}};
    const struct rollup *rollup = asking->rollup;
    for (size_t i = 0; i < rollup->by_count; i++) {
        const struct field *field = type_field(asking->type, rollup->by[i]);
        *by = (int)i;
        if (field != NULL && span_equal(word, span_of_text(field->name)))
            return true;
    }
    for (size_t i = 0; i < sizeof seats / sizeof seats[0]; i++) {
        *by = seats[i].by;
        if (span_equal(word, span_of_text(seats[i].word)))
            return true;
    }
    *by = 0;
    return rollup->number == ROLLUP_OVERDUE && span_equal(word, span_of_text("type"));
}

enum error_code asking_parse_by(struct asking *asking, struct error *error)
{
    struct span by = asking->question->by;
    for (size_t at = 0; at < by.size;) {
        size_t end = at;
        while (end < by.size && by.data[end] != ',')
            end++;
        if (asking->by_count == DIMENSIONS_MAX ||
            !parse_dimension(asking, SPAN(by.data + at, end - at),
                             &asking->by[asking->by_count++])) {
            char known[300] = "origin, tier, parent";
            for (size_t i = 0; i < asking->rollup->by_count; i++) {
                size_t used = strlen(known);
                snprintf(known + used, sizeof known - used, ", %s",
                         type_field(asking->type, asking->rollup->by[i])->name);
            }
            return error_set(error, ERR_USAGE, asking->rollup->name,
                             "--by is up to %d of: %s; found \"%.*s\"", DIMENSIONS_MAX, known,
                             (int)(end - at > 60 ? 60 : end - at), (const char *)by.data + at);
        }
        at = end + 1;
    }
    return ERR_OK;
}

enum error_code asking_parse_each(struct asking *asking, struct error *error)
{
    const struct rollup_question *question = asking->question;
    unsigned each = 0;
    while (question->each.size > 0 && each < PERIOD_COUNT &&
           (each == 0 || !span_equal(question->each, span_of_text(rollup_period_name(each)))))
        each++;
    asking->each = each < PERIOD_COUNT ? (enum rollup_period)each : PERIOD_NONE;
    bool finer = each != 0 && each < (unsigned)asking->rollup->period;
    bool asks = question->each.size > 0 || question->period.size > 0;
    if (each < PERIOD_COUNT && !finer && (!asks || asking->rollup->period != PERIOD_NONE))
        return ERR_OK;
    return error_set(error, ERR_USAGE, asking->rollup->name,
                     asking->rollup->period == PERIOD_NONE
                         ? "it has no periods"
                         : "it is kept by %s: --each is that, or a longer one of day, month, year",
                     rollup_period_name(asking->rollup->period));
}
