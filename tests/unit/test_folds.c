/* Folds against a naive model (rules.md B122-B126): a province over two counties that state folds,
 * villages that move between them, everybody hearing of it when he likes. Whatever the order, each
 * village counts once or is missing, and which are missing is known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "replication/folds.h"
#include "replication/format/note.h"
#include "replication/query/query_rollup.h"
#include "sim/world/county.h"
#include "sim/world/memory_store.h"

enum { N, A, B, TOWNS, FIRST = TOWNS + 4, VILLAGES = 6, SEATS = FIRST + VILLAGES };
enum { ROUNDS = 40, STEPS = 60, MOVES = 16 };
enum { TYPE = 1, EPOCH = 1 << 16 };

static const struct county_row rows[SEATS] = {
    {"N", "province", NULL}, {"A", "county", "N"},    {"B", "county", "N"},
    {"A1", "township", "A"}, {"A2", "township", "A"}, {"B1", "township", "B"},
    {"B2", "township", "B"}, {"V1", "village", "A1"}, {"V2", "village", "A1"},
    {"V3", "village", "A2"}, {"V4", "village", "B1"}, {"V5", "village", "B2"},
    {"V6", "village", "B2"},
};

struct place { /* N, A or B: what it has heard, and what it holds */
    struct tree *tree;
    size_t heard; /* of the county's changes */
    struct memory_store *store;
    struct store_port port;
};

struct world {
    struct county *county;
    struct place places[3];
    uint64_t k[SEATS];
    int64_t truth[SEATS];
    size_t moved[SEATS];
    size_t towns[SEATS][STEPS + 1]; /* where each village stood, move by move */
    int64_t held[3][SEATS];         /* by place: what a village last reported there; -1: nothing */
    int64_t folded[3][SEATS];       /* by county: what stands of it in the fold that N holds; -1 */
    uint64_t random;
};

static uint32_t draw(struct world *world, uint32_t below)
{
    world->random = world->random * 6364136223846793005U + 1442695040888963407U;
    return (uint32_t)(world->random >> 33) % below;
}

static void put_row(struct place *place, enum table table, struct span key, struct span value)
{
    assert_int_equal(place->port.put(place->port.context, table, key, value), ERR_OK);
}

/* What this origin reported before goes. */
static void forget(struct place *place, struct key_id origin)
{
    const struct view *view = &place->port.view;
    uint8_t from[STORE_KEY_BYTES_MAX + 1] = {0};
    size_t size = 1;
    struct span key, value;
    while (view->next(view->context, TABLE_CELLS, SPAN(from, size), &key, &value) == READ_FOUND) {
        bool its = memcmp(key.data + key.size - KEY_ID_BYTES, origin.bytes, KEY_ID_BYTES) == 0;
        memcpy(from, key.data, key.size);
        size = key.size;
        if (its)
            assert_int_equal(place->port.remove(place->port.context, TABLE_CELLS, SPAN(from, size)),
                             ERR_OK);
        from[size++] = 0;
    }
}

static int by_cell(const void *a, const void *b)
{
    return cell_compare(a, b);
}

static void report(struct world *world, size_t to, size_t seat, struct cell *cells, size_t count)
{
    struct place *place = &world->places[to];
    const struct county_seat *from = &world->county->seats[seat];
    struct buffer note = {0};
    uint8_t key[CELL_KEY_BYTES_MAX], name[NOTE_KEY_BYTES_MAX];
    struct cell_report all = {
        .head = {from->key_id, EPOCH, world->k[seat]}, .cells = cells, .cell_count = count};
    if (count > 0)
        qsort(cells, count, sizeof *cells, by_cell);
    report_encode(&all, &note);
    note_sign(&note, HASH_CELLS, &world->county->tree_id, from->signing_secret, NULL);
    place->port.begin(place->port.context);
    forget(place, from->key_id);
    for (size_t i = 0; i < count; i++) {
        struct buffer row = {0};
        size_t size = cell_key(key, &cells[i], from->key_id);
        cell_value_encode(&cells[i], world->k[seat], &row);
        put_row(place, TABLE_CELLS, SPAN(key, size), span_of_buffer(&row));
        buffer_free(&row);
    }
    put_row(place, TABLE_NOTES, SPAN(name, note_key(name, HASH_CELLS, from->key_id, 0)),
            span_of_buffer(&note));
    assert_int_equal(place->port.commit(place->port.context), ERR_OK);
    buffer_free(&note);
}

