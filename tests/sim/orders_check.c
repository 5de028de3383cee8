/* What must hold of fresh nodes: while they hear, nothing goes back and no watch tells a thing
 * twice; when all have heard all, trees and records are equal, each member has all of it, nobody
 * else has any, and what is cut off stands nowhere. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/msgpack.h"
#include "replication/circle.h"
#include "replication/query/query.h"
#include "replication/rows/rows.h"
#include "replication/verify/verify.h"
#include "tests/sim/named.h"
#include "tests/sim/orders.h"

/* ---- while it hears ---- */

struct seen_document {
    enum document_kind kind;
    char seat[SEAT_BYTES_MAX + 1];
    uint64_t term, version;
    struct hash listing; /* the document that lists the seat */
};

struct watching {
    struct seen_document *documents;
    struct note_head *notes;
    enum hash_context *contexts;
    struct hash *told;
    size_t document_count, note_count, told_count;
    struct buffer cursor;
    bool began;
};

struct watching *watching_new(void)
{
    return mem_alloc(sizeof(struct watching));
}

void watching_free(struct watching *watching)
{
    free(watching->documents);
    free(watching->notes);
    free(watching->contexts);
    free(watching->told);
    buffer_free(&watching->cursor);
    free(watching);
}

/* Not as long as the same document above says who may sign, unless it was frozen. */
static bool document_goes_back(struct watching *watching, const struct tree *tree,
                               const struct held_document *held)
{
    const struct seat *owner = tree_seat(tree, span_of_text(held->seat));
    struct hash listing = owner == NULL ? hash_zero : tree_listing_of(owner)->hash;
    size_t at = 0;
    while (at < watching->document_count && (watching->documents[at].kind != held->kind ||
                                             strcmp(watching->documents[at].seat, held->seat) != 0))
        at++;
    if (at == watching->document_count) {
        watching->documents = mem_resize(watching->documents,
                                         ++watching->document_count * sizeof *watching->documents);
        watching->documents[at] = (struct seen_document){.kind = held->kind};
        snprintf(watching->documents[at].seat, sizeof watching->documents[at].seat, "%s",
                 held->seat);
    }
    struct seen_document *seen = &watching->documents[at];
    /* of orders it isn't the term that says which is newer, and one that is over bars nothing */
    bool back = held->kind != DOCUMENT_ORDER && hash_equal(&listing, &seen->listing) &&
                (held->term < seen->term ||
                 (held->term == seen->term && held->version < seen->version && !held->frozen));
    if (back)
        fprintf(stderr, "%s from %llu.%llu to %llu.%llu: ", held->seat,
                (unsigned long long)seen->term, (unsigned long long)seen->version,
                (unsigned long long)held->term, (unsigned long long)held->version);
    seen->listing = listing;
    seen->term = held->term;
    seen->version = held->version;
    return back;
}

/* Reports and tokens, of which the newest stands; what is cut off goes, and may come again. */
static bool note_goes_back(struct watching *watching, const struct tree *tree,
                           enum hash_context context, struct span note)
{
    struct note_head head;
    size_t at = 0;
    if (context == HASH_HEADS || note_read_head(note, context, &head, NULL) != ERR_OK)
        return false;
    while (at < watching->note_count && (watching->contexts[at] != context ||
                                         !key_id_equal(watching->notes[at].signer, head.signer)))
        at++;
    const struct author *author = tree_author(tree, head.signer);
    bool counts = author != NULL && seat_status_is_in_force(author->status);
    if (at == watching->note_count) {
        watching->note_count++;
        watching->notes = mem_resize(watching->notes, watching->note_count * sizeof head);
        watching->contexts =
            mem_resize(watching->contexts, watching->note_count * sizeof *watching->contexts);
        watching->contexts[at] = context;
        watching->notes[at] = head;
    }
    struct note_head *seen = &watching->notes[at];
    bool back =
        counts && (head.epoch < seen->epoch || (head.epoch == seen->epoch && head.k < seen->k));
    *seen = head;
    return back;
}

