/* Portraits: the same whatever the keys and the names of records are, another for whatever a person
 * could see. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sim/check/portrait.h"
#include "sim/world/world.h"

enum { C, T1, V1, SEATS, REST_MS = 60 * 1000 };

static const struct county_row rows[SEATS] = {
    {"C", "county", NULL}, {"T1", "township", "C"}, {"V1", "village", "T1"}};

struct desk {
    struct county *county;
    struct record_id record; /* of the last write that was answered */
    struct world *world;
    struct portrait portraits[SEATS];
};

struct change { /* of the usual history */
    int64_t level;
    bool untold; /* a conflict less */
    bool deleted;
};

static void on_answered(void *context, size_t node, const struct answer *answer)
{
    struct desk *desk = context;
    (void)node;
    assert_int_equal(answer->error.code, ERR_OK);
    desk->record = answer->record;
}

/* One field; `text` NULL: the number. */
static void write_at(struct desk *desk, size_t node, enum write_kind kind, const char *field,
                     const char *text, int64_t number)
{
    struct buffer fields = {0};
    mp_write_map(&fields, 1);
    mp_write_text(&fields, field);
    if (text != NULL)
        mp_write_text(&fields, text);
    else
        mp_write_int(&fields, number);
    struct world_write write = {
        .kind = kind,
        .type = "incident",
        .record = desk->record,
        .fields = kind == WRITE_DELETE ? SPAN_EMPTY : span_of_buffer(&fields),
    };
    world_write(desk->world, node, &write);
    world_run_quiet(desk->world, REST_MS);
    buffer_free(&fields);
}

/* A bridge of V1's; cut off, T1 and V1 both say what is wrong with it. */
static void live(struct desk *desk, const struct change *change)
{
    write_at(desk, V1, WRITE_PUT, "title", "bridge", 0);
    write_at(desk, V1, WRITE_SET, "level", NULL, change->level);
    world_cut(desk->world, V1);
    if (!change->untold)
        write_at(desk, T1, WRITE_SET, "s", "cracked", 0);
    write_at(desk, V1, WRITE_SET, "s", "fallen", 0);
    if (change->deleted)
        write_at(desk, V1, WRITE_DELETE, "", NULL, 0);
    world_heal(desk->world, V1);
    world_run_quiet(desk->world, REST_MS);
}

static struct desk *desk_new(uint64_t salt, const struct change *change)
{
    struct world_options options = {.delay_ms_min = 1, .delay_ms_max = 1};
    struct desk *desk = mem_alloc(sizeof *desk);
    assert_true(crypto_start());
    desk->county = county_new(rows, SEATS, salt);
    struct world_hooks hooks = {.context = desk, .answered = on_answered};
    desk->world = world_new(desk->county, &options, 1, &hooks);
    for (size_t i = 0; i < SEATS; i++)
        world_start(desk->world, i, 0);
    world_run_quiet(desk->world, REST_MS);
    live(desk, change);
    for (size_t i = 0; i < SEATS; i++) {
        struct error error = {0};
        assert_int_equal(portrait_take(world_view(desk->world, i), desk->county->tree,
                                       &desk->portraits[i], &error),
                         ERR_OK);
    }
    return desk;
}

static void desk_free(struct desk *desk)
{
    for (size_t i = 0; i < SEATS; i++)
        portrait_free(&desk->portraits[i]);
    world_free(desk->world);
    county_free(desk->county);
    free(desk);
}

static void they_say_what_a_person_sees(void **state)
{
    (void)state;
    struct desk *desk = desk_new(1, &(struct change){.level = 2});
    for (size_t i = 0; i < SEATS; i++) {
        assert_int_equal(desk->portraits[i].count, 1);
        assert_string_equal(desk->portraits[i].records[0].text,
                            "incident of V1\n"
                            "title='bridge'\n"
                            "s='cracked'\n"
                            "level=2\n"
                            "conflict s='fallen' of V1\n"
                            "deleted=0 operations=4 excluded=0\n");
    }
    desk_free(desk);
}

static void they_hang_on_no_key(void **state)
{
    (void)state;
    struct desk *desk = desk_new(1, &(struct change){.level = 2});
    struct desk *other = desk_new(2, &(struct change){.level = 2});
    for (size_t i = 0; i < SEATS; i++) {
        struct hash a = portrait_hash(&desk->portraits[i]);
        struct hash b = portrait_hash(&other->portraits[i]);
        assert_true(hash_equal(&a, &b));
    }
    assert_memory_not_equal(desk->portraits[C].records[0].id.bytes,
                            other->portraits[C].records[0].id.bytes, 16);
    desk_free(desk);
    desk_free(other);
}

static void they_differ_by_anything_seen(void **state)
{
    static const struct change changes[] = {
        {.level = 3}, {.level = 2, .untold = true}, {.level = 2, .deleted = true}};
    (void)state;
    struct desk *desk = desk_new(1, &(struct change){.level = 2});
    struct hash usual = portrait_hash(&desk->portraits[C]);
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        struct desk *other = desk_new(1, &changes[i]);
        struct hash hash = portrait_hash(&other->portraits[C]);
        assert_false(hash_equal(&usual, &hash));
        desk_free(other);
    }
    desk_free(desk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(they_say_what_a_person_sees),
        cmocka_unit_test(they_hang_on_no_key),
        cmocka_unit_test(they_differ_by_anything_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
