/* Comparing heads: first one digest over all streams that the link carries, then sixteenths of
 * the ranges that differ, then heads one by one (formats.md 6). The child asks, the parent
 * answers.
 *
 *     child: digest of all -> parent: the ranges that differ (none: equal, live)
 *     child: for each, digests of sixteenths, or heads -> parent: want, or blocks
 *
 * Both compare what they held when the comparison began; what came since is newer than that and
 * goes out when the session is live. Heads are truth, marks are hints. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "replication/core.h"

enum {
    OPEN_RANGES_MAX = 4096,
    DIGESTS_MAX = 4096, /* of one comparison: enough for two million streams */
};

static int compare_entries(const void *a, const void *b)
{
    const struct stream_entry *left = a, *right = b;
    return stream_id_compare(&left->id, &right->id);
}

void compare_free(struct session *session)
{
    free(session->compared);
    session->compared = NULL;
    session->compared_count = 0;
}

static struct hash head_hash(const struct stream_entry *entry)
{
    uint8_t bytes[KEY_ID_BYTES + 4 + 2 + 4 + HASH_BYTES];
    memcpy(bytes, entry->id.author.bytes, KEY_ID_BYTES);
    write_u32(bytes + 8, entry->id.epoch);
    write_u16(bytes + 12, entry->id.number);
    write_u32(bytes + 14, entry->head.seq);
    memcpy(bytes + 18, entry->head.hash.bytes, HASH_BYTES);
    return hash_of(HASH_HEAD, SPAN_OF_ARRAY(bytes));
}

/* Of a forked stream, each branch that has something of its own. */
static bool is_listed(struct step *step, const struct stream_id *id, const struct stream_row *row)
{
    if (!row->forked && id->branch == 0)
        return true;
    struct branches *branches = branches_read(step->view, id);
    bool leaf = branch_is_leaf(branches, id->branch);
    free(branches);
    return leaf;
}

/* The streams whose holders include both seats, as they stand now. */
static void gather(struct step *step, struct session *session)
{
    const struct replica *replica = step->replica;
    const struct seat *peer = session_seat(replica, session), *own = own_seat(replica);
    struct stream_row *row = mem_alloc(sizeof *row);
    struct stream_id id;
    size_t capacity = 0;
    compare_free(session);
    for (uint64_t cursor = 0; stream_row_next(step->view, &cursor, &id, row);) {
        const struct author *author = tree_author(replica->tree, id.author);
        if (author == NULL || peer == NULL || own == NULL || row->head.seq == 0 ||
            row->open.holders == HOLDERS_SELF || !stream_holds(row, author->seat, peer) ||
            !stream_holds(row, author->seat, own) || !is_listed(step, &id, row))
            continue;
        if (session->compared_count == capacity) {
            capacity = capacity * 2 + 16;
            session->compared = mem_resize(session->compared, capacity * sizeof *session->compared);
        }
        struct stream_entry *entry = &session->compared[session->compared_count++];
        *entry = (struct stream_entry){.id = id, .head = row->head, .class = row->open.class};
        entry->summand = head_hash(entry);
    }
    free(row);
    if (session->compared_count > 0) {
        qsort(session->compared, session->compared_count, sizeof *session->compared,
              compare_entries);
    }
}

/* Ranges are by key id: [low, high), an empty bin for an open end. */
struct range {
    struct span low, high;
    uint32_t streams;
    struct hash sum;
};

static bool in_range(const struct range *range, const struct key_id *id)
{
    return (range->low.size == 0 || memcmp(id->bytes, range->low.data, KEY_ID_BYTES) >= 0) &&
           (range->high.size == 0 || memcmp(id->bytes, range->high.data, KEY_ID_BYTES) < 0);
}