static const char *look_at_notes(struct watching *watching, const struct fresh *fresh)
{
    const struct view *view = &fresh->port.view;
    uint8_t from[NOTE_KEY_BYTES_MAX + 1] = {0};
    size_t size = 1;
    struct span key, value;
    while (view->next(view->context, TABLE_NOTES, SPAN(from, size), &key, &value) == READ_FOUND) {
        memcpy(from, key.data, key.size);
        size = key.size;
        from[size++] = 0;
        if (note_goes_back(watching, fresh_tree(fresh), (enum hash_context)from[0], value))
            return "an older note has taken a newer one's place";
    }
    return NULL;
}

/* A step that turns void, or isn't void any more, is told once more, as what it is when it is read
 * (rules.md B68). */
static bool may_turn(const struct fresh *fresh, struct span item)
{
    struct mp_reader name = mp_reader(named(item, "type"));
    const struct record_type *type =
        schema_type_named(tree_schema(fresh_tree(fresh)), mp_read_str(&name));
    return type != NULL && type->workflow != NULL;
}

/* What is told, but for where the watch goes on after it. */
static bool told_before(struct watching *watching, struct span item)
{
    static const char *const what[] = {"change", "private", "type",  "id",
                                       "seat",   "clock",   "fields"};
    struct buffer bytes = {0};
    for (size_t i = 0; i < sizeof what / sizeof *what; i++)
        buffer_append_span(&bytes, named(item, what[i]));
    struct hash hash = hash_of(HASH_BODY, span_of_buffer(&bytes));
    buffer_free(&bytes);
    for (size_t i = 0; i < watching->told_count; i++) {
        if (hash_equal(&watching->told[i], &hash))
            return true;
    }
    watching->told =
        mem_resize(watching->told, (watching->told_count + 1) * sizeof *watching->told);
    watching->told[watching->told_count++] = hash;
    return false;
}

/* What was told, was cut off then, and stands in another block that counts is told again. */
static bool may_come_back(const struct fresh *fresh, struct span seat)
{
    const struct history *history = fresh->history;
    struct mp_reader code = mp_reader(seat);
    size_t at = 0;
    for (struct span name = mp_read_str(&code); at < history->county->seat_count; at++) {
        if (span_equal(name, span_of_text(history->county->seats[at].code)))
            break;
    }
    return at < history->county->seat_count && history->key_ended[at];
}

static const char *look_at_arrivals(struct watching *watching, const struct fresh *fresh)
{
    const char *wrong = NULL;
    size_t count = 1;
    if (!watching->began)
        query_watch_oldest(&fresh->port.view, &watching->cursor);
    watching->began = true;
    while (count > 0 && wrong == NULL) {
        struct buffer out = {0};
        if (query_watch(&fresh->port.view, fresh_tree(fresh), SPAN_EMPTY, 100, &watching->cursor,
                        &out, &count, NULL) != ERR_OK)
            wrong = "a watch can't go on";
        struct mp_reader reader = mp_reader(span_of_buffer(&out));
        reader.text_keys = true;
        reader.items_max = UINT32_MAX;
        for (size_t i = 0; i < count && wrong == NULL; i++) {
            struct span item = mp_read_any(&reader);
            if (!told_before(watching, item) || may_come_back(fresh, named(item, "seat")) ||
                may_turn(fresh, item))
                continue;
            wrong = "a watch tells a thing twice";
            fprintf(stderr, "%.*s of %.*s: ", (int)named(item, "change").size,
                    (const char *)named(item, "change").data, (int)named(item, "id").size,
                    (const char *)named(item, "id").data);
        }
        buffer_free(&out);
    }
    return wrong;
}

const char *watching_look(struct watching *watching, const struct fresh *fresh)
{
    const struct tree *tree = fresh_tree(fresh);
    for (size_t i = 0; i < tree_document_count(tree); i++) {
        if (document_goes_back(watching, tree, tree_document(tree, i)))
            return "a document has gone back";
    }
    const char *wrong = look_at_notes(watching, fresh);
    return wrong != NULL ? wrong : look_at_arrivals(watching, fresh);
}

/* ---- when all have heard all ---- */

enum part { MAIN, COMPANION, PARTS };

