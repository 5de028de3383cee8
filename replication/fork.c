/* Forks: two different blocks, both signed by one key, at one place of one stream.
 *
 * Both branches are kept and folded; of more than two, at the stream's first fork the two with the
 * lowest hashes, at every later one the lowest (rules.md B13). More blocks can only push others
 * out, so whoever has seen the same blocks keeps the same ones, in whatever order they came. What
 * is pushed out leaves block by block (refold.c). */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replication/core.h"
#include "replication/format/block_parts.h"

enum { PROOF_KEY_BYTES = 1 + KEY_ID_BYTES + 4 };
enum {
    PROOF_FORM = BLOCK_HAS_STREAM | BLOCK_HAS_PLACE | BLOCK_HAS_CLOCK | BLOCK_HAS_ROOT |
                 BLOCK_HAS_PAYLOAD_HASH | BLOCK_HAS_NO_PAYLOAD
};

/* ---- a block that comes in ---- */

enum error_code fork_find_place(const struct view *view, const struct block_prefix *prefix,
                                struct span bytes, struct event *event, struct stream_head *head)
{
    struct block_parts parts;
    struct stream_id *stream = &event->message.stream;
    enum error_code code = ERR_OK;
    uint8_t branch = 0;
    if (block_parts_read(bytes, &parts, NULL) != ERR_OK)
        return ERR_MALFORMED;
    struct branches *branches = branches_read(view, stream);
    switch (
        branch_place(view, branches, prefix->seq, &prefix->previous, parts.signature, &branch)) {
    case BRANCH_NEXT: *head = branches->rows[branch].head; break;
    case BRANCH_HELD: code = ERR_STALE; break;
    case BRANCH_BESIDE:
        event->message.beside = true;
        *head = (struct stream_head){.seq = prefix->seq, .hash = prefix->previous};
        break;
    case BRANCH_UNKNOWN:
        code = branches->rows[0].forked || prefix->seq <= branches->rows[0].head.seq ? ERR_FORK
                                                                                     : ERR_PARKED;
        break;
    }
    stream->branch = branch;
    free(branches);
    return code;
}

/* The same header under another signature is the same block. */
bool fork_is_held(const struct view *view, struct event *event)
{
    const struct prepared_block *block = event->message.block;
    struct stream_id *stream = &event->message.stream;
    struct branches *branches = branches_read(view, stream);
    bool held = branch_holding(view, branches, stream->branch, block->header.seq, &block->hash,
                               &stream->branch);
    free(branches);
    return held;
}

/* ---- which branches stay ---- */

struct judging {
    struct step *step;
    struct branches *branches;
    uint8_t newcomer; /* its first block isn't stored yet */
    const struct hash *newcomer_hash;
    bool named; /* the author's cut-off names a block of this stream: what leads to it stays */
    uint32_t named_end;
    struct hash named_hash;
};

struct contender {
    uint8_t branch;
    struct hash hash;
};

static int lowest_first(const void *a, const void *b)
{
    return hash_compare(&((const struct contender *)a)->hash, &((const struct contender *)b)->hash);
}

static bool same_holders(const struct stream_open *a, const struct stream_open *b)
{
    if (a->class != b->class || a->holders != b->holders || a->tier != b->tier ||
        a->seat_count != b->seat_count || strcmp(a->sealed_to, b->sealed_to) != 0)
        return false;
    for (size_t i = 0; i < a->seat_count; i++) {
        if (strcmp(a->seats[i], b->seats[i]) != 0)
            return false;
    }
    return true;
}

static uint8_t root_of(const struct branches *branches, uint8_t branch)
{
    for (unsigned step = 0; step < BRANCHES_MAX && branches->rows[branch].from > 0; step++)
        branch = branches->rows[branch].parent;
    return branch;
}

/* Openings of one number for different holders are streams of their own: who isn't among the
 * holders of one must not judge by it. A family is named by its first root. */
static uint8_t family_of(const struct branches *branches, uint8_t branch)
{
    uint8_t root = root_of(branches, branch);
    for (uint8_t i = 0; i < root; i++) {
        if (branches->present[i] && branches->rows[i].from == 0 &&
            same_holders(&branches->rows[i].open, &branches->rows[root].open))
            return i;
    }
    return root;
}

