/* What a document changes, row by row, in words. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/print.h"
#include "cli/topology/draft.h"
#include "node/author/admin_key.h"
#include "node/author/code_text.h"

enum { WORDS_BYTES = 512 };

struct telling {
    const struct tree *tree;
    const struct document_header *header; /* of the document told of */
    const struct document_file *file;     /* with its rows */
    const struct people *people;
    const char *seat, *name; /* of the row told of */
    json_t *changes;
};

__attribute__((format(printf, 2, 3))) static void tell(struct telling *telling, const char *format,
                                                       ...)
{
    char words[WORDS_BYTES];
    va_list list;
    va_start(list, format);
    vsnprintf(words, sizeof words, format, list);
    va_end(list);
    char *shown = text_shown(span_of_text(words), 0);
    json_array_append_new(telling->changes, json_pack("{s:s,s:s,s:s}", "seat", telling->seat,
                                                      "name", telling->name, "change", shown));
    free(shown);
}

/* A root document names the tiers itself. */
static const char *tier_name(const struct telling *telling, uint8_t tier,
                             char text[static SEAT_BYTES_MAX + 1])
{
    const struct text_list *tiers = &telling->header->tiers;
    if (telling->header->kind != DOCUMENT_ROOT || tier >= tiers->count)
        return tree_tier_name(telling->tree, tier);
    struct span name = text_list_at(tiers, tier);
    snprintf(text, SEAT_BYTES_MAX + 1, "%.*s", (int)name.size, (const char *)name.data);
    return text;
}

static void list_words(const struct text_list *list, char text[static WORDS_BYTES])
{
    size_t used = 0;
    text[0] = '\0';
    for (unsigned i = 0; i < list->count && used < WORDS_BYTES; i++) {
        struct span one = text_list_at(list, i);
        used += (size_t)snprintf(text + used, WORDS_BYTES - used, "%s%.*s", i == 0 ? "" : ", ",
                                 (int)one.size, (const char *)one.data);
    }
    if (list->count == 0)
        snprintf(text, WORDS_BYTES, "none");
}

static void tell_list(struct telling *telling, const char *what, const struct text_list *before,
                      const struct text_list *after)
{
    char old[WORDS_BYTES], new[WORDS_BYTES];
    list_words(before, old);
    list_words(after, new);
    if (before->count == 0 && after->count > 0)
        tell(telling, "%s: %.400s", what, new);
    else if (strcmp(old, new) != 0)
        tell(telling, "%s: %.200s (before: %.200s)", what, new, old);
}

static bool has_key(const struct admin_keys *admins, const uint8_t *key)
{
    for (unsigned i = 0; i < admins->count; i++) {
        if (memcmp(admin_key(admins, i), key, KEY_BYTES) == 0)
            return true;
    }
    return false;
}

static void tell_admins(struct telling *telling, const struct admin_keys *before,
                        const struct admin_keys *after)
{
    char who[256];
    for (unsigned i = 0; i < after->count; i++) {
        people_show(telling->people, admin_key(after, i), who);
        if (!has_key(before, admin_key(after, i)))
            tell(telling, "may sign from now on: %s", who);
    }
    for (unsigned i = 0; i < before->count; i++) {
        people_show(telling->people, admin_key(before, i), who);
        if (!has_key(after, admin_key(before, i)))
            tell(telling, "may no longer sign: %s", who);
    }
    if (before->threshold == 0 && after->count > 1)
        tell(telling, "%u of these %u must sign", after->threshold, after->count);
    else if (before->threshold != 0 &&
             (before->threshold != after->threshold || before->count != after->count))
        tell(telling, "%u of %u must sign (before: %u of %u)", after->threshold, after->count,
             before->threshold, before->count);
}

static void key_words(const struct seat_row *row, char text[static FINGERPRINT_TEXT_BYTES])
{
    struct hash print = admin_key_print(row->signing_key);
    fingerprint_write(&print, text);
}