static void report_village(struct world *world, size_t to, size_t seat, int64_t value)
{
    struct buffer group = {0};
    mp_write_array(&group, 1);
    mp_write_uint(&group, TYPE);
    struct cell cell = {.rollup = ROLLUP_RECORDS,
                        .group = span_of_buffer(&group),
                        .value_count = 1,
                        .values = {value}};
    report(world, to, seat, &cell, 1);
    world->held[to][seat] = value;
    buffer_free(&group);
}

static const struct seat *known(const struct world *world, size_t at, size_t seat)
{
    return tree_seat(world->places[at].tree, span_of_text(rows[seat].code));
}

static size_t above(size_t town)
{
    return town < TOWNS + 2 ? A : B;
}

static size_t county_of(const struct world *world, size_t at, size_t seat)
{
    const struct seat *town = known(world, at, seat)->parent;
    return county_find(world->county, town->parent->row.seat);
}

/* As far as the county has heard, the village has never stood elsewhere. */
static bool stayed(const struct world *world, size_t at, size_t seat)
{
    uint64_t moves = known(world, at, seat)->row.moves;
    for (uint64_t i = 0; i <= moves; i++) {
        if (above(world->towns[seat][i]) != at)
            return false;
    }
    return moves < MOVES; /* what is looked at */
}

/* ---- what happens ---- */

/* A village writes, and its present parent, as it knows it, hears: then passes on what isn't in its
 * fold. */
static void write_some(struct world *world, size_t seat)
{
    size_t to = above(world->towns[seat][world->moved[seat]]);
    world->truth[seat] += 1 + draw(world, 5);
    world->k[seat]++;
    if (county_of(world, to, seat) == to) /* else it isn't let in yet */
        report_village(world, to, seat, world->truth[seat]);
}

/* A county states its fold, and sends on what doesn't stand in it. */
static void state(struct world *world, size_t at)
{
    struct fold_cells cells = {0};
    struct place *place = &world->places[at];
    world->k[at]++;
    folds_make(&place->port.view, place->tree, rows[at].code, false, &cells);
    report(world, N, at, cells.cells, cells.count);
    fold_cells_free(&cells);
    for (size_t seat = FIRST; seat < SEATS; seat++) {
        bool below = county_of(world, at, seat) == at, has = world->held[at][seat] >= 0;
        bool always = stayed(world, at, seat);
        world->folded[at][seat] = below && has && always ? world->held[at][seat] : -1;
        if (below && has && !always && world->held[at][seat] > world->held[N][seat])
            report_village(world, N, seat, world->held[at][seat]);
    }
}

static void move(struct world *world, size_t seat)
{
    size_t from = world->county->seats[seat].parent;
    size_t to = TOWNS + (from - TOWNS + 1 + draw(world, 3)) % 4;
    struct county_change release = {
        .kind = COUNTY_RELEASE, .seat = seat, .by = from, .to = to, .again = true};
    struct county_change take = {.kind = COUNTY_TAKE, .seat = seat, .by = to, .again = true};
    assert_int_equal(county_sign(world->county, &release), 1);
    assert_int_equal(county_sign(world->county, &take), 1);
    world->towns[seat][++world->moved[seat]] = to;
}

static void hear(struct world *world, size_t at)
{
    struct place *place = &world->places[at];
    for (; place->heard < world->county->change_count; place->heard++) {
        const struct author_document *document = &world->county->changes[place->heard];
        struct span *encoded = mem_alloc((document->row_count + 1) * sizeof *encoded);
        for (size_t i = 0; i < document->row_count; i++)
            encoded[i] = span_of_buffer(&document->rows[i]);
        assert_int_equal(
            tree_offer_document(place->tree, span_of_buffer(&document->envelope), NULL), ERR_OK);
        assert_int_equal(tree_offer_rows(place->tree, document->kind, span_of_text(document->seat),
                                         encoded, document->row_count, 0, NULL, NULL),
                         ERR_OK);
        free(encoded);
    }
}

/* ---- what must be so ---- */

