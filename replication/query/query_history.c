/* Where a record is and how it got there: its operations, each with its place in a stream and the
 * seats that the stream is for, seen from here.
 *
 *     author -> ... passed it on ... -> here -> next hop -> ... beyond
 *
 * What the next hops hold is no row: it comes from the links (replica_stream_mark). */
#include <stdlib.h>
#include <string.h>

#include "replication/query/query_parts.h"
#include "replication/query/query_scan.h"
#include "schema/endorsement.h"
#include "schema/retention.h"

struct history {
    const struct view *view;
    const struct tree *tree;
    const struct seat *self; /* NULL: not in the tree */
    struct history_streams *streams;
    struct buffer *out;
    struct stream_id stream; /* of the operation being told */
    struct block_cache cache;
};

static bool in_path(const struct stream_open *open, const char *seat, size_t *place)
{
    for (size_t i = 0; i < open->seat_count; i++) {
        *place = i;
        if (strcmp(open->seats[i], seat) == 0)
            return true;
    }
    return false;
}

static void write_member(const struct history *history, const char *seat, const char *relation,
                         const char *next)
{
    uint32_t mark = 0;
    const struct seat *known = tree_seat(history->tree, span_of_text(seat));
    const struct seat *by = tree_seat(history->tree, span_of_text(next));
    if (next[0] != '\0')
        mark_row_read(history->view, next, by == NULL ? 0 : by->row.generation, &history->stream,
                      &mark);
    mp_write_map(history->out, 5);
    query_put_text(history->out, "seat", seat);
    query_put_text(history->out, "name", known == NULL ? "" : known->row.name);
    query_put_text(history->out, "relation", relation);
    query_put_text(history->out, "by", next);
    query_put_uint(history->out, "mark", mark);
}

/* The path goes from the author to one end, and blocks with it: whoever stands between the author
 * and here has passed it on, the next behind us has a link to us, or is beyond. */
static void write_path(const struct history *history, const struct stream_open *open, bool carried)
{
    size_t own = 0;
    bool here = history->self != NULL && in_path(open, history->self->row.seat, &own);
    mp_write_array(history->out, open->seat_count);
    for (size_t i = 0; i < open->seat_count; i++) {
        const char *relation = i == 0                   ? carried ? "carried" : "wrote"
                               : !here                  ? "unknown"
                               : i < own                ? "passed"
                               : i == own               ? "here"
                               : stream_is_backup(open) ? "keeps"
                               : i == (size_t)own + 1   ? "next"
                                                        : "beyond";
        bool onward = here && i > own;
        write_member(history, open->seats[i], relation, onward ? open->seats[own + 1] : "");
    }
}

static const struct seat *child_towards(const struct seat *above, const struct seat *below)
{
    while (below != NULL && below->parent != above)
        below = below->parent;
    return below;
}

/* A subtree: the author, those between, this seat, and the children here; who else has it is a
 * total (`rollup received`). */
static void write_subtree(const struct history *history, const struct seat *author, uint8_t tier)
{
    const struct seat *self = history->self;
    bool below = self != NULL && author != NULL && seat_is_ancestor_or_self(author, self);
    size_t children = !below || self->row.tier >= tier ? 0 : self->child_count;
    uint32_t between = 0;
    for (const struct seat *seat = below ? self : NULL; seat != NULL && seat != author;
         seat = seat->parent)
        between++;
    mp_write_array(history->out, (uint32_t)((author != NULL) + between + children));
    if (author != NULL)
        write_member(history, author->row.seat, "wrote", "");
    for (const struct seat *seat = author; between > 0; between--) {
        seat = child_towards(seat, self);
        write_member(history, seat->row.seat, seat == self ? "here" : "passed", "");
    }
    for (size_t i = 0; i < children; i++)
        write_member(history, self->children[i]->row.seat, "next", self->children[i]->row.seat);
}

