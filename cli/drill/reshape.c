/* Changing the tree of a drill: moves, revocations, overruling. New machines are in
 * reshape_enter.c. */
#include "cli/drill/reshape.h"

#include <stdlib.h>
#include <string.h>

#include "cli/drill/reshape_parts.h"
#include "cli/print.h"

struct drill_change *reshape_note(struct drill *drill, enum drill_change_kind kind, size_t seat)
{
    drill->changes = mem_resize(drill->changes, (drill->change_count + 1) * sizeof *drill->changes);
    struct drill_change *change = &drill->changes[drill->change_count++];
    *change = (struct drill_change){.kind = kind,
                                    .seat = seat,
                                    .former = DRILL_NO_SEAT,
                                    .generation = drill->seats[seat].generation,
                                    .signed_ms = wall_now_ms(),
                                    .reported = -1};
    memcpy(change->key, drill->seats[seat].key, KEY_BYTES);
    return change;
}

enum error_code reshape_done(struct drill *drill, enum error_code code, struct error *error)
{
    struct error other;
    if (drill->change_count != 0 && code == ERR_OK)
        drill->changes[drill->change_count - 1].told_ms = wall_now_ms();
    enum error_code saved = drill_save(drill, code == ERR_OK ? error : &other);
    return code == ERR_OK ? saved : code;
}

/* Everything that was signed, to those whose flag is set. */
static enum error_code tell(const struct drill *drill, const bool *told, const size_t *parties,
                            size_t party_count, size_t moved, size_t former, struct error *error)
{
    struct tree *tree = sign_known_to_all(drill, parties, party_count, error);
    enum error_code code = tree == NULL ? error->code : ERR_OK;
    for (size_t i = 0; i < drill->seat_count && code == ERR_OK; i++) {
        if (told[i])
            code = sign_tell(drill, tree, i, i == moved ? former : DRILL_NO_SEAT, error);
    }
    tree_free(tree);
    return code;
}

enum error_code reshape_tell_signer(const struct drill *drill, size_t seat, size_t also,
                                    struct error *error)
{
    struct tree *tree = sign_known_at(drill, seat, also, error);
    enum error_code code =
        tree == NULL ? error->code : sign_tell(drill, tree, seat, DRILL_NO_SEAT, error);
    tree_free(tree);
    return code;
}

static size_t last_former(const struct drill *drill, size_t seat)
{
    for (size_t i = drill->change_count; i > 0; i--) {
        const struct drill_change *change = &drill->changes[i - 1];
        if (change->kind == CHANGE_MOVE && change->seat == seat)
            return change->former;
    }
    return DRILL_NO_SEAT;
}

enum error_code reshape_tell(struct drill *drill, const bool *told, struct error *error)
{
    enum error_code code = ERR_OK;
    for (size_t i = 0; i < drill->seat_count && code == ERR_OK; i++) {
        size_t parties[] = {i, drill->seats[i].parent};
        if (told[i]) {
            bool *one = mem_alloc(drill->seat_count * sizeof *one);
            one[i] = true;
            code = tell(drill, one, parties, i == 0 ? 1 : 2, i, last_former(drill, i), error);
            free(one);
        }
    }
    return code;
}

struct amendment *reshape_begin(const struct drill *drill, size_t seat, size_t also,
                                struct tree **tree, struct error *error)
{
    struct amend_when when = sign_when();
    *tree = sign_known_at(drill, seat, also, error);
    return *tree == NULL ? NULL
                         : amend_new(*tree, DOCUMENT_BRANCH, span_of_text(drill->seats[seat].code),
                                     &when, error);
}

/* Sign what was amended, when that went well; ends both. */
enum error_code reshape_finish(const struct drill *drill, size_t seat, enum error_code code,
                               struct amendment *amendment, struct tree *tree, struct error *error)
{
    if (amendment != NULL && code == ERR_OK)
        code = sign_amendment(drill, seat, amendment, NULL, error);
    else if (amendment == NULL)
        code = error->code;
    amend_free(amendment);
    tree_free(tree);
    return code;
}

static enum error_code release(const struct drill *drill, size_t seat, size_t from, size_t to,
                               struct error *error)
{
    struct tree *tree = NULL;
    struct amendment *amendment = reshape_begin(drill, from, DRILL_NO_SEAT, &tree, error);
    enum error_code code = ERR_OK;
    if (amendment != NULL)
        code = amend_release(amendment, span_of_text(drill->seats[seat].code),
                             span_of_text(drill->seats[to].code), error);
    return reshape_finish(drill, from, code, amendment, tree, error);
}

