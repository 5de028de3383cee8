/* Which rows are taken: those that stand under the signed Merkle root, and that say nothing
 * against the rules. Bounds, then hashes, then meaning; nothing is changed before all passed. */
#include "topology/tree_inner.h"

#include <string.h>

static const char what[] = "rows of a document were refused";

enum { KNOWN_ROWS_AHEAD = 16 };

struct offered_rows {
    const struct span *rows;
    size_t count;
    uint32_t first;
    const struct span *proof; /* NULL: all rows */
};

static enum error_code rows_bounds(const struct offered_rows *offered, struct error *error)
{
    size_t total = 0;
    if (offered->count == 0 || offered->count > DOCUMENT_ROWS_MAX)
        return error_set(error, offered->count == 0 ? ERR_MALFORMED : ERR_OVERSIZE, what,
                         "%zu rows were sent, the most is %d", offered->count, DOCUMENT_ROWS_MAX);
    for (size_t i = 0; i < offered->count; i++) {
        total += offered->rows[i].size;
        if (offered->rows[i].size > DOCUMENT_ROW_BYTES_MAX || total > DOCUMENT_BYTES_MAX)
            return error_set(error, ERR_OVERSIZE, what,
                             "row %zu is too large, or all rows together are", i);
    }
    if (offered->proof != NULL && offered->count != 1)
        return error_set(error, ERR_MALFORMED, what, "a proof stands for one row, not for %zu",
                         offered->count);
    return ERR_OK;
}

static enum error_code row_under_root(const struct holding *holding,
                                      const struct offered_rows *offered, struct error *error)
{
    const struct document_header *header = &holding->held.header;
    struct hash leaf = document_row_hash(offered->rows[0]);
    size_t at;
    if (offered->first >= header->row_count ||
        !merkle_check(&header->row_root, header->row_count, &offered->first, &leaf, 1,
                      *offered->proof))
        return error_set(error, ERR_DAMAGED, what, "row %u doesn't stand under the signed root",
                         offered->first);
    if (offered->rows[0].size > header->row_bytes)
        return error_set(error, ERR_MALFORMED, what,
                         "a row is larger than the header says all rows are");
    if (holding_find_row(holding, offered->first, &at))
        return error_set(error, ERR_STALE, what, "row %u is held already", offered->first);
    return ERR_OK;
}

static enum error_code rows_under_root(const struct holding *holding,
                                       const struct offered_rows *offered, struct error *error)
{
    const struct document_header *header = &holding->held.header;
    if (holding->held.whole)
        return error_set(error, ERR_STALE, what, "all rows are held already");
    if (offered->proof != NULL)
        return row_under_root(holding, offered, error);
    if (offered->first != 0 || offered->count != header->row_count)
        return error_set(error, ERR_DAMAGED, what, "%zu rows came from place %u on, all %u must",
                         offered->count, offered->first, header->row_count);
    struct hash root = document_rows_root(offered->rows, offered->count);
    if (!hash_equal(&root, &header->row_root))
        return error_set(error, ERR_DAMAGED, what, "they don't stand under the signed root");
    size_t total = 0;
    for (size_t i = 0; i < offered->count; i++)
        total += offered->rows[i].size;
    if (total != header->row_bytes)
        return error_set(error, ERR_MALFORMED, what, "they have %zu bytes, the header says %u",
                         total, header->row_bytes);
    return ERR_OK;
}

/* Rows of the document before, whose keys were checked then: most rows of a new version stand
 * in the old one too, near the same place, and checking a key costs more than all the rest. */
struct known_rows {
    const struct holding *before; /* NULL: none */
    size_t next;
};

static bool row_is_known(struct known_rows *known, struct span bytes)
{
    size_t end = known->before == NULL ? 0 : known->before->held.row_count;
    if (end > known->next + KNOWN_ROWS_AHEAD)
        end = known->next + KNOWN_ROWS_AHEAD;
    for (size_t i = known->next; i < end; i++) {
        if (span_equal(known->before->rows[i], bytes)) {
            known->next = i + 1;
            return true;
        }
    }
    return false;
}

/* One row by itself, and against the seat whose document it is. A row that must be understood
 * and isn't (ERR_PARKED) is kept, passed on, and says nothing. */
static enum error_code row_check(const struct tree *tree, const struct seat *owner,
                                 struct known_rows *known, struct span bytes, struct seat_row *row,
                                 struct error *error)
{
    enum error_code code = seat_row_decode(bytes, row, error);
    if (code != ERR_OK)
        return code;
    const char *refusal = row_refusal(tree, owner, row);
    if (refusal != NULL)
        return error_set(error, ERR_NOT_ALLOWED, what, "row of seat %s: %s", row->seat, refusal);
    if (row_is_known(known, bytes))
        return ERR_OK;
    if (!verifier_accepts(tree->verifier, row->signing_key) ||
        !admin_keys_acceptable(tree, &row->admins))
        return error_set(error, ERR_NOT_ALLOWED, what,
                         "row of seat %s: one of its keys is no proper key", row->seat);
    return ERR_OK;
}

