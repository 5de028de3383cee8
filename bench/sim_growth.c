/* What a simulated county costs as it grows: memory a node and processor time an event, over
 * cut-outs of a whole country (data/nation.csv). Both should stay as they are from 330 nodes on.
 *
 *     bench_sim NATION.csv NODES...
 *
 * Each size is a process of its own, so that memory is its alone. All nodes start within a minute
 * of virtual time and meet; then every village writes a record within the quarter of an hour that
 * is measured, beside all that runs by itself (tokens, statements, reports). */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/msgpack.h"
#include "bench/country.h"
#include "sim/world/world.h"

enum {
    MINUTE_MS = 60 * 1000,
    SETTLED_MS = 5 * MINUTE_MS,
    WORK_MS = 15 * MINUTE_MS,
};

/* The country's rows as a world wants them. The caller frees. */
static struct county_row *county_rows(const struct country *country)
{
    struct county_row *rows = mem_alloc(country->count * sizeof *rows);
    for (size_t i = 0; i < country->count; i++)
        rows[i] = (struct county_row){country->rows[i].code, country->rows[i].tier,
                                      country->rows[i].parent, false};
    return rows;
}

static double cpu_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static size_t memory(void)
{
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

static void write_record(struct world *world, size_t node)
{
    struct buffer fields = {0};
    mp_write_map(&fields, 1);
    mp_write_text(&fields, "title");
    mp_write_text(&fields, "a dispute about a field boundary");
    struct world_write write = {
        .kind = WRITE_PUT, .type = "incident", .fields = span_of_buffer(&fields)};
    world_write(world, node, &write);
    buffer_free(&fields);
}

/* Seats in turn, evenly over `length_ms`. */
static void spread(struct world *world, const struct county *county, uint64_t length_ms,
                   void (*act)(struct world *world, size_t seat))
{
    uint64_t began_ms = world_now_ms(world);
    for (size_t seat = 0; seat < county->seat_count; seat++) {
        world_run_until(world, began_ms + seat * length_ms / county->seat_count);
        act(world, seat);
    }
    world_run_until(world, began_ms + length_ms);
}

static void start_seat(struct world *world, size_t seat)
{
    if (world_start(world, seat, 0) != ERR_OK)
        abort();
}

static void work_at_seat(struct world *world, size_t seat)
{
    const struct county *county = world_county(world);
    if (county->child_first[seat] == county->child_first[seat + 1])
        write_record(world, seat);
}

static int measure(const char *path, size_t nodes)
{
    struct country country;
    const struct world_options options = {
        .delay_ms_min = 20, .delay_ms_max = 60, .redial_ms_min = 80, .redial_ms_max = 5000};
    if (!crypto_start() || !country_read(&country, path, nodes))
        return 1;
    double began = cpu_s();
    struct county_row *rows = county_rows(&country);
    struct county *county = county_new(rows, country.count, 1);
    double made = cpu_s();
    size_t before = memory();
    struct world *world = world_new(county, &options, 1, NULL);
    spread(world, county, MINUTE_MS, start_seat);
    world_run_until(world, SETTLED_MS);
    double settled = cpu_s();
    const struct world_counts first = *world_counts(world);
    spread(world, county, WORK_MS, work_at_seat);
    double done = cpu_s();
    const struct world_counts *last = world_counts(world);
    uint64_t events = last->batches - first.batches + last->messages - first.messages;
    printf("%7zu nodes: %5.1f KiB a node, %5.2f us an event, %5.2f ms a node to start; "
           "%llu events in %.1f s (%.0f times as fast as life); the tree took %.1f s\n",
           nodes, (double)(memory() - before) / 1024 / (double)nodes,
           (done - settled) * 1e6 / (double)events, (settled - made) * 1e3 / (double)nodes,
           (unsigned long long)events, done - settled, (double)WORK_MS / 1e3 / (done - settled),
           made - began);
    fflush(stdout);
    world_free(world);
    county_free(county);
    free(rows);
    country_free(&country);
    return 0;
}

/* 0: it is no number of nodes. Of a country, 0 would be all seats. */
static size_t nodes_of(const char *word)
{
    char *end = NULL;
    unsigned long long nodes = strtoull(word, &end, 10);
    return word[0] >= '0' && word[0] <= '9' && *end == '\0' ? nodes : 0;
}

int main(int count, char **values)
{
    for (int i = 2; i < count; i++) {
        int status = 1;
        size_t nodes = nodes_of(values[i]);
        if (nodes == 0) {
            fprintf(stderr, "bench_sim: \"%s\" is no number of nodes\n", values[i]);
            return EXIT_FAILURE;
        }
        pid_t child = fork();
        if (child == 0)
            _exit(measure(values[1], nodes));
        if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
            return EXIT_FAILURE;
    }
    return count > 2 ? EXIT_SUCCESS : EXIT_FAILURE;
}
