/* What nodes say of others, against what is so: 'complete as of', who has a directive, figures and
 * their age. A claim may say too little, never too much.
 *
 *     token issued (t) ... V commits it ... V's statement lists its streams ... Z holds them
 *
 * So whoever is complete from V as of a token holds all that V had on its disk before t. */
#include <stdlib.h>
#include <string.h>

#include "sim/check/check_parts.h"

static struct hash token_name(uint64_t clock)
{
    uint8_t bytes[8];
    write_u64(bytes, clock);
    return place_name(SPAN_OF_ARRAY(bytes));
}

void claims_token(struct model *model, const struct note_head *head)
{
    struct hash name = token_name(head->k);
    if (places_find(&model->tokens, &name) == SIZE_MAX)
        places_set(&model->tokens, &name, (size_t)world_now_ms(model->world));
}

/* When the token with this clock was issued, in true time. */
static bool issued_at(const struct model *model, uint64_t clock, uint64_t *at_ms)
{
    struct hash name = token_name(clock);
    size_t at = places_find(&model->tokens, &name);
    *at_ms = at;
    return clock > 0 && at != SIZE_MAX;
}

/* Its author knew, when it wrote, that the root has the record: else it comes carried by another,
 * and is no part of what the author addressed to it (rules.md A30). */
static bool is_addressed_to(const struct model *model, const struct model_op *op, size_t seat)
{
    const struct model_record *record = &model->records[op->record];
    size_t place = model_circle_place(model, record, seat);
    size_t by = record->members == NULL || place == SIZE_MAX ? SIZE_MAX : record->joined_by[place];
    return place != SIZE_MAX &&
           (by == SIZE_MAX || &model->ops[by] == op || model_saw(op, &model->ops[by]));
}

static void check_claim(struct model *model, size_t root, const struct tree *tree, size_t author)
{
    const struct seat *seat = tree_seat(tree, span_of_text(model->county->seats[author].code));
    struct model_node *own = &model->nodes[author];
    struct completeness answer;
    uint64_t issued_ms;
    if (seat == NULL || own->forks || model_seat_is_cut(model, author))
        return;
    query_completeness(world_view(model->world, root), tree, model->county->seats[root].code, seat,
                       UINT64_MAX / 2, &answer);
    if ((answer.state != COMPLETE_NOW && answer.state != COMPLETE_SILENT) || answer.missing > 0 ||
        !issued_at(model, answer.as_of_ms, &issued_ms))
        return;
    for (; own->claimed < own->done_count; own->claimed++) {
        const struct model_op *op = &model->ops[own->done[own->claimed]];
        if (op->at_ms >= issued_ms)
            return;
        if (op->fate == MODEL_DONE && !op->forked && !op->endangered && !op->cut &&
            is_addressed_to(model, op, root) && !model_holds(model, op, root))
            findings_add(model->findings, FINDING_CLAIMED,
                         "%s says that it is complete from %s as of %llu ms, and write %llu of "
                         "%llu ms is not there",
                         model->county->seats[root].code, model->county->seats[author].code,
                         (unsigned long long)issued_ms, (unsigned long long)op->serial,
                         (unsigned long long)op->at_ms);
    }
}

/* ---- who has a directive ---- */

enum { RECEIPTS_LOOKED_AT = 5 };

/* As the origin's own tree says. */
static bool is_below(const struct model *model, const struct tree *tree, size_t origin, size_t seat)
{
    const struct seat *above = tree_seat(tree, span_of_text(model->county->seats[origin].code));
    const struct seat *below = tree_seat(tree, span_of_text(model->county->seats[seat].code));
    return above != NULL && below != NULL && seat_is_ancestor_or_self(above, below);
}

static void check_receipts_of(struct model *model, const struct model_record *record, bool at_rest)
{
    size_t origin = record->origin;
    struct rollup_answer answer = {0};
    char id[33];
    record_id_text(&record->id, id);
    const struct model_op *creation = &model->ops[record->ops[0]];
    if (!world_runs(model->world, origin) || creation->fate != MODEL_DONE || record->forked)
        return;
    const struct tree *tree = replica_tree(world_replica(model->world, origin));
    totals_ask(model, origin, "received", id, &answer);
    for (size_t i = 1; i < model_circle_size(model, record); i++) {
        size_t seat = model_circle_seat(model, record, i);
        bool has = model_holds(model, creation, seat);
        if (model_is_free(record, i))
            continue;
        if (!is_below(model, tree, origin, seat))
            continue; /* not heard of yet: not counted either */
        bool speaks =
            !model->nodes[seat].restored && !model->nodes[seat].forks; /* a copy may have */
        if (totals_folder_of(model, origin, seat) != SIZE_MAX)
            continue; /* above a fold it is known how many have it */
        if (answer.formed && !answer.behind_seats[seat] && !has && speaks)
            findings_add(model->findings, FINDING_CLAIMED,
                         "%s says that %s has directive %zu, and it has not",
                         model->county->seats[origin].code, model->county->seats[seat].code,
                         (size_t)(record - model->records));
        if (at_rest && has && (!answer.formed || answer.behind_seats[seat]))
            findings_add(model->findings, FINDING_TOTAL,
                         "%s doesn't know that %s has directive %zu",
                         model->county->seats[origin].code, model->county->seats[seat].code,
                         (size_t)(record - model->records));
    }
    totals_answer_free(&answer);
}

void check_receipts(struct model *model, bool at_rest)
{
    size_t looked = 0;
    for (size_t i = model->record_count; i-- > 0 && looked < RECEIPTS_LOOKED_AT;) {
        const struct model_record *record = &model->records[i];
        if (record->type != MODEL_DIRECTIVE || model->nodes[record->origin].restored)
            continue;
        looked++;
        check_receipts_of(model, record, at_rest);
    }
}

