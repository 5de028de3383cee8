/* Handing documents out. */
#include "cli/drill/hand_out.h"

#include <stdlib.h>
#include <string.h>

#include "node/author/document_file.h"

enum { OFFICES_MAX = 64 }; /* of one document */

struct handing {
    const struct hand_out *what;
    const struct seat *seat;
    const struct seat *former; /* NULL: none */
    const char *path;
    struct error *error;
};

static uint8_t tier_of(const struct handing *handing, const struct held_document *held)
{
    const struct seat *whose = tree_seat(handing->what->tree, span_of_text(held->seat));
    return whose == NULL ? 0 : whose->row.tier;
}

static bool write_whole(const struct handing *handing, const struct held_document *held)
{
    char name[128];
    struct document_file file = {.kind = held->kind,
                                 .envelope = held->envelope,
                                 .row_count = held->row_count,
                                 .rows = (struct span *)(uintptr_t)held->rows};
    document_file_name(name, held->kind, held->seat, tier_of(handing, held));
    return document_file_write(handing->path, name, &file, handing->error) == ERR_OK;
}

/* Some rows of a document, each with its proof; `chosen` are numbers of held rows. */
static bool write_part(const struct handing *handing, const struct held_document *held,
                       const size_t *chosen, size_t count)
{
    char name[128];
    struct buffer *proofs = mem_alloc(count * sizeof *proofs);
    struct document_file file = {.kind = held->kind,
                                 .envelope = held->envelope,
                                 .part = true,
                                 .row_count = count,
                                 .rows = mem_alloc(count * sizeof *file.rows),
                                 .places = mem_alloc(count * sizeof *file.places),
                                 .proofs = mem_alloc(count * sizeof *file.proofs)};
    for (size_t i = 0; i < count; i++) {
        file.places[i] = held->places[chosen[i]];
        file.rows[i] = held->rows[chosen[i]];
        if (held->whole)
            tree_prove_row(held, file.places[i], &proofs[i]);
        else
            buffer_append_span(&proofs[i], held->proofs[chosen[i]]);
        file.proofs[i] = span_of_buffer(&proofs[i]);
    }
    document_file_name(name, held->kind, held->seat, tier_of(handing, held));
    enum error_code code = document_file_write(handing->path, name, &file, handing->error);
    for (size_t i = 0; i < count; i++)
        buffer_free(&proofs[i]);
    free(proofs);
    free(file.rows);
    free(file.places);
    free(file.proofs);
    return code == ERR_OK;
}

/* An office: nobody below it, and in a higher tier than the seat: a county's departments, which
 * every village may have to write to. */
static bool is_office(const struct handing *handing, const struct seat_row *row)
{
    const struct seat *seat = tree_seat(handing->what->tree, span_of_text(row->seat));
    return seat != NULL && seat->child_count == 0 && row->status == SEAT_ACTIVE &&
           row->tier < handing->seat->row.tier;
}

/* Whether a row leads down to the seat or to its former parent, or is the seat's own. */
static bool leads_down(const struct handing *handing, const struct seat_row *row)
{
    const struct seat *seat = tree_seat(handing->what->tree, span_of_text(row->seat));
    return strcmp(row->seat, handing->what->seat) == 0 ||
           (seat != NULL &&
            (seat_is_ancestor_or_self(seat, handing->seat) ||
             (handing->former != NULL && seat_is_ancestor_or_self(seat, handing->former))));
}

static bool write_rows(const struct handing *handing, const struct held_document *held)
{
    size_t *chosen = mem_alloc((held->row_count + 1) * sizeof *chosen);
    size_t count = 0, offices = 0;
    for (size_t i = 0; i < held->row_count; i++) {
        struct seat_row row;
        if (seat_row_decode(held->rows[i], &row, NULL) != ERR_OK)
            continue;
        bool leads = leads_down(handing, &row);
        bool office = !leads && offices < OFFICES_MAX && is_office(handing, &row);
        if (leads || office)
            chosen[count++] = i;
        offices += office ? 1 : 0;
    }
    bool good = count == 0 || write_part(handing, held, chosen, count);
    free(chosen);
    return good;
}

/* Above the seat, and at and above its former parent: rows, each with its proof. */
static bool write_above(const struct handing *handing)
{
    const struct tree *tree = handing->what->tree;
    for (size_t i = 0; i < tree_document_count(tree); i++) {
        const struct held_document *held = tree_document(tree, i);
        const struct seat *whose =
            held->kind == DOCUMENT_BRANCH ? tree_seat(tree, span_of_text(held->seat)) : NULL;
        if (whose == NULL || whose == handing->seat)
            continue;
        bool above = seat_is_ancestor_or_self(whose, handing->seat) ||
                     (handing->former != NULL && seat_is_ancestor_or_self(whose, handing->former));
        if (above && !write_rows(handing, held))
            return false;
    }
    return true;
}

/* Whole documents: those of the seat and of all below it. */
static bool write_below(const struct handing *handing)
{
    const struct tree *tree = handing->what->tree;
    bool all = handing->what->all;
    for (size_t i = 0; i < tree_document_count(tree); i++) {
        const struct held_document *held = tree_document(tree, i);
        const struct seat *whose =
            held->kind == DOCUMENT_BRANCH ? tree_seat(tree, span_of_text(held->seat)) : NULL;
        bool below = whose != NULL && (all || seat_is_ancestor_or_self(handing->seat, whose));
        if (held->whole && (held->kind != DOCUMENT_BRANCH || below) && !write_whole(handing, held))
            return false;
    }
    return true;
}

enum error_code hand_out(const struct hand_out *what, const char *path, struct error *error)
{
    struct handing handing = {.what = what,
                              .seat = tree_seat(what->tree, span_of_text(what->seat)),
                              .path = path,
                              .error = error};
    if (handing.seat == NULL)
        return error_set(error, ERR_NOT_FOUND, what->seat, "the signed tree doesn't list it");
    if (what->former != NULL)
        handing.former = tree_seat(what->tree, span_of_text(what->former));
    if ((what->all || write_above(&handing)) && write_below(&handing))
        return ERR_OK;
    return error->code;
}