/* The rows of a seat as its former parent lists them; the caller frees. */
static struct seat_row *rows_of(const struct held_document *held, const char *code, size_t *count)
{
    struct seat_row *rows = mem_alloc((held->row_count + 1) * sizeof *rows);
    *count = 0;
    for (size_t i = 0; i < held->row_count; i++) {
        if (seat_row_decode(held->rows[i], &rows[*count], NULL) == ERR_OK &&
            strcmp(rows[*count].seat, code) == 0)
            ++*count;
    }
    return rows;
}

static enum error_code accept(const struct drill *drill, size_t seat, size_t from, size_t to,
                              size_t by, struct error *error)
{
    struct tree *tree = NULL, *former = sign_known_at(drill, from, DRILL_NO_SEAT, error);
    struct amendment *amendment =
        former == NULL ? NULL : reshape_begin(drill, to, by, &tree, error);
    enum error_code code = ERR_OK;
    if (amendment != NULL) {
        size_t count = 0;
        const struct held_document *held =
            tree_find_document(former, DOCUMENT_BRANCH, span_of_text(drill->seats[from].code));
        struct seat_row *rows = rows_of(held, drill->seats[seat].code, &count);
        code = amend_take_over(amendment, span_of_text(drill->seats[seat].code), rows, count, true,
                               error);
        free(rows);
    }
    code = reshape_finish(drill, to, code, amendment, tree, error);
    tree_free(former);
    return code;
}

static enum error_code check_move(const struct drill *drill, const struct reshape_move *what,
                                  struct error *error)
{
    const struct drill_seat *seats = drill->seats;
    const char *code = seats[what->seat].code;
    if (what->seat == 0)
        return error_set(error, ERR_NOT_ALLOWED, code, "the root has no parent to leave");
    if (seats[what->seat].parent == what->to)
        return error_set(error, ERR_STALE, code, "it stands under %s already",
                         seats[what->to].code);
    if (drill_above_or_same(drill, what->seat, what->to))
        return error_set(error, ERR_NOT_ALLOWED, code, "%s is itself or stands below it",
                         seats[what->to].code);
    if (what->by != DRILL_NO_SEAT && (!drill_above_or_same(drill, what->by, what->seat) ||
                                      !drill_above_or_same(drill, what->by, what->to))) {
        error_set(error, ERR_NOT_ALLOWED, seats[what->by].code,
                  "it doesn't stand above both %s and %s", code, seats[what->to].code);
        error_next(error, "leave --by out, or name a seat above both");
        return ERR_NOT_ALLOWED;
    }
    return reshape_check_parent(drill, what->to, seats[what->seat].tier, error);
}

enum error_code reshape_check_parent(const struct drill *drill, size_t parent, uint8_t tier,
                                     struct error *error)
{
    const struct drill_seat *seat = &drill->seats[parent];
    if (seat->port == 0) {
        error_set(error, ERR_NOT_ALLOWED, seat->code,
                  "its node doesn't listen: it was made without children and without an admin key");
        error_next(error, "choose a parent that has children, or one that `drill admit` has made");
        return ERR_NOT_ALLOWED;
    }
    if (tier > seat->tier)
        return ERR_OK;
    error_set(error, ERR_NOT_ALLOWED, seat->code, "a %s can't stand under a %s", drill->tiers[tier],
              drill->tiers[seat->tier]);
    error_next(error, "choose a parent of a higher tier");
    return ERR_NOT_ALLOWED;
}

static enum error_code sign_move(const struct drill *drill, const struct reshape_move *what,
                                 size_t from, struct error *error)
{
    enum error_code code = ERR_OK;
    if (what->by == DRILL_NO_SEAT)
        code = release(drill, what->seat, from, what->to, error);
    else
        code = reshape_decide(drill, what->by, what->seat, what->to, error);
    return code == ERR_OK ? accept(drill, what->seat, from, what->to, what->by, error) : code;
}

enum error_code reshape_move(struct drill *drill, const struct reshape_move *what,
                             struct error *error)
{
    size_t from = drill->seats[what->seat].parent;
    enum error_code code = check_move(drill, what, error);
    if (code != ERR_OK || (code = sign_move(drill, what, from, error)) != ERR_OK)
        return code;
    reshape_note(drill, CHANGE_MOVE, what->seat)->former = from;
    drill->seats[from].child_count--;
    drill->seats[what->to].child_count++;
    drill->seats[what->seat].parent = what->to;
    size_t signer = what->by == DRILL_NO_SEAT ? from : what->by;
    size_t parties[] = {from, what->to, signer};
    if (what->told != NULL) {
        code = tell(drill, what->told, parties, 3, what->seat, from, error);
        return reshape_done(drill, code, error);
    }
    code = reshape_tell_signer(drill, signer, DRILL_NO_SEAT, error);
    if (code == ERR_OK)
        code = reshape_tell_signer(drill, what->to, DRILL_NO_SEAT, error);
    return reshape_done(drill, code, error);
}

