/* What can't be judged yet waits here, named by what it waits for.
 *
 *     1 ‖ type ‖ record ‖ dot ‖ locator   for that operation on that record
 *     2 ‖ schema version ‖ locator        for a newer schema
 *     3 ‖ locator                         for a newer program
 *     4 ‖ locator                         its stream is judged on from here
 *
 * An entry is judged again when the very operation that it waits for is folded in, and once
 * whenever the tree has changed: so a thousand entries that wait cost nobody else's record
 * anything. One author has PARKED_AN_AUTHOR_MAX of them. What comes beyond stays in the log
 * unjudged, its stream goes on from there when there is room again: no entry is lost, and
 * who parks without end stops its own streams alone. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "replication/core.h"

enum {
    PARKED_AN_AUTHOR_MAX = 256, /* a wake judges no more of one author: tens of milliseconds */
    SWEEP_A_BATCH = 64,         /* rows judged again after a change of the tree */
    STREAMS_A_BATCH = 16,       /* waiting streams tried */
    STREAM_BLOCKS_A_BATCH = 4,  /* of each that goes on */
    RETRY_MS = 100,
    DOT_BYTES = KEY_ID_BYTES + 8,
    RECORD_PREFIX_BYTES = 1 + 2 + 16 + DOT_BYTES,
    COUNT_KEY_BYTES = 1 + KEY_ID_BYTES,
};
_Static_assert((int)PARKED_KEY_BYTES_MAX == RECORD_PREFIX_BYTES + LOCATOR_BYTES_MAX, "the longest");

/* ---- how much of one author is aside ---- */

static uint32_t aside_count(struct step *step, const uint8_t key[static COUNT_KEY_BYTES])
{
    struct span value;
    return step->view->get(step->view->context, TABLE_META, SPAN(key, COUNT_KEY_BYTES), &value) ==
                       READ_FOUND &&
                   value.size == 4
               ? read_u32(value.data)
               : 0;
}

static void aside_key(uint8_t key[static COUNT_KEY_BYTES], char what, struct key_id author)
{
    key[0] = (uint8_t)what;
    memcpy(key + 1, author.bytes, KEY_ID_BYTES);
}

static void aside_set(struct step *step, const uint8_t key[static COUNT_KEY_BYTES], uint32_t count)
{
    uint8_t value[4];
    write_u32(value, count);
    if (count == 0)
        updates_remove(step->updates, TABLE_META, SPAN(key, COUNT_KEY_BYTES));
    else
        updates_put(step->updates, TABLE_META, SPAN(key, COUNT_KEY_BYTES), SPAN_OF_ARRAY(value));
}

bool aside_room(struct step *step, char what, struct key_id author, uint32_t most)
{
    uint8_t key[COUNT_KEY_BYTES];
    aside_key(key, what, author);
    uint32_t count = aside_count(step, key);
    if (count >= most)
        return false;
    aside_set(step, key, count + 1);
    return true;
}

void aside_fewer(struct step *step, char what, struct key_id author)
{
    uint8_t key[COUNT_KEY_BYTES];
    aside_key(key, what, author);
    uint32_t count = aside_count(step, key);
    aside_set(step, key, count > 0 ? count - 1 : 0);
}

static void parked_fewer(struct step *step, struct key_id author)
{
    aside_fewer(step, 'p', author);
    step->replica->streams_due = true;
}

/* ---- rows ---- */

size_t locator_write(struct step *step, const struct located_entry *located,
                     uint8_t to[static LOCATOR_BYTES_MAX])
{
    struct entry_place place = located_place(located);
    struct author_epoch author = stream_author(&place.stream);
    who_assign(step->updates, &author);
    size_t size = entry_place_locator(step->view, &place, to);
    assert(size > 0 || updates_doomed(step->updates));
    return size > 0 ? size : LOCATOR_BYTES;
}

static size_t record_prefix(uint8_t key[static RECORD_PREFIX_BYTES], uint16_t type,
                            const struct record_id *id, const struct dot *dot)
{
    key[0] = PARKED_RECORD;
    write_u16(key + 1, type);
    memcpy(key + 3, id->bytes, sizeof id->bytes);
    memcpy(key + 19, dot->author.bytes, KEY_ID_BYTES);
    write_u32(key + 19 + KEY_ID_BYTES, dot->epoch);
    write_u32(key + 23 + KEY_ID_BYTES, dot->n);
    return RECORD_PREFIX_BYTES;
}

