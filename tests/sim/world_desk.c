#include "tests/sim/world_desk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/msgpack.h"
#include "replication/rows/rows.h"

enum { TITLE_BYTES_MAX = 1024 };

struct world_desk desk;

static void on_answered(void *context, size_t node, const struct answer *answer)
{
    (void)context;
    desk.answer = answer->error.code;
    desk.answered_ms = world_now_ms(desk.world);
    desk.answers[node] += answer->error.code == ERR_OK;
    desk.failures[node] += answer->error.code != ERR_OK;
}

static void on_batch(void *context, size_t node, const struct event *events, size_t count,
                     size_t injected)
{
    (void)context, (void)injected;
    desk.batches[node]++;
    for (size_t i = 0; i < count; i++) {
        desk.ups[node] += events[i].kind == EVENT_LINK_UP;
        if (events[i].kind == EVENT_LINK_DOWN) {
            desk.downs[node]++;
            desk.down_ms[node] = world_now_ms(desk.world);
        }
    }
}

static void on_repaired(void *context, size_t node)
{
    (void)context;
    desk.repaired[node]++;
}

static void on_lost(void *context, size_t node, unsigned commits)
{
    (void)context;
    desk.lost[node] += commits;
}

void desk_begin(const struct world_options *options)
{
    static const struct world_hooks hooks = {.answered = on_answered,
                                             .batch_begins = on_batch,
                                             .repaired = on_repaired,
                                             .lost = on_lost};
    static const struct world_options usual = {
        .delay_ms_min = 1, .delay_ms_max = 1, .redial_ms_min = 10, .redial_ms_max = 100};
    struct county_shape shape;
    memset(&desk, 0, sizeof desk);
    assert_int_equal(county_shape_read(span_of_text("1+1+2"), &shape, NULL), ERR_OK);
    desk.county = county_new_shape(&shape, NULL, 1);
    desk.world = world_new(desk.county, options == NULL ? &usual : options, 1, &hooks);
}

void desk_begin_running(void)
{
    desk_begin(NULL);
    for (size_t i = 0; i < SEATS; i++)
        assert_int_equal(world_start(desk.world, i, 0), ERR_OK);
    desk_run(10 * SECOND);
}

void desk_end(void)
{
    world_free(desk.world);
    county_free(desk.county);
}

void desk_run(uint64_t ms)
{
    world_run_until(desk.world, world_now_ms(desk.world) + ms);
}

void desk_write(size_t node, size_t bytes)
{
    struct buffer fields = {0};
    char title[TITLE_BYTES_MAX + 1] = "";
    assert_true(bytes <= TITLE_BYTES_MAX);
    for (size_t i = 0; i < bytes; i++)
        title[i] = (char)('a' + prng_below(world_prng(desk.world), 26));
    mp_write_map(&fields, 1);
    mp_write_text(&fields, "title");
    mp_write_text(&fields, title);
    struct world_write write = {.request = ++desk.requests,
                                .kind = WRITE_PUT,
                                .type = "incident",
                                .fields = span_of_buffer(&fields)};
    world_write(desk.world, node, &write);
    buffer_free(&fields);
}

uint64_t desk_held(size_t node, size_t author)
{
    struct stream_row *row = mem_alloc(sizeof *row);
    struct stream_id id;
    uint64_t cursor = 0, entries = 0;
    while (stream_row_next(world_view(desk.world, node), &cursor, &id, row)) {
        if (key_id_equal(id.author, desk.county->seats[author].key_id) &&
            row->open.holders != HOLDERS_SELF)
            entries += row->head.seq;
    }
    free(row);
    return entries;
}

uint64_t desk_until_held(size_t node, size_t author, uint64_t entries)
{
    uint64_t began_ms = world_now_ms(desk.world);
    while (desk_held(node, author) < entries) {
        assert_true(world_now_ms(desk.world) < began_ms + HOUR);
        desk_run(1);
    }
    return world_now_ms(desk.world) - began_ms;
}
