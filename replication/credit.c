/* Credit: how much each end of a session may send the other, class by class, in bytes and entries.
 *
 * Each side counts totals since the session began: what it has sent against what it was granted,
 * what it has got against what it has given. The receiver grants again when half a window is used;
 * who sends more than it was granted is refused. The windows of all links together are bounded, as
 * long as each lane has a block's worth: the more links, the smaller each window. */
#include <assert.h>

#include "replication/core.h"

/* What one lane may have on the way to us now. */
static uint64_t window_bytes(const struct replica *replica)
{
    uint64_t most = tuning_or(replica->options.tuning.credit_bytes, CREDIT_BYTES);
    uint64_t lanes = 2 * (uint64_t)HASH_COUNT(replica->sessions); /* normal, bulk */
    uint64_t total = 2 * most > CREDIT_TOTAL_BYTES ? 2 * most : CREDIT_TOTAL_BYTES;
    uint64_t share = total / (lanes == 0 ? 1 : lanes);
    if (share < CREDIT_BYTES_LEAST)
        share = CREDIT_BYTES_LEAST;
    return share < most ? share : most;
}

/* The window of one class; 0: it is withheld. */
static uint64_t window_of(const struct step *step, struct session *session, bool withheld,
                          uint32_t class)
{
    if (!withheld)
        return window_bytes(step->replica);
    bool trickles = step->replica->hold == HOLD_NOTHING && quota_trickles(step, session);
    return class == CLASS_URGENT && trickles ? MESSAGE_BYTES_MAX : 0;
}

/* What this node gives at first; into the hello's field. */
void credit_write_hello(struct step *step, struct session *session, struct buffer *body)
{
    const struct replica_tuning *tuning = &step->replica->options.tuning;
    bool withheld = step->replica->hold != HOLD_NOTHING || quota_withholds(step, session);
    mp_write_array(body, CLASS_COUNT);
    for (uint32_t class = 0; class < CLASS_COUNT; class ++) {
        struct lane *lane = &session->lanes[class];
        lane->given_bytes = window_of(step, session, withheld, class);
        lane->given_entries = tuning_or(tuning->credit_entries, CREDIT_ENTRIES);
        mp_write_array(body, 2);
        mp_write_uint(body, lane->given_bytes);
        mp_write_uint(body, lane->given_entries);
    }
}

/* A peer may open a wider window than our links have room for: then a part of it stays unused. */
void credit_read_hello(const struct step *step, struct session *session, struct mp_reader *reader)
{
    uint32_t tuned = step->replica->options.tuning.credit_bytes;
    uint64_t most = tuned > CREDIT_BYTES ? tuned : CREDIT_BYTES;
    uint32_t lanes = mp_read_array(reader);
    for (uint32_t i = 0; i < lanes && !reader->failed; i++) {
        if (mp_read_array(reader) != 2)
            mp_fail(reader);
        uint64_t bytes = mp_read_uint_max(reader, UINT32_MAX);
        uint64_t entries = mp_read_uint_max(reader, UINT32_MAX);
        if (i < CLASS_COUNT) {
            session->lanes[i].granted_bytes = bytes;
            session->lanes[i].granted_entries = entries;
            session->lanes[i].excess_bytes = bytes > most ? bytes - most : 0;
        }
    }
}

bool credit_reaches(const struct lane *lane, size_t bytes, uint32_t entries)
{
    return lane->sent_bytes + bytes + lane->excess_bytes <= lane->granted_bytes &&
           lane->sent_entries + entries <= lane->granted_entries;
}

void credit_spend(struct lane *lane, size_t bytes, uint32_t entries)
{
    assert(credit_reaches(lane, bytes, entries));
    lane->sent_bytes += bytes;
    lane->sent_entries += entries;
}

void credit_on_message(struct step *step, struct session *session, struct span body)
{
    struct mp_reader reader = mp_reader(body);
    uint64_t channel = mp_read_uint_max(&reader, CHANNEL_BULK);
    uint64_t bytes = mp_read_uint(&reader), entries = mp_read_uint(&reader);
    mp_read_end(&reader);
    if (reader.failed || channel < CHANNEL_URGENT) {
        session_refuse(step, session, "malformed", &step->replica->refusals.malformed);
        return;
    }
    struct lane *lane = &session->lanes[channel - CHANNEL_URGENT];
    if (bytes > lane->granted_bytes) /* totals only rise */
        lane->granted_bytes = bytes;
    if (entries > lane->granted_entries)
        lane->granted_entries = entries;
}

/* The peer has counted the entries of what is refused here too: where they can't be seen, the most
 * that a block may have are given back. */
bool credit_take(struct session *session, const struct event *event)
{
    if (event->message.channel < CHANNEL_URGENT || event->message.channel > CHANNEL_BULK)
        return false;
    struct lane *lane = &session->lanes[event->message.channel - 1];
    lane->got_bytes += event->message.body.size;
    lane->got_entries += event->message.entries;
    lane->lost_entries += event->message.entries == 0 ? BLOCK_ENTRIES_MAX : 0;
    quota_count(session, event);
    return lane->got_bytes <= lane->given_bytes && lane->got_entries <= lane->given_entries;
}

/* When what is left may not do for a block, or half a window of the usual size has come. */
static bool grant_is_due(const struct lane *lane, uint64_t window)
{
    uint64_t left = lane->given_bytes - lane->got_bytes;
    uint64_t step = (window < CREDIT_BYTES ? window : CREDIT_BYTES) / 2;
    return left < MESSAGE_BYTES_MAX || left + step < window;
}

static void give_lane(struct step *step, struct session *session, uint32_t class, uint64_t window)
{
    struct lane *lane = &session->lanes[class];
    uint64_t entries = tuning_or(step->replica->options.tuning.credit_entries, CREDIT_ENTRIES);
    uint64_t gone = lane->got_entries + lane->lost_entries;
    struct buffer body = {0};
    if (!grant_is_due(lane, window) && lane->given_entries >= gone + entries / 2)
        return;
    if (lane->given_bytes < lane->got_bytes + window)
        lane->given_bytes = lane->got_bytes + window;
    if (lane->given_entries < gone + entries)
        lane->given_entries = gone + entries;
    mp_write_uint(&body, CHANNEL_URGENT + class);
    mp_write_uint(&body, lane->given_bytes);
    mp_write_uint(&body, lane->given_entries);
    send_control(step, session, MESSAGE_CREDIT, span_of_buffer(&body));
    buffer_free(&body);
}

void credit_give(struct step *step, struct session *session)
{
    bool withheld = quota_withholds(step, session);
    for (uint32_t class = 0; class < CLASS_COUNT; class ++) {
        const struct lane *lane = &session->lanes[class];
        if (withheld &&
            (class != CLASS_URGENT || lane->given_bytes - lane->got_bytes >= MESSAGE_BYTES_MAX))
            continue;
        uint64_t window = window_of(step, session, withheld, class);
        if (window > 0)
            give_lane(step, session, class, window);
    }
}
