/* Random trees: whatever is signed, in whatever order and pieces it comes, nodes that hold the same
 * documents see the same tree, and no document ever goes back.
 *
 *     tree_random NAME ROUNDS     NAME: a planted bug that must be found, or "none"
 *
 * A round: townships admit, release, take over, claim, revoke, replace, sign twice; the county
 * raises terms and decides; strangers forge. Some of it reaches some of five nodes, in pieces. Then
 * all is given to all, in orders of their own, and the nodes tell each other what they hold, as
 * links do, until nothing is news. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/planted.h"
#include "tests/unit/tree_usual.h"

enum { NODES = 5, OWNERS = 4, DOCUMENTS_MAX = 80, VILLAGES = 12, KEYS_FROM = 200, STEPS = 40 };

struct owner { /* who signs a branch document, and what they think it says */
    const char *seat;
    unsigned admin;
    uint64_t term, version;
    struct test_row rows[TEST_ROWS_MAX];
    size_t row_count;
};

struct round {
    uint64_t random;
    struct owner owners[OWNERS]; /* the county first */
    struct author_document documents[DOCUMENTS_MAX];
    size_t document_count;
    struct buffer decisions, cut_off;
    unsigned next_key, next_village;
    struct tree *nodes[NODES];
};

static const char *const villages[VILLAGES] = {"V1", "V2", "V3", "V4",  "V5",  "V6",
                                               "V7", "V8", "V9", "V10", "V11", "V12"};

static unsigned draw(struct round *round, unsigned below)
{
    round->random = round->random * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)((round->random >> 33) % below);
}

/* ---- what is signed ---- */

static int compare_rows(const void *a, const void *b)
{
    const struct test_row *left = a, *right = b;
    int order = strcmp(left->seat, right->seat);
    return order != 0
               ? order
               : (left->generation > right->generation) - (left->generation < right->generation);
}

static void sign_as(struct round *round, struct owner *owner, unsigned signer, uint64_t mark)
{
    struct test_document test = {.tree_id = &the_tree,
                                 .kind = DOCUMENT_BRANCH,
                                 .seat = owner->seat,
                                 .term = owner->term,
                                 .version = owner->version,
                                 .expires_ms = mark,
                                 .signer = signer};
    if (round->document_count == DOCUMENTS_MAX)
        return;
    if (owner == &round->owners[0])
        test.decisions = span_of_buffer(&round->decisions);
    qsort(owner->rows, owner->row_count, sizeof *owner->rows, compare_rows);
    memcpy(test.rows, owner->rows, owner->row_count * sizeof *owner->rows);
    round->documents[round->document_count++] = document_make(&test);
}

static void sign(struct round *round, struct owner *owner)
{
    owner->version++;
    sign_as(round, owner, owner->admin, 0);
}

static struct test_row *row_of(struct owner *owner, const char *seat)
{
    for (size_t i = owner->row_count; i-- > 0;) {
        if (strcmp(owner->rows[i].seat, seat) == 0)
            return &owner->rows[i];
    }
    return NULL;
}

static void add_row(struct owner *owner, struct test_row row)
{
    if (owner->row_count < TEST_ROWS_MAX - 1)
        owner->rows[owner->row_count++] = row;
}

static void admit(struct round *round, struct owner *owner)
{
    if (round->next_village == VILLAGES)
        return;
    add_row(owner, (struct test_row){.seat = villages[round->next_village++],
                                     .tier = 2,
                                     .key = round->next_key++,
                                     .generation = 1});
    sign(round, owner);
}

static struct test_row *some_row(struct round *round, struct owner *owner)
{
    return owner->row_count == 0 ? NULL : &owner->rows[draw(round, (unsigned)owner->row_count)];
}

static void release(struct round *round, struct owner *owner)
{
    struct test_row *row = some_row(round, owner);
    if (row == NULL)
        return;
    row->status = SEAT_RELEASED;
    row->released_to = draw(round, 4) == 0 ? NULL : round->owners[1 + draw(round, OWNERS - 1)].seat;
    sign(round, owner);
}

/* With or without a release, and now and then with a counter from nowhere. */
static void take_over(struct round *round, struct owner *owner)
{
    struct owner *from = &round->owners[1 + draw(round, OWNERS - 1)];
    struct test_row *row = some_row(round, from);
    if (row == NULL || from == owner)
        return;
    struct test_row taken = *row, *held = row_of(owner, row->seat);
    taken.status = SEAT_ACTIVE;
    taken.released_to = NULL;
    taken.moves = draw(round, 6) == 0 ? 99 : row->moves + 1;
    if (held != NULL && held->generation == taken.generation)
        *held = taken;
    else if (held == NULL)
        add_row(owner, taken);
    sign(round, owner);
}