struct here { /* of one record at one seat */
    bool entries, held;
    struct hash names, state; /* of its operations, of what they come to */
};

struct comparing {
    const struct history *history;
    const struct schema *schema;
    struct fresh *const *fresh;
    struct orders_reference *reference;
    unsigned wrong;
    size_t seat; /* that is looked at */
    struct here here[ORDERS_SEATS_MAX][ORDERS_RECORDS_MAX][PARTS];
};

static const char *code_of(const struct comparing *comparing, size_t seat)
{
    return comparing->history->county->seats[seat].code;
}

static void say(struct comparing *comparing, size_t seat, size_t record, const char *what)
{
    comparing->wrong++;
    fprintf(stderr, "%s: ", code_of(comparing, seat));
    if (record < ORDERS_RECORDS_MAX)
        fprintf(stderr, "record %zu, %s: ", record, comparing->history->records[record].type);
    fprintf(stderr, "%s\n", what);
}

/* Order plays no part: seats by name, authors by key. */
static void describe_tree(const struct comparing *comparing, const struct tree *tree,
                          struct buffer *out)
{
    const struct county *county = comparing->history->county;
    char line[200];
    for (size_t i = 0; i < county->seat_count; i++) {
        const struct seat *seat = tree_seat(tree, span_of_text(county->seats[i].code));
        const struct held_document *held =
            tree_find_document(tree, DOCUMENT_BRANCH, span_of_text(county->seats[i].code));
        if (seat != NULL)
            snprintf(line, sizeof line, "%s below %s: generation %u, %d, moves %llu; ",
                     seat->row.seat, seat->parent == NULL ? "-" : seat->parent->row.seat,
                     seat->row.generation, (int)seat->row.status,
                     (unsigned long long)seat->row.moves);
        else
            snprintf(line, sizeof line, "%s unknown; ", county->seats[i].code);
        buffer_append(out, (const uint8_t *)line, strlen(line));
        const struct held_document *order =
            tree_find_document(tree, DOCUMENT_ORDER, span_of_text(county->seats[i].code));
        if (order != NULL) {
            snprintf(line, sizeof line, "%s %llu %02x%02x; ", order_word(order->header.order),
                     (unsigned long long)order->version, order->hash.bytes[0],
                     order->hash.bytes[1]);
            buffer_append(out, (const uint8_t *)line, strlen(line));
        }
        if (held == NULL)
            continue;
        snprintf(line, sizeof line, "signs %llu.%llu %02x%02x%s; ", (unsigned long long)held->term,
                 (unsigned long long)held->version, held->hash.bytes[0], held->hash.bytes[1],
                 held->frozen ? " frozen" : "");
        buffer_append(out, (const uint8_t *)line, strlen(line));
    }
}

static void compare_trees(struct comparing *comparing)
{
    struct buffer wanted = {0}, here = {0};
    describe_tree(comparing, comparing->history->county->tree, &wanted);
    for (size_t i = 0; i < comparing->history->county->seat_count; i++) {
        if (comparing->fresh[i] == NULL || comparing->fresh[i]->locked_out)
            continue;
        buffer_clear(&here);
        describe_tree(comparing, fresh_tree(comparing->fresh[i]), &here);
        if (span_equal(span_of_buffer(&here), span_of_buffer(&wanted)))
            continue;
        say(comparing, i, SIZE_MAX, "its tree is another");
        fprintf(stderr, "  %.*s\n  %.*s\n", (int)here.size, (const char *)here.data,
                (int)wanted.size, (const char *)wanted.data);
    }
    buffer_free(&wanted);
    buffer_free(&here);
}

static struct here *here_of(struct comparing *comparing, uint16_t number,
                            const struct record_id *record)
{
    const struct record_type *type = schema_type(comparing->schema, number);
    enum part part = type != NULL && type->companion_of != 0 ? COMPANION : MAIN;
    for (size_t i = 0; number != 0 && i < comparing->history->record_count; i++) {
        if (memcmp(record->bytes, comparing->history->records[i].id.bytes, 16) == 0)
            return &comparing->here[comparing->seat][i][part];
    }
    return NULL;
}

