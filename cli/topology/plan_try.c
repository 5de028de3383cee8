/* What a plan tries: drafts, and documents that nobody has signed yet, in a copy of the tree. */
#include <stdlib.h>
#include <string.h>

#include "cli/print.h"
#include "cli/topology/draft.h"
#include "cli/topology/plan.h"
#include "topology/trial.h"

enum error_code plan_offer_drafts(struct planning *planning, struct error *error)
{
    const struct arguments *arguments = planning->change.arguments;
    enum error_code code = ERR_OK;
    for (size_t i = 0; i < arguments->word_count && code == ERR_OK; i++) {
        struct author_document document = {0};
        struct draft draft;
        code = draft_open(planning->change.directory, arguments->words[i], &draft, error);
        if (code != ERR_OK)
            break;
        document.kind = draft.file.kind;
        snprintf(document.seat, sizeof document.seat, "%s", draft.opened.decoded.seat);
        buffer_append_span(&document.envelope, draft.file.envelope);
        document.rows = mem_alloc((draft.file.row_count + 1) * sizeof *document.rows);
        document.row_count = draft.file.row_count;
        for (size_t row = 0; row < document.row_count; row++)
            buffer_append_span(&document.rows[row], draft.file.rows[row]);
        code = trial_offer(planning->after, &document, error);
        author_document_clear(&document);
        draft_free(&draft);
    }
    return code;
}

/* One more document of `owner` in the copy; `change` is what it changes. */
static enum error_code try_one(struct planning *planning, const char *owner,
                               enum error_code (*change)(struct amendment *amendment,
                                                         const struct planning *planning,
                                                         const char *const *words,
                                                         struct error *error),
                               const char *const *words, struct error *error)
{
    struct amend_when when = {.now_ms = wall_now_ms(), .expires_ms = AMEND_KEEP};
    struct author_document document;
    struct amendment *amendment =
        amend_new(planning->after, DOCUMENT_BRANCH, span_of_text(owner), &when, error);
    enum error_code code = amendment == NULL ? error->code : ERR_OK;
    if (code == ERR_OK)
        code = change(amendment, planning, words, error);
    if (code == ERR_OK)
        code = amend_finish(amendment, &document, error);
    if (code == ERR_OK) {
        code = trial_offer(planning->after, &document, error);
        author_document_clear(&document);
    }
    amend_free(amendment);
    return code;
}

static enum error_code decide(struct amendment *amendment, const struct planning *planning,
                              const char *const *words, struct error *error)
{
    (void)planning;
    return amend_decide(amendment, span_of_text(words[0]), span_of_text(words[1]), 0, error);
}

static enum error_code take_over(struct amendment *amendment, const struct planning *planning,
                                 const char *const *words, struct error *error)
{
    (void)planning;
    return amend_take_over(amendment, span_of_text(words[0]), NULL, 0, false, error);
}

/* A key that nobody has: nothing of this leaves the copy. */
static void planned_key(const char *seat, char what, uint8_t key[static KEY_BYTES])
{
    char text[300];
    uint8_t secret[SECRET_BYTES];
    snprintf(text, sizeof text, "planned %c %s", what, seat);
    struct hash seed = hash_of(HASH_REQUEST, span_of_text(text));
    sign_key_pair(seed.bytes, key, secret);
}

static enum error_code let_in(struct amendment *amendment, const struct planning *planning,
                              const char *const *words, struct error *error)
{
    struct seat_row row = {0};
    uint8_t admin[KEY_BYTES];
    size_t tier = 0, tiers = tree_tier_count(planning->after);
    while (tier < tiers && strcmp(tree_tier_name(planning->after, (uint8_t)tier), words[2]) != 0)
        tier++;
    if (tier == tiers) {
        error_set(error, ERR_NOT_FOUND, words[2], "the tree has no such tier");
        error_next(error, "`terrace topology show` names the tiers of its seats");
        return ERR_NOT_FOUND;
    }
    snprintf(row.seat, sizeof row.seat, "%s", words[0]);
    row.tier = (uint8_t)tier;
    planned_key(words[0], 's', row.signing_key);
    planned_key(words[0], 'l', row.link_key);
    planned_key(words[0], 'a', admin);
    row.admins = admin_keys_of(1, admin, 1);
    return amend_admit(amendment, &row, error);
}

static enum error_code retire(struct amendment *amendment, const struct planning *planning,
                              const char *const *words, struct error *error)
{
    struct seat_heads heads;
    const struct seat *seat = tree_seat(planning->after, span_of_text(words[0]));
    enum error_code code =
        seat_heads(planning->change.directory, planning->change.tree, seat, &heads, error);
    struct amend_cut_off cut_off = {span_of_buffer(&heads.places), span_of_buffer(&heads.notes)};
    if (code == ERR_OK)
        code = amend_end(amendment, span_of_text(words[0]), false, SEAT_RETIRED, &cut_off, error);
    seat_heads_free(&heads);
    return code;
}

/* The nearest seat above both. */
static const struct seat *above_both(const struct seat *a, const struct seat *b)
{
    while (a != NULL && !seat_is_ancestor_or_self(a, b))
        a = a->parent;
    return a;
}

