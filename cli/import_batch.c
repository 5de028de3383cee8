/* Batches of an import. A ring of them: the oldest is answered first, since the node takes what one
 * connection sends in order. */
#include "cli/import_batch.h"

#include <stdlib.h>
#include <string.h>

#include "cli/value.h"

enum {
    BATCHES_IN_FLIGHT = 4,
    BATCH_RECORDS = 512, /* a commit more often than the node's own bound makes it */
    BATCH_BYTES = 384 << 10,
};

struct batch {
    uint64_t request;
    uint64_t after;                        /* the row before its first */
    struct import_row rows[BATCH_RECORDS]; /* raw: offset and size in `raw` while it waits */
    size_t raw_at[BATCH_RECORDS];
    size_t count;
    struct buffer records, raw;
};

struct import_batches {
    struct client *client;
    const char *type, *name;
    uint64_t last; /* row */
    bool only_check;
    void (*verdict)(void *context, enum import_verdict verdict, const struct import_row *row,
                    const struct error *error);
    void *context;
    struct buffer args;
    struct batch ring[BATCHES_IN_FLIGHT + 1];
    size_t first, in_flight; /* the one behind those in flight is being filled */
};

struct import_batches *import_batches_new(
    struct client *client, const char *type, const char *name, uint64_t done, bool only_check,
    void (*verdict)(void *context, enum import_verdict verdict, const struct import_row *row,
                    const struct error *error),
    void *context)
{
    struct import_batches *batches = mem_alloc(sizeof *batches);
    batches->client = client;
    batches->type = type;
    batches->name = name;
    batches->last = done;
    batches->only_check = only_check;
    batches->verdict = verdict;
    batches->context = context;
    return batches;
}

void import_batches_free(struct import_batches *batches)
{
    if (batches == NULL)
        return;
    for (size_t i = 0; i <= BATCHES_IN_FLIGHT; i++) {
        buffer_free(&batches->ring[i].records);
        buffer_free(&batches->ring[i].raw);
    }
    buffer_free(&batches->args);
    free(batches);
}

static struct batch *batch_at(struct import_batches *batches, size_t place)
{
    return &batches->ring[(batches->first + place) % (BATCHES_IN_FLIGHT + 1)];
}

static void write_args(struct import_batches *batches, const struct batch *batch)
{
    struct buffer *args = &batches->args;
    buffer_clear(args);
    mp_write_map(args, 7);
    mp_write_text(args, "type");
    mp_write_text(args, batches->type);
    mp_write_text(args, "import");
    mp_write_text(args, batches->name);
    mp_write_text(args, "after");
    mp_write_uint(args, batch->after);
    mp_write_text(args, "rows");
    mp_write_array(args, (uint32_t)batch->count);
    for (size_t i = 0; i < batch->count; i++)
        mp_write_uint(args, batch->rows[i].number);
    mp_write_text(args, "from");
    mp_write_array(args, (uint32_t)batch->count);
    for (size_t i = 0; i < batch->count; i++)
        mp_write_text(args, batch->rows[i].from);
    mp_write_text(args, "check");
    mp_write_bool(args, batches->only_check);
    mp_write_text(args, "records");
    mp_write_array(args, (uint32_t)batch->count);
    buffer_append_span(args, span_of_buffer(&batch->records));
}

static void copy_text(char *to, size_t room, const char *text)
{
    size_t size = strnlen(text, room - 1);
    memcpy(to, text, size);
    to[size] = '\0';
}

