/* Documents from hostile bytes, and trees from hostile signers. The first byte picks: an
 * envelope, a header, a row, or a history of documents that people with real keys sign, wrong in
 * every way that a few bytes can say. What a tree holds after each step must be sound, and must
 * make the same tree elsewhere. */
#include "tests/unit/tree_fixture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SEATS = 5, ADMIN_ROOT = 100, ADMIN_FIRST = 101, STEPS_MAX = 24 };

static const char *const seats[SEATS] = {"C", "T1", "T2", "V1", "V2"};
static const uint8_t tiers[SEATS] = {0, 1, 1, 2, 2};

static void try_envelope(struct span bytes)
{
    struct document_envelope envelope;
    struct error error = {0};
    enum error_code code = document_open(bytes, &envelope, &error);
    assert(error.code == code);
    if (code != ERR_OK)
        return;
    assert(!envelope.decoded.first || envelope.decoded.kind == DOCUMENT_ROOT);
    assert(envelope.decoded.row_count <= DOCUMENT_ROWS_MAX);
    (void)document_signed_by(&envelope, &envelope.decoded.admins, NULL);
}

/* What is decoded, written again, reads as the same; and from then on the bytes stay. */
static void try_header(struct span bytes)
{
    struct document_header header;
    struct buffer once = {0}, twice = {0};
    if (document_header_decode(bytes, &header, NULL) != ERR_OK)
        return;
    document_header_encode(&header, &once);
    enum error_code code = document_header_decode(span_of_buffer(&once), &header, NULL);
    if (header.kind <= DOCUMENT_TYPES) { /* the others have fields that aren't kept */
        assert(code == ERR_OK);
        document_header_encode(&header, &twice);
        assert(span_equal(span_of_buffer(&once), span_of_buffer(&twice)));
    }
    buffer_free(&once);
    buffer_free(&twice);
}

static void try_row(struct span bytes)
{
    struct seat_row row;
    struct cut_off place;
    struct buffer once = {0}, twice = {0};
    if (seat_row_decode(bytes, &row, NULL) != ERR_OK)
        return;
    for (unsigned i = 0; i < row.endpoints.count; i++)
        assert(text_list_at(&row.endpoints, i).size <= ENDPOINT_BYTES_MAX);
    for (unsigned i = 0; cut_off_at(row.cut_off, i, &place); i++)
        assert(i < CUT_OFF_MAX && place.hash != NULL);
    seat_row_encode(&row, &once);
    enum error_code code = seat_row_decode(span_of_buffer(&once), &row, NULL);
    assert(code == ERR_OK);
    seat_row_encode(&row, &twice);
    assert(span_equal(span_of_buffer(&once), span_of_buffer(&twice)));
    buffer_free(&once);
    buffer_free(&twice);
}

static void check_seats(const struct tree *tree)
{
    const struct seat *path[HOLDERS_MAX];
    for (size_t i = 0; i < tree_seat_count(tree); i++) {
        const struct seat *seat = tree_seat_at(tree, i);
        assert(tree_seat(tree, span_of_text(seat->row.seat)) == seat);
        assert((seat->parent == NULL) == (i == 0));
        assert(seat->row.tier < tree_tier_count(tree));
        assert(seat->parent == NULL || seat->parent->row.tier < seat->row.tier);
        assert(path[seat_path(seat, path) - 1] == tree_root_seat(tree));
        const struct author *author = tree_author(tree, seat_key_id(seat));
        assert(author == NULL || tree_seat(tree, span_of_text(author->seat->row.seat)) != NULL);
        for (size_t child = 0; child < seat->child_count; child++)
            assert(seat->children[child]->parent == seat);
    }
}

/* What is held, offered elsewhere in the order in which it is visited, makes the same tree. */
static void check_passing_on(const struct tree *tree)
{
    struct tree *other = tree_new(tree_id(tree));
    for (size_t i = 0; i < tree_former_root_count(tree); i++)
        (void)tree_offer_document(other, tree_former_root(tree, i), NULL);
    for (size_t i = 0; i < tree_document_count(tree); i++) {
        const struct held_document *held = tree_document(tree, i);
        enum error_code code = tree_offer_document(other, held->envelope, NULL);
        assert(code == ERR_OK || (code == ERR_STALE && held->kind == DOCUMENT_ROOT));
        for (size_t row = 0; row < held->row_count && !held->whole; row++) {
            code = tree_offer_rows(other, held->kind, span_of_text(held->seat), &held->rows[row], 1,
                                   held->places[row], &held->proofs[row], NULL);
            assert(code == ERR_OK);
        }
        if (held->whole && held->row_count > 0)
            (void)tree_offer_rows(other, held->kind, span_of_text(held->seat), held->rows,
                                  held->row_count, 0, NULL, NULL);
    }
    assert(tree_seat_count(other) == tree_seat_count(tree));
    for (size_t i = 0; i < tree_seat_count(tree); i++) {
        const struct seat *seat = tree_seat_at(tree, i);
        const struct seat *same = tree_seat(other, span_of_text(seat->row.seat));
        assert(same != NULL && (same->parent == NULL) == (seat->parent == NULL));
        assert(seat->parent == NULL || strcmp(same->parent->row.seat, seat->parent->row.seat) == 0);
    }
    tree_free(other);
}