static bool see_entry(void *context, const struct stream_id *stream, uint32_t seq, uint16_t type,
                      const struct record_id *record, const struct hash *digest)
{
    struct here *here = here_of(context, type, record);
    (void)stream, (void)seq, (void)digest;
    if (here != NULL)
        here->entries = true;
    return true;
}

static bool see_operations(void *context, uint16_t type, const struct record_id *record,
                           const struct hash *names)
{
    struct here *here = here_of(context, type, record);
    if (here != NULL)
        here->names = *names;
    return true;
}

static bool see_record(void *context, uint16_t type, const struct record_id *record,
                       const struct hash *state, bool deleted)
{
    struct here *here = here_of(context, type, record);
    (void)deleted;
    if (here != NULL) {
        here->held = true;
        here->state = *state;
    }
    return true;
}

static bool read_record(const struct comparing *comparing, size_t seat, size_t place,
                        struct buffer *out)
{
    const struct fresh *fresh = comparing->fresh[seat];
    const struct history_record *record = &comparing->history->records[place];
    buffer_clear(out);
    return query_record(&fresh->port.view, fresh_tree(fresh), span_of_text(record->type),
                        &record->id, out, NULL) == ERR_OK;
}

/* What the map of a record says of one of its parts; empty: it holds none. */
static struct span part_of(struct span map, enum part part)
{
    struct span private = named(map, "private");
    struct mp_reader held = mp_reader(named(private, "held"));
    if (part == MAIN)
        return map;
    return private.size > 0 && mp_read_bool(&held) ? private : SPAN_EMPTY;
}

static bool is_member(const struct comparing *comparing, struct span record, size_t seat)
{
    const struct tree *tree = comparing->history->county->tree;
    struct mp_reader reader = mp_reader(named(record, "circle"));
    struct mp_reader name = mp_reader(named(record, "circle_below"));
    const struct seat *own = tree_seat(tree, span_of_text(code_of(comparing, seat)));
    uint8_t deepest = 0; /* of a subtree: down to this tier */
    for (struct span tier = mp_read_str(&name); deepest < tree_tier_count(tree); deepest++) {
        if (span_equal(tier, span_of_text(tree_tier_name(tree, deepest))))
            break;
    }
    deepest = name.failed ? 0 : deepest;
    bool first = true;
    for (uint32_t count = mp_read_array(&reader); count > 0; count--, first = false) {
        struct span code = mp_read_str(&reader);
        const struct seat *member = tree_seat(tree, code);
        if (span_equal(code, span_of_text(own->row.seat)) ||
            (first && deepest > 0 && member != NULL && seat_is_ancestor_or_self(member, own) &&
             own->row.tier <= deepest))
            return true;
    }
    return false;
}

/* Who has left a subtree, or was in it as long as documents of a version that was signed twice
 * seemed to count, keeps what it got there; and who joined by an extension that is cut off by now,
 * what came with it (rules.md A40). */
static bool was_member(const struct comparing *comparing, struct span record, size_t seat)
{
    const struct county_seat *seats = comparing->history->county->seats;
    struct mp_reader excluded = mp_reader(named(record, "excluded"));
    bool moved = seats[seat].moved || comparing->history->pair_count > 0;
    for (; seats[seat].parent != seat; seat = seats[seat].parent)
        moved = moved || seats[seat].moved;
    return mp_read_uint(&excluded) > 0 || (moved && named(record, "circle_below").size > 0);
}

/* What its seat lacked in the county that lived isn't a matter of orders. */
static bool lived_without(const struct comparing *comparing, size_t seat, size_t place,
                          enum part part)
{
    struct world *world = comparing->history->world;
    const struct history_record *record = &comparing->history->records[place];
    struct buffer out = {0};
    bool held = world_runs(world, seat) &&
                query_record(world_view(world, seat), replica_tree(world_replica(world, seat)),
                             span_of_text(record->type), &record->id, &out, NULL) == ERR_OK &&
                part_of(span_of_buffer(&out), part).size > 0;
    buffer_free(&out);
    return !held;
}