static enum error_code seat_named(const struct planning *planning, const char *code,
                                  const struct seat **seat, struct error *error)
{
    *seat = tree_seat(planning->after, span_of_text(code));
    if (*seat != NULL)
        return ERR_OK;
    error_set(error, ERR_NOT_FOUND, code, "no document here lists such a seat");
    error_next(error, "`terrace topology show` draws those that are known here");
    return ERR_NOT_FOUND;
}

static enum error_code try_move(struct planning *planning, const char *const *words,
                                struct error *error)
{
    char owner[SEAT_BYTES_MAX + 1];
    const struct seat *from = NULL, *to = NULL;
    enum error_code code = seat_named(planning, words[0], &from, error);
    if (code == ERR_OK)
        code = seat_named(planning, words[1], &to, error);
    if (code == ERR_OK && from->parent == NULL)
        code = error_set(error, ERR_NOT_ALLOWED, words[0], "nothing is above the root");
    if (code != ERR_OK)
        return code;
    const struct seat *above = above_both(from->parent, to);
    snprintf(owner, sizeof owner, "%s", above == NULL ? "" : above->row.seat);
    code = try_one(planning, owner, decide, words, error);
    return code == ERR_OK ? try_one(planning, words[1], take_over, words, error) : code;
}

static enum error_code try_retire(struct planning *planning, const char *const *words,
                                  struct error *error)
{
    const struct seat *seat = NULL;
    char owner[SEAT_BYTES_MAX + 1];
    enum error_code code = seat_named(planning, words[0], &seat, error);
    if (code == ERR_OK && seat->parent == NULL)
        code = error_set(error, ERR_NOT_ALLOWED, words[0], "nothing is above the root");
    if (code != ERR_OK)
        return code;
    snprintf(owner, sizeof owner, "%s", seat->parent->row.seat);
    return try_one(planning, owner, retire, words, error);
}

static enum error_code try_new(struct planning *planning, const char *const *words,
                               struct error *error)
{
    return try_one(planning, words[1], let_in, words, error);
}

static enum error_code try_merge(struct planning *planning, const char *const *words,
                                 struct error *error)
{
    const struct seat *from = NULL;
    enum error_code code = seat_named(planning, words[0], &from, error);
    if (strcmp(words[0], words[1]) == 0)
        code = error_set(error, ERR_USAGE, words[0], "it can't be merged into itself");
    while (code == ERR_OK && from != NULL && from->child_count > 0) {
        char child[SEAT_BYTES_MAX + 1];
        snprintf(child, sizeof child, "%s", from->children[0]->row.seat);
        code = try_move(planning, (const char *const[]){child, words[1]}, error);
        from = tree_seat(planning->after, span_of_text(words[0]));
        if (code == ERR_OK && from != NULL && from->child_count > 0 &&
            strcmp(from->children[0]->row.seat, child) == 0)
            code = error_set(error, ERR_NOT_ALLOWED, child, "it stays below %s", words[0]);
    }
    return code == ERR_OK ? try_retire(planning, words, error) : code;
}

/* The options in the order in which they are tried, whatever the order they stand in. */
static const struct trying {
    const char *name;
    size_t words;
    enum error_code (*run)(struct planning *planning, const char *const *words,
                           struct error *error);
} tryings[] = {
    {"new", 3, try_new}, {"move", 2, try_move}, {"merge", 2, try_merge}, {"retire", 1, try_retire}};

static enum error_code try_given(struct planning *planning, const struct trying *trying,
                                 const char *given, struct error *error)
{
    enum { WORDS = 3 };
    char copy[256], *rest = NULL;
    const char *words[WORDS] = {NULL};
    size_t count = 0;
    snprintf(copy, sizeof copy, "%s", given);
    for (char *word = strtok_r(copy, ":", &rest); word != NULL; word = strtok_r(NULL, ":", &rest)) {
        if (count < WORDS)
            words[count] = word;
        count++;
    }
    if (count == trying->words && strlen(given) < sizeof copy)
        return trying->run(planning, words, error);
    error_set(error, ERR_USAGE, trying->name, "expected %s, found %s",
              trying->words == 3   ? "SEAT:PARENT:TIER"
              : trying->words == 2 ? "two seats, with a colon between them"
                                   : "a seat",
              given);
    error_next(error, "`terrace topology plan --help` shows the form");
    return ERR_USAGE;
}

enum error_code plan_try(struct planning *planning, struct error *error)
{
    const struct arguments *arguments = planning->change.arguments;
    enum error_code code = ERR_OK;
    for (size_t what = 0; what < sizeof tryings / sizeof *tryings; what++) {
        for (size_t i = 0; i < arguments->given_count && code == ERR_OK; i++) {
            if (strcmp(arguments->given[i].row->name, tryings[what].name) == 0)
                code = try_given(planning, &tryings[what], arguments->given[i].value, error);
        }
    }
    return code;
}

bool plan_is_told(const struct arguments *arguments)
{
    for (size_t i = 0; i < sizeof tryings / sizeof *tryings; i++) {
        if (arguments_value(arguments, tryings[i].name) != NULL)
            return true;
    }
    return arguments->word_count > 0;
}
