/* What people write in a drawn history: acts of `acts` in orders_history.c. Whoever holds a record
 * may try; what isn't his is refused. */
#include <stdio.h>
#include <string.h>

#include "base/msgpack.h"
#include "replication/query/query.h"
#include "tests/sim/orders.h"

enum { FIRST_REQUEST = 100 };

static size_t below(struct history *history, size_t bound)
{
    return (size_t)prng_below(&history->prng, bound);
}

static size_t draw_seat(struct history *history)
{
    return below(history, history->county->seat_count);
}

static const char *draw_code(struct history *history)
{
    return history->county->seats[draw_seat(history)].code;
}

static const struct kind {
    const char *name;
    bool addressed, calendar, private;
} kinds[] = {
    {"mediation", false, false, false}, {"incident", false, false, false},
    {"directive", false, false, false}, {"matter", true, false, false},
    {"survey", false, false, false},    {"case", false, false, false},
    {"case", false, false, false},      {"visit", false, false, true},
    {"visit", false, false, true},      {"duty", true, false, false},
    {"diary", false, false, true},      {"calendar", false, true, false},
    {"person", false, false, false},
};
enum { KIND_COUNT = sizeof kinds / sizeof *kinds };

static const struct kind *kind_of(const struct history *history, size_t place)
{
    size_t at = 0;
    while (strcmp(kinds[at].name, history->records[place].type) != 0)
        at++;
    return &kinds[at];
}

void history_answered(void *context, size_t node, const struct answer *answer)
{
    struct history *history = context;
    (void)node;
    if (answer->error.code != ERR_OK || answer->request < FIRST_REQUEST)
        return;
    if (answer->request < FIRST_REQUEST + ORDERS_RECORDS_MAX) {
        history->records[answer->request - FIRST_REQUEST].id = answer->record;
        history->records[answer->request - FIRST_REQUEST].made = true;
    }
    history->counts.writes++;
}

/* Whether it was taken. */
static bool ask(struct history *history, size_t node, struct world_write *write,
                struct buffer *fields)
{
    unsigned before = history->counts.writes;
    write->fields = span_of_buffer(fields);
    if (write->request == 0)
        write->request = FIRST_REQUEST + ORDERS_RECORDS_MAX + ++history->next_request;
    if (world_runs(history->world, node))
        world_write(history->world, node, write);
    world_run_until(history->world, world_now_ms(history->world) + 1);
    buffer_free(fields);
    return history->counts.writes > before;
}

static void say_text(struct history *history, struct buffer *fields, const char *field)
{
    char text[16];
    snprintf(text, sizeof text, "x%zu", below(history, 1000));
    mp_write_text(fields, field);
    mp_write_text(fields, text);
}

static void say_calendar(struct history *history, struct buffer *fields)
{
    mp_write_map(fields, 4);
    mp_write_text(fields, "year");
    mp_write_int(fields, 2025);
    mp_write_text(fields, "offset");
    mp_write_int(fields, (int64_t)below(history, 3) * 480);
    mp_write_text(fields, "weekdays");
    mp_write_text(fields, below(history, 2) == 0 ? "12345" : "1236");
    mp_write_text(fields, "holidays");
    mp_write_text(fields, "2025-06-07..2025-06-09");
}

void history_put(struct history *history)
{
    struct buffer fields = {0};
    size_t place = history->record_count, node = draw_seat(history);
    const struct kind *kind = &kinds[below(history, KIND_COUNT)];
    if (place == ORDERS_RECORDS_MAX || !world_runs(history->world, node))
        return;
    bool named = kind->private && below(history, 4) > 0;
    if (kind->calendar) {
        say_calendar(history, &fields);
    } else {
        mp_write_map(&fields, named ? 2 : 1);
        mp_write_text(&fields, "title");
        mp_write_text(&fields, "made");
    }
    if (named)
        say_text(history, &fields, "name");
    struct world_write write = {.request = FIRST_REQUEST + place,
                                .kind = WRITE_PUT,
                                .type = kind->name,
                                .to = kind->addressed ? draw_code(history) : NULL};
    history->records[history->record_count++].type = kind->name;
    ask(history, node, &write, &fields);
}

static bool holds(struct history *history, size_t node, size_t place)
{
    struct buffer record = {0};
    bool held = world_runs(history->world, node) &&
                query_record(world_view(history->world, node),
                             replica_tree(world_replica(history->world, node)),
                             span_of_text(history->records[place].type),
                             &history->records[place].id, &record, NULL) == ERR_OK;
    buffer_free(&record);
    return held;
}