static struct parked_key parked_key_of(struct step *step, const struct located_entry *located,
                                       enum parked_kind kind, const struct dot *dot)
{
    struct parked_key key = {.size = 1};
    const struct entry *entry = located->entry;
    key.bytes[0] = (uint8_t)kind;
    if (kind == PARKED_RECORD) {
        key.size = record_prefix(key.bytes, entry->type, &entry->record, dot);
    } else if (kind == PARKED_SCHEMA) {
        write_u32(key.bytes + 1, entry->schema_version);
        key.size = 5;
    }
    key.size += locator_write(step, located, key.bytes + key.size);
    return key;
}

static struct span span_of_key(const struct parked_key *key)
{
    return SPAN(key->bytes, key->size);
}

void parked_remove(struct step *step, const struct located_entry *located,
                   const struct parked_key *key)
{
    updates_remove(step->updates, TABLE_PARKED, span_of_key(key));
    parked_fewer(step, located_place(located).stream.author);
}

bool parked_put(struct step *step, const struct located_entry *located, enum parked_kind kind,
                const struct dot *dot, const char *reason, const struct parked_key *from)
{
    struct parked_key key = parked_key_of(step, located, kind, dot);
    struct span value;
    bool there =
        step->view->get(step->view->context, TABLE_PARKED, span_of_key(&key), &value) == READ_FOUND;
    if (from == NULL && !located->again && !PLANTED(PARKED_FORGOTTEN))
        arrival_omit(step, located);
    if (there || PLANTED(PARKED_FORGOTTEN))
        return true;
    if (from != NULL)
        updates_remove(step->updates, TABLE_PARKED, span_of_key(from));
    else if (!aside_room(step, 'p', located_place(located).stream.author, PARKED_AN_AUTHOR_MAX))
        return false;
    step->replica->none_parked = false;
    updates_put(step->updates, TABLE_PARKED, span_of_key(&key), span_of_text(reason));
    updates_trace(step->updates, "parked %s: %s",
                  label_record(step->replica->tree, &located->entry->record).text, reason);
    return true;
}

/* The first row from `from` on that begins with the prefix. */
static bool next_row(struct step *step, const struct parked_key *from, struct span prefix,
                     struct parked_key *key)
{
    struct span found, value;
    if (step->view->next(step->view->context, TABLE_PARKED, span_of_key(from), &found, &value) !=
            READ_FOUND ||
        found.size < prefix.size || found.size > PARKED_KEY_BYTES_MAX ||
        !span_equal(SPAN(found.data, prefix.size), prefix))
        return false;
    key->size = found.size;
    memcpy(key->bytes, found.data, found.size);
    return true;
}

static void pass_by(struct parked_key *key)
{
    key->bytes[key->size++] = 0;
}

/* ---- judging again ---- */

/* The block of one run of locators, kept from one to the next. */
struct again {
    struct block_cache cache;
    struct located_entry located;
};

/* `located` says where the bytes lie, if they can't be read. */
static bool open_located(struct step *step, struct span locator, struct again *again)
{
    struct entry_place place;
    again->located = (struct located_entry){0};
    if (!entry_place_parse(step->view, locator, &place))
        return false;
    again->located = (struct located_entry){
        .author = stream_author(&place.stream), .stream = place.stream.number, .seq = place.seq};
    return entry_open(&again->cache, step->view, step->replica->tree, &place, &again->located);
}

/* It stood on a branch of a forked stream that isn't kept. */
static bool has_left(struct step *step, const struct located_entry *located)
{
    struct entry_place place = located_place(located);
    struct stream_row *row = mem_alloc(sizeof *row);
    struct stream_id trunk = branch_of(&place.stream, 0);
    bool forked = stream_row_read(step->view, &trunk, row) && row->forked;
    bool held = stream_row_read(step->view, &place.stream, row) && place.seq < row->head.seq;
    free(row);
    return forked && !held;
}

/* Its arrival has a number of its own, which leaves out what of a carry entry still waits; what
 * waits of the block being applied is not forgotten. */
static enum outcome judge_late(struct step *step, const struct located_entry *located,
                               const struct parked_key *key)
{
    struct replica *replica = step->replica;
    struct entry_place place = located_place(located);
    struct buffer waits = replica->waits;
    struct stream_id arriving = replica->arriving;
    replica->waits = (struct buffer){0};
    replica->arriving = place.stream;
    enum outcome outcome = apply_judge(step, located, key);
    bool settled = !arrival_was_told(step, located, outcome) &&
                   (outcome == OUTCOME_FOLDED || outcome == OUTCOME_SETTLED);
    if (settled && !PLANTED(ARRIVAL_FORGOTTEN) && place.carried)
        arrival_put_late(step, &place);
    else if (settled && !PLANTED(ARRIVAL_FORGOTTEN))
        arrival_end(step, replica->arrivals++, &place.stream, place.seq, 1);
    buffer_free(&replica->waits);
    replica->waits = waits;
    replica->arriving = arriving;
    return outcome;
}