static void write_members(struct history *history, const struct operation *op)
{
    struct stream_id stream = operation_place(op).stream;
    const struct author *author = tree_author(history->tree, stream.author);
    const struct seat *seat = author == NULL ? NULL : author->seat;
    struct stream_row *row = mem_alloc(sizeof *row);
    history->stream = stream;
    mp_write_text(history->out, "members");
    if (!stream_row_read(history->view, &stream, row))
        mp_write_array(history->out, 0);
    else if (row->open.holders == HOLDERS_PATH)
        write_path(history, &row->open, op->carried);
    else
        write_subtree(history, seat,
                      row->open.holders == HOLDERS_SUBTREE || seat == NULL ? row->open.tier
                                                                           : seat->row.tier);
    free(row);
}

/* Streams are named once; an operation says which. */
static uint32_t stream_index(struct history_streams *streams, const struct stream_id *stream)
{
    for (uint32_t i = 0; i < streams->count; i++) {
        if (stream_id_compare(&streams->ids[i], stream) == 0)
            return i;
    }
    if (streams->count < HISTORY_STREAMS_MAX)
        streams->ids[streams->count++] = *stream;
    return streams->count - 1;
}

static bool clock_suspect(const struct history *history, const struct author *author)
{
    struct completeness answer = {0};
    if (author == NULL || history->self == NULL)
        return false;
    query_completeness(history->view, history->tree, history->self->row.seat, author->seat,
                       STATEMENT_IDLE_MS, &answer);
    return answer.clock_suspect;
}

/* The seat whose carry entry brought it here. */
static const char *carrier_of(const struct history *history, const struct operation *op)
{
    const struct author *carrier = tree_author(history->tree, op->carrier.author);
    return carrier == NULL ? "" : carrier->seat->row.seat;
}

/* What it writes again of what is behind a cut-off. */
static void write_endorsement(struct history *history, const struct operation *op)
{
    struct entry_place place = operation_place(op);
    struct located_entry located = {
        .author = stream_author(&place.stream), .stream = place.stream.number, .seq = place.seq};
    struct endorsement endorsement = {0};
    if (op->verdict == OPERATION_ADMITTED && !op->erases &&
        entry_open(&history->cache, history->view, history->tree, &place, &located))
        endorsement = endorsement_of(entry_fields(located.entry));
    query_put_uint(history->out, "endorses", endorsement.count);
    mp_write_text(history->out, "reason");
    mp_write_str(history->out, endorsement.reason);
}

static void write_operation(struct history *history, const struct record_type *type,
                            const struct record_state *state, const struct operation *op,
                            const struct record_id *id)
{
    const struct transition *transition =
        type->workflow == NULL ? NULL : workflow_transition(type->workflow, op->transition);
    struct stream_id stream = operation_place(op).stream;
    const char *change = op->verdict == OPERATION_EXCLUDED ? "excluded"
                         : record_is_void(state, op)       ? "void"
                         : op->extends                     ? "extended"
                         : op->erases                      ? "erased"
                         : op->deletes == 1                ? "deleted"
                         : operation_begins(op, id)        ? "created"
                                                           : "changed";
    bool private = type->companion_of != 0;
    mp_write_map(history->out, 14U + (transition != NULL) + private);
    if (private) {
        mp_write_text(history->out, "private");
        mp_write_bool(history->out, true);
    }
    query_put_seat(history->out, history->tree, op->dot.author);
    query_put_text(history->out, "change", change);
    if (transition != NULL)
        query_put_text(history->out, "step", transition->name);
    query_put_uint(history->out, "clock", op->clock);
    mp_write_text(history->out, "clock_suspect");
    mp_write_bool(history->out, clock_suspect(history, tree_author(history->tree, op->dot.author)));
    query_put_uint(history->out, "epoch", op->dot.epoch >> 16);
    query_put_uint(history->out, "n", op->dot.n);
    query_put_uint(history->out, "stream", op->stream);
    query_put_uint(history->out, "place", op->seq);
    query_put_text(history->out, "carried_by", op->carried ? carrier_of(history, op) : "");
    query_put_uint(history->out, "path", stream_index(history->streams, &stream));
    write_endorsement(history, op);
    write_members(history, op);
}