/* Its author's record for those below it: whoever got it has gone, and brings nothing back. */
static bool made_for_those_gone(const struct comparing *comparing, struct span record, size_t seat)
{
    struct mp_reader reader = mp_reader(named(record, "circle"));
    bool author = mp_read_array(&reader) > 0 &&
                  span_equal(mp_read_str(&reader), span_of_text(code_of(comparing, seat)));
    return author && named(record, "circle_below").size > 0 && comparing->history->counts.moves > 0;
}

/* Whoever holds it first says what it is, for later orders too. */
static bool take_reference(struct comparing *comparing, size_t place, enum part part)
{
    struct orders_part *wanted = &comparing->reference->parts[place][part];
    for (size_t i = 0; !wanted->known && i < comparing->history->county->seat_count; i++) {
        const struct here *here = &comparing->here[i][place][part];
        if (comparing->fresh[i] == NULL || comparing->fresh[i]->apart || !here->held ||
            !read_record(comparing, i, place, &wanted->map) ||
            part_of(span_of_buffer(&wanted->map), part).size == 0)
            continue;
        wanted->known = true;
        wanted->names = here->names;
        wanted->state = here->state;
    }
    return wanted->known;
}

static void compare_states(struct comparing *comparing, size_t seat, size_t place, enum part part)
{
    const struct orders_part *wanted = &comparing->reference->parts[place][part];
    const struct here *here = &comparing->here[seat][place][part];
    struct buffer map = {0};
    if (!hash_equal(&here->names, &wanted->names)) {
        if (!hash_equal(&here->names, &comparing->reference->lived[seat][place][part]))
            say(comparing, seat, place, "its operations are others");
        return;
    }
    comparing->reference->equal++;
    if (!hash_equal(&here->state, &wanted->state))
        say(comparing, seat, place, "it isn't what the others hold");
    struct span circle = named(part_of(span_of_buffer(&wanted->map), part), "circle");
    if (read_record(comparing, seat, place, &map) &&
        !span_equal(named(part_of(span_of_buffer(&map), part), "circle"), circle))
        say(comparing, seat, place, "its circle is another");
    buffer_free(&map);
}

static void compare_part(struct comparing *comparing, size_t place, enum part part)
{
    if (!take_reference(comparing, place, part))
        return;
    struct span map = span_of_buffer(&comparing->reference->parts[place][part].map);
    for (size_t i = 0; i < comparing->history->county->seat_count; i++) {
        const struct here *here = &comparing->here[i][place][part];
        if (comparing->fresh[i] == NULL || comparing->fresh[i]->apart)
            continue;
        if (!is_member(comparing, part_of(map, part), i)) {
            if ((here->held || here->entries) && !was_member(comparing, map, i))
                say(comparing, i, place, "it holds of what it has no part in");
        } else if (!here->held) {
            if (!lived_without(comparing, i, place, part) &&
                !made_for_those_gone(comparing, map, i))
                say(comparing, i, place, "it lacks what it is a member of");
        } else {
            compare_states(comparing, i, place, part);
        }
    }
}

/* By the cut-off list itself. */
static bool is_cut(const struct tree *tree, const struct dot *dot, uint16_t stream, uint32_t seq)
{
    const struct author *author = tree_author(tree, dot->author);
    struct cut_off place;
    if (author == NULL || (author->status != SEAT_REVOKED && author->status != SEAT_RETIRED))
        return false;
    for (unsigned i = 0; cut_off_at(author->cut_off, i, &place); i++) {
        if (place.epoch == dot->epoch && place.stream == stream && seq < place.seq)
            return false;
    }
    return true;
}