static void tell_status(struct telling *telling, const struct seat_row *row)
{
    struct cut_off place;
    unsigned count = 0;
    while (cut_off_at(row->cut_off, count, &place))
        count++;
    switch (row->status) {
    case SEAT_ACTIVE: tell(telling, "generation %u is in force again", row->generation); break;
    case SEAT_RETIRED:
    case SEAT_REVOKED:
        tell(telling, "the key of generation %u%s is %s: trusted up to %u listed places",
             row->generation, row->standby ? " (standby)" : "",
             row->status == SEAT_RETIRED ? "retired" : "revoked", count);
        break;
    case SEAT_RELEASED:
        tell(telling, "released to %.*s",
             row->released_to.size == 0 ? 7 : (int)row->released_to.size,
             row->released_to.size == 0 ? "anybody" : (const char *)row->released_to.data);
        break;
    }
}

static void tell_escrow(struct telling *telling, const struct seat_row *before,
                        const struct seat_row *after)
{
    char key[FINGERPRINT_TEXT_BYTES];
    bool same = before->escrow_key != NULL && after->escrow_key != NULL &&
                memcmp(before->escrow_key, after->escrow_key, KEY_BYTES) == 0;
    if (after->escrow_key == NULL && before->escrow_key != NULL)
        tell(telling, "has no escrow key any more");
    if (after->escrow_key == NULL || same)
        return;
    struct hash print = admin_key_print(after->escrow_key);
    fingerprint_write(&print, key);
    tell(telling, "what is sealed to it opens with the escrow key %s too", key);
}

static void tell_new(struct telling *telling, const struct seat_row *row)
{
    const struct admin_keys none = {0};
    const struct seat *known = tree_seat(telling->tree, span_of_text(row->seat));
    char key[FINGERPRINT_TEXT_BYTES], tier[SEAT_BYTES_MAX + 1];
    key_words(row, key);
    if (row->moves > 0)
        tell(telling, "accepted with move counter %llu (from %s), generation %u",
             (unsigned long long)row->moves,
             known == NULL || known->parent == NULL ? "a parent that isn't known here"
                                                    : known->parent->row.seat,
             row->generation);
    else
        tell(telling, "%s as %s, generation %u, its key is %s",
             row->standby ? "a standby is let in" : "let in", tier_name(telling, row->tier, tier),
             row->generation, key);
    if (row->status != SEAT_ACTIVE)
        tell_status(telling, row);
    if (row->endpoints.count > 0)
        tell_list(telling, "is reached at", &(struct text_list){0}, &row->endpoints);
    tell_escrow(telling, &(struct seat_row){0}, row);
    tell_admins(telling, &none, &row->admins);
}

static void tell_changed(struct telling *telling, const struct seat_row *before,
                         const struct seat_row *after)
{
    if (memcmp(before->signing_key, after->signing_key, KEY_BYTES) != 0 ||
        memcmp(before->link_key, after->link_key, KEY_BYTES) != 0)
        tell(telling, "the keys of generation %u are others than before", after->generation);
    tell_escrow(telling, before, after);
    if (strcmp(before->name, after->name) != 0)
        tell(telling, "is named %s (before: %s)", after->name, before->name);
    if (before->tier != after->tier)
        tell(telling, "is in tier %s (before: %s)", tree_tier_name(telling->tree, after->tier),
             tree_tier_name(telling->tree, before->tier));
    if (before->status != after->status || !span_equal(before->cut_off, after->cut_off) ||
        !span_equal(before->released_to, after->released_to))
        tell_status(telling, after);
    if (before->moves != after->moves)
        tell(telling, "its move counter is %llu", (unsigned long long)after->moves);
    if (after->status == SEAT_RETIRED || after->status == SEAT_REVOKED)
        return; /* what else a former generation had says nothing any more */
    if (before->term != after->term)
        tell(telling, "its term is %llu (before: %llu): its signers of before sign no more",
             (unsigned long long)after->term, (unsigned long long)before->term);
    tell_admins(telling, &before->admins, &after->admins);
    tell_list(telling, "is reached at", &before->endpoints, &after->endpoints);
    tell_list(telling, "falls back on", &before->fallbacks, &after->fallbacks);
}