/* Order against the row before it: in root documents all rows are of one seat. */
static enum error_code neighbours_check(const struct holding *holding,
                                        const struct seat_row *before, const struct seat_row *after,
                                        struct error *error)
{
    if (seat_row_compare(before, after) >= 0)
        return error_set(error, ERR_MALFORMED, what,
                         "rows are not sorted by seat and generation, or one comes twice (%s)",
                         after->seat);
    if (holding->held.kind == DOCUMENT_ROOT && strcmp(before->seat, after->seat) != 0)
        return error_set(error, ERR_NOT_ALLOWED, what, "the root document lists two seats, %s, %s",
                         before->seat, after->seat);
    return ERR_OK;
}

static enum error_code held_neighbours_check(const struct holding *holding, uint32_t place,
                                             const struct seat_row *row, struct error *error)
{
    size_t at;
    struct seat_row other;
    (void)holding_find_row(holding, place, &at);
    enum error_code code = ERR_OK;
    if (at > 0 && seat_row_decode(holding->rows[at - 1], &other, NULL) == ERR_OK)
        code = neighbours_check(holding, &other, row, error);
    if (code == ERR_OK && at < holding->held.row_count &&
        seat_row_decode(holding->rows[at], &other, NULL) == ERR_OK)
        code = neighbours_check(holding, row, &other, error);
    return code;
}

static enum error_code seat_rows_check(const struct tree *tree, const struct holding *holding,
                                       const struct offered_rows *offered, struct error *error)
{
    const struct seat *owner = NULL;
    if (holding->held.kind == DOCUMENT_BRANCH) {
        owner = tree_seat(tree, span_of_text(holding->held.seat));
        if (owner == NULL)
            return error_set(error, ERR_PARKED, what, "no document here lists seat %s",
                             holding->held.seat);
    }
    struct known_rows known = {
        .before = holding_find(tree, holding->held.kind, span_of_text(holding->held.seat))};
    struct seat_row rows[2];
    struct seat_row *row = &rows[0], *before = NULL;
    for (size_t i = 0; i < offered->count; i++) {
        enum error_code code = row_check(tree, owner, &known, offered->rows[i], row, error);
        if (code == ERR_PARKED)
            continue;
        if (code == ERR_OK && before != NULL)
            code = neighbours_check(holding, before, row, error);
        else if (code == ERR_OK && offered->proof != NULL)
            code = held_neighbours_check(holding, offered->first, row, error);
        if (code != ERR_OK)
            return code;
        before = row;
        row = row == &rows[0] ? &rows[1] : &rows[0];
    }
    if (error != NULL) /* a parked row is no fault */
        error_clear(error);
    return ERR_OK;
}

static enum error_code types_check(const struct holding *holding,
                                   const struct offered_rows *offered, struct error *error)
{
    if (offered->proof != NULL && holding->held.header.row_count > 1)
        return error_set(error, ERR_NOT_ALLOWED, what, "types are taken whole or not at all");
    struct error inner = {0};
    struct schema *schema =
        schema_load(holding->held.header.schema_version, offered->rows, offered->count, &inner);
    if (schema == NULL && error != NULL)
        *error = inner;
    schema_free(schema);
    return schema != NULL ? ERR_OK : inner.code;
}

static enum error_code rows_check(const struct tree *tree, const struct holding *holding,
                                  const struct offered_rows *offered, struct error *error)
{
    enum error_code code = rows_under_root(holding, offered, error);
    if (code != ERR_OK)
        return code;
    return holding->held.kind == DOCUMENT_TYPES ? types_check(holding, offered, error)
                                                : seat_rows_check(tree, holding, offered, error);
}

static void rows_take(struct tree *tree, struct holding *holding, struct holding *old,
                      const struct offered_rows *offered)
{
    bool had_none = holding->held.row_count == 0;
    size_t at;
    (void)holding_find_row(holding, offered->first, &at);
    if (offered->proof != NULL)
        holding_add_row(holding, offered->first, offered->rows[0], *offered->proof);
    else
        holding_take_rows(holding, offered->rows, offered->count);
    if (old != NULL) {
        holding_put_in_force(tree, old, holding);
        return;
    }
    if (holding->held.kind == DOCUMENT_TYPES)
        schema_take(tree, holding);
    else if (holding->attached && had_none)
        place_rows(tree, holding);
    else if (holding->attached && offered->proof != NULL)
        place_added_row(tree, holding, at);
    else if (holding->attached)
        place_all(tree);
    tree->change_count++;
}