/* What the node says of one row. */
static enum error_code take_answer(struct import_batches *batches, const struct batch *batch,
                                   size_t index, const json_t *answer, struct error *error)
{
    struct import_row row = batch->rows[index];
    struct error refusal;
    row.raw = SPAN(batch->raw.data + batch->raw_at[index], row.raw.size);
    if (json_text(answer, "id")[0] != '\0') {
        batches->verdict(batches->context, IMPORT_TAKEN, &row, NULL);
        return ERR_OK;
    }
    error_set(&refusal, error_by_name(span_of_text(json_text(answer, "error"))), "", "%s",
              json_text(answer, "why"));
    copy_text(refusal.what, sizeof refusal.what, json_text(answer, "what"));
    copy_text(refusal.next, sizeof refusal.next, json_text(answer, "next"));
    if (refusal.code == ERR_STALE) {
        batches->verdict(batches->context, IMPORT_BEFORE, &row, NULL);
        return ERR_OK;
    }
    if (refusal.code == ERR_INVALID || refusal.code == ERR_UNKNOWN_FIELD ||
        refusal.code == ERR_OVERSIZE) {
        batches->verdict(batches->context, IMPORT_REFUSED, &row, &refusal);
        return ERR_OK;
    }
    *error = refusal;
    if (refusal.code == ERR_PARKED) {
        error_set(error, ERR_BUSY, "import", "another run of the same import is under way");
        error_next(error, "wait for it to end");
    }
    return error->code;
}

/* Wait for the oldest batch. */
static enum error_code take_oldest(struct import_batches *batches, struct error *error)
{
    struct batch *batch = batch_at(batches, 0);
    struct span value = SPAN_EMPTY;
    uint64_t number = 0;
    enum error_code code = client_ask_end(batches->client, &number, &value, error);
    if (code != ERR_OK)
        return code;
    json_t *answers = value_json(value);
    if (number != batch->request || json_array_size(answers) != batch->count)
        code = error_set(error, ERR_MALFORMED, "the node", "its answer was not understood");
    for (size_t i = 0; code == ERR_OK && i < batch->count; i++)
        code = take_answer(batches, batch, i, json_array_get(answers, i), error);
    json_decref(answers);
    batches->first = (batches->first + 1) % (BATCHES_IN_FLIGHT + 1);
    batches->in_flight--;
    return code;
}

static enum error_code send_batch(struct import_batches *batches, struct error *error)
{
    struct batch *batch = batch_at(batches, batches->in_flight);
    write_args(batches, batch);
    enum error_code code = client_ask_begin(batches->client, "put", span_of_buffer(&batches->args),
                                            &batch->request, error);
    if (code != ERR_OK)
        return code;
    batches->in_flight++;
    return batches->in_flight > BATCHES_IN_FLIGHT - 1 ? take_oldest(batches, error) : ERR_OK;
}

static void begin_batch(struct batch *batch, uint64_t after)
{
    batch->after = after;
    batch->count = 0;
    buffer_clear(&batch->records);
    buffer_clear(&batch->raw);
    buffer_reserve(&batch->raw, 1);
}

enum error_code import_batches_add(struct import_batches *batches, const struct import_row *row,
                                   struct span fields, struct error *error)
{
    struct batch *batch = batch_at(batches, batches->in_flight);
    if (batch->count > 0 && batch->records.size + fields.size > BATCH_BYTES) {
        enum error_code code = send_batch(batches, error);
        if (code != ERR_OK)
            return code;
        batch = batch_at(batches, batches->in_flight);
        batch->count = 0;
    }
    if (batch->count == 0)
        begin_batch(batch, batches->last);
    batch->rows[batch->count] = *row;
    batch->raw_at[batch->count++] = batch->raw.size;
    buffer_append_span(&batch->raw, row->raw);
    buffer_append_span(&batch->records, fields);
    batches->last = row->number;
    if (batch->count < BATCH_RECORDS)
        return ERR_OK;
    enum error_code code = send_batch(batches, error);
    batch_at(batches, batches->in_flight)->count = 0;
    return code;
}

enum error_code import_batches_finish(struct import_batches *batches, struct error *error)
{
    enum error_code code = ERR_OK;
    if (batch_at(batches, batches->in_flight)->count > 0)
        code = send_batch(batches, error);
    while (code == ERR_OK && batches->in_flight > 0)
        code = take_oldest(batches, error);
    return code;
}
