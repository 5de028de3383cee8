/* Roll-call: who of a subtree has heard of its newest order, and when each was last heard. Every
 * node's signed statement names the newest orders that it holds (formats.md 12). */
#include <string.h>

#include "replication/query/query_parts.h"
#include "replication/rows/rows.h"

struct roll_call {
    const struct view *view;
    const struct tree *tree;
    const struct seat *self, *head;
    const struct held_document *order; /* NULL: none was ever given */
    struct buffer *out;
    uint64_t answered, of;
};

static void put_ms(struct buffer *out, const char *name, uint64_t ms)
{
    mp_write_text(out, name);
    if (ms == 0)
        mp_write_nil(out);
    else
        mp_write_uint(out, ms);
}

/* The newest statement of the seat's machine, of whichever epoch. */
static bool newest_statement(const struct view *view, const struct seat *seat, struct span *newest)
{
    uint8_t from[NOTE_KEY_BYTES_MAX], prefix = 1 + KEY_ID_BYTES;
    size_t size = note_key(from, HASH_HEADS, seat_key_id(seat), 0);
    struct span found, note;
    bool any = false;
    while (view->next(view->context, TABLE_NOTES, SPAN(from, size), &found, &note) == READ_FOUND &&
           found.size == size && memcmp(found.data, from, prefix) == 0) {
        uint32_t epoch = read_u32(found.data + prefix);
        *newest = note;
        any = true;
        if (epoch == UINT32_MAX)
            break;
        write_u32(from + prefix, epoch + 1);
    }
    return any;
}

/* The serial of the order to this head that the statement answers; 0: none. */
static uint64_t answered_serial(const struct heads_statement *statement, const struct seat *head)
{
    for (size_t i = 0; i < statement->order_count; i++) {
        if (span_equal(statement->orders[i].seat, span_of_text(head->row.seat)))
            return statement->orders[i].serial;
    }
    return 0;
}

static void write_seat(struct roll_call *call, const struct seat *seat)
{
    struct heads_statement statement = {0};
    struct span note = SPAN_EMPTY;
    uint64_t serial = 0;
    if (newest_statement(call->view, seat, &note) &&
        statement_decode(note, &statement, NULL) == ERR_OK)
        serial = answered_serial(&statement, call->head);
    if (seat == call->self && call->order != NULL)
        serial = call->order->version;
    bool answered = call->order != NULL && serial >= call->order->version;
    mp_write_map(call->out, 7);
    query_put_text(call->out, "seat", seat->row.seat);
    query_put_text(call->out, "name", seat->row.name);
    query_put_text(call->out, "tier", tree_tier_name(call->tree, seat->row.tier));
    query_put_text(call->out, "parent", seat->parent == NULL ? "" : seat->parent->row.seat);
    mp_write_text(call->out, "answered");
    mp_write_bool(call->out, answered);
    put_ms(call->out, "said", statement.clock_ms);
    put_ms(call->out, "as_of", statement.token.clock_ms);
    call->answered += answered;
    call->of++;
    statement_free(&statement);
}

static bool is_called(const struct roll_call *call, const struct seat *seat)
{
    return seat_status_is_in_force(seat->row.status) && seat_is_ancestor_or_self(call->head, seat);
}

static void write_order(const struct held_document *order, struct buffer *out)
{
    const struct document_header *header = &order->header;
    mp_write_map(out, 4);
    query_put_text(out, "what", order_word(header->order));
    query_put_uint(out, "serial", order->version);
    query_put_uint(out, "issued", header->issued_ms);
    put_ms(out, "since",
           header->order != ORDER_EMERGENCY ? 0
           : header->since_ms != 0          ? header->since_ms
                                            : header->issued_ms);
}

static void write_heads_of(struct roll_call *call, const struct held_document *emergency)
{
    query_put_text(call->out, "seat", call->head->row.seat);
    query_put_text(call->out, "name", call->head->row.name);
    mp_write_text(call->out, "order");
    if (call->order == NULL)
        mp_write_nil(call->out);
    else
        write_order(call->order, call->out);
    query_put_text(call->out, "emergency_of", emergency == NULL ? "" : emergency->seat);
}

enum error_code query_roll_call(const struct view *view, const struct tree *tree, const char *self,
                                struct span head, struct buffer *out, struct error *error)
{
    struct roll_call call = {.view = view,
                             .tree = tree,
                             .self = tree_seat(tree, span_of_text(self)),
                             .head = tree_seat(tree, head),
                             .out = out};
    uint32_t count = 0;
    if (call.head == NULL)
        return error_set(error, ERR_NOT_FOUND, "roll-call",
                         "no signed document here names this seat");
    call.order = tree_find_document(tree, DOCUMENT_ORDER, head);
    mp_write_map(out, 7);
    write_heads_of(&call, tree_emergency(tree, call.head));
    for (size_t i = 0; i < tree_seat_count(tree); i++)
        count += is_called(&call, tree_seat_at(tree, i));
    mp_write_text(out, "seats");
    mp_write_array(out, count);
    for (size_t i = 0; i < tree_seat_count(tree); i++) {
        if (is_called(&call, tree_seat_at(tree, i)))
            write_seat(&call, tree_seat_at(tree, i));
    }
    query_put_uint(out, "answered", call.answered);
    query_put_uint(out, "of", call.of);
    return ERR_OK;
}
