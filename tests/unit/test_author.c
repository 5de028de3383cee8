/* From a table to a signed tree: every fault with its line, every shape of tree built. */
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/unit/tree_fixture.h"

/* Rows of a real county. */
static const char yongshun[] = "code,name,tier,parent\n"
                               "433127,永顺县,county,\n"
                               "433127D01,部门分中心1,department,433127\n"
                               "433127103,芙蓉镇,township,433127\n"
                               "433127104,永茂镇,township,433127\n"
                               "433127103005,芙蓉社区居委会,village,433127103\n"
                               "433127103201,发树村,village,433127103\n"
                               "433127104001,永茂社区居民委员会,village,433127104\n";

static struct csv_tree *table_read(const char *text)
{
    struct error error = {0};
    struct csv_tree *table = csv_tree_read(span_of_text(text), "tree.csv", &error);
    if (table == NULL)
        fail_msg("%s: %s", error.what, error.why);
    return table;
}

static void a_table_reads(void **state)
{
    (void)state;
    struct csv_tree *table = table_read(yongshun);
    assert_int_equal(table->row_count, 7);
    assert_true(span_equal(table->rows[0].name, span_of_text("永顺县")));
    assert_int_equal(table->rows[0].parent.size, 0);
    assert_int_equal(table->rows[6].line, 8);
    assert_true(span_equal(table->rows[6].parent, span_of_text("433127104")));
    csv_tree_free(table);
    csv_tree_free(NULL);
}

static void quotes_blanks_marks_and_columns(void **state)
{
    (void)state;
    struct csv_tree *table = table_read("\xef\xbb\xbfnote,parent,code,tier,name\r\n"
                                        "x,,C,county,\"a \"\"b\"\",\r\nc\"\r\n"
                                        "\r\n"
                                        "   \r\n"
                                        ", C , T1 ,township, Town 1 \r\n"
                                        "y,C,T2,township,");
    assert_int_equal(table->row_count, 3);
    assert_true(span_equal(table->rows[0].name, span_of_text("a \"b\",\r\nc")));
    assert_true(span_equal(table->rows[0].code, span_of_text("C")));
    assert_int_equal(table->rows[0].line, 2);
    assert_int_equal(table->rows[1].line, 6);
    assert_true(span_equal(table->rows[1].name, span_of_text("Town 1")));
    assert_true(span_equal(table->rows[1].parent, span_of_text("C")));
    assert_int_equal(table->rows[2].line, 7);
    assert_int_equal(table->rows[2].name.size, 0);
    csv_tree_free(table);
}

static void table_faults_have_a_place(void **state)
{
    (void)state;
    static const struct {
        const char *text, *where, *why;
    } faults[] = {
        {"", "tree.csv:1:1", "empty"},
        {"code,name,parent\n", "tree.csv:1:1", "no column tier"},
        {"code,name,tier,parent,name\n", "tree.csv:1:23", "comes twice"},
        {"code,name,tier,parent\nC,n,county\n", "tree.csv:2:1", "3 fields, the first row has 4"},
        {"code,name,tier,parent\nC,n,county,,\n", "tree.csv:2:1", "5 fields"},
        {"code,name,tier,parent\nC,镇\"镇,county,\n", "tree.csv:2:4", "quote"},
        {"code,name,tier,parent\nC,\"n\"x,county,\n", "tree.csv:2:6", "quote"},
        {"code,name,tier,parent\nC,\"n,county,\n\n", "tree.csv:2:3", "never ends"},
        {"code,name,tier,parent\nC,\xff,county,\n", "tree.csv:2:3", "UTF-8"},
    };
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        struct error error = {0};
        assert_null(csv_tree_read(span_of_text(faults[i].text), "tree.csv", &error));
        assert_int_equal(error.code, ERR_MALFORMED);
        assert_string_equal(error.what, faults[i].where);
        if (strstr(error.why, faults[i].why) == NULL)
            fail_msg("%s: %s", error.what, error.why);
        char place[40];
        snprintf(place, sizeof place, "tree.csv:%u:%u", error.line, error.column);
        assert_string_equal(place, faults[i].where);
    }
}

/* A described tree, its plan and its documents. */
struct made {
    struct csv_tree *table;
    struct author_seat *seats;
    struct author_plan *plan;
    struct author_tree *tree;
};

