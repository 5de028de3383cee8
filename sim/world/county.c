/* Keys from names, documents from rows. */
#include "sim/world/county.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ISSUED_MS = 1 };

/* `extra` comes with the second version. */
#define COUNTY_TYPE(name, number, class, circle, extra)                                            \
    "  " name ":\n"                                                                                \
    "    number: " number "\n"                                                                     \
    "    class: " class "\n"                                                                       \
                        "    circle: " circle "\n"                                                 \
                        "    counted: true\n"                                                      \
                        "    fields:\n"                                                            \
                        "      title: {number: 1, kind: text, required: true}\n"                   \
                        "      s: {number: 2, kind: text}\n"                                       \
                        "      level: {number: 3, kind: integer}\n"                                \
                        "      notes: {number: 4, kind: list}\n"                                   \
                        "      calls: {number: 5, kind: counter}\n" extra

#define COUNTY_TYPES(version, extra)                                                               \
    "version: " version "\n"                                                                       \
    "types:\n" COUNTY_TYPE("mediation", "1", "normal", "origin", extra)                            \
        COUNTY_TYPE("incident", "2", "normal", "path", extra)                                      \
            COUNTY_TYPE("directive", "3", "urgent", "subtree", extra)                              \
                COUNTY_TYPE("survey", "4", "bulk", "path", extra)                                  \
                    COUNTY_TYPE("matter", "5", "normal", "addressed", extra)

static const char types_first[] = COUNTY_TYPES("1", "");
static const char types_second[] = COUNTY_TYPES("2", "      extra: {number: 6, kind: text}\n");

struct span county_types_yaml(void)
{
    return span_of_text(types_first);
}

static struct hash seed_for(const char *purpose, const char *code, uint64_t salt)
{
    char text[128];
    int size = snprintf(text, sizeof text, "%s %s %llu", purpose, code, (unsigned long long)salt);
    return hash_of(HASH_SEAL, SPAN(text, (size_t)size));
}

