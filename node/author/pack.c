/* A pack is made of what the tree holds, whole or in part, and read into document files. */
#include "node/author/pack.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/msgpack.h"

enum { PACK_VERSION = 1, PACK_DOCUMENTS_MAX = DOCUMENT_FILES_MAX };
_Static_assert((int)PACK_SECRET_BYTES == (int)TREE_SECRET_BYTES + (int)crypto_box_SEALBYTES,
               "sealed");

/* The documents chosen so far, encoded one after the other. */
struct packing {
    const struct tree *tree;
    const struct seat *seat;
    struct buffer documents;
    uint32_t count;
};

static void add_file(struct packing *packing, const struct document_file *file)
{
    struct buffer bytes = {0};
    document_file_encode(file, &bytes);
    mp_write_bin(&packing->documents, span_of_buffer(&bytes));
    packing->count++;
    buffer_free(&bytes);
}

static void add_roots(struct packing *packing)
{
    for (size_t i = 0; i < tree_former_root_count(packing->tree); i++) {
        struct document_file file = {.kind = DOCUMENT_ROOT,
                                     .envelope = tree_former_root(packing->tree, i)};
        add_file(packing, &file);
    }
}

static void add_whole(struct packing *packing, const struct held_document *held)
{
    struct document_file file = {.kind = held->kind,
                                 .envelope = held->envelope,
                                 .row_count = held->row_count,
                                 .rows = (struct span *)(uintptr_t)held->rows};
    add_file(packing, &file);
}

/* An office: nobody below it, and in a higher tier than the seat. */
static bool is_office(const struct packing *packing, const char *seat)
{
    const struct seat *other = tree_seat(packing->tree, span_of_text(seat));
    return other != NULL && other->child_count == 0 && other->row.admins.threshold == 0 &&
           other->row.tier < packing->seat->row.tier;
}

static bool is_fallback(const struct packing *packing, const char *seat)
{
    const struct text_list *fallbacks = &packing->seat->row.fallbacks;
    for (unsigned i = 0; i < fallbacks->count; i++) {
        if (span_equal(text_list_at(fallbacks, i), span_of_text(seat)))
            return true;
    }
    return false;
}

/* Whether a row goes along: those of the seat on the way down, former generations included, and
 * some beside it. */
static bool goes_along(const struct packing *packing, struct span row, const char *on_path,
                       size_t *beside)
{
    struct seat_row decoded;
    if (seat_row_decode(row, &decoded, NULL) != ERR_OK)
        return false;
    if (strcmp(decoded.seat, on_path) == 0)
        return true;
    if (*beside == PACK_BESIDE_MAX ||
        !(is_office(packing, decoded.seat) || is_fallback(packing, decoded.seat)))
        return false;
    (*beside)++;
    return true;
}

/* Single rows of a document above, each with its proof; false: none leads on. */
static bool add_part(struct packing *packing, const struct held_document *held, const char *on_path)
{
    struct buffer *proofs = mem_alloc((held->row_count + 1) * sizeof *proofs);
    struct document_file file = {.kind = held->kind, .envelope = held->envelope, .part = true};
    size_t beside = 0;
    file.rows = mem_alloc((held->row_count + 1) * sizeof *file.rows);
    file.places = mem_alloc((held->row_count + 1) * sizeof *file.places);
    file.proofs = mem_alloc((held->row_count + 1) * sizeof *file.proofs);
    for (size_t i = 0; i < held->row_count; i++) {
        if (!goes_along(packing, held->rows[i], on_path, &beside))
            continue;
        size_t at = file.row_count++;
        file.rows[at] = held->rows[i];
        file.places[at] = held->whole ? (uint32_t)i : held->places[i];
        if (held->whole)
            tree_prove_row(held, (uint32_t)i, &proofs[at]);
        file.proofs[at] = held->whole ? span_of_buffer(&proofs[at]) : held->proofs[i];
    }
    if (file.row_count > beside)
        add_file(packing, &file);
    for (size_t i = 0; i < file.row_count; i++)
        buffer_free(&proofs[i]);
    free(proofs);
    free(file.rows);
    free(file.places);
    free(file.proofs);
    return file.row_count > beside;
}

