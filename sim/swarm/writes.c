/* Random people: they put, set, append, count, delete and bring back, wherever a node runs. */
#include "sim/swarm/swarm_parts.h"

static size_t draw_runner(struct swarm *swarm)
{
    for (int tries = 0; tries < 20; tries++) {
        size_t node = prng_below(&swarm->prng, swarm->county->seat_count);
        if (world_runs(swarm->world, node))
            return node;
    }
    return SIZE_MAX;
}

static size_t draw_values(struct swarm *swarm, struct model_value *values, bool creating)
{
    size_t count = 0;
    int32_t marked = creating                         ? MODEL_TITLE
                     : prng_chance(&swarm->prng, 700) ? MODEL_S
                                                      : MODEL_NOTES;
    values[count] = (struct model_value){.field = marked};
    model_marker(swarm->model, values[count++].text);
    if (marked != MODEL_S && prng_chance(&swarm->prng, 400)) {
        values[count] = (struct model_value){.field = MODEL_S};
        model_marker(swarm->model, values[count++].text);
    }
    if (prng_chance(&swarm->prng, 300))
        values[count++] = (struct model_value){.field = MODEL_LEVEL,
                                               .number = (int64_t)prng_below(&swarm->prng, 5)};
    if (prng_chance(&swarm->prng, 300))
        values[count++] = (struct model_value){
            .field = MODEL_CALLS, .number = (int64_t)prng_between(&swarm->prng, 0, 20) - 5};
    return count;
}

/* Any other seat, such that the one that is put back is an end of the way: see draw_end. */
static size_t draw_addressee(struct swarm *swarm, size_t node)
{
    size_t to = prng_below(&swarm->prng, swarm->county->seat_count - 1);
    to += to >= node;
    struct model_record way = {.type = MODEL_MATTER, .origin = node, .to = to};
    size_t back = swarm->restored_seat;
    bool put_back = swarm->options->restore || swarm->options->lose;
    return put_back && back != node && model_in_circle(swarm->model, &way, back) ? back : to;
}

static void put(struct swarm *swarm, size_t node)
{
    static const enum model_type types[] = {MODEL_INCIDENT,  MODEL_INCIDENT,  MODEL_INCIDENT,
                                            MODEL_DIRECTIVE, MODEL_MEDIATION, MODEL_SURVEY,
                                            MODEL_MATTER,    MODEL_MATTER};
    struct model_value values[MODEL_VALUES_MAX];
    size_t count = draw_values(swarm, values, true);
    enum model_type type = types[prng_below(&swarm->prng, sizeof types / sizeof *types)];
    size_t to = type == MODEL_MATTER ? draw_addressee(swarm, node) : 0;
    model_write(swarm->model, node, WRITE_PUT, type, to, values, count);
}

/* A record that the node may write to; newer ones are likelier. Now and then one it may not. */
static size_t draw_record(struct swarm *swarm, size_t node)
{
    const struct model *model = swarm->model;
    bool any = prng_chance(&swarm->prng, 30);
    for (int tries = 0; tries < 20 && model->record_count > 0; tries++) {
        size_t recent =
            model->record_count < 10 || prng_chance(&swarm->prng, 300) ? model->record_count : 10;
        size_t place = model->record_count - 1 - prng_below(&swarm->prng, recent);
        const struct model_record *record = &model->records[place];
        bool may = model_in_circle(model, record, node) &&
                   (record->type != MODEL_DIRECTIVE || record->origin == node);
        if (may || any)
            return place;
    }
    return SIZE_MAX;
}

static void change(struct swarm *swarm, size_t node, enum write_kind kind)
{
    struct model_value values[MODEL_VALUES_MAX];
    size_t record = draw_record(swarm, node), count = 0;
    if (record == SIZE_MAX) {
        put(swarm, node);
        return;
    }
    if (kind == WRITE_SET) {
        count = draw_values(swarm, values, false);
        if (prng_chance(&swarm->prng, 100))
            values[count++] = (struct model_value){.field = FIELD_DELETED, .number = 0};
    }
    model_write(swarm->model, node, kind, swarm->model->records[record].type, record, values,
                count);
}

static void write_once(struct swarm *swarm, size_t node)
{
    uint64_t dice = prng_below(&swarm->prng, 100);
    if (dice < swarm->options->set_percent)
        change(swarm, node, WRITE_SET);
    else if (dice < swarm->options->set_percent + swarm->options->delete_percent)
        change(swarm, node, WRITE_DELETE);
    else
        put(swarm, node);
    swarm->writes_left--;
}

void swarm_writes_step(struct swarm *swarm, uint64_t steps_left)
{
    uint64_t due = swarm->writes_left / (steps_left + 1);
    if (prng_below(&swarm->prng, steps_left + 1) < swarm->writes_left % (steps_left + 1))
        due++;
    while (due > 0 && swarm->writes_left > 0) {
        size_t node = draw_runner(swarm);
        uint64_t burst = prng_between(&swarm->prng, 1, swarm->options->burst_max);
        if (node == SIZE_MAX)
            return;
        for (; burst > 0 && swarm->writes_left > 0; burst--)
            write_once(swarm, node);
        due--;
    }
}
