/* What is set aside here, and who must act: rows of quarantine, then what waits for something. */
#include <stdio.h>
#include <string.h>

#include "replication/query/query_parts.h"

struct finding {
    const char *kind; /* quarantined, waiting */
    enum error_code code;
    struct span reason;
    uint64_t since_ms;
    bool placed;
    struct entry_place place; /* where its bytes lie; carried: in another's stream */
    struct span name;         /* of the row, where it names no place */
};

/* Whoever can end it: a seat ("" for nobody), and what that seat's people do. */
struct remedy {
    const char *seat;
    const char *next;
};

static struct remedy remedy_of(const struct tree *tree, const char *self,
                               const struct finding *finding)
{
    const struct author *author =
        finding->placed ? tree_author(tree, finding->place.stream.author) : NULL;
    const char *seat = author == NULL ? "" : author->seat->row.seat;
    const char *above =
        author == NULL || author->seat->parent == NULL ? seat : author->seat->parent->row.seat;
    if (strcmp(finding->kind, "waiting") == 0)
        return (struct remedy){"", "nothing: it goes on by itself when that is here"};
    if (finding->code == ERR_MALFORMED)
        return (struct remedy){seat, "look at that node's program and machine: it signed bytes "
                                     "that this program can't read; its author writes again what "
                                     "was in them, or a newer program here may read them"};
    if (finding->code == ERR_FORK)
        return (struct remedy){above, "two machines or a restored copy wrote under one key: find "
                                      "out which one counts, give the other a key of its own"};
    if (finding->code == ERR_DAMAGED)
        return (struct remedy){self, "`terrace doctor` and a look at this disk; it is fetched "
                                     "again from the neighbours"};
    return (struct remedy){seat, "its author writes it again as the type allows; here it has no "
                                 "effect"};
}

/* The record that an entry is about; false: unreadable, or none. */
static bool record_of(const struct view *view, const struct tree *tree,
                      const struct entry_place *place, uint16_t *type, struct record_id *id)
{
    struct block_cache cache = {0};
    struct located_entry located;
    bool known = entry_open(&cache, view, tree, place, &located) && located.entry->has_record;
    if (known) {
        *type = located.entry->type;
        *id = located.entry->record;
    }
    block_cache_free(&cache);
    return known;
}

/* The command that has it judged again, when what stands against it has changed; "": none has. */
static void write_release(const struct finding *finding, const struct record_type *type,
                          const char *id, struct buffer *out)
{
    char command[128] = "";
    bool is_block = finding->name.size > 0 && finding->name.data[0] == 'b';
    if (strcmp(finding->kind, "quarantined") == 0 && is_block)
        snprintf(command, sizeof command, "terrace release");
    else if (strcmp(finding->kind, "quarantined") == 0 && type != NULL)
        snprintf(command, sizeof command, "terrace release %.64s %s", type->name, id);
    query_put_text(out, "release", command);
}

static void write_record(const struct view *view, const struct tree *tree,
                         const struct finding *finding, struct buffer *out)
{
    uint16_t number = 0;
    struct record_id id;
    char text[33] = "";
    const struct record_type *type = NULL;
    if (finding->placed && record_of(view, tree, &finding->place, &number, &id)) {
        record_id_text(&id, text);
        type = tree_schema(tree) == NULL ? NULL : schema_type(tree_schema(tree), number);
    }
    query_put_text(out, "type", type == NULL ? "" : type->name);
    query_put_text(out, "record", text);
    write_release(finding, type, text, out);
}

static void write_finding(const struct view *view, const struct tree *tree, const char *self,
                          const struct finding *finding, struct buffer *out)
{
    struct remedy remedy = remedy_of(tree, self, finding);
    mp_write_map(out, 14);
    query_put_text(out, "kind", finding->kind);
    query_put_seat(out, tree, finding->place.stream.author);
    query_put_uint(out, "epoch", finding->place.stream.epoch >> 16);
    query_put_uint(out, "stream", finding->place.stream.number);
    query_put_uint(out, "place", finding->place.seq);
    write_record(view, tree, finding, out);
    query_put_text(out, "code", error_name(finding->code));
    mp_write_text(out, "reason");
    mp_write_str(out, utf8_valid(finding->reason) ? finding->reason : SPAN_EMPTY);
    query_put_uint(out, "since", finding->since_ms);
    query_put_text(out, "who", remedy.seat);
    query_put_text(out, "next", remedy.next);
}

static void read_quarantine(const struct view *view, struct span key, struct span value,
                            struct finding *finding)
{
    struct mp_reader reader = mp_reader(value);
    struct mp_fields fields = mp_fields(&reader);
    *finding = (struct finding){.kind = "quarantined", .code = ERR_INTERNAL, .name = key};
    for (int32_t number; mp_field(&reader, &fields, &number);) {
        if (number == 1)
            finding->code = error_by_name(mp_read_str(&reader));
        else if (number == 2)
            finding->reason = mp_read_str(&reader);
        else if (number == 3)
            finding->since_ms = mp_read_uint(&reader);
        else
            mp_read_any(&reader);
    }
    finding->placed =
        key.size > 1 && entry_place_parse(view, SPAN(key.data + 1, key.size - 1), &finding->place);
}

static void read_parked(const struct view *view, struct span key, struct span value,
                        struct finding *finding)
{
    *finding =
        (struct finding){.kind = "waiting", .code = ERR_PARKED, .reason = value, .name = key};
    finding->placed = entry_place_parse(view, parked_locator(key), &finding->place);
}

enum error_code query_aside(const struct view *view, const struct tree *tree, const char *self,
                            size_t limit, struct buffer *cursor, struct buffer *out, size_t *count,
                            struct error *error)
{
    static const enum table tables[] = {TABLE_QUARANTINE, TABLE_PARKED};
    struct buffer from = {0};
    size_t at = cursor->size > 0 ? cursor->data[0] : 0;
    *count = 0;
    if (at > 1 || cursor->size > STORE_KEY_BYTES_MAX)
        return error_set(error, ERR_USAGE, "cursor", "it isn't one that this list has given");
    if (cursor->size > 1)
        buffer_append(&from, cursor->data + 1, cursor->size - 1);
    while (at < 2 && *count < limit) {
        struct span key, value;
        struct finding finding;
        if (view->next(view->context, tables[at], span_of_buffer(&from), &key, &value) !=
                READ_FOUND ||
            key.size >= STORE_KEY_BYTES_MAX) {
            buffer_clear(&from);
            at++;
            continue;
        }
        if (at == 0)
            read_quarantine(view, key, value, &finding);
        else
            read_parked(view, key, value, &finding);
        write_finding(view, tree, self, &finding, out);
        ++*count;
        buffer_clear(&from);
        buffer_append_span(&from, key);
        buffer_append_byte(&from, 0);
    }
    buffer_clear(cursor);
    if (at < 2) {
        buffer_append_byte(cursor, (uint8_t)at);
        buffer_append_span(cursor, span_of_buffer(&from));
    }
    buffer_free(&from);
    return ERR_OK;
}

bool query_names_record(struct span row, struct span id_text)
{
    struct mp_reader reader = mp_reader(row);
    reader.text_keys = true;
    for (uint32_t pairs = mp_read_map(&reader); pairs > 0 && !reader.failed; pairs--) {
        bool record = span_equal(mp_read_str(&reader), span_of_text("record"));
        struct span value = mp_read_any(&reader);
        struct mp_reader text = mp_reader(value);
        if (record)
            return span_equal(mp_read_str(&text), id_text);
    }
    return false;
}
