/* Keys from names, documents from rows. */
#include "sim/world/county_parts.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema/change.h"

/* Keys of later generations and terms, from the same names. */
#define GENERATION_SALT ((uint64_t)1 << 40)
enum { ISSUED_MS = 1 };

static struct hash seed_for(const char *purpose, const char *code, uint64_t salt)
{
    char text[128];
    int size = snprintf(text, sizeof text, "%s %s %llu", purpose, code, (unsigned long long)salt);
    return hash_of(HASH_SEAL, SPAN(text, (size_t)size));
}

void county_keys(const struct county *county, size_t seat, uint32_t generation,
                 struct county_keys *keys)
{
    const char *code = county->seats[seat].code;
    uint64_t salt = county->salt + (generation - 1) * GENERATION_SALT;
    struct hash seed = seed_for("sign", code, salt);
    assert(generation >= 1);
    sign_key_pair(seed.bytes, keys->signing_key, keys->signing_secret);
    keys->key_id = key_id_of(keys->signing_key);
    keys->generation = generation;
    if (generation > 1 && generation == county->seats[seat].same_machine)
        salt -= GENERATION_SALT;
    seed = seed_for("link", code, salt);
    memcpy(keys->link_key, seed.bytes, KEY_BYTES);
    seed = seed_for("seal", code, salt);
    seal_key_from(seed.bytes, &keys->seal);
}

struct seal_key county_escrow(const struct county *county, size_t seat, uint32_t number)
{
    struct seal_key key;
    uint64_t salt = county->salt + number * GENERATION_SALT;
    struct hash seed = seed_for("escrow", county->seats[seat].code, salt);
    seal_key_from(seed.bytes, &key);
    return key;
}

uint32_t county_generation_of(const struct county *county, size_t seat, struct key_id key)
{
    struct county_keys keys;
    for (uint32_t generation = county->seats[seat].generation; generation > 0; generation--) {
        county_keys(county, seat, generation, &keys);
        if (key_id_equal(keys.key_id, key))
            return generation;
    }
    return 0;
}

void county_take_generation(struct county *county, size_t place, uint32_t generation)
{
    struct county_seat *seat = &county->seats[place];
    struct county_keys keys;
    county_keys(county, place, generation, &keys);
    memcpy(seat->signing_key, keys.signing_key, sizeof seat->signing_key);
    memcpy(seat->signing_secret, keys.signing_secret, sizeof seat->signing_secret);
    memcpy(seat->link_key, keys.link_key, sizeof seat->link_key);
    seat->seal = keys.seal;
    seat->key_id = keys.key_id;
    seat->generation = generation;
}

void county_admin(const struct county *county, size_t seat, uint64_t term,
                  struct county_admin *admin)
{
    uint8_t unused[KEY_BYTES];
    struct hash seed =
        seed_for("admin", county->seats[seat].code, county->salt + (term - 1) * GENERATION_SALT);
    sign_key_pair(seed.bytes, unused, admin->secret);
}

static int compare_codes(const void *a, const void *b, void *context)
{
    const struct county_seat *seats = context;
    return strcmp(seats[*(const size_t *)a].code, seats[*(const size_t *)b].code);
}