static void answer_of(struct world *world, int64_t *value, uint64_t origins[static 2])
{
    struct buffer out = {0};
    const struct place *place = &world->places[N];
    assert_int_equal(query_rollup(&place->port.view, place->tree, "N", span_of_text("records"),
                                  SPAN_EMPTY, 1000, &out, NULL),
                     ERR_OK);
    struct mp_reader reader = mp_reader_known(span_of_buffer(&out));
    reader.text_keys = true;
    for (uint32_t pairs = mp_read_map(&reader); pairs > 0; pairs--) {
        struct span key = mp_read_str(&reader);
        if (span_equal(key, span_of_text("value"))) {
            *value = mp_read_int(&reader);
        } else if (span_equal(key, span_of_text("origins"))) {
            mp_read_array(&reader);
            origins[0] = mp_read_uint(&reader);
            origins[1] = mp_read_uint(&reader);
        } else {
            mp_read_any(&reader);
        }
    }
    assert_false(reader.failed);
    buffer_free(&out);
}

/* How many seats it says to be behind in this way. */
static unsigned behind_at(const struct world *world, size_t at, const char *state)
{
    struct buffer out = {0};
    const struct place *place = &world->places[at];
    unsigned count = 0;
    assert_int_equal(query_rollup(&place->port.view, place->tree, rows[at].code,
                                  span_of_text("records"), SPAN_EMPTY, 1000, &out, NULL),
                     ERR_OK);
    struct mp_reader reader = mp_reader_known(span_of_buffer(&out));
    reader.text_keys = true;
    for (uint32_t pairs = mp_read_map(&reader); pairs > 0; pairs--) {
        if (!span_equal(mp_read_str(&reader), span_of_text("behind"))) {
            mp_read_any(&reader);
            continue;
        }
        for (uint32_t seats = mp_read_array(&reader); seats > 0; seats--) {
            for (uint32_t parts = mp_read_map(&reader); parts > 0; parts--) {
                if (span_equal(mp_read_str(&reader), span_of_text("state")))
                    count += span_equal(mp_read_str(&reader), span_of_text(state));
                else
                    mp_read_any(&reader);
            }
        }
    }
    assert_false(reader.failed);
    buffer_free(&out);
    return count;
}

static void check(struct world *world)
{
    int64_t value = 0, expected = 0, truth = 0;
    uint64_t origins[2] = {0}, counted = 1U + (world->k[A] > 0) + (world->k[B] > 0);
    for (size_t seat = FIRST; seat < SEATS; seat++) {
        int64_t a = world->folded[A][seat], b = world->folded[B][seat];
        int64_t own = world->held[N][seat];
        assert_true(a < 0 || b < 0); /* no two folds name one village */
        int64_t counts = a >= 0 ? a : b >= 0 ? b : own;
        counted += counts >= 0;
        expected += counts >= 0 ? counts : 0;
        truth += world->truth[seat];
    }
    answer_of(world, &value, origins);
    assert_true(value == expected);
    assert_true(value <= truth);
    assert_int_equal(origins[0], counted);
    assert_int_equal(origins[1], SEATS);
}

static void world_make(struct world *world, uint64_t seed)
{
    *world = (struct world){.random = seed * 0x9e3779b97f4a7c15U + 1};
    world->county =
        county_new_with(rows, SEATS, seed, &(struct county_options){.fold_tier = "county"});
    for (size_t i = 0; i < 3; i++) {
        world->places[i].tree = county_tree_copy(world->county->tree);
        world->places[i].store = memory_store_new();
        memory_store_port(world->places[i].store, &world->places[i].port);
        for (size_t seat = 0; seat < SEATS; seat++)
            world->held[i][seat] = world->folded[i][seat] = -1;
    }
    for (size_t seat = FIRST; seat < SEATS; seat++)
        world->towns[seat][0] = county_find(world->county, rows[seat].parent);
}

static void world_end(struct world *world)
{
    for (size_t i = 0; i < 3; i++) {
        tree_free(world->places[i].tree);
        memory_store_free(world->places[i].store);
    }
    county_free(world->county);
}