static void keys_fill(struct author_seat *seats, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct test_key node = key_number((unsigned)(i * 2 + 1));
        struct test_key admin = key_number((unsigned)(i * 2 + 2));
        memcpy(seats[i].signing_key, node.public_key, KEY_BYTES);
        memcpy(seats[i].link_key, node.public_key, KEY_BYTES);
        seats[i].has_admin = true;
        memcpy(seats[i].admin_secret, admin.secret, SECRET_BYTES);
        seats[i].endpoint = span_of_text("tcp://10.0.0.1:7000");
    }
}

static struct made tree_make(const char *text)
{
    struct made made = {.table = table_read(text)};
    struct author_options options = {.issued_ms = 1000};
    struct error error = {0};
    made.seats = author_seats_of(made.table);
    keys_fill(made.seats, made.table->row_count);
    made.plan = author_plan_new(made.seats, made.table->row_count, &error);
    if (made.plan == NULL)
        fail_msg("line %u: %s", error.line, error.why);
    made.tree = author_tree_new(made.plan, made.seats, &options, &error);
    if (made.tree == NULL)
        fail_msg("line %u: %s", error.line, error.why);
    return made;
}

static void made_free(struct made *made)
{
    author_tree_free(made->tree);
    author_plan_free(made->plan);
    free(made->seats);
    csv_tree_free(made->table);
}

/* A tree that took every document, in the order in which they were made. */
static struct tree *tree_of(const struct made *made)
{
    struct tree *tree = tree_new(&made->tree->tree_id);
    for (size_t i = 0; i < made->tree->document_count; i++) {
        struct error error = {0};
        if (offer(tree, &made->tree->documents[i], &error) != ERR_OK)
            fail_msg("document %zu: %s", i, error.why);
    }
    assert_int_equal(tree_seat_count(tree), made->table->row_count);
    assert_int_equal(tree_alarm_count(tree), 0);
    return tree;
}

static void a_county_is_made(void **state)
{
    (void)state;
    struct made made = tree_make(yongshun);
    struct tree *tree = tree_of(&made);
    assert_int_equal(made.tree->document_count, 4); /* root, county, two townships */
    assert_int_equal(made.plan->tier_count, 4);
    assert_string_equal(tree_tier_name(tree, 1), "department");
    assert_string_equal(tree_tier_name(tree, 3), "village");
    const struct seat *village = seat_named(tree, "433127103201");
    assert_string_equal(village->row.name, "发树村");
    assert_string_equal(village->parent->row.name, "芙蓉镇");
    assert_int_equal(village->row.tier, 3);
    assert_int_equal(village->row.generation, 1);
    assert_true(
        span_equal(text_list_at(&village->row.endpoints, 0), span_of_text("tcp://10.0.0.1:7000")));
    assert_int_equal(tree_root_seat(tree)->child_count, 3);
    assert_string_equal(tree_root_seat(tree)->children[0]->row.seat, "433127103");
    assert_int_equal(tree_document(tree, 0)->header.issued_ms, 1000);
    tree_free(tree);
    made_free(&made);
}

static void the_least_tree_is_a_root(void **state)
{
    (void)state;
    struct made made = tree_make("code,name,tier,parent\nC,County,county,\n");
    struct tree *tree = tree_of(&made);
    assert_int_equal(made.tree->document_count, 1);
    tree_free(tree);
    made_free(&made);
}