static void revoke(struct round *round, struct owner *owner)
{
    struct test_row *row = some_row(round, owner);
    if (row == NULL)
        return;
    row->status = SEAT_REVOKED;
    row->cut_off = span_of_buffer(&round->cut_off);
    sign(round, owner);
}

static void replace(struct round *round, struct owner *owner)
{
    struct test_row *row = some_row(round, owner);
    if (row == NULL || owner->row_count >= TEST_ROWS_MAX - 1)
        return;
    struct test_row next = *row;
    for (size_t i = 0; i < owner->row_count; i++) {
        if (strcmp(owner->rows[i].seat, row->seat) == 0 &&
            owner->rows[i].generation > next.generation)
            next.generation = owner->rows[i].generation;
    }
    row->status = SEAT_RETIRED;
    next.generation++;
    next.key = round->next_key++;
    next.status = SEAT_ACTIVE;
    add_row(owner, next);
    sign(round, owner);
}

static void raise_term(struct round *round, struct owner *owner)
{
    struct test_row *row = row_of(&round->owners[0], owner->seat);
    owner->term++;
    owner->admin = round->next_key++;
    owner->version = 0;
    row->term = owner->term;
    row->admin = owner->admin;
    sign(round, &round->owners[0]);
    sign(round, owner);
}

static void sign_twice(struct round *round, struct owner *owner)
{
    owner->version++;
    sign_as(round, owner, owner->admin, 1);
    sign_as(round, owner, owner->admin, 2 + draw(round, 100));
    if (draw(round, 3) == 0)
        sign(round, owner); /* and goes on as if nothing had been */
}

static void decide(struct round *round, struct owner *owner)
{
    const struct test_row *row = some_row(round, owner);
    if (row == NULL)
        return;
    buffer_clear(&round->decisions);
    move_decisions_encode(
        &(struct move_decision){span_of_text(row->seat), span_of_text(owner->seat), row->moves}, 1,
        &round->decisions);
    sign(round, &round->owners[0]);
}

static void forge(struct round *round, struct owner *owner)
{
    struct owner forged = *owner;
    forged.version += 1 + draw(round, 3);
    sign_as(round, &forged, ADMIN_STRANGER + 20, 0);
}

static void sign_something(struct round *round)
{
    static void (*const acts[])(struct round *, struct owner *) = {
        admit,  admit,   release,    release,    take_over, take_over,
        revoke, replace, raise_term, sign_twice, decide,    forge};
    struct owner *owner = &round->owners[1 + draw(round, OWNERS - 1)];
    acts[draw(round, sizeof acts / sizeof *acts)](round, owner);
}

static void round_begin(struct round *round, uint64_t seed)
{
    static const char *const seats[OWNERS] = {"C", "T1", "T2", "T3"};
    static const uint8_t last[HASH_BYTES] = {9};
    *round = (struct round){.random = seed * 77 + 5, .next_key = KEYS_FROM};
    cut_off_encode(&(struct cut_off){1, 1, 10, last}, 1, &round->cut_off);
    for (size_t i = 0; i < OWNERS; i++)
        round->owners[i] = (struct owner){
            .seat = seats[i], .admin = i == 0 ? (unsigned)ADMIN_C : round->next_key++, .term = 1};
    for (unsigned i = 1; i < OWNERS; i++)
        add_row(&round->owners[0], (struct test_row){.seat = seats[i],
                                                     .tier = 1,
                                                     .key = i + 1,
                                                     .admin = round->owners[i].admin,
                                                     .term = 1,
                                                     .generation = 1});
    sign(round, &round->owners[0]);
    for (size_t i = 0; i < NODES; i++) {
        round->nodes[i] = tree_new(&the_tree);
        (void)offer(round->nodes[i], &root_usual, NULL);
    }
}

static void round_end(struct round *round)
{
    for (size_t i = 0; i < NODES; i++)
        tree_free(round->nodes[i]);
    for (size_t i = 0; i < round->document_count; i++)
        author_document_clear(&round->documents[i]);
    buffer_free(&round->decisions);
    buffer_free(&round->cut_off);
}

/* ---- what reaches whom ---- */