static const struct held_document *branch_of(const struct packing *packing, const struct seat *seat)
{
    return tree_find_document(packing->tree, DOCUMENT_BRANCH, span_of_text(seat->row.seat));
}

static enum error_code add_path(struct packing *packing, struct error *error)
{
    const struct seat *path[HOLDERS_MAX];
    size_t count = seat_path(packing->seat, path);
    const struct held_document *root = tree_find_document(packing->tree, DOCUMENT_ROOT, SPAN_EMPTY);
    if (root != NULL)
        add_whole(packing, root);
    for (size_t i = count; i-- > 1;) {
        const struct held_document *held = branch_of(packing, path[i]);
        if (held == NULL || !add_part(packing, held, path[i - 1]->row.seat)) {
            error_set(error, ERR_PARKED, path[i]->row.seat,
                      "its document isn't here with the row of %s", path[i - 1]->row.seat);
            error_next(error, "ask again when this node has heard from the one above it");
            return ERR_PARKED;
        }
    }
    return ERR_OK;
}

static void add_below(struct packing *packing, const struct seat *seat, bool deep)
{
    const struct held_document *held = branch_of(packing, seat);
    if (held == NULL || !held->whole)
        return;
    add_whole(packing, held);
    for (size_t i = 0; deep && i < seat->child_count; i++)
        add_below(packing, seat->children[i], true);
}

static enum error_code check_seat(const struct seat *seat, struct span id, struct error *error)
{
    char name[SEAT_BYTES_MAX + 1];
    snprintf(name, sizeof name, "%.*s", (int)id.size, (const char *)id.data);
    if (seat == NULL) {
        error_set(error, ERR_NOT_FOUND, name, "no document here lists such a seat");
        error_next(error, "sign it in first: terrace topology admit %s", name);
        return ERR_NOT_FOUND;
    }
    if (seat->row.status == SEAT_ACTIVE && seat->row.has_seal_key)
        return ERR_OK;
    error_set(error, ERR_NOT_ALLOWED, name, "%s",
              seat->row.status != SEAT_ACTIVE ? "its keys are no longer in force"
                                              : "its row names no key that could be sealed to");
    error_next(error, "sign new keys in: terrace topology replace %s --request FILE", name);
    return ERR_NOT_ALLOWED;
}

static void write_pack(const struct packing *packing,
                       const uint8_t tree_secret[static TREE_SECRET_BYTES], struct buffer *out)
{
    const struct seat_row *row = &packing->seat->row;
    uint8_t sealed[PACK_SECRET_BYTES];
    crypto_box_seal(sealed, tree_secret, TREE_SECRET_BYTES, row->seal_key);
    size_t confirmed = tree_confirmed_count(packing->tree);
    mp_write_map(out, confirmed > 0 ? 7 : 6);
    mp_write_uint(out, 1);
    mp_write_uint(out, PACK_VERSION);
    mp_write_uint(out, 2);
    mp_write_bin(out, SPAN(tree_id(packing->tree)->bytes, HASH_BYTES));
    mp_write_uint(out, 3);
    mp_write_text(out, row->seat);
    mp_write_uint(out, 4);
    mp_write_bin(out, SPAN(row->signing_key, KEY_BYTES));
    mp_write_uint(out, 5);
    mp_write_bin(out, SPAN_OF_ARRAY(sealed));
    mp_write_uint(out, 6);
    mp_write_array(out, packing->count);
    buffer_append_span(out, span_of_buffer(&packing->documents));
    if (confirmed == 0)
        return;
    mp_write_uint(out, 7);
    mp_write_array(out, (uint32_t)confirmed);
    for (size_t i = 0; i < confirmed; i++)
        mp_write_bin(out, SPAN_OF_ARRAY(tree_confirmed(packing->tree, i)->bytes));
}