static bool stays(const struct branches *branches, uint8_t branch)
{
    return branches->present[branch] &&
           branch_end(&branches->rows[branch]) > branches->rows[branch].from;
}

static bool hash_behind(const struct judging *judging, uint8_t branch, uint32_t seq,
                        struct hash *hash)
{
    if (branch == judging->newcomer && seq == judging->branches->rows[branch].from) {
        *hash = *judging->newcomer_hash;
        return true;
    }
    return branch_block_hash(judging->step->view, judging->branches, branch, seq, hash);
}

/* The blocks that stand at `seq` behind `parent`, of one family. */
static size_t contenders_at(const struct judging *judging, uint8_t parent, uint32_t seq,
                            struct contender list[static BRANCHES_MAX + 1])
{
    const struct branches *branches = judging->branches;
    size_t count = 0;
    uint8_t family = family_of(branches, parent);
    for (uint8_t i = 0; i < BRANCHES_MAX; i++) {
        const struct stream_row *row = &branches->rows[i];
        bool onwards = i == parent && branch_end(row) > seq;
        bool leaves = i > 0 && i != parent && row->from == seq &&
                      (seq == 0 ? family_of(branches, i) == family : row->parent == parent);
        struct contender *contender = &list[count];
        if (!stays(branches, i) || (!onwards && !leaves) ||
            !hash_behind(judging, i, seq, &contender->hash))
            continue;
        contender->branch = i;
        count++;
    }
    return count;
}

static uint32_t first_fork(const struct judging *judging, uint8_t family)
{
    const struct branches *branches = judging->branches;
    struct contender list[BRANCHES_MAX + 1];
    uint32_t first = UINT32_MAX;
    if (contenders_at(judging, family, 0, list) > 1)
        return 0;
    for (uint8_t i = 1; i < BRANCHES_MAX; i++) {
        uint32_t from = branches->rows[i].from;
        if (stays(branches, i) && from > 0 && from < first && family_of(branches, i) == family)
            first = from;
    }
    return first;
}

static void displace(struct branches *branches, uint8_t branch, uint32_t from)
{
    struct stream_row *row = &branches->rows[branch];
    if (!row->cutting || from < row->cut)
        row->cut = from;
    row->cutting = true;
    for (uint8_t i = 1; i < BRANCHES_MAX; i++) { /* what leaves it behind there goes with it */
        const struct stream_row *child = &branches->rows[i];
        if (branches->present[i] && i != branch && child->parent == branch && child->from > from &&
            stays(branches, i))
            displace(branches, i, child->from);
    }
}

static bool has_named(const struct judging *judging, uint8_t branch)
{
    const struct stream_row *row = &judging->branches->rows[branch];
    if (branch == judging->newcomer && row->head.seq == judging->named_end)
        return hash_equal(judging->newcomer_hash, &judging->named_hash);
    return branch_has(judging->step->view, judging->branches, branch, judging->named_end,
                      SPAN_OF_ARRAY(judging->named_hash.bytes));
}

/* Whether the block that the cut-off names lies behind this contender; or may still, while it isn't
 * here. */
static bool leads_on(const struct judging *judging, uint8_t contender, uint32_t seq)
{
    const struct branches *branches = judging->branches;
    bool may = false, here = false;
    for (uint8_t i = 0; judging->named && i < BRANCHES_MAX; i++) {
        if (!stays(branches, i))
            continue;
        bool through = branch_where(branches, i, seq) == contender;
        if (has_named(judging, i)) {
            here = true;
            if (through)
                return true;
        }
        may |= through && branch_end(&branches->rows[i]) < judging->named_end;
    }
    return may && !here;
}

static void judge_place(struct judging *judging, uint8_t parent, uint32_t seq)
{
    struct contender list[BRANCHES_MAX + 1];
    size_t count = contenders_at(judging, parent, seq, list);
    uint8_t family = family_of(judging->branches, parent);
    size_t kept = seq == first_fork(judging, family) ? BRANCHES_KEPT : 1;
    if (count > kept)
        qsort(list, count, sizeof *list, lowest_first);
    for (size_t i = kept; i < count; i++) {
        if (!leads_on(judging, list[i].branch, seq))
            displace(judging->branches, list[i].branch, seq);
    }
}

