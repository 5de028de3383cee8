/* Seat by seat, record by record; names of the simulated world lead to those of the real one by
 * what was played. */
#include "cli/drill/replay_compare.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "cli/drill/stores.h"

struct named { /* a record by its name in one of the two worlds */
    struct record_id id;
    size_t record;
    UT_hash_handle hh;
};

struct by_id {                              /* of a portrait */
    const struct portrait_record **records; /* sorted by name; owned */
    size_t count;
};

struct comparing {
    const struct replay *replay;
    struct replay_result *result;
    struct tree *tree;
    struct named *simulated, *real; /* uthash */
    struct named *names;            /* all of both */
    struct portrait here;           /* of the seat looked at */
    struct by_id here_by_id, simulated_by_id;
    char **first;             /* by record: the text of the first real holder; owned */
    bool *told;               /* by record: named already as not the same everywhere */
    struct replay_sums *sums; /* of the seat's tier */
    size_t seat;              /* the county's */
};

static void comparing_begin(struct comparing *comparing)
{
    const struct replay_schedule *schedule = comparing->replay->schedule;
    size_t count = schedule->record_count;
    comparing->names = mem_alloc((2 * count + 1) * sizeof *comparing->names);
    comparing->first = mem_alloc((count + 1) * sizeof *comparing->first);
    comparing->told = mem_alloc((count + 1) * sizeof *comparing->told);
    for (size_t i = 0; i < count; i++) {
        const struct replay_record *record = &schedule->records[i];
        struct named *simulated = &comparing->names[2 * i], *real = simulated + 1, *other;
        *simulated = (struct named){.id = record->simulated, .record = i};
        *real = (struct named){.id = record->real, .record = i};
        if (record->write_count == 0 && record->excuse == NULL)
            continue;
        HASH_ADD(hh, comparing->simulated, id, sizeof simulated->id, simulated);
        HASH_FIND(hh, comparing->real, &real->id, sizeof real->id, other);
        if (record->made && other == NULL)
            HASH_ADD(hh, comparing->real, id, sizeof real->id, real);
    }
}

static void comparing_end(struct comparing *comparing)
{
    HASH_CLEAR(hh, comparing->simulated);
    HASH_CLEAR(hh, comparing->real);
    for (size_t i = 0; i < comparing->replay->schedule->record_count; i++)
        free(comparing->first[i]);
    free(comparing->first);
    free(comparing->told);
    free(comparing->names);
    tree_free(comparing->tree);
}

static struct replay_record *find(const struct comparing *comparing, struct named *names,
                                  const struct record_id *id)
{
    struct named *found;
    HASH_FIND(hh, names, id, sizeof *id, found);
    return found == NULL ? NULL : &comparing->replay->schedule->records[found->record];
}

/* ---- telling ---- */

/* "incident of V1, title='...'": the first two lines of a text. */
static json_t *name_of(const char *text)
{
    char name[200];
    size_t first = strcspn(text, "\n");
    const char *second = text[first] == '\0' ? "" : text + first + 1;
    snprintf(name, sizeof name, "%.*s, %.*s", (int)(first < 90 ? first : 90), text,
             (int)(strcspn(second, "\n") < 90 ? strcspn(second, "\n") : 90), second);
    json_t *json = json_string(name);
    return json == NULL ? json_string("?") : json; /* cut within a character */
}

static void tell(struct comparing *comparing, const char *why, const char *simulated,
                 const char *real)
{
    const struct county *county = comparing->replay->schedule->county;
    json_t *differences = comparing->result->differences;
    comparing->sums->differing++;
    if (json_array_size(differences) >= DIFFERENCES_NAMED_MAX)
        return;
    json_array_append_new(differences, json_pack("{s:s,s:o,s:s,s:s*,s:s*}", "seat",
                                                 county->seats[comparing->seat].code, "record",
                                                 name_of(simulated != NULL ? simulated : real),
                                                 "why", why, "simulated", simulated, "real", real));
}

/* ---- one seat ---- */

static int compare_ids(const void *a, const void *b)
{
    const struct portrait_record *const *x = a, *const *y = b;
    return memcmp((*x)->id.bytes, (*y)->id.bytes, sizeof(*x)->id.bytes);
}

static struct by_id sort_by_id(const struct portrait *portrait)
{
    struct by_id sorted = {.count = portrait->count};
    sorted.records = mem_alloc((portrait->count + 1) * sizeof *sorted.records);
    for (size_t i = 0; i < portrait->count; i++)
        sorted.records[i] = &portrait->records[i];
    if (sorted.count > 0)
        qsort(sorted.records, sorted.count, sizeof *sorted.records, compare_ids);
    return sorted;
}

static const struct portrait_record *among(const struct by_id *sorted, const struct record_id *id)
{
    const struct portrait_record wanted = {.id = *id}, *key = &wanted;
    const struct portrait_record **found =
        sorted->count == 0
            ? NULL
            : bsearch(&key, sorted->records, sorted->count, sizeof *sorted->records, compare_ids);
    return found == NULL ? NULL : *found;
}

