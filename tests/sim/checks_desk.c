/* A small county at rest, for tests of the checkers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/sim/checks_desk.h"

const struct county_row desk_rows[SEATS] = {
    {"C", "county", NULL},
    {"T1", "township", "C"},
    {"V1", "village", "T1"},
    {"V2", "village", "T1"},
};

void desk_write(struct desk *desk, size_t node, enum write_kind kind, enum model_type type,
                size_t record)
{
    struct model_value value = {.field = kind == WRITE_PUT ? MODEL_TITLE : MODEL_S};
    model_marker(desk->model, value.text);
    model_write(desk->model, node, kind, type, record, &value, 1);
    world_run_quiet(desk->world, REST_MS);
}

/* Four nodes at rest, with V1's incident (edited by C), C's directive, V1's mediation. */
int desk_start(void **state)
{
    struct world_options options = {.delay_ms_min = 1, .delay_ms_max = 1};
    struct desk *desk = mem_alloc(sizeof *desk);
    if (!crypto_start())
        return -1;
    desk->county = county_new(desk_rows, SEATS, 0);
    desk->model = model_new(desk->county, &desk->findings);
    struct world_hooks hooks = model_hooks(desk->model);
    desk->world = world_new(desk->county, &options, 1, &hooks);
    model_watch(desk->model, desk->world);
    for (size_t i = 0; i < SEATS; i++)
        world_start(desk->world, i, 0);
    world_run_quiet(desk->world, REST_MS);
    desk_write(desk, V1, WRITE_PUT, MODEL_INCIDENT, 0);
    desk_write(desk, C, WRITE_SET, MODEL_INCIDENT, 0);
    desk_write(desk, C, WRITE_PUT, MODEL_DIRECTIVE, 0);
    desk_write(desk, V1, WRITE_PUT, MODEL_MEDIATION, 0);
    world_run_until(desk->world, 12 * 60 * 1000); /* statements, reports */
    *state = desk;
    return 0;
}

int desk_stop(void **state)
{
    struct desk *desk = *state;
    world_free(desk->world);
    model_free(desk->model);
    county_free(desk->county);
    findings_clear(&desk->findings);
    free(desk);
    return 0;
}

struct store_port desk_port(struct desk *desk, size_t node)
{
    struct store_port port;
    memory_store_port(world_store(desk->world, node), &port);
    port.begin(port.context);
    return port;
}

/* The last row of a table, copied: a key and a value that stay. */
void desk_last_row(const struct store_port *port, enum table table, struct buffer *key,
                   struct buffer *value)
{
    uint8_t top[STORE_KEY_BYTES_MAX];
    struct span found_key, found_value;
    memset(top, 0xff, sizeof top);
    assert_int_equal(port->view.previous(port->view.context, table, SPAN_OF_ARRAY(top), &found_key,
                                         &found_value),
                     READ_FOUND);
    buffer_append_span(key, found_key);
    buffer_append_span(value, found_value);
}

void desk_remove_last(struct desk *desk, size_t node, enum table table)
{
    struct store_port port = desk_port(desk, node);
    struct buffer key = {0}, value = {0};
    desk_last_row(&port, table, &key, &value);
    port.remove(port.context, table, span_of_buffer(&key));
    port.commit(port.context);
    buffer_free(&key);
    buffer_free(&value);
}

void desk_put_row(struct desk *desk, size_t node, enum table table, const char *key,
                  const char *value)
{
    struct store_port port = desk_port(desk, node);
    port.put(port.context, table, span_of_text(key), span_of_text(value));
    port.commit(port.context);
}

/* As if another disk had come: the model reads the node's log anew. */
void desk_read_again(struct desk *desk, size_t node)
{
    struct memory_store *image = memory_store_clone(world_store(desk->world, node));
    memory_store_copy_back(world_store(desk->world, node), image);
    memory_store_free(image);
    model_catch_up(desk->model);
}