static void two_tiers_seven_tiers(void **state)
{
    (void)state;
    struct made two =
        tree_make("code,name,tier,parent\nV2,b,village,C\nC,c,county,\nV1,a,village,C\n");
    struct tree *tree = tree_of(&two);
    assert_int_equal(tree_tier_count(tree), 2);
    assert_string_equal(tree_root_seat(tree)->children[0]->row.seat, "V1");
    tree_free(tree);
    made_free(&two);

    char text[2000] = "code,name,tier,parent\n0,,country,\n";
    for (int i = 1; i < 7; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%d,,tier %d,%d\n", i, i, i - 1);
    struct made seven = tree_make(text);
    const struct seat *path[HOLDERS_MAX];
    tree = tree_of(&seven);
    assert_int_equal(tree_tier_count(tree), 7);
    assert_int_equal(seat_path(seat_named(tree, "6"), path), 7);
    tree_free(tree);
    made_free(&seven);
}

/* A village straight under the county comes before the first township in the table. */
static void villages_under_the_county_stay_the_lowest_tier(void **state)
{
    (void)state;
    struct made made = tree_make("code,name,tier,parent\nC,,county,\nA1,,village,C\n"
                                 "T1,,township,C\nV1,,village,T1\n");
    struct tree *tree = tree_of(&made);
    assert_string_equal(tree_tier_name(tree, 1), "township");
    assert_int_equal(seat_named(tree, "A1")->row.tier, 2);
    assert_int_equal(seat_named(tree, "V1")->row.tier, 2);
    assert_ptr_equal(seat_named(tree, "A1")->parent, tree_root_seat(tree));
    tree_free(tree);
    made_free(&made);
}

static void four_hundred_children(void **state)
{
    (void)state;
    enum { CHILDREN = 400, LINE_BYTES = 64 };
    char *text = mem_alloc(CHILDREN * LINE_BYTES + 100);
    strcpy(text, "code,name,tier,parent\nC,County,county,\n");
    for (int i = 0; i < CHILDREN; i++)
        snprintf(text + strlen(text), LINE_BYTES, "V%03d,Village %d,village,C\n", i, i);
    struct made made = tree_make(text);
    struct tree *tree = tree_of(&made);
    struct buffer proof = {0};
    assert_int_equal(tree_root_seat(tree)->child_count, CHILDREN);
    assert_string_equal(tree_root_seat(tree)->children[399]->row.seat, "V399");
    const struct held_document *held = tree_find_document(tree, DOCUMENT_BRANCH, span_of_text("C"));
    assert_true(held->whole);
    assert_true(tree_prove_row(held, 200, &proof));
    assert_true(proof.size <= 9 * HASH_BYTES);
    struct tree *village = tree_new(&made.tree->tree_id);
    struct span row = held->rows[200], proof_span = span_of_buffer(&proof);
    assert_int_equal(offer(village, &made.tree->documents[0], NULL), ERR_OK);
    assert_int_equal(tree_offer_document(village, held->envelope, NULL), ERR_OK);
    assert_int_equal(tree_offer_rows(village, DOCUMENT_BRANCH, span_of_text("C"), &row, 1, 200,
                                     &proof_span, NULL),
                     ERR_OK);
    assert_int_equal(tree_seat_count(village), 2);
    assert_non_null(seat_named(village, "V200"));
    tree_free(village);
    buffer_free(&proof);
    tree_free(tree);
    made_free(&made);
    free(text);
}

/* The tree of someone who holds row 1 of every document but the root's. */
static struct tree *tree_of_path(const struct made *made)
{
    struct tree *tree = tree_new(&made->tree->tree_id);
    assert_int_equal(offer(tree, &made->tree->documents[0], NULL), ERR_OK);
    for (size_t i = 1; i < made->tree->document_count; i++) {
        assert_int_equal(offer_header(tree, &made->tree->documents[i], NULL), ERR_OK);
        assert_int_equal(offer_row(tree, &made->tree->documents[i], 1, NULL), ERR_OK);
    }
    return tree;
}

/* A village of six tiers takes the documents of its path, one row of each, and passes them on
 * to a next one as it got them. It stays small. */
static void a_village_holds_its_path(void **state)
{
    (void)state;
    enum { BYTES_MAX = 13 << 10 }; /* two KiB a tier, of the 16 that a core may take */
    static const char *const path[] = {"0", "01", "011", "0111", "01111", "011111"};
    char text[8000] = "code,name,tier,parent\n0,Country,country,\n";
    for (int depth = 0; depth < 5; depth++) {
        for (int child = 0; child < 10; child++)
            snprintf(text + strlen(text), sizeof text - strlen(text), "%s%d,Name,tier %d,%s\n",
                     path[depth], child, depth + 1, path[depth]);
    }
    struct made made = tree_make(text);
    struct tree *first = tree_of_path(&made); /* warms the allocator's caches */
    size_t before = mallinfo2().uordblks;
    struct tree *village = tree_of_path(&made);
    size_t taken = mallinfo2().uordblks - before;
    tree_free(first);
    if (taken > BYTES_MAX)
        fail_msg("the village's tree takes %zu bytes", taken);
    assert_int_equal(tree_seat_count(village), 6);
    const struct seat *seats[HOLDERS_MAX];
    assert_int_equal(seat_path(seat_named(village, "011111"), seats), 6);

    struct tree *next = tree_new(&made.tree->tree_id);
    for (size_t i = 0; i < tree_document_count(village); i++) {
        const struct held_document *held = tree_document(village, i);
        const struct span *proof = held->whole ? NULL : &held->proofs[0];
        assert_int_equal(tree_offer_document(next, held->envelope, NULL), ERR_OK);
        assert_int_equal(tree_offer_rows(next, held->kind, span_of_text(held->seat), held->rows, 1,
                                         held->places[0], proof, NULL),
                         ERR_OK);
    }
    struct hash one = tree_link_digest(village, span_of_text("011111"));
    struct hash other = tree_link_digest(next, span_of_text("011111"));
    assert_true(hash_equal(&one, &other));
    tree_free(next);
    tree_free(village);
    made_free(&made);
}

static void plan_faults_have_a_line(void **state)
{
    (void)state;
    static const struct {
        const char *rows;
        unsigned line;
        const char *why;
    } faults[] = {
        {"C,,county,\nV1,,village,C\nC2,,county,\n", 4, "neither has the root C, line 2"},
        {"C,,county,V1\nV1,,village,C\n", 2, "none is the root"},
        {"C,,county,\nV1,,village,C9\n", 3, "parent C9 of seat V1 is not in the table"},
        {"C,,county,\nV1,,village,V1\n", 3, "its own parent"},
        {"C,,county,\nA,,a,B\nB,,b,D\nD,,d,A\n", 0, "comes back to it"},
        {"C,,county,\nV1,,village,C\nV1,,village,C\n", 4, "used before, in line 3"},
        {"C,,county,\nC1,,county,C\n", 3, "seat C1 of tier county is not below its parent C"},
        {"C,,a,\nT1,,b,C\nT2,,c,C\nV1,,c,T1\nV2,,b,T2\n", 6, "seat V2 of tier b is not below"},
        {"C,,county,\n,,village,C\n", 3, "code"},
        {"C,,county,\nabcdefghijklmnopqrstuvwxyz0123456,,v,C\n", 3, "code has 1 to 32 bytes"},
        {"C,,county,\nV1,,,C\n", 3, "tier of seat V1"},
        {"C,\"a\nb\",county,\n", 2, "name of seat C"},
    };
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        char text[400];
        struct error error = {0};
        snprintf(text, sizeof text, "code,name,tier,parent\n%s", faults[i].rows);
        struct csv_tree *table = table_read(text);
        struct author_seat *seats = author_seats_of(table);
        assert_null(author_plan_new(seats, table->row_count, &error));
        assert_int_equal(error.code, ERR_INVALID);
        if ((faults[i].line != 0 && error.line != faults[i].line) ||
            strstr(error.why, faults[i].why) == NULL)
            fail_msg("fault %zu: line %u: %s", i, error.line, error.why);
        assert_true(error.line > 0);
        free(seats);
        csv_tree_free(table);
    }
    struct error error = {0};
    assert_null(author_plan_new(NULL, 0, &error));
    assert_int_equal(error.code, ERR_INVALID);
}