/* A record with an excuse has to be the same wherever it is. */
static void judge_excused(struct comparing *comparing, const struct replay_record *record,
                          const struct portrait_record *here)
{
    size_t place = (size_t)(record - comparing->replay->schedule->records);
    if (comparing->first[place] == NULL)
        comparing->first[place] = mem_text(here->text);
    if (strcmp(comparing->first[place], here->text) == 0)
        comparing->sums->excused++;
    else if (!comparing->told[place])
        tell(comparing, "its holders here differ", comparing->first[place], here->text);
    else
        comparing->sums->differing++;
    comparing->told[place] |= strcmp(comparing->first[place], here->text) != 0;
}

/* A name that something waits for, or that something left out stands under: no record yet. */
static bool is_nothing(const struct portrait_record *record)
{
    return strncmp(record->text, " of ", 4) == 0 &&
           strstr(record->text, " operations=0 excluded=0\n") != NULL;
}

static void judge_simulated(struct comparing *comparing, const struct portrait_record *simulated)
{
    const struct replay_record *record = find(comparing, comparing->simulated, &simulated->id);
    const struct portrait_record *here =
        record == NULL || !record->made ? NULL : among(&comparing->here_by_id, &record->real);
    comparing->sums->records++;
    if (record != NULL && record->excuse != NULL && here != NULL)
        return; /* with those that are here */
    if (record != NULL && record->excuse != NULL)
        comparing->sums->excused++; /* lost here, or there: told as a note */
    else if (here == NULL)
        tell(comparing, "missing", simulated->text, NULL);
    else if (strcmp(here->text, simulated->text) != 0)
        tell(comparing, "another state", simulated->text, here->text);
    else
        comparing->sums->equal++;
}

static void judge_real(struct comparing *comparing, const struct portrait_record *here)
{
    const struct replay_record *record = find(comparing, comparing->real, &here->id);
    if (record != NULL && record->excuse != NULL)
        judge_excused(comparing, record, here);
    else if (record == NULL || among(&comparing->simulated_by_id, &record->simulated) == NULL)
        tell(comparing, "not in the simulation", NULL, here->text);
}

static void add_hash(struct replay_result *result, const struct portrait *portrait)
{
    struct hash hash = portrait_hash(portrait);
    result->real =
        hash_of_two(HASH_SEAL, SPAN_OF_ARRAY(result->real.bytes), SPAN_OF_ARRAY(hash.bytes));
}

static void add_sums(struct replay_sums *to, const struct replay_sums *sums)
{
    to->records += sums->records;
    to->equal += sums->equal;
    to->excused += sums->excused;
    to->differing += sums->differing;
}

static enum error_code look(void *context, const struct view *view, struct error *error)
{
    struct comparing *comparing = context;
    const struct replay *replay = comparing->replay;
    const struct portrait *simulated = &replay->schedule->ends[comparing->seat];
    enum error_code code = portrait_take(view, comparing->tree, &comparing->here, error);
    if (code != ERR_OK)
        return code;
    struct replay_sums sums = {0};
    comparing->sums = &sums;
    comparing->here_by_id = sort_by_id(&comparing->here);
    comparing->simulated_by_id = sort_by_id(simulated);
    for (size_t i = 0; i < simulated->count; i++) {
        if (!is_nothing(&simulated->records[i]))
            judge_simulated(comparing, &simulated->records[i]);
    }
    for (size_t i = 0; i < comparing->here.count; i++) {
        if (!is_nothing(&comparing->here.records[i]))
            judge_real(comparing, &comparing->here.records[i]);
    }
    size_t seat = replay->seat_of[comparing->seat];
    add_sums(&comparing->result->tiers[replay->drill->seats[seat].tier], &sums);
    add_sums(&comparing->result->all, &sums);
    add_hash(comparing->result, &comparing->here);
    free(comparing->simulated_by_id.records);
    free(comparing->here_by_id.records);
    portrait_free(&comparing->here);
    return ERR_OK;
}

enum error_code replay_compare(const struct replay *replay, struct replay_result *result,
                               struct error *error)
{
    struct comparing comparing = {.replay = replay, .result = result};
    *result = (struct replay_result){.differences = json_array()};
    result->tiers = mem_alloc((replay->drill->tier_count + 1) * sizeof *result->tiers);
    comparing.tree = stores_tree(replay->drill, error);
    enum error_code code = comparing.tree == NULL ? error->code : ERR_OK;
    comparing_begin(&comparing);
    for (size_t i = 0; i < replay->schedule->county->seat_count && code == ERR_OK; i++) {
        comparing.seat = i;
        code = stores_visit(replay->drill, replay->seat_of[i], look, &comparing, error);
    }
    comparing_end(&comparing);
    return code;
}

void replay_result_free(struct replay_result *result)
{
    json_decref(result->differences);
    free(result->tiers);
}