/* Rows are sorted alike in both: a merge. */
static void tell_rows(struct telling *telling, const struct span *old, size_t old_count,
                      const struct span *new, size_t new_count)
{
    size_t i = 0, j = 0;
    while (i < old_count || j < new_count) {
        struct seat_row before, after;
        bool has_old = i < old_count && seat_row_decode(old[i], &before, NULL) == ERR_OK;
        bool has_new = j < new_count && seat_row_decode(new[j], &after, NULL) == ERR_OK;
        if ((i < old_count && !has_old) || (j < new_count && !has_new)) {
            i += i < old_count && !has_old;
            j += j < new_count && !has_new;
            continue;
        }
        int order = !has_old ? 1 : !has_new ? -1 : seat_row_compare(&before, &after);
        telling->seat = order < 0 ? before.seat : after.seat;
        telling->name = order < 0 ? before.name : after.name;
        if (order < 0)
            tell(telling, "generation %u is no longer listed: what it signed waits for ever",
                 before.generation);
        else if (order > 0)
            tell_new(telling, &after);
        else if (!span_equal(old[i], new[j]))
            tell_changed(telling, &before, &after);
        i += order <= 0;
        j += order >= 0;
    }
}

static void tell_fold_tier(struct telling *telling, const struct document_header *after)
{
    struct span tier = text_list_at(&after->tiers, after->fold_tier);
    if (after->fold_tier == 0)
        tell(telling, "no tier states folds any more: each seat's own figures go up to the root");
    else
        tell(telling,
             "folds: each seat of tier %.*s states the figures of all below it as one; above it "
             "the figures of single seats aren't known any more",
             (int)tier.size, (const char *)tier.data);
}

/* A release of a seat that has come back since (rules.md B190). */
static bool is_past(const struct document_file *file, const struct move_decision *decision)
{
    for (size_t i = 0; i < file->row_count; i++) {
        struct seat_row row;
        if (seat_row_decode(file->rows[i], &row, NULL) == ERR_OK &&
            span_equal(span_of_text(row.seat), decision->seat) && row.moves >= decision->counter)
            return true;
    }
    return false;
}

static void tell_header(struct telling *telling, const struct document_header *before,
                        const struct document_header *after)
{
    static const struct document_header none = {0};
    struct move_decision decision;
    char day[32];
    telling->seat = after->seat;
    telling->name = "";
    if (before == NULL)
        before = &none;
    if (before->expires_ms != after->expires_ms) {
        time_text(after->expires_ms, day);
        tell(telling, "expires: %s", day);
    }
    if (before != &none && before->term != after->term)
        tell(telling, "begins term %llu", (unsigned long long)after->term);
    if (after->by_hand)
        tell(telling, "made anew by hand: it counts at each node when the people there have "
                      "confirmed its fingerprint (topology confirm)");
    if (after->kind == DOCUMENT_TYPES && before->schema_version != after->schema_version)
        tell(telling, "types of version %u", after->schema_version);
    if (after->kind == DOCUMENT_ORDER)
        tell(telling, "with all below it: %s", order_word(after->order));
    if (after->kind == DOCUMENT_ROOT) {
        tell_list(telling, "tiers", &before->tiers, &after->tiers);
        if (before->fold_tier != after->fold_tier)
            tell_fold_tier(telling, after);
        tell_admins(telling, &before->admins, &after->admins);
    }
    if (span_equal(before->decisions, after->decisions))
        return;
    for (unsigned i = 0; move_decision_at(after->decisions, i, &decision); i++)
        tell(telling,
             is_past(telling->file, &decision)
                 ? "remembers: %.*s went to %.*s (counter %llu), before it came back"
                 : "decides: %.*s stands under %.*s (counter %llu)",
             (int)decision.seat.size, (const char *)decision.seat.data, (int)decision.to.size,
             (const char *)decision.to.data, (unsigned long long)decision.counter);
}

