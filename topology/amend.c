/* An amendment's life: from a held document to the next version, tried before it is given out. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "topology/amend_inner.h"
#include "topology/trial.h"

const char amend_what[] = "the change was refused";

static void row_take(struct amended_row *to, struct span bytes)
{
    *to = (struct amended_row){0};
    buffer_append_span(&to->bytes, bytes);
    enum error_code code = seat_row_decode(span_of_buffer(&to->bytes), &to->row, NULL);
    assert(code == ERR_OK);
    (void)code;
}

void amend_put(struct amendment *amendment, size_t index, const struct seat_row *row)
{
    struct buffer bytes = {0};
    assert(index <= amendment->row_count);
    seat_row_encode(row, &bytes); /* before the old row goes, which it may borrow from */
    if (index == amendment->row_count) {
        amendment->row_count++;
        amendment->rows =
            mem_resize(amendment->rows, amendment->row_count * sizeof *amendment->rows);
    } else {
        buffer_free(&amendment->rows[index].bytes);
    }
    row_take(&amendment->rows[index], span_of_buffer(&bytes));
    buffer_free(&bytes);
}

void amend_remove(struct amendment *amendment, size_t index)
{
    assert(index < amendment->row_count);
    buffer_free(&amendment->rows[index].bytes);
    amendment->row_count--;
    amendment->rows[index] = amendment->rows[amendment->row_count];
}

/* A row that can't be read here says something that only a newer version understands; to sign it
 * away or on would be a guess. */
static enum error_code rows_take(struct amendment *amendment, const struct span *rows, size_t count,
                                 struct error *error)
{
    amendment->rows = mem_alloc((count + 1) * sizeof *amendment->rows);
    for (size_t i = 0; i < count; i++) {
        struct seat_row row;
        enum error_code code = seat_row_decode(rows[i], &row, error);
        if (code != ERR_OK) {
            error_set(error, code, amend_what, "row %zu of its document can't be read here", i + 1);
            error_next(error, "Use the version of terrace that wrote it, or a newer one.");
            return code;
        }
        row_take(&amendment->rows[amendment->row_count++], rows[i]);
    }
    return ERR_OK;
}

static enum error_code owner_find(struct amendment *amendment, struct error *error)
{
    struct document_header *header = &amendment->header;
    if (header->kind == DOCUMENT_ROOT)
        return ERR_OK;
    amendment->owner = tree_seat(amendment->tree, span_of_text(header->seat));
    if (amendment->owner == NULL) {
        error_set(error, ERR_NOT_FOUND, amend_what, "no document here lists seat %s", header->seat);
        error_next(error, "Check its code; the documents of the seats above must be here.");
        return ERR_NOT_FOUND;
    }
    if (amendment->owner->row.admins.threshold > 0)
        return ERR_OK;
    error_set(error, ERR_NOT_ALLOWED, amend_what, "seat %s has no admin keys", header->seat);
    error_next(error, "The seat above gives it some, then it can have seats below.");
    return ERR_NOT_ALLOWED;
}

/* The types in force were signed by root keys of their time: so that they outlive those keys, each
 * new root document names them. */
static void types_name(struct amendment *amendment)
{
    struct document_header *header = &amendment->header;
    const struct held_document *types =
        tree_find_document(amendment->tree, DOCUMENT_TYPES, SPAN_EMPTY);
    if (header->kind != DOCUMENT_ROOT || types == NULL || !types->whole)
        return;
    header->types = types->hash.bytes;
}

/* The header of what comes after `source`: the next version, or the first of a raised term. */
static void header_begin(struct amendment *amendment, const struct document_envelope *opened)
{
    buffer_append_span(&amendment->former, opened->header);
    struct hash hash = document_hash(opened->header);
    struct document_header former;
    enum error_code code =
        document_header_decode(span_of_buffer(&amendment->former), &former, NULL);
    assert(code == ERR_OK);
    (void)code;
    uint64_t issued_ms = amendment->when.now_ms;
    if (issued_ms < former.issued_ms)
        issued_ms = former.issued_ms;
    amendment->header = author_next_header(&former, &hash, tree_id(amendment->tree), issued_ms);
    types_name(amendment);
}

static void first_header_begin(struct amendment *amendment, struct span seat)
{
    amendment->header = (struct document_header){.kind = DOCUMENT_BRANCH,
                                                 .tree_id = *tree_id(amendment->tree),
                                                 .term = 1,
                                                 .version = 1,
                                                 .issued_ms = amendment->when.now_ms};
    if (seat.size > 0)
        memcpy(amendment->header.seat, seat.data, seat.size);
}

static void term_take(struct amendment *amendment)
{
    const struct seat *owner = amendment->owner;
    if (owner == NULL || owner->row.term == amendment->header.term)
        return;
    amendment->header.term = owner->row.term;
    amendment->header.version = 1;
}

static struct amendment *begin(const struct tree *tree, const struct amend_source *source,
                               struct span seat, const struct amend_when *when, struct error *error)
{
    struct amendment *amendment = mem_alloc(sizeof *amendment);
    struct document_envelope opened;
    amendment->tree = tree;
    amendment->when = *when;
    amendment->tier_count = (uint8_t)tree_tier_count(tree);
    enum error_code code = ERR_OK;
    if (source != NULL)
        code = document_open(source->envelope, &opened, error);
    if (code == ERR_OK && source != NULL)
        header_begin(amendment, &opened);
    else if (code == ERR_OK)
        first_header_begin(amendment, seat);
    if (code == ERR_OK)
        code = owner_find(amendment, error);
    if (code == ERR_OK)
        term_take(amendment);
    if (code == ERR_OK && source != NULL)
        code = rows_take(amendment, source->rows, source->row_count, error);
    if (code == ERR_OK && when->expires_ms != AMEND_KEEP)
        amendment->header.expires_ms = when->expires_ms;
    if (code == ERR_OK)
        return amendment;
    amend_free(amendment);
    return NULL;
}