static enum outcome judge_row(struct step *step, const struct parked_key *key, struct again *again)
{
    struct span locator = parked_locator(span_of_key(key));
    if (locator.size == 0)
        return OUTCOME_PARKED;
    if (!open_located(step, locator, again)) {
        if (has_left(step, &again->located)) {
            parked_remove(step, &again->located, key);
            return OUTCOME_SETTLED;
        }
        return OUTCOME_PARKED; /* unreadable, or its author is unknown: it goes on waiting */
    }
    return judge_late(step, &again->located, key);
}

struct woken { /* operations folded in whose waiters are still to be judged */
    struct dot *dots;
    size_t count, capacity;
};

static void woken_add(struct woken *woken, struct dot dot)
{
    if (woken->count == woken->capacity) {
        woken->capacity = woken->capacity * 2 + 4;
        woken->dots = mem_resize(woken->dots, woken->capacity * sizeof *woken->dots);
    }
    woken->dots[woken->count++] = dot;
}

static void wake_those_for(struct step *step, uint16_t type, const struct record_id *id,
                           const struct dot *dot, struct woken *woken)
{
    struct again again = {0};
    struct parked_key from = {0}, key;
    from.size = record_prefix(from.bytes, type, id, dot);
    struct parked_key prefix = from;
    while (next_row(step, &from, span_of_key(&prefix), &key)) {
        if (judge_row(step, &key, &again) == OUTCOME_FOLDED)
            woken_add(woken, entry_dot(again.located.entry, &again.located.author));
        from = key;
        pass_by(&from);
    }
    block_cache_free(&again.cache);
}

/* Most nodes have nothing parked for long: then an entry costs no look. */
static bool nothing_waits(struct step *step)
{
    static const struct parked_key first = {.bytes = {PARKED_RECORD}, .size = 1};
    struct parked_key key;
    if (!step->replica->none_parked)
        step->replica->none_parked = !next_row(step, &first, span_of_key(&first), &key);
    return step->replica->none_parked;
}

void parked_wake(struct step *step, uint16_t type, const struct record_id *id, struct dot dot)
{
    if (nothing_waits(step) || PLANTED(PARKED_FOR_EVER))
        return;
    struct woken woken = {0};
    woken_add(&woken, dot);
    while (woken.count > 0) {
        struct dot next = woken.dots[--woken.count];
        wake_those_for(step, type, id, &next, &woken);
    }
    free(woken.dots);
}

void parked_sweep(struct step *step)
{
    if (!PLANTED(SWEEP_SKIPPED))
        step->replica->sweep = (struct parked_key){.bytes = {PARKED_RECORD}, .size = 1};
    step->replica->streams_due = true;
}

/* Some rows more of the sweep; true when there are more. */
static bool sweep_on(struct step *step)
{
    struct parked_key *from = &step->replica->sweep, key;
    struct again again = {0};
    unsigned judged = 0;
    while (judged < SWEEP_A_BATCH && next_row(step, from, SPAN_EMPTY, &key) &&
           key.bytes[0] <= PARKED_PROGRAM) {
        struct record_id id;
        *from = key;
        pass_by(from);
        if (judge_row(step, &key, &again) == OUTCOME_FOLDED) {
            uint16_t type = again.located.entry->type;
            id = again.located.entry->record;
            parked_wake(step, type, &id, entry_dot(again.located.entry, &again.located.author));
        }
        judged++;
    }
    block_cache_free(&again.cache);
    if (judged < SWEEP_A_BATCH)
        from->size = 0;
    return from->size > 0;
}

/* ---- streams that wait ---- */

static struct parked_key stream_row_key(struct step *step, const struct located_entry *located)
{
    return parked_key_of(step, located, PARKED_STREAM, NULL);
}

bool parked_stream_waits(struct step *step, const struct stream_id *stream)
{
    struct located_entry first = {.author = stream_author(stream), .stream = stream->number};
    struct parked_key from = stream_row_key(step, &first), key;
    return next_row(step, &from, SPAN(from.bytes, 1 + STREAM_KEY_BYTES), &key);
}