static void give_piece(struct round *round, struct tree *tree, const struct author_document *given)
{
    switch (draw(round, 4)) {
    case 0: (void)offer_header(tree, given, NULL); break;
    case 1:
        (void)offer_header(tree, given, NULL);
        if (given->row_count > 0)
            (void)offer_row(tree, given, draw(round, (unsigned)given->row_count), NULL);
        break;
    case 2:
        if (given->row_count > 0)
            (void)offer_rows(tree, given, NULL);
        break;
    default: (void)offer(tree, given, NULL);
    }
}

static bool rows_are_its(const struct tree *tree, const struct author_document *given)
{
    return tree_has_document(tree, given->kind, span_of_text(given->seat), &given->hash);
}

/* All of it, in an order of its own, until nothing is taken any more. */
static void give_all(struct round *round, struct tree *tree)
{
    uint64_t before;
    do {
        before = tree_change_count(tree);
        size_t from = draw(round, (unsigned)round->document_count);
        size_t step = draw(round, 2) == 0 ? 1 : round->document_count - 1;
        for (size_t i = 0; i < round->document_count; i++) {
            const struct author_document *given =
                &round->documents[(from + i * step) % round->document_count];
            (void)offer_header(tree, given, NULL);
            if (given->row_count > 0 && rows_are_its(tree, given))
                (void)offer_rows(tree, given, NULL);
        }
    } while (tree_change_count(tree) != before);
}

static void tell(const struct tree *from, struct tree *to)
{
    for (size_t i = 0; i < tree_document_count(from); i++) {
        const struct held_document *held = tree_document(from, i);
        struct span seat = span_of_text(held->seat);
        if (held->frozen)
            (void)tree_offer_twins(to, held->twins[0], held->twins[1], NULL);
        (void)tree_offer_document(to, held->envelope, NULL);
        if (!tree_has_document(to, held->kind, seat, &held->hash) || held->row_count == 0)
            continue;
        if (held->whole)
            (void)tree_offer_rows(to, held->kind, seat, held->rows, held->row_count, 0, NULL, NULL);
        for (size_t j = 0; !held->whole && j < held->row_count; j++)
            (void)tree_offer_rows(to, held->kind, seat, &held->rows[j], 1, held->places[j],
                                  &held->proofs[j], NULL);
    }
}

static bool tell_each_other(struct round *round)
{
    bool news = true;
    for (unsigned pass = 0; pass < 20 && news; pass++) {
        news = false;
        for (size_t i = 0; i < NODES * NODES; i++) {
            struct tree *to = round->nodes[i % NODES];
            uint64_t before = tree_change_count(to);
            if (i / NODES != i % NODES)
                tell(round->nodes[i / NODES], to);
            news = news || tree_change_count(to) != before;
        }
    }
    return !news;
}

/* ---- what must hold ---- */

static void describe_seat(const struct seat *seat, struct buffer *out)
{
    char line[400];
    snprintf(line, sizeof line, "%s below %s: generation %u, status %d, moves %llu, from %s\n",
             seat->row.seat, seat->parent == NULL ? "-" : seat->parent->row.seat,
             seat->row.generation, (int)seat->row.status, (unsigned long long)seat->row.moves,
             tree_listing_of(seat)->seat);
    buffer_append(out, (const uint8_t *)line, strlen(line));
}

static void describe_document(const struct held_document *held, struct buffer *out)
{
    char line[200];
    snprintf(line, sizeof line, "document %s %llu %llu %02x%02x%02x%s\n", held->seat,
             (unsigned long long)held->term, (unsigned long long)held->version, held->hash.bytes[0],
             held->hash.bytes[1], held->hash.bytes[2], held->frozen ? " frozen" : "");
    buffer_append(out, (const uint8_t *)line, strlen(line));
}

/* All that the tree says, in an order of its own. */
static void describe(const struct round *round, const struct tree *tree, struct buffer *out)
{
    buffer_clear(out);
    for (size_t i = 0; i < OWNERS; i++) {
        const struct seat *seat = seat_named(tree, round->owners[i].seat);
        const struct held_document *held =
            tree_find_document(tree, DOCUMENT_BRANCH, span_of_text(round->owners[i].seat));
        if (seat != NULL)
            describe_seat(seat, out);
        if (held != NULL)
            describe_document(held, out);
    }
    for (size_t i = 0; i < VILLAGES; i++) {
        const struct seat *seat = seat_named(tree, villages[i]);
        if (seat != NULL)
            describe_seat(seat, out);
    }
    for (unsigned key = 0; key < round->next_key; key++) {
        struct key_id id = key_id_of(key_number(key).public_key);
        const struct author *author = tree_author(tree, id);
        char line[200];
        if (author == NULL)
            continue;
        snprintf(line, sizeof line, "key %u: %s, trust %d %d\n", key, author->seat->row.seat,
                 (int)tree_trust(tree, id, 1, 1, 9), (int)tree_trust(tree, id, 1, 1, 10));
        buffer_append(out, (const uint8_t *)line, strlen(line));
    }
    buffer_append_byte(out, 0);
}