/* All of the record, then all of its private fields as far as they are held. */
static void write_operations(struct history *history, const struct record_type *type,
                             const struct record_state *state, const struct record_id *id)
{
    struct query_private private;
    query_private_load(NULL, history->view, history->tree, type, id, state, &private);
    size_t count = record_operation_count(state);
    size_t more = private.state == NULL ? 0 : record_operation_count(private.state);
    mp_write_array(history->out, (uint32_t)(count + more));
    for (size_t i = 0; i < count; i++)
        write_operation(history, type, state, record_operation(state, i), id);
    for (size_t i = 0; i < more; i++)
        write_operation(history, private.type, private.state, record_operation(private.state, i),
                        id);
    query_private_free(&private);
}

/* What of this record has no effect here or waits: rows of quarantine and parked that name it. */
static void write_aside(const struct history *history, const struct record_id *id)
{
    enum { STEP = 256, ROWS_MAX = 8192 };
    struct buffer cursor = {0}, rows = {0}, named = {0};
    struct error error;
    char text[33];
    uint32_t found = 0;
    size_t count = 0, seen = 0;
    record_id_text(id, text);
    do {
        buffer_clear(&rows);
        if (query_aside(history->view, history->tree, "", STEP, &cursor, &rows, &count, &error) !=
            ERR_OK)
            break;
        seen += count;
        struct mp_reader reader = mp_reader(span_of_buffer(&rows));
        reader.text_keys = true;
        reader.items_max = UINT32_MAX;
        for (size_t i = 0; i < count && !reader.failed; i++) {
            struct span row = mp_read_any(&reader);
            if (!query_names_record(row, span_of_text(text)))
                continue;
            buffer_append_span(&named, row);
            found++;
        }
    } while (cursor.size > 0 && seen < ROWS_MAX);
    mp_write_text(history->out, "aside");
    mp_write_array(history->out, found);
    buffer_append_span(history->out, span_of_buffer(&named));
    buffer_free(&named);
    buffer_free(&rows);
    buffer_free(&cursor);
}

enum error_code query_history(const struct view *view, const struct tree *tree, const char *self,
                              uint64_t now_ms, struct span name, const struct record_id *id,
                              struct history_streams *streams, struct buffer *out,
                              struct error *error)
{
    const struct record_type *type = schema_find_type(tree_schema(tree), name, error);
    struct block_cache cache = {0};
    struct record_state *state = NULL;
    struct history history = {.view = view,
                              .tree = tree,
                              .self = tree_seat(tree, span_of_text(self)),
                              .streams = streams,
                              .out = out};
    char text[33];
    streams->count = 0;
    if (type == NULL)
        return ERR_UNKNOWN_TYPE;
    record_id_text(id, text);
    enum error_code code = query_load_state(&cache, view, tree, type, id, &state);
    if (code == ERR_OK) {
        uint64_t time_ms = query_retention_time(view, now_ms);
        bool past = time_ms > 0 && record_past_retention(state, type, time_ms);
        mp_write_map(out, 8);
        query_put_text(out, "id", text);
        query_put_uint(out, "past_days", past ? type->retention_days : 0);
        query_put_text(out, "type", type->name);
        query_put_text(out, "circle", circle_name(type->circle));
        query_put_text(out, "here", self);
        mp_write_text(out, "joined");
        mp_write_array(out, (uint32_t)record_member_count(state));
        for (size_t i = 0; i < record_member_count(state); i++)
            mp_write_str(out, record_member(state, i).seat);
        mp_write_text(out, "operations");
        write_operations(&history, type, state, id);
        write_aside(&history, id);
    } else {
        error_set(error, code, type->name, "record %s: %s", text,
                  code == ERR_NOT_FOUND ? "not held here" : "its rows here can't be read");
    }
    record_free(state);
    block_cache_free(&cache);
    block_cache_free(&history.cache);
    return code;
}