enum error_code pack_make(const struct tree *tree, struct span seat,
                          const uint8_t tree_secret[static TREE_SECRET_BYTES], bool subtree,
                          struct buffer *out, struct error *error)
{
    struct packing packing = {.tree = tree, .seat = tree_seat(tree, seat)};
    const struct held_document *types = tree_find_document(tree, DOCUMENT_TYPES, SPAN_EMPTY);
    enum error_code code = check_seat(packing.seat, seat, error);
    if (code != ERR_OK)
        return code;
    add_roots(&packing);
    code = add_path(&packing, error);
    if (code == ERR_OK) {
        add_below(&packing, packing.seat, subtree);
        if (types != NULL && types->whole)
            add_whole(&packing, types);
        write_pack(&packing, tree_secret, out);
    }
    buffer_free(&packing.documents);
    return code;
}

void pack_free(struct pack *pack)
{
    for (size_t i = 0; i < pack->document_count; i++)
        document_file_free(&pack->documents[i]);
    free(pack->documents);
    *pack = (struct pack){0};
}

static void take_bytes(struct mp_reader *reader, uint8_t *to, size_t size)
{
    const uint8_t *from = mp_read_bin_of(reader, size);
    if (from != NULL)
        memcpy(to, from, size);
}

static void take_seat(struct mp_reader *reader, struct pack *pack)
{
    struct span seat = mp_read_str(reader);
    if (seat.size > SEAT_BYTES_MAX)
        mp_fail(reader);
    else if (seat.size > 0)
        memcpy(pack->seat, seat.data, seat.size);
}

static void take_documents(struct mp_reader *reader, const char *name, struct pack *pack)
{
    uint32_t count = mp_read_array(reader);
    if (count > PACK_DOCUMENTS_MAX)
        mp_fail(reader);
    if (reader->failed)
        return;
    pack->documents = mem_alloc((count + 1) * sizeof *pack->documents);
    for (uint32_t i = 0; i < count && !reader->failed; i++) {
        struct span bytes = mp_read_bin(reader);
        if (reader->failed ||
            document_file_decode(bytes, name, &pack->documents[i], NULL) != ERR_OK)
            mp_fail(reader);
        else
            pack->document_count++;
    }
}

static void take_confirmed(struct mp_reader *reader, struct pack *pack)
{
    uint32_t count = mp_read_array(reader);
    if (count > CONFIRMED_ROOTS_MAX)
        mp_fail(reader);
    for (uint32_t i = 0; i < count && !reader->failed; i++)
        take_bytes(reader, pack->confirmed.hashes[pack->confirmed.count++].bytes, HASH_BYTES);
}

enum error_code pack_read(struct span bytes, const char *name, struct pack *pack,
                          struct error *error)
{
    struct mp_reader reader = mp_reader(bytes);
    struct mp_fields fields;
    unsigned seen = 0;
    int32_t key;
    *pack = (struct pack){0};
    reader.items_max = PACK_DOCUMENTS_MAX + 16;
    fields = mp_fields(&reader);
    while (mp_field(&reader, &fields, &key)) {
        seen |= key >= 1 && key <= 6 ? 1U << key : 0;
        switch (key) {
        case 1: mp_read_uint_max(&reader, PACK_VERSION); break;
        case 2: take_bytes(&reader, pack->tree_id.bytes, HASH_BYTES); break;
        case 3: take_seat(&reader, pack); break;
        case 4: take_bytes(&reader, pack->signing_key, KEY_BYTES); break;
        case 5: take_bytes(&reader, pack->sealed, PACK_SECRET_BYTES); break;
        case 6: take_documents(&reader, name, pack); break;
        case 7: take_confirmed(&reader, pack); break;
        default: mp_read_any(&reader); break;
        }
    }
    mp_read_end(&reader);
    if (!reader.failed && seen == 0x7e)
        return ERR_OK;
    pack_free(pack);
    error_set(error, ERR_MALFORMED, name, "it is no answer to a request to join, or is damaged");
    error_next(error, "copy it again from where it was made (`terrace topology admit` or `pack`)");
    return ERR_MALFORMED;
}

