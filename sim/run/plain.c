/* Work without a model, for measuring: the same writes, and of each seat the records that it made
 * last, so that some of them are changed. */
#include <stdlib.h>

#include "sim/run/run_parts.h"

static uint64_t next_write(struct run *run, uint8_t creates)
{
    struct plain *plain = &run->plain;
    if (plain->write_count == plain->capacity) {
        plain->capacity = 2 * plain->capacity + 256;
        plain->creates = mem_resize(plain->creates, plain->capacity);
    }
    plain->creates[plain->write_count++] = creates;
    return plain->write_count;
}

static void ask(struct run *run, size_t node, struct world_write *write,
                const struct model_value *values, size_t count)
{
    struct buffer fields = {0};
    if (write->kind != WRITE_DELETE)
        model_encode_fields(values, count, &fields);
    write->fields = span_of_buffer(&fields);
    world_write(run->world, node, write);
    buffer_free(&fields);
}

void plain_put(struct run *run, size_t node, enum model_type type, size_t to,
               const struct model_value *values, size_t count)
{
    struct world_write write = {.request = next_write(run, (uint8_t)type),
                                .kind = WRITE_PUT,
                                .type = model_type_name(type)};
    if (model_is_addressed(type))
        write.to = run->county->seats[to].code;
    ask(run, node, &write, values, count);
}

bool plain_change(struct run *run, size_t node, enum write_kind kind, enum model_type type,
                  const struct model_value *values, size_t count)
{
    if (run->plain.seats == NULL)
        return false;
    const struct plain_seat *seat = &run->plain.seats[world_seat_of(run->world, node)];
    size_t kept = seat->count < PLAIN_RECENT ? seat->count : PLAIN_RECENT;
    size_t from = kept == 0 ? 0 : prng_below(&run->prng, kept);
    for (size_t i = 0; i < kept; i++) {
        size_t place = (from + i) % kept;
        if (seat->types[place] != (uint8_t)type)
            continue;
        struct world_write write = {.request = next_write(run, 0),
                                    .kind = kind,
                                    .type = model_type_name(type),
                                    .record = seat->ids[place]};
        ask(run, node, &write, values, count);
        return true;
    }
    return false;
}

void plain_answered(struct run *run, size_t node, const struct answer *answer)
{
    struct plain *plain = &run->plain;
    if (plain->seats == NULL)
        plain->seats = mem_alloc(run->county->seat_count * sizeof *plain->seats);
    uint8_t creates = plain->creates[answer->request - 1];
    if (creates == 0 || answer->error.code != ERR_OK)
        return;
    struct plain_seat *seat = &plain->seats[world_seat_of(run->world, node)];
    seat->ids[seat->count % PLAIN_RECENT] = answer->record;
    seat->types[seat->count % PLAIN_RECENT] = creates;
    seat->count++;
    plain->record_count++;
}

void plain_clear(struct run *run)
{
    free(run->plain.seats);
    free(run->plain.creates);
}