/* A record and, mostly, somebody who holds it. */
static bool draw_place(struct history *history, size_t *place, size_t *node)
{
    if (history->record_count == 0)
        return false;
    *place = below(history, history->record_count);
    *node = draw_seat(history);
    for (unsigned tries = 0; tries < 8 && !holds(history, *node, *place); tries++)
        *node = draw_seat(history);
    return history->records[*place].made;
}

static bool write_to(struct history *history, size_t place, size_t node, struct world_write *write,
                     struct buffer *fields)
{
    write->type = history->records[place].type;
    write->record = history->records[place].id;
    return ask(history, node, write, fields);
}

void history_set(struct history *history)
{
    struct buffer fields = {0};
    struct world_write write = {.kind = WRITE_SET};
    size_t place, node;
    if (!draw_place(history, &place, &node))
        return;
    const struct kind *kind = kind_of(history, place);
    mp_write_map(&fields, 1);
    if (kind->calendar) {
        mp_write_text(&fields, "holidays");
        mp_write_text(&fields, "2025-10-01");
    } else {
        say_text(history, &fields,
                 kind->private && below(history, 2) == 0 ? "name"
                 : below(history, 2) == 0                ? "title"
                                                         : "s");
    }
    write_to(history, place, node, &write, &fields);
}

void history_add(struct history *history)
{
    struct buffer fields = {0};
    struct world_write write = {.kind = WRITE_SET};
    size_t place, node;
    if (!draw_place(history, &place, &node))
        return;
    mp_write_map(&fields, 1);
    if (below(history, 2) == 0) {
        mp_write_text(&fields, "calls");
        mp_write_int(&fields, 1 + (int64_t)below(history, 5));
    } else {
        say_text(history, &fields, "notes");
    }
    write_to(history, place, node, &write, &fields);
}

void history_delete(struct history *history)
{
    struct buffer fields = {0};
    struct world_write write = {.kind = WRITE_DELETE};
    size_t place, node;
    if (draw_place(history, &place, &node))
        write_to(history, place, node, &write, &fields);
}

/* What a record says of a person. */
void history_erase(struct history *history)
{
    struct buffer fields = {0};
    struct world_write write = {.kind = WRITE_ERASE};
    size_t place, node;
    if (!draw_place(history, &place, &node))
        return;
    mp_write_array(&fields, 0);
    history->counts.erasures += write_to(history, place, node, &write, &fields);
}

void history_extend(struct history *history)
{
    struct buffer seats = {0};
    struct world_write write = {.kind = WRITE_EXTEND};
    size_t place, node, count = history->county->seat_count, first = draw_seat(history);
    if (!draw_place(history, &place, &node))
        return;
    uint32_t more = 1 + (uint32_t)below(history, 2);
    mp_write_array(&seats, more);
    for (uint32_t i = 0; i < more; i++)
        mp_write_text(&seats, history->county->seats[(first + i) % count].code);
    write.with_private = kind_of(history, place)->private && below(history, 2) == 0;
    history->counts.extensions += write_to(history, place, node, &write, &seats);
}

static const struct step {
    const char *type, *name, *wanted;
    bool handed;
} steps[] = {
    {"case", "accept", NULL, false}, {"case", "dispatch", NULL, false},
    {"case", "hand", NULL, true},    {"case", "close", "s", false},
    {"case", "reject", NULL, false}, {"case", "attempt", "notes", false},
    {"visit", "hand", NULL, true},   {"duty", "take", NULL, false},
    {"duty", "note", "s", false},    {"duty", "finish", NULL, false},
    {"duty", "again", NULL, false},
};
enum { STEP_COUNT = sizeof steps / sizeof *steps };

/* Some step of its workflow, where it has one and the step may be taken. */
void history_step(struct history *history)
{
    size_t place, node;
    if (!draw_place(history, &place, &node))
        return;
    for (size_t tries = 0, at = below(history, STEP_COUNT); tries < STEP_COUNT; tries++) {
        struct buffer fields = {0};
        const struct step *step = &steps[(at + tries) % STEP_COUNT];
        struct world_write write = {.kind = WRITE_DO, .step = step->name};
        if (strcmp(step->type, history->records[place].type) != 0)
            continue;
        write.to = step->handed ? draw_code(history) : NULL;
        mp_write_map(&fields, step->wanted == NULL ? 0 : 1);
        if (step->wanted != NULL)
            say_text(history, &fields, step->wanted);
        if (write_to(history, place, node, &write, &fields)) {
            history->counts.steps++;
            return;
        }
    }
}