void parked_stream_from(struct step *step, const struct located_entry *located)
{
    struct parked_key key = stream_row_key(step, located);
    updates_put(step->updates, TABLE_PARKED, span_of_key(&key),
                span_of_text("its author has too many entries waiting"));
    updates_trace(step->updates, "parked %s from %u on",
                  label_author(step->replica->tree, &located->author).text, located->seq);
}

/* Judge on in the stream: true when the entry at `seq` and those behind it in its block are
 * done; `seq` is then after the block, else where it stops. */
static bool stream_block_on(struct step *step, struct located_entry *at)
{
    struct again again = {0};
    uint8_t locator[LOCATOR_BYTES_MAX];
    size_t size = locator_write(step, at, locator);
    bool done = open_located(step, SPAN(locator, size), &again);
    if (done) {
        const struct block_header *header = &again.cache.block->header;
        uint32_t end = header->seq + header->count, from = at->seq;
        struct stream_id stream = {at->author.author, at->author.epoch, at->stream,
                                   at->author.branch};
        uint64_t arrival = arrival_begin(step, &stream);
        for (; done && at->seq < end; at->seq += done) {
            again.located.seq = at->seq;
            again.located.entry = &again.cache.block->list.entries[at->seq - header->seq];
            again.located.digest = &again.cache.block->digests[at->seq - header->seq];
            enum outcome outcome = apply_entry_to(step, &again.located);
            done = outcome != OUTCOME_FULL;
            if (arrival_was_told(step, &again.located, outcome) || outcome == OUTCOME_KNOWN)
                arrival_omit(step, &again.located);
        }
        arrival_end(step, arrival, &stream, from, at->seq - from);
    } else if (again.cache.block != NULL && again.cache.block->opaque) {
        at->seq = again.cache.block->header.seq + again.cache.block->header.count;
        done = true;
    }
    block_cache_free(&again.cache);
    return done;
}

/* True when it got on. */
static bool stream_on(struct step *step, const struct parked_key *key)
{
    const uint8_t *locator = key->bytes + 1;
    struct located_entry at = {.stream = read_u16(locator + 3), .seq = read_u32(locator + 5)};
    struct stream_row *row = mem_alloc(sizeof *row);
    uint32_t from = at.seq;
    bool known = who_author(step->view, read_u32(locator) >> 8, &at.author);
    struct stream_id stream = {at.author.author, at.author.epoch, at.stream, at.author.branch};
    known = known && stream_row_read(step->view, &stream, row);
    for (unsigned i = 0; known && i < STREAM_BLOCKS_A_BATCH && at.seq < row->head.seq; i++) {
        if (!stream_block_on(step, &at))
            break;
    }
    if (known && at.seq != from) {
        updates_remove(step->updates, TABLE_PARKED, span_of_key(key));
        if (at.seq < row->head.seq) {
            struct parked_key next = stream_row_key(step, &at);
            updates_put(step->updates, TABLE_PARKED, span_of_key(&next),
                        span_of_text("its author has too many entries waiting"));
        }
    }
    free(row);
    return known && at.seq != from;
}

/* Some streams more of a round; while a round got anything on there is another. */
static void streams_on(struct step *step)
{
    static const uint8_t kind[] = {PARKED_STREAM};
    struct replica *replica = step->replica;
    struct parked_key *from = &replica->streams_from, key;
    if (from->size == 0) {
        *from = (struct parked_key){.bytes = {PARKED_STREAM}, .size = 1};
        replica->streams_due = false;
    }
    for (unsigned i = 0; i < STREAMS_A_BATCH; i++) {
        if (!next_row(step, from, SPAN_OF_ARRAY(kind), &key) || key.size != 1 + LOCATOR_BYTES) {
            from->size = 0;
            return;
        }
        /* past every row of this stream: one that got on stands further on in it */
        *from = key;
        memset(from->bytes + 1 + STREAM_KEY_BYTES, 0xff, 4);
        pass_by(from);
        replica->streams_due |= stream_on(step, &key);
    }
}

void parked_work(struct step *step)
{
    struct replica *replica = step->replica;
    bool more = replica->sweep.size > 0 && sweep_on(step);
    if (more)
        replica->deadline_tick = step->tick_ms;
    if (!replica->streams_due && replica->streams_from.size == 0)
        return;
    if (step->tick_ms >= replica->streams_at_tick) {
        replica->streams_at_tick = step->tick_ms + RETRY_MS;
        streams_on(step);
    }
    if ((replica->streams_due || replica->streams_from.size > 0) &&
        replica->streams_at_tick < replica->deadline_tick)
        replica->deadline_tick = replica->streams_at_tick;
}