json_t *changes_in_words(const struct tree *tree, const struct people *people,
                         const struct held_document *before, const struct draft *draft)
{
    struct telling telling = {.tree = tree,
                              .header = &draft->opened.decoded,
                              .file = &draft->file,
                              .people = people,
                              .changes = json_array()};
    tell_header(&telling, before == NULL ? NULL : &before->header, &draft->opened.decoded);
    if (draft->file.kind == DOCUMENT_ROOT || draft->file.kind == DOCUMENT_BRANCH)
        tell_rows(&telling, before == NULL ? NULL : before->rows,
                  before == NULL ? 0 : before->row_count, draft->file.rows, draft->file.row_count);
    return telling.changes;
}

void changes_print(const json_t *changes, FILE *to)
{
    static const struct table_column columns[] = {{"seat", false}, {"name", false}, {"", false}};
    struct table_rows *table = table_new(columns, 3);
    size_t index;
    json_t *change;
    json_array_foreach(changes, index, change)
    {
        table_cell(table, "%s", json_string_value(json_object_get(change, "seat")));
        table_cell(table, "%s", json_string_value(json_object_get(change, "name")));
        table_cell(table, "%s", json_string_value(json_object_get(change, "change")));
    }
    if (json_array_size(changes) == 0) {
        table_free(table);
        fprintf(to, "nothing is changed but the version\n");
        return;
    }
    table_print(table, to);
}

size_t draft_new_keys(const struct draft *draft)
{
    size_t count = 0;
    bool lists = draft->file.kind == DOCUMENT_ROOT || draft->file.kind == DOCUMENT_BRANCH;
    for (size_t i = 0; lists && i < draft->file.row_count; i++) {
        struct seat_row row;
        if (seat_row_decode(draft->file.rows[i], &row, NULL) == ERR_OK &&
            (draft->tree == NULL || tree_author(draft->tree, key_id_of(row.signing_key)) == NULL))
            count++;
    }
    return count;
}

static json_t *signer_json(const struct gather_set *set, unsigned index,
                           const struct people *people)
{
    char fingerprint[FINGERPRINT_TEXT_BYTES];
    const uint8_t *key = admin_key(&set->admins, index);
    struct hash print = admin_key_print(key);
    const char *name = people_name(people, key);
    fingerprint_write(&print, fingerprint);
    return json_pack("{s:s,s:s,s:b}", "name", name == NULL ? "" : name, "fingerprint", fingerprint,
                     "signed", (set->signed_bits >> index & 1) != 0);
}

json_t *signatures_json(const struct gathered *gathered, const struct people *people)
{
    json_t *sets = json_array();
    for (unsigned i = 0; i < gathered->set_count; i++) {
        const struct gather_set *set = &gathered->sets[i];
        json_t *signers = json_array();
        for (unsigned k = 0; k < set->admins.count; k++)
            json_array_append_new(signers, signer_json(set, k, people));
        json_array_append_new(sets,
                              json_pack("{s:i,s:i,s:o}", "needed", (int)set->admins.threshold,
                                        "signed", (int)set->signed_count, "signers", signers));
    }
    return sets;
}

void signatures_print(const struct gathered *gathered, const struct people *people, FILE *to)
{
    for (unsigned i = 0; i < gathered->set_count; i++) {
        const struct gather_set *set = &gathered->sets[i];
        fprintf(to, "%ssigned by %u of %u, needed are %u:\n",
                gathered->set_count == 1 ? ""
                : i == 0                 ? "keys of before: "
                                         : "keys from now on: ",
                set->signed_count, set->admins.count, set->admins.threshold);
        for (unsigned k = 0; k < set->admins.count; k++) {
            char who[256];
            people_show(people, admin_key(&set->admins, k), who);
            fprintf(to, "  %s  %s\n", (set->signed_bits >> k & 1) != 0 ? "signed " : "missing",
                    who);
        }
    }
    if (gathered->foreign > 0)
        fprintf(to, "%u other signatures hold for none of these keys and count for nothing\n",
                gathered->foreign);
}