static void live(struct world *world)
{
    switch (draw(world, 8)) {
    case 0: move(world, FIRST + draw(world, VILLAGES)); break;
    case 1: hear(world, N); break;
    case 2:
    case 3: hear(world, A + draw(world, 2)); break;
    case 4:
    case 5: state(world, A + draw(world, 2)); break;
    default: write_some(world, FIRST + draw(world, VILLAGES)); break;
    }
    check(world);
}

static void each_village_counts_once_or_is_missing(void **unused)
{
    (void)unused;
    for (uint64_t seed = 1; seed <= ROUNDS; seed++) {
        struct world world;
        world_make(&world, seed);
        for (size_t step = 0; step < STEPS; step++)
            live(&world);
        /* and when all have heard, all is there */
        int64_t value = 0, truth = 0;
        uint64_t origins[2] = {0};
        for (size_t i = 0; i < 3; i++)
            hear(&world, i);
        for (size_t seat = FIRST; seat < SEATS; seat++)
            write_some(&world, seat);
        state(&world, A);
        state(&world, B);
        check(&world);
        for (size_t seat = FIRST; seat < SEATS; seat++)
            truth += world.truth[seat];
        answer_of(&world, &value, origins);
        assert_true(value == truth);
        assert_int_equal(origins[0], SEATS - 4); /* the townships never report */
        world_end(&world);
    }
}

static unsigned alarms_at(const struct world *world, size_t at)
{
    const struct place *place = &world->places[at];
    struct buffer out = {0};
    unsigned count = 0;
    query_alarms(&place->port.view, place->tree, rows[at].code, &out);
    for (size_t i = 0; i < out.size; i++)
        count += out.data[i] == 0;
    if (out.size > 0)
        assert_non_null(strstr((const char *)out.data, "that A states"));
    buffer_free(&out);
    return count;
}

static enum error_code verified(const struct world *world, size_t at)
{
    const struct place *place = &world->places[at];
    struct buffer out = {0};
    struct rollup_question question = {.name = span_of_text("records"), .verify = true};
    enum error_code code =
        query_rollup_of(&place->port.view, place->tree, rows[at].code, &question, &out, NULL);
    buffer_free(&out);
    return code;
}

/* The county's own report in its own store: cells of its own aren't what others sign. */
static void keep_stated(struct world *world, size_t at, int64_t more)
{
    struct place *place = &world->places[at];
    const struct county_seat *seat = &world->county->seats[at];
    struct fold_cells cells = {0};
    struct buffer note = {0};
    uint8_t name[NOTE_KEY_BYTES_MAX];
    folds_make(&place->port.view, place->tree, rows[at].code, false, &cells);
    for (size_t i = 0; i < cells.count; i++) {
        if (cells.cells[i].rollup == (ROLLUP_RECORDS | ROLLUP_FOLDED))
            cells.cells[i].values[1] += more;
    }
    qsort(cells.cells, cells.count, sizeof *cells.cells, by_cell);
    struct cell_report all = {.head = {seat->key_id, EPOCH, ++world->k[at]},
                              .cells = cells.cells,
                              .cell_count = cells.count};
    report_encode(&all, &note);
    note_sign(&note, HASH_CELLS, &world->county->tree_id, seat->signing_secret, NULL);
    place->port.begin(place->port.context);
    put_row(place, TABLE_NOTES, SPAN(name, note_key(name, HASH_CELLS, seat->key_id, 0)),
            span_of_buffer(&note));
    assert_int_equal(place->port.commit(place->port.context), ERR_OK);
    buffer_free(&note);
    fold_cells_free(&cells);
}

/* A machine that has taken a county over states a fold of those that it has heard again: who isn't
 * in it counts nowhere meanwhile, and that is said, name by name. */