struct choices {
    const uint8_t *data;
    size_t size, at;
};

static unsigned choose(struct choices *choices, unsigned count)
{
    return choices->at < choices->size ? choices->data[choices->at++] % count : 0;
}

static struct test_row row_chosen(struct choices *choices)
{
    unsigned which = choose(choices, SEATS), flags = choose(choices, 256);
    struct test_row row = {.seat = seats[which],
                           .tier = tiers[which],
                           .key = 1 + which,
                           .admin = ADMIN_FIRST + which,
                           .term = 1 + (flags & 1),
                           .generation = 1 + (flags >> 1 & 1),
                           .moves = flags >> 2 & 3,
                           .standby = (flags & 0x70) == 0x70};
    if (flags >> 4 == 1)
        row.tier = (uint8_t)choose(choices, 4);
    if (flags >> 4 == 2)
        row.key = 1 + choose(choices, SEATS);
    if (flags >> 4 == 3) {
        row.status = SEAT_RELEASED;
        row.released_to = seats[choose(choices, SEATS)];
    }
    if (flags >> 4 == 4)
        row.admin = 0;
    return row;
}

static struct author_document document_chosen(struct choices *choices, struct tree *tree)
{
    unsigned which = choose(choices, SEATS), flags = choose(choices, 256);
    struct test_document test = {.tree_id = tree_id(tree),
                                 .kind = DOCUMENT_BRANCH,
                                 .seat = seats[which],
                                 .term = 1 + (flags & 1),
                                 .version = 1 + (flags >> 1 & 3),
                                 .expires_ms = flags >> 3 & 1,
                                 .signer = ADMIN_FIRST + which};
    const struct held_document *root = tree_find_document(tree, DOCUMENT_ROOT, SPAN_EMPTY);
    if (flags >> 5 == 7)
        test.signer = ADMIN_FIRST + choose(choices, SEATS);
    if (flags >> 5 == 6) {
        test.kind = DOCUMENT_ROOT;
        test.seat = NULL;
        test.predecessor = &root->hash;
        test.signer = ADMIN_ROOT;
        test.version = root->version + 1;
    }
    unsigned count = choose(choices, 5);
    for (unsigned i = 0; i < count; i++)
        test.rows[i] = row_chosen(choices);
    return document_make(&test);
}

static void step(struct tree *tree, struct choices *choices)
{
    struct author_document document = document_chosen(choices, tree);
    unsigned how = choose(choices, 8);
    if (how == 7 && document.envelope.size > 0)
        document.envelope.data[choose(choices, 256) % document.envelope.size] ^= 0x10;
    enum error_code code = offer_header(tree, &document, NULL);
    assert(how != 7 || code != ERR_OK);
    if (how < 5 && document.row_count > 0)
        (void)offer_rows(tree, &document, NULL);
    if (how == 5 && document.row_count > 0)
        (void)offer_row(tree, &document, choose(choices, (unsigned)document.row_count), NULL);
    check_seats(tree);
    author_document_clear(&document);
}

static void try_history(struct span bytes)
{
    struct choices choices = {.data = bytes.data, .size = bytes.size};
    struct author_document root = document_make(&(struct test_document){
        .kind = DOCUMENT_ROOT,
        .signer = ADMIN_ROOT,
        .rows = {{.seat = "C", .key = 1, .admin = ADMIN_FIRST, .generation = 1}}});
    struct document_envelope opened;
    enum error_code code = document_open(span_of_buffer(&root.envelope), &opened, NULL);
    assert(code == ERR_OK);
    struct hash id = document_tree_id(opened.header);
    struct tree *tree = tree_new(&id);
    code = offer(tree, &root, NULL);
    assert(code == ERR_OK);
    for (unsigned i = 0; i < STEPS_MAX && choices.at < choices.size; i++)
        step(tree, &choices);
    check_passing_on(tree);
    tree_free(tree);
    author_document_clear(&root);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool started;
    if (!started)
        started = crypto_start();
    assert(started);
    if (size == 0)
        return 0;
    struct span bytes = SPAN(data + 1, size - 1);
    switch (data[0] % 4) {
    case 0: try_envelope(bytes); break;
    case 1: try_header(bytes); break;
    case 2: try_row(bytes); break;
    default: try_history(bytes); break;
    }
    return 0;
}