/* ---- figures ---- */

bool model_figures(struct model *model, struct model_figures *figures)
{
    size_t root = model->seat_numbered[0];
    struct rollup_answer answer = {0};
    uint64_t issued_ms;
    if (!world_runs(model->world, root))
        return false;
    totals_ask(model, root, "records", "", &answer);
    *figures = (struct model_figures){.value = answer.value,
                                      .reported = answer.reported,
                                      .expected = answer.expected,
                                      .behind = answer.behind,
                                      .as_of_ms = answer.as_of_ms};
    figures->has_age = issued_at(model, answer.as_of_ms, &issued_ms);
    figures->age_ms = figures->has_age ? world_now_ms(model->world) - issued_ms : 0;
    bool formed = answer.formed;
    totals_answer_free(&answer);
    return formed;
}

/* Records that a seat had made by then. */
static int64_t made_before(const struct model *model, size_t seat, uint64_t at_ms)
{
    const struct model_node *own = &model->nodes[seat];
    int64_t made = 0;
    for (size_t i = 0; i < own->done_count; i++) {
        const struct model_op *op = &model->ops[own->done[i]];
        made += op->kind == WRITE_PUT && !op->is_private && op->at_ms < at_ms;
    }
    return made;
}

/* Of all that count through a fold together. */
static void check_fold(struct model *model, size_t root, const struct rollup_answer *answer,
                       size_t folder)
{
    int64_t most = 0;
    for (size_t i = 0; i < model->county->seat_count; i++) {
        if (totals_folder_of(model, root, i) == folder)
            most += made_before(model, i, UINT64_MAX);
        if (model->nodes[i].restored || model->nodes[i].forks)
            return;
    }
    if (answer->by_fold[folder] > most && !model->changing) /* else one that moved may be in it */
        findings_add(model->findings, FINDING_TOTAL,
                     "the fold of %s counts %lld records, and %lld were made below it",
                     model->county->seats[folder].code, (long long)answer->by_fold[folder],
                     (long long)most);
}

/* A total as of a token counts all that was made before, but what somebody has deleted; and never
 * more than was ever made. */
static void check_figures(struct model *model, size_t root, const struct tree *tree)
{
    struct rollup_answer answer = {0};
    uint64_t issued_ms = 0;
    totals_ask(model, root, "records", "origin", &answer);
    bool dated = issued_at(model, answer.as_of_ms, &issued_ms);
    for (size_t i = 0; i < model->county->seat_count && answer.formed; i++) {
        const struct model_node *own = &model->nodes[i];
        int64_t says = answer.by_seat[i], most = made_before(model, i, UINT64_MAX);
        int64_t least = made_before(model, i, issued_ms) - (int64_t)own->deletions;
        if (own->restored || own->forks || model_seat_is_cut(model, i) || !model_counts(model, i) ||
            tree_seat(tree, span_of_text(model->county->seats[i].code)) == NULL)
            continue; /* the last: in no document there, so it is no part of what it says */
        check_fold(model, root, &answer, i);
        bool alone = totals_folder_of(model, root, i) == SIZE_MAX;
        if (says > most || (dated && alone && answer.reported == answer.expected && says < least))
            findings_add(model->findings, FINDING_TOTAL,
                         "as of %llu ms the root counts %lld records of %s, which had made %lld "
                         "and in all %lld",
                         (unsigned long long)issued_ms, (long long)says,
                         model->county->seats[i].code, (long long)made_before(model, i, issued_ms),
                         (long long)most);
    }
    totals_answer_free(&answer);
}

/* Where the tree changes: at each seat that others are below, whatever it has heard of. A seat that
 * two of them count for a while stands with each of them once. */
static void check_inner_figures(struct model *model, size_t node)
{
    struct rollup_answer answer = {0};
    int64_t sum = 0;
    totals_ask(model, node, "records", "origin", &answer);
    for (size_t i = 0; i < model->county->seat_count && answer.formed; i++) {
        int64_t most = made_before(model, i, UINT64_MAX);
        sum += answer.by_seat[i] + answer.by_fold[i];
        if (answer.by_seat[i] > most && !model->nodes[i].restored && !model->nodes[i].forks)
            findings_add(model->findings, FINDING_TOTAL,
                         "%s counts %lld records of %s, which has made %lld",
                         model->county->seats[node].code, (long long)answer.by_seat[i],
                         model->county->seats[i].code, (long long)most);
    }
    if (answer.formed && sum != answer.value)
        findings_add(model->findings, FINDING_TOTAL, "%s counts %lld records, and %lld by seats",
                     model->county->seats[node].code, (long long)answer.value, (long long)sum);
    totals_answer_free(&answer);
}

enum { INNER_SEATS_MAX = 40 };

void check_claims(struct model *model)
{
    size_t root = model->seat_numbered[0];
    if (!world_runs(model->world, root))
        return;
    const struct tree *tree = replica_tree(world_replica(model->world, root));
    for (size_t i = 0; i < model->county->seat_count; i++) {
        if (i != root)
            check_claim(model, root, tree, i);
    }
    check_figures(model, root, tree);
    for (size_t i = 0; model->changing && i < model->county->seat_count; i++) {
        bool has_children = model->county->child_first[i + 1] > model->county->child_first[i];
        if (i != root && has_children && model->county->seat_count <= INNER_SEATS_MAX &&
            world_runs(model->world, i))
            check_inner_figures(model, i);
    }
    check_receipts(model, false);
}