size_t county_find(const struct county *county, const char *code)
{
    size_t low = 0, high = county->seat_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(county->seats[county->by_code[middle]].code, code);
        if (order == 0)
            return county->by_code[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return SIZE_MAX;
}

bool county_is_above(const struct county *county, size_t above, size_t seat)
{
    while (seat != above && county->seats[seat].parent != seat)
        seat = county->seats[seat].parent;
    return seat == above;
}

enum error_code county_offer(struct county *county, const struct author_document *document)
{
    struct span *rows = mem_alloc((document->row_count + 1) * sizeof *rows);
    for (size_t i = 0; i < document->row_count; i++)
        rows[i] = span_of_buffer(&document->rows[i]);
    struct span envelope = span_of_buffer(&document->envelope);
    bool by_hand = document->kind == DOCUMENT_ROOT && county->change_count > 0;
    enum error_code code = by_hand ? tree_offer_confirmed(county->tree, envelope, NULL)
                                   : tree_offer_document(county->tree, envelope, NULL);
    if (code == ERR_OK && !by_hand)
        code = tree_offer_rows(county->tree, document->kind, span_of_text(document->seat), rows,
                               document->row_count, 0, NULL, NULL);
    free(rows);
    return code;
}

static void offer(struct county *county, const struct author_document *document)
{
    enum error_code code = county_offer(county, document);
    assert(code == ERR_OK);
    (void)code;
}

static const struct county_seat *root_of(const struct county *county)
{
    const struct county_seat *seat = county->seats;
    while (seat->parent != (size_t)(seat - county->seats))
        seat = &county->seats[seat->parent];
    return seat;
}

/* Those that follow a version, unless it is the last. */
static void offer_types(struct county *county, uint32_t version, struct document_header *header)
{
    struct error error = {0};
    struct buffer yaml = {0};
    if (!county_types_of(version, &yaml))
        return;
    struct author_document document;
    const struct schema *held = tree_schema(county->tree);
    struct schema_source *source = schema_compile(span_of_buffer(&yaml), "types", &error);
    buffer_free(&yaml);
    assert(source != NULL);
    if (held != NULL) { /* it goes on saying what the types were, as `terrace schema new` has it */
        struct schema_source *next = schema_succeed(held, source, &error);
        assert(next != NULL);
        schema_source_free(source);
        source = next;
    }
    const struct county *signer = county;
    const uint8_t(*secrets)[SECRET_BYTES] = &signer->root_secret;
    enum error_code code = author_types(header, source, secrets, 1, &document, &error);
    assert(code == ERR_OK);
    (void)code;
    offer(county, &document);
    author_document_clear(&document);
    schema_source_free(source);
}

static void lay_out(struct county *county, const struct author_plan *plan)
{
    size_t count = county->seat_count, laid = 0;
    county->children = mem_alloc(count * sizeof *county->children);
    county->child_first = mem_alloc((count + 1) * sizeof *county->child_first);
    county->rank = mem_alloc(count * sizeof *county->rank);
    county->by_code = mem_alloc(count * sizeof *county->by_code);
    for (size_t i = 0; i < count; i++) {
        county->seats[i].parent = plan->parent[i];
        county->seats[i].tier = plan->tier[i];
        county->rank[plan->order[i]] = county->by_code[i] = i;
        county->child_first[i] = laid;
        for (size_t child = 0; child < plan->child_count[i]; child++)
            county->children[laid++] = plan->order[plan->child_first[i] + child];
    }
    county->child_first[count] = laid;
    /* qsort_r is in no standard, but alike in every C library that this is built with */
    qsort_r(county->by_code, count, sizeof *county->by_code, compare_codes, county->seats);
}

/* The seats that are listed from the beginning, in the order of the rows. */
static struct author_tree *make_first(const struct county *county, const struct author_seat *seats,
                                      const struct county_options *with)
{
    struct error error = {0};
    struct author_seat *first = mem_alloc(county->seat_count * sizeof *first);
    size_t count = 0;
    for (size_t i = 0; i < county->seat_count; i++) {
        if (!county->seats[i].later)
            first[count++] = seats[i];
    }
    struct author_plan *plan = author_plan_new(first, count, &error);
    struct author_options options = {
        .issued_ms = ISSUED_MS,
        .expires_ms = with->expires_ms,
        .fold_tier = with->fold_tier == NULL ? SPAN_EMPTY : span_of_text(with->fold_tier)};
    assert(plan != NULL && plan->tier_count == county->tier_count);
    struct author_tree *tree = author_tree_new(plan, first, &options, &error);
    assert(tree != NULL);
    author_plan_free(plan);
    free(first);
    return tree;
}

static void make_documents(struct county *county, const struct author_seat *seats,
                           const struct county_options *options)
{
    struct error error = {0};
    struct author_plan *plan = author_plan_new(seats, county->seat_count, &error);
    assert(plan != NULL);
    county->tier_count = plan->tier_count;
    lay_out(county, plan);
    struct author_tree *tree = make_first(county, seats, options);
    county->tree_id = tree->tree_id;
    memcpy(county->root_secret, root_of(county)->admin_secret, SECRET_BYTES);
    county->shelf = schema_shelf_new();
    county->tree = tree_new(&tree->tree_id);
    tree_set_shelf(county->tree, county->shelf);
    for (size_t i = 0; i < tree->document_count; i++)
        offer(county, &tree->documents[i]);
    struct document_header header = {
        .tree_id = county->tree_id, .term = 1, .version = 1, .issued_ms = ISSUED_MS};
    offer_types(county, 0, &header);
    author_tree_free(tree);
    author_plan_free(plan);
}

struct county *county_new(const struct county_row *rows, size_t count, uint64_t salt)
{
    return county_new_with(rows, count, salt, &(struct county_options){0});
}

struct county *county_new_with(const struct county_row *rows, size_t count, uint64_t salt,
                               const struct county_options *options)
{
    struct county_admin admin;
    struct county *county = mem_alloc(sizeof *county);
    struct author_seat *described = mem_alloc(count * sizeof *described);
    county->seats = mem_alloc(count * sizeof *county->seats);
    county->seat_count = count;
    county->salt = salt;
    for (size_t i = 0; i < count; i++) {
        struct county_seat *seat = &county->seats[i];
        snprintf(seat->code, sizeof seat->code, "%s", rows[i].code);
        county_take_generation(county, i, 1);
        county_admin(county, i, 1, &admin);
        memcpy(seat->admin_secret, admin.secret, SECRET_BYTES);
        seat->later = rows[i].later;
        seat->listed = seat->counts = !seat->later;
        described[i] = (struct author_seat){
            .code = span_of_text(seat->code),
            .tier = span_of_text(rows[i].tier),
            .parent = rows[i].parent == NULL ? SPAN_EMPTY : span_of_text(rows[i].parent),
            .has_admin = true,
            .fallback = rows[i].fallback == NULL ? SPAN_EMPTY : span_of_text(rows[i].fallback),
        };
        county->fallbacks |= rows[i].fallback != NULL;
        memcpy(described[i].signing_key, seat->signing_key, KEY_BYTES);
        memcpy(described[i].link_key, seat->link_key, KEY_BYTES);
        memcpy(described[i].seal_key, seat->seal.public_key, KEY_BYTES);
        described[i].has_seal_key = true;
        described[i].has_escrow_key = rows[i].escrow;
        if (rows[i].escrow)
            memcpy(described[i].escrow_key, county_escrow(county, i, 0).public_key, KEY_BYTES);
        memcpy(described[i].admin_secret, seat->admin_secret, SECRET_BYTES);
    }
    make_documents(county, described, options);
    free(described);
    return county;
}

void county_free(struct county *county)
{
    if (county == NULL)
        return;
    tree_free(county->tree);
    tree_free(county->first);
    schema_shelf_free(county->shelf);
    for (size_t i = 0; i < county->change_count; i++)
        author_document_clear(&county->changes[i]);
    free(county->changes);
    free(county->children);
    free(county->child_first);
    free(county->rank);
    free(county->by_code);
    free(county->seats);
    free(county);
}

void county_raise_types(struct county *county)
{
    const struct held_document *held = tree_find_document(county->tree, DOCUMENT_TYPES, SPAN_EMPTY);
    assert(held != NULL);
    struct document_header header =
        author_next_header(&held->header, &held->hash, &county->tree_id, ISSUED_MS + 1);
    offer_types(county, tree_schema(county->tree)->version, &header);
}

/* Rows of a document above the seat: those of the child that leads down to it. */
static void take_child_rows(const struct held_document *held, const char *child,
                            struct county_document *document)
{
    struct seat_row row;
    document->rows = mem_alloc((held->row_count + 1) * sizeof *document->rows);
    document->places = mem_alloc((held->row_count + 1) * sizeof *document->places);
    document->proofs = mem_alloc((held->row_count + 1) * sizeof *document->proofs);
    document->proof = mem_alloc((held->row_count + 1) * sizeof *document->proof);
    for (size_t at = 0; at < held->row_count; at++) {
        size_t to = document->row_count;
        if (seat_row_decode(held->rows[at], &row, NULL) != ERR_OK || strcmp(row.seat, child) != 0)
            continue;
        document->rows[to] = held->rows[at];
        document->places[to] = held->whole ? (uint32_t)at : held->places[at];
        if (held->whole)
            tree_prove_row(held, document->places[to], &document->proof[to]);
        document->proofs[to] =
            held->whole ? span_of_buffer(&document->proof[to]) : held->proofs[at];
        document->row_count++;
    }
}

static void take_all_rows(const struct held_document *held, struct county_document *document)
{
    size_t count = held->row_count;
    document->row_count = count;
    document->rows = mem_alloc((count + 1) * sizeof *document->rows);
    memcpy(document->rows, held->rows, count * sizeof *document->rows);
    if (held->whole)
        return;
    document->places = mem_alloc((count + 1) * sizeof *document->places);
    document->proofs = mem_alloc((count + 1) * sizeof *document->proofs);
    memcpy(document->places, held->places, count * sizeof *document->places);
    memcpy(document->proofs, held->proofs, count * sizeof *document->proofs);
}

static void take_document(const struct tree *from, const struct held_document *held,
                          const struct seat *below, unsigned gift, struct county_document *document)
{
    const struct seat *whose = tree_seat(from, span_of_text(held->seat));
    document->kind = held->kind;
    document->envelope = held->envelope;
    if (whose != NULL && whose != below && seat_is_ancestor_or_self(whose, below) &&
        !(gift & COUNTY_WHOLE_PATH)) {
        const struct seat *child = below;
        while (child->parent != whose)
            child = child->parent;
        if (tree_listing_of(child) == held) {
            take_child_rows(held, child->row.seat, document);
            return;
        }
    }
    take_all_rows(held, document);
}

struct seat_list {
    size_t *seats;
    size_t count, capacity;
};

static void add_seat(struct seat_list *list, size_t seat)
{
    if (list->count == list->capacity) {
        list->capacity = list->capacity * 2 + 16;
        list->seats = mem_resize(list->seats, list->capacity * sizeof *list->seats);
    }
    list->seats[list->count++] = seat;
}

static int compare_ranks(const void *a, const void *b, void *context)
{
    const size_t *rank = context, one = rank[*(const size_t *)a], other = rank[*(const size_t *)b];
    return one < other ? -1 : one > other;
}

/* Whose branch documents a seat is given, parents before children. */
static void list_given(const struct county *county, const struct seat *seat, unsigned gift,
                       struct seat_list *list)
{
    for (const struct seat *above = seat->parent; above != NULL; above = above->parent)
        add_seat(list, county_find(county, above->row.seat));
    if (!(gift & COUNTY_NO_SUBTREE)) {
        const struct seat **below = mem_alloc(county->seat_count * sizeof *below);
        size_t count = 0, next = 0;
        below[count++] = seat;
        for (; next < count; next++) {
            add_seat(list, county_find(county, below[next]->row.seat));
            for (size_t i = 0; i < below[next]->child_count; i++)
                below[count++] = below[next]->children[i];
        }
        free(below);
    }
    if (list->count > 0)
        qsort_r(list->seats, list->count, sizeof *list->seats, compare_ranks, county->rank);
}

struct county_document *county_documents(const struct county *county, size_t seat, unsigned gift,
                                         size_t *count)
{
    return county_documents_of(county, county->tree, seat, gift, count);
}

struct county_document *county_documents_of(const struct county *county, const struct tree *from,
                                            size_t place, unsigned gift, size_t *count)
{
    struct seat_list list = {0};
    const struct seat *seat = tree_seat(from, span_of_text(county->seats[place].code));
    if (seat != NULL)
        list_given(county, seat, gift, &list);
    struct county_document *documents = mem_alloc((list.count + 2) * sizeof *documents);
    const struct held_document *held = tree_find_document(from, DOCUMENT_ROOT, SPAN_EMPTY);
    *count = 0;
    if (held != NULL)
        take_document(from, held, NULL, gift, &documents[(*count)++]);
    for (size_t i = 0; i < list.count; i++) {
        held = tree_find_document(from, DOCUMENT_BRANCH,
                                  span_of_text(county->seats[list.seats[i]].code));
        if (held != NULL)
            take_document(from, held, seat, gift, &documents[(*count)++]);
    }
    held = tree_find_document(from, DOCUMENT_TYPES, SPAN_EMPTY);
    if (held != NULL && !(gift & COUNTY_NO_TYPES))
        take_document(from, held, NULL, gift, &documents[(*count)++]);
    free(list.seats);
    return documents;
}

void county_document_clear(struct county_document *document)
{
    for (size_t i = 0; document->proof != NULL && i < document->row_count; i++)
        buffer_free(&document->proof[i]);
    free(document->proof);
    free(document->rows);
    free(document->places);
    free(document->proofs);
}

void county_documents_free(struct county_document *documents, size_t count)
{
    for (size_t i = 0; i < count; i++)
        county_document_clear(&documents[i]);
    free(documents);
}