static void judge_all(struct judging *judging)
{
    struct branches *branches = judging->branches;
    for (uint8_t i = 1; i < BRANCHES_MAX; i++) {
        const struct stream_row *row = &branches->rows[i];
        if (stays(branches, i))
            judge_place(judging, row->from == 0 ? family_of(branches, i) : row->parent, row->from);
    }
}

/* ---- proof ---- */

static void write_proof(struct step *step, const struct stream_id *stream, uint32_t seq,
                        const struct prepared_block *ours, const struct prepared_block *theirs)
{
    uint8_t key[PROOF_KEY_BYTES] = {'f'};
    struct buffer value = {0}, header = {0};
    const struct prepared_block *const both[] = {ours, theirs};
    const struct stream_head nothing = {0};
    memcpy(key + 1, stream->author.bytes, KEY_ID_BYTES);
    write_u32(key + 1 + KEY_ID_BYTES, stream->epoch);
    mp_write_map(&value, 7);
    mp_write_uint(&value, 1);
    mp_write_uint(&value, stream->number);
    mp_write_uint(&value, 2);
    mp_write_uint(&value, seq);
    for (size_t i = 0; i < 2; i++) {
        mp_write_uint(&value, 3 + 2 * i);
        mp_write_bin(&value, SPAN_OF_ARRAY(both[i]->hash.bytes));
        mp_write_uint(&value, 4 + 2 * i);
        block_write(both[i], PROOF_FORM, &nothing, &header);
        mp_write_bin(&value, span_of_buffer(&header));
        buffer_clear(&header);
    }
    mp_write_uint(&value, 7);
    mp_write_uint(&value, step->wall_ms);
    updates_put(step->updates, TABLE_META, SPAN_OF_ARRAY(key), span_of_buffer(&value));
    buffer_free(&header);
    buffer_free(&value);
}

static bool read_alarm(const struct tree *tree, struct span key, struct span value,
                       struct alarm *alarm)
{
    struct mp_reader reader = mp_reader(value);
    struct mp_fields fields = mp_fields(&reader);
    uint64_t number = 0, seq = 0;
    const uint8_t *hashes[2] = {NULL, NULL};
    for (int32_t field; mp_field(&reader, &fields, &field);) {
        if (field == 1)
            number = mp_read_uint(&reader);
        else if (field == 2)
            seq = mp_read_uint(&reader);
        else if (field == 3 || field == 5)
            hashes[field / 4] = mp_read_bin_of(&reader, HASH_BYTES);
        else
            mp_read_any(&reader);
    }
    if (reader.failed || hashes[0] == NULL || hashes[1] == NULL || key.size != PROOF_KEY_BYTES)
        return false;
    struct author_epoch author = {.epoch = read_u32(key.data + 1 + KEY_ID_BYTES)};
    memcpy(author.author.bytes, key.data + 1, KEY_ID_BYTES);
    const uint8_t *a = hashes[0], *b = hashes[1];
    snprintf(alarm->text, sizeof alarm->text,
             "fork: %.60s signed two blocks at place %llu of stream %llu, %02x%02x%02x%02x and "
             "%02x%02x%02x%02x: both are kept; two machines have its key",
             label_author(tree, &author).text, (unsigned long long)seq, (unsigned long long)number,
             a[0], a[1], a[2], a[3], b[0], b[1], b[2], b[3]);
    return true;
}

/* One proof an author and epoch is enough. */
static void prove(struct step *step, const struct event *event, const struct branches *branches)
{
    const struct stream_id *stream = &event->message.stream;
    const struct prepared_block *theirs = event->message.block;
    uint8_t key[PROOF_KEY_BYTES] = {'f'};
    struct span value;
    memcpy(key + 1, stream->author.bytes, KEY_ID_BYTES);
    write_u32(key + 1 + KEY_ID_BYTES, stream->epoch);
    if (step->view->get(step->view->context, TABLE_META, SPAN_OF_ARRAY(key), &value) == READ_FOUND)
        return;
    struct prepared_block ours;
    bool open = false;
    for (uint8_t i = 0; i < BRANCHES_MAX && !open; i++) {
        const struct stream_row *row = &branches->rows[i];
        struct stream_id id = branch_of(stream, i);
        if (branches->present[i] && row->head.seq > theirs->header.seq &&
            (i == stream->branch || row->from == theirs->header.seq))
            open = block_row_open(step->view, step->replica->tree, &id, theirs->header.seq,
                                  &ours) == ERR_OK;
    }
    if (!open)
        return;
    write_proof(step, stream, theirs->header.seq, &ours, theirs);
    prepared_block_free(&ours);
    struct alarm alarm;
    if (step->view->get(step->view->context, TABLE_META, SPAN_OF_ARRAY(key), &value) ==
            READ_FOUND &&
        read_alarm(step->replica->tree, SPAN_OF_ARRAY(key), value, &alarm))
        replica_raise_alarm(step, "%s", alarm.text);
}