/* Whoever signs such a document has made a mistake, and signs another one. Nothing was in force of
 * this one; and it isn't taken again, however often somebody offers it. */
static enum error_code forget_if_bad(struct tree *tree, struct holding *held,
                                     struct holding *offered, enum error_code code)
{
    if ((code != ERR_MALFORMED && code != ERR_OVERSIZE) || offered->held.row_count > 0 ||
        offered->held.kind == DOCUMENT_ROOT)
        return code;
    tree->bad = offered->held.hash;
    if (held->newer == offered) {
        held->newer = NULL;
        holding_free(offered);
    } else if (held->newer == NULL) {
        holding_forget(tree, held);
    }
    return code;
}

enum error_code tree_offer_rows(struct tree *tree, enum document_kind kind, struct span seat,
                                const struct span *rows, size_t count, uint32_t first,
                                const struct span *proof, struct error *error)
{
    struct offered_rows offered = {.rows = rows, .count = count, .first = first, .proof = proof};
    struct holding *held = holding_find(tree, kind, seat);
    if (held == NULL)
        return error_set(error, ERR_NOT_FOUND, what, "their document isn't held");
    enum error_code code = rows_bounds(&offered, error);
    if (code != ERR_OK)
        return code;
    if (held->newer != NULL) {
        struct holding *newer = held->newer;
        code = rows_check(tree, newer, &offered, error);
        if (code == ERR_OK) {
            held->newer = NULL;
            rows_take(tree, newer, held, &offered);
        }
        if (code == ERR_OK || rows_check(tree, held, &offered, NULL) != ERR_OK)
            return code == ERR_OK ? code : forget_if_bad(tree, held, newer, code);
    }
    code = rows_check(tree, held, &offered, error);
    if (code == ERR_OK)
        rows_take(tree, held, NULL, &offered);
    return forget_if_bad(tree, held, held, code);
}

/* All the rows against one document; *news: how many of them aren't held yet; *proved: what is
 * wrong stands under its signature. */
static enum error_code row_set_check(const struct tree *tree, const struct holding *holding,
                                     const struct proved_row *rows, size_t count, size_t *news,
                                     bool *proved, struct error *error)
{
    *news = 0;
    for (size_t i = 0; i < count; i++) {
        struct offered_rows offered = {&rows[i].row, 1, rows[i].place, &rows[i].proof};
        struct seat_row row, before;
        enum error_code code = rows_bounds(&offered, error);
        if (i > 0 && rows[i].place <= rows[i - 1].place)
            code = error_set(error, ERR_MALFORMED, what, "rows come in the order of their places");
        *proved = code == ERR_OK;
        if (code == ERR_OK)
            code = rows_check(tree, holding, &offered, error);
        if ((code == ERR_OK || code == ERR_STALE) && i > 0 &&
            seat_row_decode(rows[i - 1].row, &before, NULL) == ERR_OK &&
            seat_row_decode(rows[i].row, &row, NULL) == ERR_OK &&
            neighbours_check(holding, &before, &row, error) != ERR_OK)
            code = ERR_MALFORMED;
        if (code != ERR_OK && code != ERR_STALE)
            return code;
        *news += code == ERR_OK;
    }
    return *news > 0 ? ERR_OK : ERR_STALE;
}

enum error_code tree_offer_row_set(struct tree *tree, enum document_kind kind, struct span seat,
                                   const struct hash *document, const struct proved_row *rows,
                                   size_t count, struct error *error)
{
    struct holding *held = holding_find(tree, kind, seat), *target = held;
    if (held == NULL)
        return error_set(error, ERR_NOT_FOUND, what, "their document isn't held");
    if (!hash_equal(&held->held.hash, document))
        target = held->newer;
    if (target == NULL || !hash_equal(&target->held.hash, document))
        return error_set(error, ERR_STALE, what, "another version of their document is held");
    size_t news, at;
    bool proved = false;
    enum error_code code = row_set_check(tree, target, rows, count, &news, &proved, error);
    if (code != ERR_OK)
        return proved ? forget_if_bad(tree, held, target, code) : code;
    for (size_t i = 0; i < count; i++) {
        struct offered_rows offered = {&rows[i].row, 1, rows[i].place, &rows[i].proof};
        if (target->held.whole || holding_find_row(target, rows[i].place, &at))
            continue;
        if (target == held)
            rows_take(tree, held, NULL, &offered);
        else
            holding_add_row(target, rows[i].place, rows[i].row, rows[i].proof);
    }
    if (target != held) {
        held->newer = NULL;
        holding_put_in_force(tree, held, target);
    }
    return ERR_OK;
}