static enum error_code offer(struct tree *tree, const struct document_file *file,
                             struct error *error)
{
    struct document_envelope envelope;
    enum error_code code = document_open(file->envelope, &envelope, error);
    if (code == ERR_OK)
        code = tree_offer_document(tree, file->envelope, error);
    if (code != ERR_OK || file->row_count == 0)
        return code;
    struct span seat = span_of_text(envelope.decoded.seat);
    if (!file->part)
        return tree_offer_rows(tree, file->kind, seat, file->rows, file->row_count, 0, NULL, error);
    for (size_t i = 0; i < file->row_count && code == ERR_OK; i++)
        code = tree_offer_rows(tree, file->kind, seat, &file->rows[i], 1, file->places[i],
                               &file->proofs[i], error);
    return code;
}

enum error_code pack_tree(const struct pack *pack, const char *name, struct tree **tree,
                          struct error *error)
{
    struct error why;
    *tree = tree_new(&pack->tree_id);
    for (size_t i = 0; i < pack->confirmed.count; i++)
        tree_note_confirmed(*tree, &pack->confirmed.hashes[i]);
    for (size_t i = 0; i < pack->document_count; i++) {
        error_clear(&why);
        if (offer(*tree, &pack->documents[i], &why) == ERR_OK)
            continue;
        tree_free(*tree);
        *tree = NULL;
        error_set(error, ERR_FORGED, name, "its documents don't hold: %s", why.why);
        error_next(error, "don't use this file; get another from the people of the seat above");
        return ERR_FORGED;
    }
    return ERR_OK;
}

enum error_code pack_open(const struct pack *pack, const char *name, const struct node_keys *keys,
                          uint8_t tree_secret[static TREE_SECRET_BYTES], struct error *error)
{
    if (keys->has_seal && crypto_box_seal_open(tree_secret, pack->sealed, PACK_SECRET_BYTES,
                                               keys->seal_key, keys->seal_secret) == 0)
        return ERR_OK;
    error_set(error, ERR_NOT_ALLOWED, name, "it was made for another machine's keys");
    error_next(error,
               "send this machine's request (`terrace request`) to those who signed, and ask "
               "for the answer to that");
    return ERR_NOT_ALLOWED;
}

/* "0-root" for the newest root document alone; those before it sort in front. */
static void name_of(const struct pack *pack, const struct tree *tree, size_t index,
                    char name[static 128])
{
    struct document_envelope envelope;
    const struct document_file *file = &pack->documents[index];
    if (document_open(file->envelope, &envelope, NULL) != ERR_OK)
        return;
    const struct seat *seat = tree_seat(tree, span_of_text(envelope.decoded.seat));
    struct hash hash = document_hash(envelope.header);
    if (file->kind == DOCUMENT_ROOT && !tree_has_document(tree, DOCUMENT_ROOT, SPAN_EMPTY, &hash))
        snprintf(name, 128, "0-former-%010llu", (unsigned long long)envelope.decoded.version);
    else
        document_file_name(name, file->kind, envelope.decoded.seat,
                           seat == NULL ? TIERS_MAX : seat->row.tier);
}

enum error_code pack_write_documents(const struct pack *pack, const char *dir, struct error *error)
{
    struct tree *tree = NULL;
    enum error_code code = pack_tree(pack, "the answer", &tree, error);
    for (size_t i = 0; i < pack->confirmed.count && code == ERR_OK; i++)
        code = confirmed_roots_add(dir, &pack->confirmed.hashes[i], error);
    for (size_t i = 0; i < pack->document_count && code == ERR_OK; i++) {
        char name[128] = "";
        name_of(pack, tree, i, name);
        code = document_file_write(dir, name, &pack->documents[i], error);
    }
    tree_free(tree);
    return code;
}