/* The first of what is compared that is in the range or behind it. */
static size_t first_in(const struct session *session, const struct range *range)
{
    size_t low = 0, high = range->low.size == 0 ? 0 : session->compared_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (memcmp(session->compared[middle].id.author.bytes, range->low.data, KEY_ID_BYTES) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void sum_range(const struct session *session, struct range *range)
{
    range->streams = 0;
    range->sum = hash_zero;
    for (size_t i = first_in(session, range); i < session->compared_count; i++) {
        if (!in_range(range, &session->compared[i].id.author))
            return;
        hash_add(&range->sum, &session->compared[i].summand);
        range->streams++;
    }
}

static void write_range(struct buffer *out, const struct range *range)
{
    mp_write_array(out, 4);
    mp_write_bin(out, range->low);
    mp_write_bin(out, range->high);
    mp_write_uint(out, range->streams);
    mp_write_bin(out, SPAN_OF_ARRAY(range->sum.bytes));
}

static bool read_bound(struct mp_reader *reader, struct span *bound)
{
    *bound = mp_read_bin(reader);
    return bound->size == 0 || bound->size == KEY_ID_BYTES;
}

static bool read_range(struct mp_reader *reader, struct range *range)
{
    bool formed = mp_read_array(reader) == 4 && read_bound(reader, &range->low) &&
                  read_bound(reader, &range->high);
    range->streams = (uint32_t)mp_read_uint_max(reader, UINT32_MAX);
    const uint8_t *sum = mp_read_bin_of(reader, HASH_BYTES);
    if (!formed || reader->failed) {
        mp_fail(reader);
        return false;
    }
    memcpy(range->sum.bytes, sum, HASH_BYTES);
    if (range->low.size > 0 && range->high.size > 0 && span_compare(range->low, range->high) >= 0)
        mp_fail(reader);
    return !reader->failed;
}

/* The ranges of a message ascend and don't overlap, so that it costs one look at each stream. */
static bool read_next_range(struct mp_reader *reader, struct range *range, bool first)
{
    struct span before = range->high;
    if (!read_range(reader, range))
        return false;
    if (!first &&
        (before.size == 0 || range->low.size == 0 || span_compare(before, range->low) > 0))
        mp_fail(reader);
    return !reader->failed;
}

static void settle_range(struct step *step, struct session *session, const struct range *range)
{
    for (size_t i = first_in(session, range); i < session->compared_count; i++) {
        struct stream_entry *entry = &session->compared[i];
        if (!in_range(range, &entry->id.author))
            return;
        compare_settle(step, session, entry, entry->head.seq);
    }
}

struct waiting {
    struct cursor *cursor;
    uint64_t clock;
};

static int newest_first(const void *a, const void *b)
{
    const struct waiting *left = a, *right = b;
    return (left->clock < right->clock) - (left->clock > right->clock);
}

/* Every stream that is ahead of what the peer is known to hold waits in its lane, the one with
 * the newest entry first. */
static void queue_all(struct step *step, struct session *session, const struct seat *peer)
{
    struct stream_row *row = mem_alloc(sizeof *row);
    struct waiting *waiting = NULL;
    struct stream_id id;
    size_t count = 0, capacity = 0;
    for (uint64_t at = 0; stream_row_next(step->view, &at, &id, row);) {
        const struct author *author = tree_author(step->replica->tree, id.author);
        if (author == NULL || row->open.holders == HOLDERS_SELF || row->head.seq == 0 ||
            !stream_holds(row, author->seat, peer) || !contacts_ready(step, session, row))
            continue;
        struct cursor *cursor = cursor_get(session, &id, row->open.class);
        cursor_pass_by(cursor, row);
        if (cursor->sent_seq >= row->head.seq)
            continue;
        if (count == capacity) {
            capacity = capacity * 2 + 16;
            waiting = mem_resize(waiting, capacity * sizeof *waiting);
        }
        waiting[count++] = (struct waiting){cursor, row->head.clock};
    }
    if (count > 0)
        qsort(waiting, count, sizeof *waiting, newest_first);
    for (size_t i = 0; i < count; i++)
        cursor_queue(session, waiting[i].cursor);
    free(waiting);
    free(row);
}

void compare_queue(struct step *step, struct session *session)
{
    const struct seat *peer = session_seat(step->replica, session);
    session->streams_wait = false;
    if (peer != NULL)
        queue_all(step, session, peer);
}

static void go_live(struct step *step, struct session *session)
{
    session_enter(step, session, SESSION_LIVE);
    compare_queue(step, session);
    compare_free(session);
}

static void send_digest(struct step *step, struct session *session, const struct buffer *ranges,
                        uint32_t count)
{
    struct buffer body = {0};
    mp_write_array(&body, count);
    buffer_append(&body, ranges->data, ranges->size);
    send_control(step, session, MESSAGE_DIGEST, span_of_buffer(&body));
    buffer_free(&body);
}

void compare_begin(struct step *step, struct session *session)
{
    struct range all = {0};
    struct buffer ranges = {0};
    gather(step, session);
    sum_range(session, &all);
    write_range(&ranges, &all);
    session->ranges_open = 1;
    send_digest(step, session, &ranges, 1);
    buffer_free(&ranges);
}

/* One message, or several where one author has very many streams: `last` ends the range. */
static void send_heads_message(struct step *step, const struct session *session,
                               const struct range *range, const struct buffer *lines,
                               uint32_t count, bool last)
{
    struct buffer body = {0};
    mp_write_array(&body, 4);
    mp_write_bin(&body, range->low);
    mp_write_bin(&body, range->high);
    mp_write_array(&body, count);
    buffer_append(&body, lines->data, lines->size);
    mp_write_bool(&body, last);
    send_control(step, session, MESSAGE_HEADS, span_of_buffer(&body));
    buffer_free(&body);
}

/* What the parent lacks of it, it will want: until then it counts as level with us, but nobody is
 * told so (`unsure`). */
static void send_heads(struct step *step, struct session *session, const struct range *range)
{
    struct buffer lines = {0};
    uint32_t count = 0;
    session->unsure = true;
    for (size_t i = 0; i < session->compared_count; i++) {
        struct stream_entry *entry = &session->compared[i];
        if (!in_range(range, &entry->id.author))
            continue;
        mp_write_array(&lines, 5);
        mp_write_bin(&lines, SPAN_OF_ARRAY(entry->id.author.bytes));
        mp_write_uint(&lines, entry->id.epoch);
        mp_write_uint(&lines, entry->id.number);
        mp_write_uint(&lines, entry->head.seq);
        mp_write_bin(&lines, SPAN(entry->head.hash.bytes, HEAD_HASH_BYTES));
        compare_settle(step, session, entry, entry->head.seq);
        if (++count == DIGEST_RANGE_STREAMS) {
            send_heads_message(step, session, range, &lines, count, false);
            buffer_clear(&lines);
            count = 0;
        }
    }
    send_heads_message(step, session, range, &lines, count, true);
    buffer_free(&lines);
}

static uint64_t low_of(const struct range *range)
{
    return range->low.size == 0 ? 0 : read_u64(range->low.data);
}

static uint64_t high_of(const struct range *range)
{
    return range->high.size == 0 ? UINT64_MAX : read_u64(range->high.data);
}

/* Ask again in sixteenths, cut by the first bytes of the key ids. */
static void split(struct step *step, struct session *session, const struct range *range)
{
    uint64_t low = low_of(range), high = high_of(range);
    uint64_t width = (high - low) / DIGEST_SPLIT + 1;
    struct buffer ranges = {0};
    uint32_t count = 0;
    for (uint64_t from = low; from < high; count++) {
        bool last = high - from <= width;
        uint64_t to = last ? high : from + width;
        uint8_t from_bytes[KEY_ID_BYTES], to_bytes[KEY_ID_BYTES];
        write_u64(from_bytes, from);
        write_u64(to_bytes, to);
        struct range part = {
            .low = from == low ? range->low : SPAN_OF_ARRAY(from_bytes),
            .high = last ? range->high : SPAN_OF_ARRAY(to_bytes),
        };
        sum_range(session, &part);
        write_range(&ranges, &part);
        from = to;
    }
    session->ranges_open++;
    send_digest(step, session, &ranges, count);
    buffer_free(&ranges);
}

static bool small_enough(const struct session *session, const struct range *theirs)
{
    struct range ours = *theirs;
    sum_range(session, &ours);
    return (ours.streams <= DIGEST_RANGE_STREAMS && theirs->streams <= DIGEST_RANGE_STREAMS) ||
           high_of(theirs) - low_of(theirs) <= DIGEST_SPLIT;
}

/* The child: the parent has named the ranges that differ; the others are level. */
static void child_on_digest(struct step *step, struct session *session, struct mp_reader *reader,
                            uint32_t count)
{
    struct range theirs = {0};
    for (uint32_t i = 0; i < count && !reader->failed; i++) {
        if (!read_next_range(reader, &theirs, i == 0))
            return;
        if (small_enough(session, &theirs))
            send_heads(step, session, &theirs);
        else
            split(step, session, &theirs);
    }
    mp_read_end(reader);
    if (reader->failed || --session->ranges_open > 0)
        return;
    for (size_t i = 0; i < session->compared_count; i++) {
        if (!session->compared[i].settled)
            compare_settle(step, session, &session->compared[i], session->compared[i].head.seq);
    }
    go_live(step, session);
}

/* The parent: which of these ranges differ? `ranges_open` counts those not yet listed. */
static void parent_on_digest(struct step *step, struct session *session, struct mp_reader *reader,
                             uint32_t count)
{
    struct buffer differing = {0};
    uint32_t differing_count = 0;
    struct range theirs = {0};
    for (uint32_t i = 0; i < count && !reader->failed; i++) {
        if (!read_next_range(reader, &theirs, i == 0))
            break;
        struct range ours = theirs;
        sum_range(session, &ours);
        if (ours.streams == theirs.streams && hash_equal(&ours.sum, &theirs.sum)) {
            settle_range(step, session, &ours);
        } else {
            write_range(&differing, &ours);
            differing_count++;
        }
    }
    mp_read_end(reader);
    if (!reader->failed && session->ranges_open + differing_count <= OPEN_RANGES_MAX) {
        send_digest(step, session, &differing, differing_count);
        session->ranges_open += differing_count;
        if (session->ranges_open == 0)
            go_live(step, session);
    } else {
        mp_fail(reader);
    }
    buffer_free(&differing);
}

void compare_on_digest(struct step *step, struct session *session, struct span body)
{
    struct mp_reader reader = mp_reader(body);
    uint32_t count = mp_read_array(&reader);
    bool begins = !session->uplink && session->ranges_open == 0;
    if (session->state != SESSION_COMPARING || count > DIGEST_RANGES_MAX ||
        session->digests_heard++ == DIGESTS_MAX || (session->uplink && session->ranges_open == 0)) {
        mp_fail(&reader);
    } else if (session->uplink) {
        child_on_digest(step, session, &reader, count);
    } else {
        if (begins) {
            gather(step, session);
        } else {
            session->ranges_open--; /* the one that comes in parts now */
        }
        parent_on_digest(step, session, &reader, count);
    }
    if (reader.failed)
        session_refuse(step, session, "malformed", &step->replica->refusals.malformed);
}

static void send_want(struct step *step, const struct session *session,
                      const struct stream_id *stream, uint32_t seq, unsigned form)
{
    struct buffer body = {0};
    mp_write_array(&body, 5);
    mp_write_bin(&body, SPAN_OF_ARRAY(stream->author.bytes));
    mp_write_uint(&body, stream->epoch);
    mp_write_uint(&body, stream->number);
    mp_write_uint(&body, seq);
    mp_write_uint(&body, form);
    send_control(step, session, MESSAGE_WANT, span_of_buffer(&body));
    buffer_free(&body);
}

void compare_want(struct step *step, const struct session *session, const struct stream_id *stream,
                  uint32_t seq, bool opaque)
{
    send_want(step, session, stream, seq, opaque ? 1 : 0);
}

static void take_heads(struct step *step, struct session *session, struct mp_reader *reader)
{
    uint32_t count = mp_read_array(reader);
    for (uint32_t i = 0; i < count && !reader->failed; i++) {
        struct stream_id id = {.branch = 0};
        bool formed = mp_read_array(reader) == 5;
        const uint8_t *author = mp_read_bin_of(reader, KEY_ID_BYTES);
        id.epoch = (uint32_t)mp_read_uint_max(reader, UINT32_MAX);
        id.number = (uint16_t)mp_read_uint_max(reader, STREAM_NUMBER_MAX);
        uint32_t seq = (uint32_t)mp_read_uint_max(reader, STREAM_ENTRIES_MAX);
        const uint8_t *hash = mp_read_bin_of(reader, HEAD_HASH_BYTES);
        if (!formed || reader->failed) {
            mp_fail(reader);
            return;
        }
        memcpy(id.author.bytes, author, KEY_ID_BYTES);
        compare_take_head(step, session, &id, seq, hash);
    }
}

void compare_on_heads(struct step *step, struct session *session, struct span body)
{
    struct mp_reader reader = mp_reader(body);
    struct range range = {0};
    bool formed = !session->uplink && session->state == SESSION_COMPARING &&
                  session->ranges_open > 0 && mp_read_array(&reader) == 4 &&
                  read_bound(&reader, &range.low) && read_bound(&reader, &range.high);
    if (formed)
        take_heads(step, session, &reader);
    bool last = formed && mp_read_bool(&reader);
    mp_read_end(&reader);
    if (!formed || reader.failed) {
        session_refuse(step, session, "malformed", &step->replica->refusals.malformed);
        return;
    }
    if (!last)
        return;
    for (size_t i = 0; i < session->compared_count; i++) { /* what the child doesn't have */
        struct stream_entry *entry = &session->compared[i];
        if (!entry->settled && in_range(&range, &entry->id.author))
            compare_settle_unnamed(step, session, entry);
    }
    if (--session->ranges_open == 0)
        go_live(step, session);
}

/* 'Send from here': after heads, after a refused block, from a peer that was restored. */
void compare_on_want(struct step *step, struct session *session, struct span body)
{
    struct mp_reader reader = mp_reader(body);
    struct stream_id id = {.branch = 0};
    bool formed = mp_read_array(&reader) == 5;
    const uint8_t *key = mp_read_bin_of(&reader, KEY_ID_BYTES);
    id.epoch = (uint32_t)mp_read_uint_max(&reader, UINT32_MAX);
    id.number = (uint16_t)mp_read_uint_max(&reader, STREAM_NUMBER_MAX);
    uint32_t seq = (uint32_t)mp_read_uint_max(&reader, STREAM_ENTRIES_MAX);
    uint64_t form = mp_read_uint_max(&reader, 1);
    mp_read_end(&reader);
    if (!formed || reader.failed) {
        session_refuse(step, session, "malformed", &step->replica->refusals.malformed);
        return;
    }
    memcpy(id.author.bytes, key, KEY_ID_BYTES);
    struct stream_row *row = mem_alloc(sizeof *row);
    bool held = stream_row_read(step->view, &id, row);
    bool unlisted = held && tree_author(step->replica->tree, id.author) == NULL;
    if (unlisted) {
        /* the peer knows a document that isn't here yet: what is sent then begins there */
        struct cursor *cursor = cursor_find(session, &id);
        if (cursor != NULL && seq < cursor->sent_seq) {
            cursor->sent_seq = cursor->held_seq = seq;
            cursor->listed_seq = seq < cursor->listed_seq ? seq : cursor->listed_seq;
            cursor->place_needed = true;
        }
    } else if (held && row->forked ? !fork_send_from(step, session, &id, seq, form == 1)
                                   : !held || !stream_is_for(step, session, &id, row)) {
        step->replica->refusals.not_allowed++;
    } else if (!row->forked && seq <= row->head.seq) {
        /* at the head: the next one says its place */
        struct cursor *cursor = cursor_get(session, &id, row->open.class);
        cursor->sent_seq = seq;
        cursor->held_seq = seq;
        cursor->listed_seq = seq < cursor->listed_seq ? seq : cursor->listed_seq;
        cursor->place_needed = true;
        cursor->opaque_wanted = form == 1;
        cursor_queue(session, cursor);
    }
    free(row);
}