struct amendment *amend_new_from(const struct tree *tree, const struct amend_source *source,
                                 const struct amend_when *when, struct error *error)
{
    return begin(tree, source, SPAN_EMPTY, when, error);
}

/* Two documents of one version freeze their term (rules.md B27): the root's people begin another
 * themselves, for all others the seat above does. */
static enum error_code frozen_check(const struct tree *tree, const struct held_document *held,
                                    struct error *error)
{
    const struct seat *owner = tree_seat(tree, span_of_text(held->seat));
    if (!held->frozen || held->kind == DOCUMENT_ROOT ||
        (owner != NULL && owner->row.term != held->term))
        return ERR_OK;
    error_set(error, ERR_FORK, amend_what,
              "two documents of seat %s were signed for one version: nothing newer counts in its "
              "term %llu",
              held->seat, (unsigned long long)held->term);
    error_next(error, "The seat above raises its term: `terrace topology overrule %s`.",
               held->seat);
    return ERR_FORK;
}

struct amendment *amend_new(const struct tree *tree, enum document_kind kind, struct span seat,
                            const struct amend_when *when, struct error *error)
{
    assert(kind == DOCUMENT_ROOT || kind == DOCUMENT_BRANCH);
    const struct held_document *held = kind == DOCUMENT_ROOT
                                           ? tree_find_document(tree, kind, SPAN_EMPTY)
                                           : tree_last_document(tree, seat);
    if (held == NULL && kind == DOCUMENT_ROOT) {
        error_set(error, ERR_NOT_FOUND, amend_what, "the root document isn't here");
        return NULL;
    }
    if (held == NULL) {
        if (seat.size == 0 || seat.size > SEAT_BYTES_MAX) {
            error_set(error, ERR_NOT_FOUND, amend_what, "no seat can have this code");
            return NULL;
        }
        return begin(tree, NULL, seat, when, error);
    }
    if (!held->whole) {
        error_set(error, ERR_PARKED, amend_what, "only a part of the document of seat %s is here",
                  held->seat);
        error_next(error, "Do it at seat %s, or where its whole document is.", held->seat);
        return NULL;
    }
    if (frozen_check(tree, held, error) != ERR_OK)
        return NULL;
    struct amend_source source = {held->envelope, held->rows, held->row_count};
    struct amendment *amendment = begin(tree, &source, SPAN_EMPTY, when, error);
    if (amendment != NULL && held->frozen && kind == DOCUMENT_ROOT)
        amendment->header.term++;
    return amendment;
}

void amend_free(struct amendment *amendment)
{
    if (amendment == NULL)
        return;
    for (size_t i = 0; i < amendment->row_count; i++)
        buffer_free(&amendment->rows[i].bytes);
    free(amendment->rows);
    buffer_free(&amendment->former);
    buffer_free(&amendment->admins);
    buffer_free(&amendment->tiers);
    buffer_free(&amendment->decisions);
    free(amendment);
}

size_t amend_row_count(const struct amendment *amendment)
{
    return amendment->row_count;
}

const struct seat_row *amend_row(const struct amendment *amendment, size_t index)
{
    assert(index < amendment->row_count);
    return &amendment->rows[index].row;
}

const struct document_header *amend_header(const struct amendment *amendment)
{
    return &amendment->header;
}

static int row_compare(const void *a, const void *b)
{
    return seat_row_compare(&((const struct amended_row *)a)->row,
                            &((const struct amended_row *)b)->row);
}

/* A document that has expired can still take keys away: it stays expired. */
static enum error_code expiry_settle(struct amendment *amendment, struct error *error)
{
    struct document_header *header = &amendment->header;
    if (header->expires_ms == 0 || header->expires_ms > header->issued_ms)
        return ERR_OK;
    if (!amendment->adds && amendment->when.expires_ms == AMEND_KEEP) {
        header->expires_ms = header->issued_ms;
        return ERR_OK;
    }
    error_set(error, ERR_NOT_ALLOWED, amend_what, "the new version would have expired already");
    error_next(error, "Give it a later expiry, or none.");
    return ERR_NOT_ALLOWED;
}

enum error_code amend_sign(struct amendment *amendment, const uint8_t (*secrets)[SECRET_BYTES],
                           size_t secret_count, struct author_document *document,
                           struct error *error)
{
    *document = (struct author_document){0};
    enum error_code code = expiry_settle(amendment, error);
    if (code != ERR_OK)
        return code;
    size_t count = amendment->row_count;
    struct span *rows = mem_alloc((count + 1) * sizeof *rows);
    if (count > 1)
        qsort(amendment->rows, count, sizeof *amendment->rows, row_compare);
    for (size_t i = 0; i < count; i++)
        rows[i] = span_of_buffer(&amendment->rows[i].bytes);
    struct document_header header = amendment->header;
    code = author_document(&header, rows, count, secrets, secret_count, document, error);
    free(rows);
    if (code != ERR_OK)
        return code;
    if (amendment->ahead) {
        struct tree *trial = trial_new(amendment->tree);
        code = trial_offer(trial, document, error);
        tree_free(trial);
    } else {
        code = trial_document(amendment->tree, document, error);
    }
    if (code != ERR_OK)
        author_document_clear(document);
    return code;
}

enum error_code amend_finish(struct amendment *amendment, struct author_document *document,
                             struct error *error)
{
    return amend_sign(amendment, NULL, 0, document, error);
}
