/* Declared roll-ups at the root, counted once more from the model's own records: how many cases
 * there are in each state, and what was added to their calls, by the village that made them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replication/query/query_rollup.h"
#include "sim/check/check_parts.h"

enum { FRESH_MS = 24 * 60 * 60 * 1000, FIGURES_MAX = 4096 };

struct naive {
    char key[96]; /* "V1 / accepted" */
    int64_t cases, calls;
    bool any_calls;
};

struct naive_list {
    struct naive *at;
    size_t count;
};

static struct naive *naive_at(struct naive_list *list, const char *key)
{
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->at[i].key, key) == 0)
            return &list->at[i];
    }
    if (list->count == FIGURES_MAX)
        return NULL;
    snprintf(list->at[list->count].key, sizeof list->at[0].key, "%s", key);
    return &list->at[list->count++];
}

/* Below a folding seat, and in no fold: it has moved, or one between them has. */
static bool stands_alone(const struct model *model, size_t seat)
{
    size_t root = model->seat_numbered[0], folder = totals_folder_of(model, root, seat);
    const struct tree *tree = replica_tree(world_replica(model->world, root));
    return folder == SIZE_MAX ||
           !tree_seat_is_folded(tree,
                                tree_seat(tree, span_of_text(model->county->seats[folder].code)),
                                tree_seat(tree, span_of_text(model->county->seats[seat].code)));
}

/* The fold of the model as lines: "state='accepted'", "calls=7". */
static void add_record(const struct model *model, const struct model_record *record,
                       struct naive_list *list)
{
    struct buffer text = {0};
    bool deleted;
    char state[32] = "", key[96];
    model_fold(model, record, &text, &deleted);
    buffer_append_byte(&text, 0);
    const char *found = strstr((const char *)text.data, "state='");
    if (found != NULL)
        sscanf(found, "state='%31[^']'", state);
    size_t folder = totals_folder_of(model, model->seat_numbered[0], record->origin);
    bool alone = folder == SIZE_MAX || stands_alone(model, record->origin);
    snprintf(key, sizeof key, "%s%s / %s",
             model->county->seats[alone ? record->origin : folder].code, alone ? "" : " (folded)",
             state);
    struct naive *naive = naive_at(list, key);
    const char *calls = strncmp((const char *)text.data, "calls=", 6) == 0
                            ? (const char *)text.data
                            : strstr((const char *)text.data, "\ncalls=");
    if (naive != NULL) {
        naive->cases++;
        naive->any_calls = naive->any_calls || calls != NULL;
        naive->calls += calls == NULL ? 0 : strtoll(strchr(calls, '=') + 1, NULL, 10);
    }
    buffer_free(&text);
}

static void compare_group(struct model *model, struct naive_list *list, const char *name,
                          const char *key, int64_t value, size_t *found)
{
    size_t seat = SIZE_MAX;
    for (size_t i = 0; i < model->county->seat_count; i++) {
        size_t size = strlen(model->county->seats[i].code);
        if (strncmp(key, model->county->seats[i].code, size) == 0 && key[size] == ' ')
            seat = i;
    }
    if (seat == SIZE_MAX || model->nodes[seat].forks || !model_counts(model, seat)) {
        return;
    }
    struct naive *naive = naive_at(list, key);
    bool calls = strcmp(name, "case_calls") == 0;
    int64_t wanted = naive == NULL ? 0 : calls ? naive->calls : naive->cases;
    *found += value != 0;
    if (value != wanted)
        findings_add(model->findings, FINDING_TOTAL,
                     "the root's roll-up %s says %lld of %s, it is %lld", name, (long long)value,
                     key, (long long)wanted);
}

static void read_group(struct model *model, struct naive_list *list, const char *name,
                       struct mp_reader *reader, size_t *found)
{
    char key[96] = "";
    int64_t value = 0;
    for (uint32_t pairs = mp_read_map(reader); pairs > 0 && !reader->failed; pairs--) {
        struct span word = mp_read_str(reader);
        if (span_equal(word, span_of_text("key"))) {
            struct span text = mp_read_str(reader);
            snprintf(key, sizeof key, "%.*s", (int)text.size, (const char *)text.data);
        } else if (span_equal(word, span_of_text("value")) && mp_peek(reader) == MP_INT) {
            value = mp_read_int(reader);
        } else {
            mp_read_any(reader);
        }
    }
    compare_group(model, list, name, key, value, found);
}

static void check_figure(struct model *model, struct naive_list *list, const char *name)
{
    size_t root = model->seat_numbered[0], found = 0, wanted = 0;
    struct buffer bytes = {0};
    struct rollup_question question = {
        .name = span_of_text(name), .by = span_of_text("seat,state"), .freshness_ms = FRESH_MS};
    bool calls = strcmp(name, "case_calls") == 0;
    enum error_code code = query_rollup_of(world_view(model->world, root),
                                           replica_tree(world_replica(model->world, root)),
                                           model_node_name(model, root), &question, &bytes, NULL);
    struct mp_reader reader = mp_reader(span_of_buffer(&bytes));
    reader.text_keys = true;
    reader.items_max = UINT32_MAX;
    for (uint32_t pairs = code == ERR_OK ? mp_read_map(&reader) : 0; pairs > 0 && !reader.failed;
         pairs--) {
        if (!span_equal(mp_read_str(&reader), span_of_text("groups"))) {
            mp_read_any(&reader);
            continue;
        }
        for (uint32_t count = mp_read_array(&reader); count > 0 && !reader.failed; count--)
            read_group(model, list, name, &reader, &found);
    }
    for (size_t i = 0; i < list->count; i++)
        wanted += calls ? list->at[i].calls != 0 : list->at[i].cases != 0;
    if (found != wanted)
        findings_add(model->findings, FINDING_TOTAL,
                     "the root's roll-up %s has %zu groups of the %zu that there are", name, found,
                     wanted);
    buffer_free(&bytes);
}

void check_rollups(struct model *model)
{
    size_t root = model->seat_numbered[0];
    const struct schema *schema = tree_schema(replica_tree(world_replica(model->world, root)));
    const struct record_type *type;
    if (schema_rollup_named(schema, span_of_text("cases"), &type) == NULL)
        return;
    struct naive_list list = {.at = mem_alloc(FIGURES_MAX * sizeof *list.at)};
    for (size_t i = 0; i < model->record_count; i++) {
        const struct model_record *record = &model->records[i];
        if (record->type == MODEL_CASE && record->counted && model_counts(model, record->origin) &&
            !model->nodes[record->origin].forks)
            add_record(model, record, &list);
    }
    check_figure(model, &list, "cases");
    check_figure(model, &list, "case_calls");
    free(list.at);
}