static void check_cut(struct comparing *comparing, size_t seat, size_t place)
{
    const struct fresh *fresh = comparing->fresh[seat];
    const struct view *view = &fresh->port.view;
    const struct tree *tree = fresh_tree(fresh);
    const struct history_record *record = &comparing->history->records[place];
    const struct record_type *type =
        schema_type_named(tree_schema(tree), span_of_text(record->type));
    uint8_t key[RECORD_KEY_BYTES];
    struct record_row row;
    if (!record_key(view, type->number, &record->id, key) ||
        record_row_read(view, key, &row) != ERR_OK || !row.present)
        return;
    if (row.located) {
        struct dot dot = {.epoch = read_u32(record->id.bytes + KEY_ID_BYTES), .n = 1};
        memcpy(dot.author.bytes, record->id.bytes, KEY_ID_BYTES);
        if (is_cut(tree, &dot, row.stream, row.seq))
            say(comparing, seat, place, "what is cut off counts");
        return;
    }
    for (size_t i = 0; i < record_operation_count(row.state); i++) {
        const struct operation *op = record_operation(row.state, i);
        if (op->verdict == OPERATION_ADMITTED && is_cut(tree, &op->dot, op->stream, op->seq))
            say(comparing, seat, place, "what is cut off counts");
    }
    record_free(row.state);
}

/* What each seat had of each record in the county that lived. */
static void look_at_the_living(struct comparing *comparing)
{
    struct world *world = comparing->history->world;
    struct walk_visitor visitor = {.context = comparing, .operations = see_operations};
    for (size_t i = 0; i < comparing->history->county->seat_count; i++) {
        comparing->seat = i;
        if (world_runs(world, i))
            query_walk(world_view(world, i), replica_tree(world_replica(world, i)), &visitor, NULL);
        for (size_t place = 0; place < ORDERS_RECORDS_MAX; place++) {
            for (enum part part = MAIN; part < PARTS; part++)
                comparing->reference->lived[i][place][part] = comparing->here[i][place][part].names;
        }
    }
    memset(comparing->here, 0, sizeof comparing->here);
    comparing->reference->looked = true;
}

static void tell_finding(void *context, const struct verify_finding *finding)
{
    struct comparing *comparing = context;
    char line[320];
    snprintf(line, sizeof line, "%s: %s: %s", table_name(finding->table), finding->key,
             finding->what);
    say(comparing, comparing->seat, SIZE_MAX, line);
}

static void check_store(struct comparing *comparing, size_t seat)
{
    struct fresh *fresh = comparing->fresh[seat];
    struct key_id own = key_id_of(fresh->options.signing_key);
    struct verify_options options = {.tree_id = fresh->options.tree_id,
                                     .own = own,
                                     .seal = fresh->options.seal,
                                     .context = comparing,
                                     .finding = tell_finding};
    struct verify *verify = verify_new(&options);
    while (verify_step(verify, &fresh->port.view)) {
    }
    if (verify_counts(verify)->parked > 0 && !fresh->apart &&
        memory_store_row_count(world_store(comparing->history->world, seat), TABLE_PARKED) == 0)
        say(comparing, seat, SIZE_MAX, "something waits");
    verify_free(verify);
}

void orders_reference_free(struct orders_reference *reference)
{
    for (size_t i = 0; i < ORDERS_RECORDS_MAX; i++) {
        buffer_free(&reference->parts[i][MAIN].map);
        buffer_free(&reference->parts[i][COMPANION].map);
    }
    free(reference);
}

unsigned orders_compare(const struct history *history, struct fresh *const *fresh,
                        struct orders_reference *reference)
{
    struct comparing *comparing = mem_alloc(sizeof *comparing);
    struct walk_visitor visitor = {.context = comparing,
                                   .entry = see_entry,
                                   .operations = see_operations,
                                   .record = see_record};
    comparing->history = history;
    comparing->fresh = fresh;
    comparing->reference = reference;
    comparing->schema = tree_schema(history->county->tree);
    if (!reference->looked)
        look_at_the_living(comparing);
    compare_trees(comparing);
    for (size_t i = 0; i < history->county->seat_count; i++) {
        if (fresh[i] == NULL)
            continue;
        comparing->seat = i;
        query_walk(&fresh[i]->port.view, fresh_tree(fresh[i]), &visitor, NULL);
        check_store(comparing, i);
        for (size_t place = 0; place < history->record_count; place++)
            check_cut(comparing, i, place);
    }
    for (size_t place = 0; place < history->record_count; place++) {
        if (!history->records[place].made)
            continue;
        compare_part(comparing, place, MAIN);
        compare_part(comparing, place, COMPANION);
    }
    unsigned wrong = comparing->wrong;
    free(comparing);
    return wrong;
}
