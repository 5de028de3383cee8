/* Signed time: tokens of the root's, and which of them are believed (rules.md B28).
 *
 * A token is the floor under every 'as of'. One wrong clock at the top must not raise it for ever:
 * a token that is further ahead than the time that has passed here, and of which our own clock
 * knows nothing either, isn't taken; and a root whose clock was put right begins a new epoch, whose
 * tokens stand above those of the old one, whatever they say. */
#include <assert.h>
#include <string.h>

#include "replication/core.h"
#include "replication/format/entry_parts.h"
#include "replication/notes.h"

static void adopt(struct replica *replica, const struct note_head *head, struct span note)
{
    struct hash hash = note_hash(note, HASH_TOKEN, &replica->options.tree_id);
    replica->token = (struct token_ref){true, head->signer, head->k, {0}};
    replica->token_epoch = head->epoch;
    memcpy(replica->token.hash8, hash.bytes, sizeof replica->token.hash8);
}

static bool is_in_force(const struct replica *replica, struct key_id signer)
{
    const struct author *author = tree_author(replica->tree, signer);
    return author != NULL && seat_status_is_in_force(author->status);
}

/* Each key of the root's that has issued tokens has its newest here; the newest of them counts. */
void token_load(struct replica *replica, const struct view *view)
{
    uint8_t from[NOTE_KEY_BYTES_MAX + 1] = {HASH_TOKEN};
    size_t size = 1;
    struct span key, value;
    while (view->next(view->context, TABLE_NOTES, SPAN(from, size), &key, &value) == READ_FOUND &&
           key.size <= NOTE_KEY_BYTES_MAX && key.data[0] == HASH_TOKEN) {
        struct note_head head;
        if (note_read_head(value, HASH_TOKEN, &head, NULL) == ERR_OK &&
            (!replica->token.present || head.k > replica->token.clock_ms))
            adopt(replica, &head, value);
        memcpy(from, key.data, key.size);
        from[key.size] = 0;
        size = key.size + 1;
    }
}

/* Tokens of keys that are in force no more would stand above those of their successor's. */
static void forget_former_signers(struct step *step)
{
    const struct view *view = step->view;
    uint8_t from[NOTE_KEY_BYTES_MAX + 1] = {HASH_TOKEN};
    size_t size = 1;
    struct span key, value;
    while (view->next(view->context, TABLE_NOTES, SPAN(from, size), &key, &value) == READ_FOUND &&
           key.size <= NOTE_KEY_BYTES_MAX && key.data[0] == HASH_TOKEN) {
        struct note_head head;
        bool gone = note_read_head(value, HASH_TOKEN, &head, NULL) == ERR_OK &&
                    !is_in_force(step->replica, head.signer);
        memcpy(from, key.data, key.size);
        size = key.size + 1;
        if (gone)
            updates_remove(step->updates, TABLE_NOTES, SPAN(from, size - 1));
        from[size - 1] = 0;
    }
}

/* What this node can know of the time: what has passed since the last token, and its own clock,
 * unless that stands before the last token. After a start nothing is known to have passed. */
static bool is_far_ahead(const struct step *step, const struct note_head *head)
{
    const struct replica *replica = step->replica;
    uint64_t last = replica->token.clock_ms;
    bool own_clock = step->wall_ms >= last;
    if (!replica->token.present)
        return false;
    if (own_clock && head->k <= step->wall_ms + TOKEN_AHEAD_MS)
        return false;
    if (replica->token_heard_tick != 0)
        return head->k > last + (step->tick_ms - replica->token_heard_tick) + TOKEN_AHEAD_MS;
    return own_clock;
}

bool token_take(struct step *step, const struct note_head *head, struct span note)
{
    struct replica *replica = step->replica;
    bool same = key_id_equal(replica->token.issuer, head->signer);
    if (is_far_ahead(step, head)) {
        replica_raise_alarm(step,
                            "the clock of %s is more than a day ahead of the time that has "
                            "passed here: its time isn't taken",
                            tree_root_seat(replica->tree)->row.seat);
        return false;
    }
    if (!same && replica->token.present && !is_in_force(replica, replica->token.issuer)) {
        forget_former_signers(step);
        replica->token.present = false;
    }
    if (same || !replica->token.present || head->k > replica->token.clock_ms) {
        adopt(replica, head, note);
        replica->token_heard_tick = step->tick_ms;
    }
    return true;
}

static void issue(struct step *step)
{
    struct replica *replica = step->replica;
    struct buffer note = {0};
    struct note_head head = {replica->key_id, replica->self.epoch, step->wall_ms};
    bool same = replica->token.present && replica->token_epoch == head.epoch &&
                key_id_equal(replica->token.issuer, head.signer);
    replica->token_at_tick = step->tick_ms;
    if (same && head.k + TOKEN_AHEAD_MS < replica->token.clock_ms) {
        replica->clock_fell = replica->epoch_passed = true;
        return;
    }
    /* never back: a clock that fell a little keeps the last token's time until it has passed it */
    if (same && head.k <= replica->token.clock_ms)
        head.k = replica->token.clock_ms + 1;
    if (head.k >= CLOCK_LIMIT)
        return; /* no time is left to tell */
    token_encode(&head, &note);
    note_sign(&note, HASH_TOKEN, &replica->options.tree_id, replica->options.signing_secret,
              replica->options.verifier);
    note_store_own(step, HASH_TOKEN, span_of_buffer(&note), &head);
    adopt(replica, &head, span_of_buffer(&note));
    buffer_free(&note);
}

void token_when_due(struct step *step)
{
    struct replica *replica = step->replica;
    uint32_t every = tuning_or(replica->options.tuning.token_every_ms, TOKEN_EVERY_MS);
    if (replica->token_at_tick == 0 || step->tick_ms >= replica->token_at_tick + every)
        issue(step);
    if (replica->token_at_tick + every < replica->deadline_tick)
        replica->deadline_tick = replica->token_at_tick + every;
}
