/* For people, for scripts, and for another look. */
#include "cli/drill/replay_tell.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/print.h"
#include "cli/value.h"
#include "node/author/file.h"
#include "node/author/keys.h"

enum { NOTES_SHOWN = 10, DIFFERENCES_SHOWN = 10, REPLAY_JSON_BYTES_MAX = 64 << 20 };

int replay_exit_status(enum replay_verdict verdict)
{
    static const int statuses[] = {
#define X(name, text, status) status,
        REPLAY_VERDICT_LIST(X)
#undef X
    };
    return statuses[verdict];
}

static const char *verdict_text(enum replay_verdict verdict)
{
    static const char *const texts[] = {
#define X(name, text, status) text,
        REPLAY_VERDICT_LIST(X)
#undef X
    };
    return texts[verdict];
}

/* Disks are put back and emptied at a kill. */
static size_t fault_count(const struct replay_schedule *schedule)
{
    size_t count = 0;
    for (size_t i = 0; i < schedule->item_count; i++) {
        enum replay_act act = schedule->items[i].act;
        count += act == REPLAY_CUT || act == REPLAY_KILL || act == REPLAY_PAUSE;
    }
    return count;
}

/* ---- for people ---- */

void replay_left_out_print(const struct replay_schedule *schedule, FILE *to)
{
    for (size_t i = 0; i < schedule->left_out_count; i++)
        fprintf(to, "%s\n", schedule->left_out[i]);
}

static void print_table(const struct replay_told *told, FILE *to)
{
    static const struct table_column columns[] = {{"tier", false},   {"seats", true},
                                                  {"records", true}, {"equal", true},
                                                  {"agreed", true},  {"differing", true}};
    const struct drill *drill = told->replay->drill;
    struct table_rows *table = table_new(columns, 6);
    for (size_t tier = 0; tier < drill->tier_count; tier++) {
        const struct replay_sums *sums = &told->result->tiers[tier];
        size_t seats = 0;
        for (size_t i = 0; i < drill->seat_count; i++)
            seats += drill->seats[i].tier == tier;
        table_cell(table, "%s", drill->tiers[tier]);
        table_cell(table, "%zu", seats);
        table_cell(table, "%" PRIu64, sums->records);
        table_cell(table, "%" PRIu64, sums->equal);
        table_cell(table, "%" PRIu64, sums->excused);
        table_cell(table, "%" PRIu64, sums->differing);
    }
    table_print(table, to);
}

/* The lines of one text that the other hasn't. */
static void print_lines(const char *label, const char *text, const char *other, FILE *to)
{
    while (*text != '\0') {
        size_t size = strcspn(text, "\n");
        bool found = false;
        for (const char *at = other; *at != '\0' && !found;) {
            size_t length = strcspn(at, "\n");
            found = length == size && memcmp(at, text, size) == 0;
            at += length + (at[length] != '\0');
        }
        if (!found) {
            char *shown = text_shown(SPAN(text, size), 0);
            fprintf(to, "    %-9s  %s\n", label, shown);
            free(shown);
        }
        text += size + (text[size] != '\0');
    }
}

static void print_differences(const json_t *differences, FILE *to)
{
    size_t index = 0;
    json_t *one = NULL;
    json_array_foreach(differences, index, one)
    {
        if (index == DIFFERENCES_SHOWN) {
            fprintf(to, "  and more; --json names up to %d\n", DIFFERENCES_NAMED_MAX);
            break;
        }
        const char *simulated = json_text(one, "simulated"), *real = json_text(one, "real");
        fprintf(to, "  at %s: %s: %s\n", json_text(one, "seat"), json_text(one, "record"),
                json_text(one, "why"));
        print_lines("simulated", simulated, real, to);
        print_lines("real", real, simulated, to);
    }
}

static void print_notes(const json_t *notes, FILE *to)
{
    size_t index = 0;
    json_t *note = NULL;
    json_array_foreach(notes, index, note)
    {
        if (index == NOTES_SHOWN) {
            fprintf(to, "  and %zu more; --json has them\n", json_array_size(notes) - index);
            break;
        }
        fprintf(to, "  %s\n", json_string_value(note));
    }
}

void replay_told_print(const struct replay_told *told, FILE *to)
{
    const struct replay_schedule *schedule = told->replay->schedule;
    const struct replay_sums *all = &told->result->all;
    fprintf(to, "%s, seed %" PRIu64 ": %zu nodes, %zu writes, %zu faults; %.1f s\n",
            told->scenario->name, told->scenario->seed, told->replay->drill->seat_count,
            schedule->write_count, fault_count(schedule), (double)told->duration_ms / 1000);
    print_table(told, to);
    print_notes(told->replay->notes, to);
    print_differences(told->result->differences, to);
    switch (told->verdict) {
    case REPLAY_EQUAL:
        fprintf(to, "both came to the same end: %" PRIu64 " of %" PRIu64 " records equal",
                all->equal, all->records);
        if (all->excused > 0)
            fprintf(to, ", %" PRIu64 " only the same at all who hold them here", all->excused);
        fputc('\n', to);
        break;
    case REPLAY_DIFFERS:
        fprintf(to, "%" PRIu64 " records came to another end\n", all->differing);
        break;
    case REPLAY_NOT_LEVEL:
        fprintf(to, "the nodes were not level in time: %" PRIu64 " records differ still\n",
                all->differing);
        break;
    }
}

