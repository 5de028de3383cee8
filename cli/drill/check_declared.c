/* The roll-ups that types declare against what the drill has written: one that counts all records
 * of its type must come to as many as stand at their origins. */
#include "cli/drill/check_declared.h"

#include <stdlib.h>
#include <string.h>

#include "cli/client.h"
#include "cli/drill/drill_schema.h"
#include "cli/print.h"
#include "cli/value.h"
#include "schema/rollup.h"

static const struct rollup *counts_all(const struct record_type *type)
{
    for (size_t i = 0; i < type->rollup_count; i++) {
        const struct rollup *rollup = &type->rollups[i];
        if (rollup->kind == ROLL_COUNT && rollup->where_count == 0 && !rollup->ended)
            return rollup;
    }
    return NULL;
}

static json_t *ask(const struct drill *drill, const char *name)
{
    char path[PATH_MAX];
    struct buffer args = {0}, value = {0};
    struct error error;
    json_t *answer = NULL;
    mp_write_map(&args, 2);
    mp_write_text(&args, "name");
    mp_write_text(&args, name);
    mp_write_text(&args, "by");
    mp_write_text(&args, "origin");
    if (drill_node_path(drill, 0, path, &error) == ERR_OK &&
        client_once(path, "rollup", span_of_buffer(&args), &value, &error) == ERR_OK)
        answer = value_json(span_of_buffer(&value));
    buffer_free(&value);
    buffer_free(&args);
    return answer;
}

/* The seat whose fold a group is; false: it is an origin's own. */
static bool fold_of(const struct drill *drill, const char *key, size_t *seat)
{
    static const char mark[] = " (folded)";
    char code[SEAT_BYTES_MAX + 1];
    struct error error;
    size_t size = strlen(key), mark_size = sizeof mark - 1;
    if (size <= mark_size || size - mark_size > SEAT_BYTES_MAX ||
        strcmp(key + size - mark_size, mark) != 0)
        return false;
    memcpy(code, key, size - mark_size);
    code[size - mark_size] = '\0';
    return drill_find(drill, code, seat, &error) == ERR_OK;
}

static bool is_below(const struct drill *drill, size_t seat, size_t above)
{
    while (seat != DRILL_NO_SEAT && seat != above)
        seat = drill->seats[seat].parent;
    return seat == above;
}

/* What a fold counts: all below its seat that don't stand by themselves. What it is too low or too
 * high by is said of its seat. */
static void take_fold(const struct drill *drill, size_t above, int64_t value, const bool *alone,
                      int64_t *expected)
{
    for (size_t i = 0; i < drill->seat_count; i++) {
        if (i == above || alone[i] || !is_below(drill, i, above))
            continue;
        value -= expected[i];
        expected[i] = 0;
    }
    expected[above] -= value;
}

void check_take_groups(const struct drill *drill, const json_t *groups, int64_t *expected)
{
    bool *alone = mem_alloc(drill->seat_count * sizeof *alone);
    struct error error;
    size_t index = 0, seat = 0;
    json_t *group = NULL;
    json_array_foreach(groups, index, group)
    {
        if (drill_find(drill, json_text(group, "key"), &seat, &error) != ERR_OK)
            continue;
        alone[seat] = true;
        expected[seat] -= json_integer_value(json_object_get(group, "value"));
    }
    json_array_foreach(groups, index, group)
    {
        if (fold_of(drill, json_text(group, "key"), &seat))
            take_fold(drill, seat, json_integer_value(json_object_get(group, "value")), alone,
                      expected);
    }
    free(alone);
}

static void compare(const struct check_table *table, const json_t *answer, int64_t *expected,
                    struct check_result *result)
{
    const struct drill *drill = table->drill;
    check_take_groups(drill, json_object_get(answer, "groups"), expected);
    for (size_t i = 0; i < drill->seat_count; i++) {
        char why[160];
        if (expected[i] == 0 || table->shapes.revoked[i] != NULL)
            continue;
        result->total_wrong++;
        if (json_array_size(result->findings.named) >= FINDINGS_NAMED_MAX)
            continue;
        snprintf(why, sizeof why, "the root's roll-up %s is %lld %s", json_text(answer, "name"),
                 (long long)(expected[i] < 0 ? -expected[i] : expected[i]),
                 expected[i] < 0 ? "too high" : "too low");
        json_array_append_new(result->findings.named,
                              json_pack("{s:s,s:s,s:s,s:s,s:s}", "kind", "total", "at",
                                        drill->seats[0].code, "origin", drill->seats[i].code,
                                        "where", "total", "why", why));
    }
}

void check_declared(const struct check_table *table, struct check_result *result)
{
    struct error error;
    struct schema *schema = drill_schema(table->drill, &error);
    for (size_t i = 0; schema != NULL && i < schema->type_count; i++) {
        const struct record_type *type = &schema->types[i];
        const struct rollup *rollup = counts_all(type);
        json_t *answer = rollup == NULL ? NULL : ask(table->drill, rollup->name);
        if (answer == NULL)
            continue; /* the root isn't up: said with its total */
        int64_t *expected = mem_alloc(table->drill->seat_count * sizeof *expected);
        for (struct check_record *record = table->records; record != NULL; record = record->hh.next)
            expected[record->origin] += record->key.type == type->number && record->at_origin &&
                                        !record->deleted &&
                                        !(table->changed && check_is_cut(table, record));
        compare(table, answer, expected, result);
        free(expected);
        json_decref(answer);
    }
    schema_free(schema);
}