static void a_new_machine_says_whom_it_lacks(void **unused)
{
    (void)unused;
    struct world world;
    int64_t value = 0;
    uint64_t origins[2] = {0};
    world_make(&world, 97);
    for (size_t seat = FIRST; seat < SEATS; seat++)
        write_some(&world, seat);
    state(&world, A);
    state(&world, B);
    check(&world);
    struct county_change change = {.kind = COUNTY_REPLACE, .seat = A, .by = N, .again = true};
    assert_int_equal(county_sign(world.county, &change), 1);
    for (size_t i = 0; i < 3; i++)
        hear(&world, i);
    memory_store_free(world.places[A].store);
    world.places[A].store = memory_store_new();
    memory_store_port(world.places[A].store, &world.places[A].port);
    for (size_t seat = FIRST; seat < SEATS; seat++)
        world.held[A][seat] = -1;
    check(&world); /* until it says something, what the former one said stands */
    world.k[A] = 0;
    write_some(&world, FIRST);
    state(&world, A);
    check(&world);
    answer_of(&world, &value, origins);
    assert_int_equal(origins[0], 7); /* N, A, B, one village of A's, three of B's */
    assert_int_equal(behind_at(&world, N, "unknown"), 4 + 2); /* townships and villages */
    write_some(&world, FIRST + 1);
    write_some(&world, FIRST + 2);
    state(&world, A);
    check(&world);
    answer_of(&world, &value, origins);
    assert_int_equal(origins[0], 9);
    assert_int_equal(behind_at(&world, N, "unknown"), 4);
    world_end(&world);
}

/* What a county has signed as its fold is counted once more from the reports below it. */
static void what_is_stated_is_verified(void **unused)
{
    (void)unused;
    struct world world;
    world_make(&world, 98);
    for (size_t seat = FIRST; seat < SEATS; seat++)
        write_some(&world, seat);
    assert_int_equal(verified(&world, A), ERR_OK); /* it has stated none */
    keep_stated(&world, A, 0);
    assert_int_equal(verified(&world, A), ERR_OK);
    keep_stated(&world, A, 1);
    assert_int_equal(verified(&world, A), ERR_DAMAGED);
    write_some(&world, FIRST); /* newer than what was stated: nothing to compare it with */
    assert_int_equal(verified(&world, A), ERR_OK);
    keep_stated(&world, A, 0);
    assert_int_equal(verified(&world, A), ERR_OK);
    world_end(&world);
}

/* A county that names a village of the other one: what it says isn't used, and that is said. */
static void what_contradicts_is_not_used(void **unused)
{
    (void)unused;
    struct world world;
    world_make(&world, 99);
    for (size_t seat = FIRST; seat < SEATS; seat++)
        write_some(&world, seat);
    state(&world, A);
    state(&world, B);
    check(&world);
    assert_int_equal(alarms_at(&world, N), 0);
    struct fold_cells cells = {0};
    struct fold_seat named[] = {{"V1", 1, EPOCH, 9}, {"V4", 1, EPOCH, 9}};
    struct fold fold = {.expected = 3, .seats = named, .seat_count = 2};
    struct buffer group = {0};
    mp_write_array(&group, 1);
    mp_write_uint(&group, TYPE);
    fold_standing_add(&cells, &fold);
    fold_cells_add(&cells, (struct cell){.rollup = ROLLUP_RECORDS | ROLLUP_FOLDED,
                                         .group = span_of_buffer(&group),
                                         .value_count = 2,
                                         .values = {0, 1000000}});
    fold_cells_settle(&cells);
    world.k[A]++;
    report(&world, N, A, cells.cells, cells.count);
    int64_t value = 0;
    uint64_t origins[2] = {0};
    answer_of(&world, &value, origins);
    assert_true(value == world.truth[FIRST + 3] + world.truth[FIRST + 4] + world.truth[FIRST + 5]);
    assert_int_equal(origins[0], 6);
    assert_int_equal(alarms_at(&world, N), 1);
    /* one that isn't in its form names nobody */
    for (size_t i = 0; i < cells.count; i++) {
        if (cells.cells[i].rollup == (ROLLUP_FOLD | ROLLUP_FOLDED) &&
            cells.cells[i].group.size == 1)
            cells.cells[i].values[0] = -1;
    }
    world.k[A]++;
    report(&world, N, A, cells.cells, cells.count);
    answer_of(&world, &value, origins);
    assert_true(value == world.truth[FIRST + 3] + world.truth[FIRST + 4] + world.truth[FIRST + 5]);
    fold_cells_free(&cells);
    buffer_free(&group);
    world_end(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_village_counts_once_or_is_missing),
        cmocka_unit_test(what_contradicts_is_not_used),
        cmocka_unit_test(what_is_stated_is_verified),
        cmocka_unit_test(a_new_machine_says_whom_it_lacks),
    };
    if (!crypto_start())
        return 1;
    return cmocka_run_group_tests_name("folds", tests, NULL, NULL);
}