/* Of each owner: how far its document has come. False: it went back, and isn't frozen. */
struct progress {
    uint64_t term[OWNERS], version[OWNERS];
};

static bool only_forward(const struct round *round, const struct tree *tree,
                         struct progress *progress)
{
    for (size_t i = 0; i < OWNERS; i++) {
        const struct held_document *held =
            tree_find_document(tree, DOCUMENT_BRANCH, span_of_text(round->owners[i].seat));
        if (held == NULL)
            continue;
        if (held->term < progress->term[i] ||
            (held->term == progress->term[i] && held->version < progress->version[i] &&
             !held->frozen))
            return false;
        progress->term[i] = held->term;
        progress->version[i] = held->version;
    }
    return true;
}

static const char *judge(struct round *round, bool quiet)
{
    static struct buffer first, other;
    const char *wrong = tell_each_other(round) ? NULL : "they never stop telling each other news";
    describe(round, round->nodes[0], &first);
    for (size_t i = 1; i < NODES && wrong == NULL; i++) {
        describe(round, round->nodes[i], &other);
        struct hash a = tree_link_digest(round->nodes[0], span_of_text("C"));
        struct hash b = tree_link_digest(round->nodes[i], span_of_text("C"));
        if (!span_equal(span_of_buffer(&first), span_of_buffer(&other)))
            wrong = "two nodes that hold the same see different trees";
        else if (!hash_equal(&a, &b))
            wrong = "two nodes that hold the same have different digests";
        if (wrong != NULL && !quiet)
            fprintf(stderr, "%s---\n%s", (const char *)first.data, (const char *)other.data);
    }
    struct tree *again = tree_new(&the_tree); /* as after a restart */
    (void)offer(again, &root_usual, NULL);
    tell(round->nodes[0], again);
    describe(round, again, &other);
    if (wrong == NULL && !span_equal(span_of_buffer(&first), span_of_buffer(&other))) {
        wrong = "what is held makes another tree when it is read again";
        if (!quiet)
            fprintf(stderr, "%s---\n%s", (const char *)first.data, (const char *)other.data);
    }
    tree_free(again);
    buffer_free(&first);
    buffer_free(&other);
    return wrong;
}

/* NULL: it held. */
static const char *live(struct round *round, uint64_t seed, bool quiet)
{
    struct progress progress[NODES] = {0};
    const char *wrong = NULL;
    round_begin(round, seed);
    for (unsigned step = 0; step < STEPS; step++)
        sign_something(round);
    for (unsigned i = 0; i < 6 * STEPS && wrong == NULL; i++) {
        size_t node = draw(round, NODES);
        give_piece(round, round->nodes[node],
                   &round->documents[draw(round, (unsigned)round->document_count)]);
        if (!only_forward(round, round->nodes[node], &progress[node]))
            wrong = "a document went back";
    }
    for (size_t i = 0; i < NODES && wrong == NULL; i++)
        give_all(round, round->nodes[i]);
    if (wrong == NULL)
        wrong = judge(round, quiet);
    round_end(round);
    return wrong;
}

static bool choose_planted(const char *name)
{
#ifdef TERRACE_PLANTED
    return planted_choose(name);
#else
    return strcmp(name, "none") == 0;
#endif
}

int main(int count, char **arguments)
{
    static struct round round;
    const char *name = count > 1 ? arguments[1] : "none", *wrong = NULL;
    unsigned long rounds = count > 2 ? strtoul(arguments[2], NULL, 10) : 100;
    bool none = strcmp(name, "none") == 0;
    if (!crypto_start() || !choose_planted(name))
        return 2;
    documents_make(NULL);
    unsigned long seed = 0;
    while (wrong == NULL && seed < rounds)
        wrong = live(&round, ++seed, !none);
    documents_drop(NULL);
    printf("%s: %s, round %lu\n", name, wrong == NULL ? "nothing found" : wrong, seed);
    return (wrong == NULL) == none ? 0 : 1;
}
