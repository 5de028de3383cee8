/* Rows of the store that a disk may have damaged, and operations in any order.
 *
 * First byte even: the rest is a row. What is read from it can be shown, compared, and written
 * again to the same bytes. First byte odd: the rest draws a history of three authors, which two
 * readers take in different orders to the same canonical bytes. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "schema/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { AUTHORS = 3, EVENTS_MAX = 24 };

static char names[][9] = {"title", "notes", "calls", "level"};
static struct field fields[] = {
    {.number = 1, .name = names[0], .kind = FIELD_TEXT},
    {.number = 2, .name = names[1], .kind = FIELD_LIST},
    {.number = 3, .name = names[2], .kind = FIELD_COUNTER},
    {.number = 4, .name = names[3], .kind = FIELD_INTEGER},
};
static const struct record_type type = {.number = 1, .fields = fields, .field_count = 4};

static void show(const struct record_state *record)
{
    struct buffer out = {0};
    record_describe(record, &type, &out);
    struct mp_reader reader = mp_reader(span_of_buffer(&out));
    reader.text_keys = true;
    reader.items_max = UINT32_MAX;
    mp_read_any(&reader);
    mp_read_end(&reader);
    assert(!reader.failed);
    buffer_clear(&out);
    record_canonical(record, &out);
    for (size_t i = 0; i < record_operation_count(record); i++) {
        struct dot missing;
        const struct operation *op = record_operation(record, i);
        assert(record_judge(record, op, &missing) == RECORD_DUPLICATE);
        record_deleted_as_seen(record, op);
    }
    buffer_free(&out);
}

static void try_row(struct span row)
{
    struct record_state *record = record_decode(row);
    if (record == NULL)
        return;
    struct buffer again = {0};
    show(record);
    record_encode(record, &again);
    assert(span_equal(span_of_buffer(&again), row));
    buffer_free(&again);
    record_free(record);
}

struct event {
    struct operation op;
    struct dot context[CONTEXT_PAIRS_MAX];
    struct buffer body;
};

struct script {
    struct span input;
    size_t at;
    struct event events[EVENTS_MAX];
    size_t count;
    struct record_state *desks[AUTHORS];
};

static uint8_t draw(struct script *script)
{
    return script->at < script->input.size ? script->input.data[script->at++] : 0;
}

static void draw_body(struct script *script, struct event *event)
{
    uint8_t with = draw(script);
    mp_write_map(&event->body, (uint32_t)__builtin_popcount(with & 15) + (with >> 7));
    for (int32_t number = 1; number <= 4; number++) {
        if ((with >> (number - 1) & 1) == 0)
            continue;
        mp_write_int(&event->body, number);
        if (number == 2)
            mp_write_array(&event->body, 1);
        if (number <= 2)
            mp_write_text(&event->body, "x");
        else
            mp_write_int(&event->body, (int8_t)draw(script));
    }
    if ((with & 128) != 0) {
        event->op.deletes = (with & 64) != 0 ? 1 : 2;
        mp_write_int(&event->body, FIELD_DELETED);
        mp_write_bool(&event->body, event->op.deletes == 1);
    }
    event->op.verdict = (with & 48) == 48 ? OPERATION_EXCLUDED : OPERATION_ADMITTED;
}

static void draw_write(struct script *script, uint8_t desk)
{
    struct event *event = &script->events[script->count++];
    struct operation *op = &event->op;
    op->dot.author.bytes[0] = (uint8_t)(desk / 2);
    op->dot.epoch = desk;
    uint32_t own_n;
    op->context_count =
        record_context(script->desks[desk], op->dot.author, op->dot.epoch, event->context, &own_n);
    op->context = event->context;
    op->dot.n = own_n + 1;
    op->clock = draw(script) % 8;
    op->rank = draw(script) % 2;
    draw_body(script, event);
    record_apply(script->desks[desk], op, &type, span_of_buffer(&event->body));
}

static void read_event(struct record_state *record, const struct event *event)
{
    struct dot missing;
    if (record_judge(record, &event->op, &missing) == RECORD_READY)
        record_apply(record, &event->op, &type, span_of_buffer(&event->body));
}

/* Forwards in one walk, or backwards as often as it takes. */
static struct buffer read_all(const struct script *script, bool backwards)
{
    struct record_state *record = record_new();
    struct buffer bytes = {0};
    while (record_operation_count(record) < script->count) {
        for (size_t i = 0; i < script->count; i++)
            read_event(record, &script->events[backwards ? script->count - 1 - i : i]);
    }
    show(record);
    record_canonical(record, &bytes);
    record_free(record);
    return bytes;
}

static void try_script(struct span input)
{
    struct script script = {.input = input};
    for (size_t i = 0; i < AUTHORS; i++)
        script.desks[i] = record_new();
    while (script.at < input.size && script.count < EVENTS_MAX) {
        uint8_t step = draw(&script), desk = step % AUTHORS;
        if (step < 128)
            draw_write(&script, desk);
        else if (script.count > 0)
            read_event(script.desks[desk], &script.events[draw(&script) % script.count]);
    }
    struct buffer one = read_all(&script, false), two = read_all(&script, true);
    assert(span_equal(span_of_buffer(&one), span_of_buffer(&two)));
    buffer_free(&two);
    buffer_free(&one);
    for (size_t i = 0; i < AUTHORS; i++)
        record_free(script.desks[i]);
    for (size_t i = 0; i < script.count; i++)
        buffer_free(&script.events[i].body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    if (data[0] % 2 == 0)
        try_row(SPAN(data + 1, size - 1));
    else
        try_script(SPAN(data + 1, size - 1));
    return 0;
}