void fork_load_alarms(struct replica *replica, const struct view *view)
{
    uint8_t from[PROOF_KEY_BYTES + 1] = {'f'};
    size_t size = 1;
    struct span key, value;
    while (view->next(view->context, TABLE_META, SPAN(from, size), &key, &value) == READ_FOUND &&
           key.data[0] == 'f' && key.size <= PROOF_KEY_BYTES) {
        struct alarm alarm;
        if (read_alarm(replica->tree, key, value, &alarm))
            replica_add_alarm(replica, &alarm);
        memcpy(from, key.data, key.size);
        from[key.size] = 0;
        size = key.size + 1;
    }
}

/* ---- taking a branch ---- */

static uint8_t free_number(const struct branches *branches)
{
    for (uint8_t i = 1; i < BRANCHES_MAX; i++) {
        if (!branches->present[i])
            return i;
    }
    return 0;
}

/* Of a number that served another branch before. */
static void forget_cursors(struct step *step, const struct stream_id *stream)
{
    struct session *session, *next;
    HASH_ITER (hh, step->replica->sessions, session, next) {
        struct cursor *cursor = cursor_find(session, stream);
        if (cursor == NULL)
            continue;
        cursor->sent_seq = cursor->held_seq = cursor->known_seq = cursor->listed_seq = 0;
        cursor->place_needed = true;
        cursor->wanted = cursor->refused = cursor->ask_later = false;
        cursor->placed = cursor->shared = false;
    }
}

static void write_changed(struct step *step, const struct branches *branches, uint8_t newcomer)
{
    for (uint8_t i = 0; i < BRANCHES_MAX; i++) {
        struct stream_id id = branch_of(&branches->stream, i);
        if (!branches->present[i] || i == newcomer)
            continue;
        if (i == 0 || branches->rows[i].cutting)
            stream_row_write(step->updates, &id, &branches->rows[i]);
        if (branches->rows[i].cutting)
            step->replica->cuts_due = true;
    }
}

enum error_code fork_admit(struct step *step, struct event *event, struct stream_row *row)
{
    struct stream_id *stream = &event->message.stream;
    const struct block_header *header = &event->message.block->header;
    struct branches *branches = branches_read(step->view, stream);
    uint8_t beside = stream->branch, number = free_number(branches);
    enum error_code code = number == 0 ? ERR_FULL : PLANTED(FORK_FIRST_ONLY) ? ERR_FORK : ERR_OK;
    assert(branches->present[beside]);
    step->replica->refusals.forks++;
    prove(step, event, branches);
    if (code == ERR_OK) {
        row->head = (struct stream_head){.seq = header->seq, .hash = header->previous};
        row->closed = row->forked = row->cutting = false;
        row->parent = header->seq == 0 ? 0 : beside;
        row->from = header->seq;
        branches->present[number] = true;
        branches->rows[number] = *row;
        branches->rows[number].head.seq += header->count;
        branches->rows[0].forked = true;
        struct judging judging = {step, branches, number, &event->message.block->hash};
        judging.named = tree_cut_off_of(step->replica->tree, stream->author, stream->epoch,
                                        stream->number, &judging.named_end, &judging.named_hash) &&
                        judging.named_end > 0;
        judge_all(&judging);
        code = branches->rows[number].cutting ? ERR_FORK : ERR_OK;
    }
    if (code == ERR_OK) {
        write_changed(step, branches, number);
        stream->branch = number;
        forget_cursors(step, stream);
    }
    updates_trace(step->updates, "fork of %s at %u: %s",
                  label_stream(step->replica->tree, stream).text, header->seq,
                  code == ERR_OK ? "kept" : "two lower ones are here");
    free(branches);
    return code;
}
