/* Credit: how much each end of a session may send the other, class by class, in bytes and entries.
 *
 * Each side counts totals since the session began: what it has sent against what it was granted,
 * what it has got against what it has given. The receiver grants again when half a window is used;
 * who sends more than it was granted is refused. */
#include <assert.h>

#include "replication/core.h"

/* What this node gives at first; into the hello's field. */
void credit_write_hello(const struct step *step, struct session *session, struct buffer *body)
{
    const struct replica_tuning *tuning = &step->replica->options.tuning;
    uint32_t bytes = tuning_or(tuning->credit_bytes, CREDIT_BYTES);
    uint32_t entries = tuning_or(tuning->credit_entries, CREDIT_ENTRIES);
    mp_write_array(body, CLASS_COUNT);
    for (int class = 0; class < CLASS_COUNT; class ++) {
        session->lanes[class].given_bytes = bytes;
        session->lanes[class].given_entries = entries;
        mp_write_array(body, 2);
        mp_write_uint(body, bytes);
        mp_write_uint(body, entries);
    }
}

void credit_read_hello(struct mp_reader *reader, struct session *session)
{
    uint32_t lanes = mp_read_array(reader);
    for (uint32_t i = 0; i < lanes && !reader->failed; i++) {
        if (mp_read_array(reader) != 2)
            mp_fail(reader);
        uint64_t bytes = mp_read_uint_max(reader, UINT32_MAX);
        uint64_t entries = mp_read_uint_max(reader, UINT32_MAX);
        if (i < CLASS_COUNT) {
            session->lanes[i].granted_bytes = bytes;
            session->lanes[i].granted_entries = entries;
        }
    }
}

bool credit_reaches(const struct lane *lane, size_t bytes, uint32_t entries)
{
    return lane->sent_bytes + bytes <= lane->granted_bytes &&
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
    return lane->got_bytes <= lane->given_bytes && lane->got_entries <= lane->given_entries;
}

void credit_give(struct step *step, struct session *session)
{
    const struct replica_tuning *tuning = &step->replica->options.tuning;
    uint64_t bytes = tuning_or(tuning->credit_bytes, CREDIT_BYTES);
    uint64_t entries = tuning_or(tuning->credit_entries, CREDIT_ENTRIES);
    for (uint32_t class = 0; class < CLASS_COUNT; class ++) {
        struct lane *lane = &session->lanes[class];
        struct buffer body = {0};
        uint64_t gone = lane->got_entries + lane->lost_entries;
        if (lane->given_bytes - lane->got_bytes >= bytes / 2 &&
            lane->given_entries >= gone + entries / 2)
            continue;
        lane->given_bytes = lane->got_bytes + bytes;
        lane->given_entries = gone + entries;
        mp_write_uint(&body, CHANNEL_URGENT + class);
        mp_write_uint(&body, lane->given_bytes);
        mp_write_uint(&body, lane->given_entries);
        send_control(step, session, MESSAGE_CREDIT, span_of_buffer(&body));
        buffer_free(&body);
    }
}