/* ---- for scripts ---- */

static json_t *number(uint64_t value)
{
    return json_integer((json_int_t)value);
}

static json_t *left_out_json(const struct replay_schedule *schedule)
{
    json_t *list = json_array();
    for (size_t i = 0; i < schedule->left_out_count; i++)
        json_array_append_new(list, json_string(schedule->left_out[i]));
    return list;
}

json_t *replay_told_json(const struct replay_told *told)
{
    const struct replay_schedule *schedule = told->replay->schedule;
    const struct replay_sums *all = &told->result->all;
    json_t *json = json_object();
    json_object_set_new(json, "scenario", json_string(told->scenario->name));
    json_object_set_new(json, "seed", number(told->scenario->seed));
    json_object_set_new(json, "outcome", json_string(verdict_text(told->verdict)));
    json_object_set_new(json, "nodes", number(told->replay->drill->seat_count));
    json_object_set_new(json, "writes", number(schedule->write_count));
    json_object_set_new(json, "faults", number(fault_count(schedule)));
    json_object_set_new(json, "records", number(all->records));
    json_object_set_new(json, "equal", number(all->equal));
    json_object_set_new(json, "agreed", number(all->excused));
    json_object_set_new(json, "differing", number(all->differing));
    json_object_set_new(json, "left_out", left_out_json(schedule));
    json_object_set(json, "notes", told->replay->notes);
    json_object_set(json, "differences", told->result->differences);
    json_object_set_new(json, "seconds", json_real((double)told->duration_ms / 1000));
    return json;
}

/* ---- for another look ---- */

static void trace_text(const struct replay *replay, char text[static 2 * HASH_BYTES + 1])
{
    hex_write(text, replay->schedule->result.trace.bytes, HASH_BYTES);
}

enum error_code replay_save(const struct replay *replay, struct error *error)
{
    const struct replay_schedule *schedule = replay->schedule;
    char path[PATH_MAX], trace[2 * HASH_BYTES + 1], id[33];
    json_t *records = json_array();
    for (size_t i = 0; i < schedule->record_count; i++) {
        const struct replay_record *record = &schedule->records[i];
        record_id_text(&record->real, id);
        json_array_append_new(records, json_pack("[s,s?]", record->made ? id : "", record->excuse));
    }
    trace_text(replay, trace);
    json_t *json =
        json_pack("{s:s,s:o,s:O}", "trace", trace, "records", records, "notes", replay->notes);
    char *dump = json_dumps(json, JSON_COMPACT);
    enum error_code code = drill_file_path(replay->drill, "replay.json", path, error);
    if (code == ERR_OK)
        code = file_replace(path, span_of_text(dump), 0600, error);
    free(dump);
    json_decref(json);
    return code;
}

static enum error_code is_stale(const char *path, struct error *error)
{
    error_set(error, ERR_STALE, path, "it is no replay of this scenario with this seed");
    error_next(error,
               "name the scenario and the seed that were played, or play this one elsewhere");
    return ERR_STALE;
}

/* The words of an excuse are told by the notes. */
static bool take_records(struct replay *replay, const json_t *json)
{
    struct replay_schedule *schedule = replay->schedule;
    const json_t *records = json_object_get(json, "records");
    char trace[2 * HASH_BYTES + 1];
    trace_text(replay, trace);
    if (strcmp(json_text(json, "trace"), trace) != 0 ||
        json_array_size(records) != schedule->record_count)
        return false;
    for (size_t i = 0; i < schedule->record_count; i++) {
        struct replay_record *record = &schedule->records[i];
        const json_t *row = json_array_get(records, i);
        const char *id = json_string_value(json_array_get(row, 0));
        record->made = id != NULL && record_id_parse(span_of_text(id), &record->real);
        if (record->excuse == NULL && json_is_string(json_array_get(row, 1)))
            record->excuse = "it was lived through otherwise than in the simulation";
    }
    json_decref(replay->notes);
    replay->notes = json_incref(json_object_get(json, "notes"));
    return true;
}

enum error_code replay_load(struct replay *replay, struct error *error)
{
    char path[PATH_MAX];
    struct buffer text = {0};
    enum error_code code = drill_file_path(replay->drill, "replay.json", path, error);
    if (code == ERR_OK)
        code = file_read(path, REPLAY_JSON_BYTES_MAX, &text, error);
    if (code == ERR_OK) {
        json_t *json = json_loadb((const char *)text.data, text.size, 0, NULL);
        if (!take_records(replay, json))
            code = is_stale(path, error);
        json_decref(json);
    }
    buffer_free(&text);
    return code;
}