static void make_keys(struct county_seat *seat, uint64_t salt)
{
    uint8_t unused[KEY_BYTES];
    struct hash seed = seed_for("sign", seat->code, salt);
    sign_key_pair(seed.bytes, seat->signing_key, seat->signing_secret);
    seat->key_id = key_id_of(seat->signing_key);
    seed = seed_for("admin", seat->code, salt);
    sign_key_pair(seed.bytes, unused, seat->admin_secret);
    seed = seed_for("link", seat->code, salt);
    memcpy(seat->link_key, seed.bytes, KEY_BYTES);
    seed = seed_for("seal", seat->code, salt);
    seal_key_from(seed.bytes, &seat->seal);
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

static void offer(struct county *county, const struct author_document *document)
{
    struct span *rows = mem_alloc((document->row_count + 1) * sizeof *rows);
    for (size_t i = 0; i < document->row_count; i++)
        rows[i] = span_of_buffer(&document->rows[i]);
    enum error_code code =
        tree_offer_document(county->tree, span_of_buffer(&document->envelope), NULL);
    assert(code == ERR_OK);
    code = tree_offer_rows(county->tree, document->kind, span_of_text(document->seat), rows,
                           document->row_count, 0, NULL, NULL);
    assert(code == ERR_OK);
    (void)code;
    free(rows);
}

static const struct county_seat *root_of(const struct county *county)
{
    const struct county_seat *seat = county->seats;
    while (seat->parent != (size_t)(seat - county->seats))
        seat = &county->seats[seat->parent];
    return seat;
}

static void offer_types(struct county *county, const char *yaml, struct document_header *header)
{
    struct error error = {0};
    struct author_document document;
    struct schema_source *source = schema_compile(span_of_text(yaml), "types", &error);
    assert(source != NULL);
    const uint8_t(*secrets)[SECRET_BYTES] = &root_of(county)->admin_secret;
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

static void make_documents(struct county *county, const struct author_seat *seats,
                           uint64_t expires_ms)
{
    struct error error = {0};
    struct author_plan *plan = author_plan_new(seats, county->seat_count, &error);
    assert(plan != NULL);
    struct author_options options = {.issued_ms = ISSUED_MS, .expires_ms = expires_ms};
    struct author_tree *tree = author_tree_new(plan, seats, &options, &error);
    assert(tree != NULL);
    county->tree_id = tree->tree_id;
    county->tree = tree_new(&tree->tree_id);
    county->tier_count = plan->tier_count;
    lay_out(county, plan);
    for (size_t i = 0; i < tree->document_count; i++)
        offer(county, &tree->documents[i]);
    struct document_header header = {
        .tree_id = county->tree_id, .term = 1, .version = 1, .issued_ms = ISSUED_MS};
    offer_types(county, types_first, &header);
    author_tree_free(tree);
    author_plan_free(plan);
}

struct county *county_new(const struct county_row *rows, size_t count, uint64_t salt)
{
    return county_new_expiring(rows, count, salt, 0);
}

struct county *county_new_expiring(const struct county_row *rows, size_t count, uint64_t salt,
                                   uint64_t expires_ms)
{
    struct county *county = mem_alloc(sizeof *county);
    struct author_seat *described = mem_alloc(count * sizeof *described);
    county->seats = mem_alloc(count * sizeof *county->seats);
    county->seat_count = count;
    for (size_t i = 0; i < count; i++) {
        struct county_seat *seat = &county->seats[i];
        snprintf(seat->code, sizeof seat->code, "%s", rows[i].code);
        make_keys(seat, salt);
        described[i] = (struct author_seat){
            .code = span_of_text(seat->code),
            .tier = span_of_text(rows[i].tier),
            .parent = rows[i].parent == NULL ? SPAN_EMPTY : span_of_text(rows[i].parent),
            .has_admin = true,
        };
        memcpy(described[i].signing_key, seat->signing_key, KEY_BYTES);
        memcpy(described[i].link_key, seat->link_key, KEY_BYTES);
        memcpy(described[i].seal_key, seat->seal.public_key, KEY_BYTES);
        described[i].has_seal_key = true;
        memcpy(described[i].admin_secret, seat->admin_secret, SECRET_BYTES);
    }
    make_documents(county, described, expires_ms);
    free(described);
    return county;
}

void county_free(struct county *county)
{
    if (county == NULL)
        return;
    tree_free(county->tree);
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
    offer_types(county, types_second, &header);
}

/* One row of a document above the seat: the child that leads down to it. */
static void take_one_row(const struct held_document *held, const char *child,
                         struct county_document *document)
{
    struct seat_row row;
    size_t at = 0;
    while (seat_row_decode(held->rows[at], &row, NULL) != ERR_OK || strcmp(row.seat, child) != 0)
        at++;
    document->rows = mem_alloc(sizeof *document->rows);
    document->places = mem_alloc(sizeof *document->places);
    document->proofs = mem_alloc(sizeof *document->proofs);
    document->row_count = 1;
    document->rows[0] = held->rows[at];
    document->places[0] = held->places == NULL ? (uint32_t)at : held->places[at];
    bool proved = tree_prove_row(held, document->places[0], &document->proof);
    assert(proved);
    (void)proved;
    document->proofs[0] = span_of_buffer(&document->proof);
}

static void take_document(const struct county *county, const struct held_document *held,
                          size_t whose, size_t seat, unsigned gift,
                          struct county_document *document)
{
    document->kind = held->kind;
    document->envelope = held->envelope;
    if (whose != SIZE_MAX && whose != seat && county_is_above(county, whose, seat) &&
        !(gift & COUNTY_WHOLE_PATH)) {
        size_t child = seat;
        while (county->seats[child].parent != whose)
            child = county->seats[child].parent;
        take_one_row(held, county->seats[child].code, document);
        return;
    }
    document->row_count = held->row_count;
    document->rows = mem_alloc((held->row_count + 1) * sizeof *document->rows);
    memcpy(document->rows, held->rows, held->row_count * sizeof *document->rows);
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
static void list_given(const struct county *county, size_t seat, unsigned gift,
                       struct seat_list *list)
{
    size_t above = seat;
    while (county->seats[above].parent != above) {
        above = county->seats[above].parent;
        add_seat(list, above);
    }
    if (!(gift & COUNTY_NO_SUBTREE)) {
        size_t next = list->count;
        add_seat(list, seat);
        for (; next < list->count; next++) {
            size_t parent = list->seats[next];
            for (size_t i = county->child_first[parent]; i < county->child_first[parent + 1]; i++)
                add_seat(list, county->children[i]);
        }
    }
    qsort_r(list->seats, list->count, sizeof *list->seats, compare_ranks, county->rank);
}

struct county_document *county_documents(const struct county *county, size_t seat, unsigned gift,
                                         size_t *count)
{
    struct seat_list list = {0};
    list_given(county, seat, gift, &list);
    struct county_document *documents = mem_alloc((list.count + 2) * sizeof *documents);
    const struct held_document *held = tree_find_document(county->tree, DOCUMENT_ROOT, SPAN_EMPTY);
    *count = 0;
    take_document(county, held, SIZE_MAX, seat, gift, &documents[(*count)++]);
    for (size_t i = 0; i < list.count; i++) {
        size_t whose = list.seats[i];
        held = tree_find_document(county->tree, DOCUMENT_BRANCH,
                                  span_of_text(county->seats[whose].code));
        if (held != NULL)
            take_document(county, held, whose, seat, gift, &documents[(*count)++]);
    }
    held = tree_find_document(county->tree, DOCUMENT_TYPES, SPAN_EMPTY);
    if (!(gift & COUNTY_NO_TYPES))
        take_document(county, held, SIZE_MAX, seat, gift, &documents[(*count)++]);
    free(list.seats);
    return documents;
}

void county_documents_free(struct county_document *documents, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(documents[i].rows);
        free(documents[i].places);
        free(documents[i].proofs);
        buffer_free(&documents[i].proof);
    }
    free(documents);
}