enum error_code reshape_revoke(struct drill *drill, size_t seat, struct error *error)
{
    struct tree *tree = NULL;
    struct sign_heads heads = {0};
    const size_t parent = drill->seats[seat].parent;
    if (seat == 0)
        return error_set(error, ERR_NOT_ALLOWED, drill->seats[0].code,
                         "the root's machine is listed by the root document alone");
    if (drill->seats[seat].revoked)
        return error_set(error, ERR_STALE, drill->seats[seat].code, "its key is revoked already");
    enum error_code code = sign_heads(drill, &parent, 1, seat, &heads, error);
    struct amendment *amendment =
        code == ERR_OK ? reshape_begin(drill, parent, DRILL_NO_SEAT, &tree, error) : NULL;
    if (amendment != NULL) {
        struct amend_cut_off cut_off = {span_of_buffer(&heads.places),
                                        span_of_buffer(&heads.notes)};
        code = amend_end(amendment, span_of_text(drill->seats[seat].code), false, SEAT_REVOKED,
                         &cut_off, error);
    }
    code = reshape_finish(drill, parent, code, amendment, tree, error);
    sign_heads_free(&heads);
    if (code != ERR_OK)
        return code;
    struct drill_change *change = reshape_note(drill, CHANGE_REVOKE, seat);
    change->reported = heads.reported;
    drill->seats[seat].revoked = true;
    drill->seats[parent].child_count--;
    return reshape_done(drill, reshape_tell_signer(drill, parent, DRILL_NO_SEAT, error), error);
}

enum error_code reshape_decide(const struct drill *drill, size_t by, size_t seat, size_t to,
                               struct error *error)
{
    struct amend_when when = sign_when();
    const size_t parties[] = {by, drill->seats[seat].parent, to};
    struct tree *tree = sign_known_to_all(drill, parties, 3, error);
    struct amendment *amendment =
        tree == NULL
            ? NULL
            : amend_new(tree, DOCUMENT_BRANCH, span_of_text(drill->seats[by].code), &when, error);
    enum error_code code = ERR_OK;
    if (amendment != NULL)
        code = amend_decide(amendment, span_of_text(drill->seats[seat].code),
                            span_of_text(drill->seats[to].code), 0, error);
    return reshape_finish(drill, by, code, amendment, tree, error);
}

/* The row with the new term, then the first document of that term. */
static enum error_code overrule(const struct drill *drill, size_t above, size_t seat,
                                struct error *error)
{
    uint8_t key[KEY_BYTES];
    struct tree *tree = NULL;
    struct amend_when when = sign_when();
    struct span code_of = span_of_text(drill->seats[seat].code);
    struct amendment *amendment = reshape_begin(drill, above, DRILL_NO_SEAT, &tree, error);
    enum error_code code = amendment == NULL ? error->code : ERR_OK;
    if (code == ERR_OK)
        code = sign_new_admin(drill, seat, key, error);
    if (code == ERR_OK) {
        struct admin_keys admins = admin_keys_of(1, key, 1);
        code = amend_term(amendment, code_of, &admins, error);
    }
    if (code == ERR_OK)
        code = sign_amendment(drill, above, amendment, tree, error);
    amend_free(amendment);
    amendment = code == ERR_OK ? amend_new(tree, DOCUMENT_BRANCH, code_of, &when, error) : NULL;
    if (code == ERR_OK && amendment == NULL)
        code = error->code;
    if (code == ERR_OK)
        code = sign_amendment(drill, seat, amendment, NULL, error);
    amend_free(amendment);
    tree_free(tree);
    return code;
}

enum error_code reshape_overrule(struct drill *drill, size_t seat, const bool *told,
                                 struct error *error)
{
    const size_t above = drill->seats[seat].parent;
    if (seat == 0 || drill->seats[seat].port == 0) {
        error_set(error, ERR_NOT_ALLOWED, drill->seats[seat].code,
                  "nobody above has given it the right to sign");
        error_next(error, "name a seat below the root that has children");
        return ERR_NOT_ALLOWED;
    }
    enum error_code code = overrule(drill, above, seat, error);
    if (code == ERR_OK)
        code = told == NULL ? reshape_tell_signer(drill, above, seat, error)
                            : tell(drill, told, &above, 1, DRILL_NO_SEAT, DRILL_NO_SEAT, error);
    return code;
}