static void seventeen_tiers_are_too_many(void **state)
{
    (void)state;
    char text[2000] = "code,name,tier,parent\n0,,t0,\n";
    for (int i = 1; i < 17; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%d,,t%d,%d\n", i, i, i - 1);
    struct csv_tree *table = table_read(text);
    struct author_seat *seats = author_seats_of(table);
    struct error error = {0};
    assert_null(author_plan_new(seats, table->row_count, &error));
    assert_int_equal(error.line, 18);
    assert_non_null(strstr(error.why, "seventeenth"));
    struct author_plan *sixteen = author_plan_new(seats, table->row_count - 1, &error);
    assert_non_null(sixteen);
    assert_int_equal(sixteen->tier_count, 16);
    author_plan_free(sixteen);
    free(seats);
    csv_tree_free(table);
}

static void a_parent_needs_an_admin_key(void **state)
{
    (void)state;
    struct csv_tree *table = table_read(yongshun);
    struct author_seat *seats = author_seats_of(table);
    struct author_options options = {.issued_ms = 1};
    struct error error = {0};
    keys_fill(seats, table->row_count);
    struct author_plan *plan = author_plan_new(seats, table->row_count, &error);
    seats[3].has_admin = false; /* 433127104, line 5 */
    assert_null(author_tree_new(plan, seats, &options, &error));
    assert_int_equal(error.code, ERR_INVALID);
    assert_int_equal(error.line, 5);
    seats[3].has_admin = true;
    seats[6].has_admin = false; /* a village needs none */
    struct author_tree *tree = author_tree_new(plan, seats, &options, &error);
    assert_non_null(tree);
    author_tree_free(tree);
    author_plan_free(plan);
    free(seats);
    csv_tree_free(table);
}

static void roots_may_have_keys_of_their_own(void **state)
{
    (void)state;
    struct made made = tree_make(yongshun);
    struct test_admins people = admins_of(2, 3, 900);
    struct author_options options = {.root_secrets = (const uint8_t(*)[SECRET_BYTES])people.secrets,
                                     .root_secret_count = 3,
                                     .root_threshold = 2};
    struct author_tree *documents = author_tree_new(made.plan, made.seats, &options, NULL);
    author_tree_free(made.tree);
    made.tree = documents;
    struct tree *tree = tree_of(&made);
    const struct held_document *root = tree_find_document(tree, DOCUMENT_ROOT, SPAN_EMPTY);
    assert_int_equal(root->header.admins.threshold, 2);
    assert_int_equal(root->header.admins.count, 3);
    tree_free(tree);
    made_free(&made);
}

/* A township admits a village while the county is away: the next version of its own document. */
static void a_township_admits_a_village(void **state)
{
    (void)state;
    struct made made = tree_make(yongshun);
    struct tree *tree = tree_of(&made);
    const struct held_document *held =
        tree_find_document(tree, DOCUMENT_BRANCH, span_of_text("433127104"));
    struct document_header header =
        author_next_header(&held->header, &held->hash, tree_id(tree), 2000);
    struct test_key key = key_number(700);
    struct seat_row row = {.seat = "433127104002", .tier = 3, .generation = 1};
    memcpy(row.signing_key, key.public_key, KEY_BYTES);
    memcpy(row.link_key, key.public_key, KEY_BYTES);
    struct buffer bytes = {0};
    seat_row_encode(&row, &bytes);
    struct span rows[2] = {held->rows[0], span_of_buffer(&bytes)};
    struct author_document document;
    const uint8_t(*secret)[SECRET_BYTES] =
        (const uint8_t(*)[SECRET_BYTES])made.seats[3].admin_secret;
    assert_int_equal(author_document(&header, rows, 2, secret, 1, &document, NULL), ERR_OK);
    assert_int_equal(offer(tree, &document, NULL), ERR_OK);
    assert_int_equal(seat_named(tree, "433127104")->child_count, 2);
    assert_int_equal(tree_find_document(tree, DOCUMENT_BRANCH, span_of_text("433127104"))->version,
                     2);
    author_document_clear(&document);
    buffer_free(&bytes);
    tree_free(tree);
    made_free(&made);
}

static void too_much_for_one_document(void **state)
{
    (void)state;
    uint8_t *bytes = mem_alloc(DOCUMENT_ROW_BYTES_MAX + 1);
    struct span rows[40];
    struct document_header header = {.kind = DOCUMENT_BRANCH, .seat = "C", .term = 1, .version = 1};
    struct test_admins admins = admins_of(1, 1, 1);
    const uint8_t(*secrets)[SECRET_BYTES] = (const uint8_t(*)[SECRET_BYTES])admins.secrets;
    struct author_document document;
    struct error error = {0};
    for (size_t i = 0; i < 40; i++)
        rows[i] = SPAN(bytes, DOCUMENT_ROW_BYTES_MAX);
    assert_int_equal(author_document(&header, rows, 40, secrets, 1, &document, &error),
                     ERR_OVERSIZE);
    assert_non_null(strstr(error.next, "tier between"));
    rows[0].size++;
    assert_int_equal(author_document(&header, rows, 1, secrets, 1, &document, &error),
                     ERR_OVERSIZE);
    author_document_clear(&document); /* nothing in it */
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_table_reads),
        cmocka_unit_test(quotes_blanks_marks_and_columns),
        cmocka_unit_test(table_faults_have_a_place),
        cmocka_unit_test(a_county_is_made),
        cmocka_unit_test(the_least_tree_is_a_root),
        cmocka_unit_test(two_tiers_seven_tiers),
        cmocka_unit_test(villages_under_the_county_stay_the_lowest_tier),
        cmocka_unit_test(four_hundred_children),
        cmocka_unit_test(a_village_holds_its_path),
        cmocka_unit_test(plan_faults_have_a_line),
        cmocka_unit_test(seventeen_tiers_are_too_many),
        cmocka_unit_test(a_parent_needs_an_admin_key),
        cmocka_unit_test(roots_may_have_keys_of_their_own),
        cmocka_unit_test(a_township_admits_a_village),
        cmocka_unit_test(too_much_for_one_document),
    };
    assert_true(crypto_start());
    return cmocka_run_group_tests(tests, NULL, NULL);
}
