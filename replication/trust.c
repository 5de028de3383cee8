/* What the documents' word on a key does to what it has signed (rules.md 4, A6, A25-A27).
 *
 *     counts    the key is in force, or the place lies below its cut-off
 *     cut       behind the cut-off: excluded, whatever else it is
 *     pending   no document in force names the key: it waits
 *
 * When a document changes the answer for an author, every record that holds an operation of his is
 * folded anew, a bounded number a batch, and his streams are judged on from their beginning: an
 * operation may stand in two blocks, one of which counts. A row in `meta` says whose turn it still
 * is, so that a restart goes on. What leaned on his operations follows, since a record is folded as
 * a whole. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replication/notes.h"
#include "replication/trust.h"

enum {
    AUTHORS_A_BATCH = 512, /* compared with what they were judged by */
    RECORDS_A_BATCH = 512, /* looked at */
    REFOLDS_A_BATCH = 32,  /* folded anew */
    WHO_KEY_BYTES = 4,
};

struct trust_work {
    bool looking;       /* authors are compared, from `who` on */
    uint32_t who;       /* local number */
    bool found;         /* some author is due */
    struct key_id *due; /* owned; sorted */
    size_t due_count;
    uint8_t from[RECORD_KEY_BYTES + 1]; /* records are looked at from here on */
    size_t from_size;                   /* 0: nothing is due */
};

/* ---- one place ---- */

/* Whether an entry of branch `branch` lies on the way to the block that ends at `end` with this
 * hash; or may still, since that isn't here yet. */
static bool leads_to(const struct view *view, const struct branches *branches, uint8_t branch,
                     uint32_t seq, uint32_t end, const struct hash *hash)
{
    bool open = false;
    for (uint8_t i = 0; i < BRANCHES_MAX; i++) {
        if (!branches->present[i])
            continue;
        bool through = branch_where(branches, i, seq) == branch;
        if (branch_end(&branches->rows[i]) < end)
            open |= through;
        else if (branch_has(view, branches, i, end, SPAN_OF_ARRAY(hash->bytes)))
            return through;
    }
    return open;
}

enum trust trust_at(const struct view *view, const struct tree *tree,
                    const struct author_epoch *author, uint16_t stream, uint32_t seq)
{
    struct hash hash;
    uint32_t end;
    enum trust trust = tree_trust(tree, author->author, author->epoch, stream, seq);
    if (PLANTED(CUT_OFF_IGNORED) && trust == TRUST_CUT)
        return TRUST_COUNTS;
    if (trust != TRUST_COUNTS ||
        !tree_cut_off_of(tree, author->author, author->epoch, stream, &end, &hash))
        return trust;
    struct stream_id id = {author->author, author->epoch, stream, author->branch};
    struct branches *branches = branches_read(view, &id);
    /* of what was carried here the stream itself isn't */
    if (branches->present[author->branch] &&
        !leads_to(view, branches, author->branch, seq, end, &hash))
        trust = TRUST_CUT;
    free(branches);
    return trust;
}

enum trust trust_of(struct step *step, const struct author_epoch *author, uint16_t stream,
                    uint32_t seq)
{
    return trust_at(step->view, step->replica->tree, author, stream, seq);
}

void trust_reason(struct step *step, const struct author_epoch *author, uint16_t stream,
                  char text[static TRUST_REASON_BYTES])
{
    const struct tree *tree = step->replica->tree;
    const struct author *known = tree_author(tree, author->author);
    struct hash hash;
    uint32_t end = 0;
    const char *what = known != NULL && known->status == SEAT_REVOKED ? "revoked" : "retired";
    tree_cut_off_of(tree, author->author, author->epoch, stream, &end, &hash);
    if (end == 0)
        snprintf(text, TRUST_REASON_BYTES,
                 "the key %02x%02x%02x%02x of %s is %s: nothing of %s counts",
                 author->author.bytes[0], author->author.bytes[1], author->author.bytes[2],
                 author->author.bytes[3], known == NULL ? "?" : known->seat->row.seat, what,
                 "this stream");
    else
        snprintf(text, TRUST_REASON_BYTES,
                 "the key %02x%02x%02x%02x of %s is %s: this stream counts to place %u",
                 author->author.bytes[0], author->author.bytes[1], author->author.bytes[2],
                 author->author.bytes[3], known == NULL ? "?" : known->seat->row.seat, what, end);
}

/* ---- authors whose standing has changed ---- */

static struct judged_row judged_of(const struct tree *tree, struct key_id id)
{
    const struct author *author = tree_author(tree, id);
    struct judged_row row = {0};
    if (author == NULL) {
        row.size = 1;
        row.judged[0] = 'P';
    } else if (!seat_status_is_in_force(author->status)) {
        struct hash hash = hash_of(HASH_BODY, author->cut_off);
        row.size = sizeof row.judged;
        row.judged[0] = author->status == SEAT_REVOKED ? 'R' : 'C';
        memcpy(row.judged + 1, hash.bytes, HASH_BYTES);
    }
    return row;
}

/* Nobody listed him when these links compared what they hold: what is here of his goes out now, his
 * notes too. */
static void queue_all_of(struct step *step, struct key_id author)
{
    struct stream_row *row = mem_alloc(sizeof *row);
    struct stream_id id;
    for (uint64_t cursor = 0; stream_row_next(step->view, &cursor, &id, row);) {
        if (key_id_equal(id.author, author) && row->head.seq > 0)
            cursors_head_moved(step, &id, row, NULL);
    }
    free(row);
    for (struct session *session = step->replica->sessions; session != NULL;
         session = session->hh.next) {
        if (session->state == SESSION_LIVE)
            notes_summary(step, session);
    }
}

static void compare_author(struct step *step, struct key_id id)
{
    struct trust_work *work = step->replica->trust;
    const struct author *author = tree_author(step->replica->tree, id);
    struct judged_row now = judged_of(step->replica->tree, id), before;
    judged_row_read(step->view, id, &before);
    if (author != NULL)
        author_key_keep(step->updates, author);
    bool same = now.size == before.size && memcmp(now.judged, before.judged, now.size) == 0;
    work->found |= before.due || !same;
    if (same)
        return;
    now.due = true;
    judged_row_write(step->updates, id, &now);
    if (author != NULL && before.size > 0 && before.judged[0] == 'P')
        queue_all_of(step, id);
    if (author != NULL)
        fork_ask_named(step, author);
    updates_trace(step->updates, "%s%02x%02x is judged anew",
                  author == NULL ? "" : author->seat->row.seat, id.bytes[0], id.bytes[1]);
}

static int compare_ids(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct key_id));
}

static bool is_due(const struct trust_work *work, struct key_id id)
{
    return bsearch(&id, work->due, work->due_count, sizeof id, compare_ids) != NULL;
}

static void gather_due(struct step *step)
{
    struct trust_work *work = step->replica->trust;
    uint8_t from[AUTHOR_ROW_KEY_BYTES + 1];
    size_t size = 0, capacity = 0;
    struct key_id id;
    struct judged_row row;
    work->due_count = 0;
    free(work->due);
    work->due = NULL;
    while (judged_row_next(step->view, from, &size, &id)) {
        if (!judged_row_read(step->view, id, &row) || !row.due)
            continue;
        if (work->due_count == capacity) {
            capacity = capacity * 2 + 4;
            work->due = mem_resize(work->due, capacity * sizeof *work->due);
        }
        work->due[work->due_count++] = id;
    }
    if (work->due_count > 0)
        qsort(work->due, work->due_count, sizeof *work->due, compare_ids);
    work->from_size = work->due_count > 0;
    work->from[0] = 0;
}

/* True when all are compared. */
static bool look_on(struct step *step)
{
    struct trust_work *work = step->replica->trust;
    for (unsigned i = 0; i < AUTHORS_A_BATCH; i++) {
        uint8_t key[WHO_KEY_BYTES + 1];
        struct span found, value;
        struct key_id id;
        write_u32(key, (uint32_t)'n' << 24 | work->who);
        if (work->who >> 24 != 0 ||
            step->view->next(step->view->context, TABLE_WHO, SPAN(key, WHO_KEY_BYTES), &found,
                             &value) != READ_FOUND ||
            found.size != WHO_KEY_BYTES || found.data[0] != 'n')
            return true;
        work->who = (read_u32(found.data) & 0xffffff) + 1;
        if (value.size >= KEY_ID_BYTES) {
            memcpy(id.bytes, value.data, KEY_ID_BYTES);
            compare_author(step, id);
        }
    }
    return false;
}

/* ---- their records ---- */

static bool holds_due(struct step *step, const struct record_id *id, const struct record_row *row)
{
    const struct trust_work *work = step->replica->trust;
    if (row->located || is_due(work, record_id_author(id).author))
        return is_due(work, record_id_author(id).author);
    for (size_t i = 0; row->state != NULL && i < record_operation_count(row->state); i++) {
        if (is_due(work, record_operation(row->state, i)->dot.author))
            return true;
    }
    return false;
}

/* True when all are looked at. */
static bool records_on(struct step *step)
{
    struct trust_work *work = step->replica->trust;
    unsigned refolds = 0;
    for (unsigned i = 0; i < RECORDS_A_BATCH && refolds < REFOLDS_A_BATCH; i++) {
        struct span key, value;
        struct record_row row = {0};
        struct record_id id;
        uint16_t type;
        if (step->view->next(step->view->context, TABLE_RECORDS, SPAN(work->from, work->from_size),
                             &key, &value) != READ_FOUND ||
            key.size > RECORD_KEY_BYTES)
            return true;
        memcpy(work->from, key.data, key.size);
        work->from[key.size] = 0;
        work->from_size = key.size + 1;
        if (key.size != RECORD_KEY_BYTES ||
            !record_key_parse(step->view, SPAN(work->from, RECORD_KEY_BYTES), &type, &id) ||
            record_row_read(step->view, work->from, &row) != ERR_OK)
            continue;
        bool due = holds_due(step, &id, &row);
        record_free(row.state);
        if (due && !PLANTED(CUT_OFF_NOT_REFOLDED))
            refold_again(step, type, &id);
        refolds += due;
    }
    return false;
}

/* All that these authors wrote is judged once more where it stands in the log. */
static void judge_streams(struct step *step)
{
    struct trust_work *work = step->replica->trust;
    struct stream_row *row = mem_alloc(sizeof *row);
    struct stream_id id;
    for (uint64_t cursor = 0; stream_row_next(step->view, &cursor, &id, row);) {
        struct located_entry at = {
            .author = stream_author(&id), .stream = id.number, .seq = row->from};
        if (is_due(work, id.author) && branch_end(row) > row->from && !row->cutting)
            parked_stream_from(step, &at);
    }
    free(row);
}

static void finish(struct step *step)
{
    struct trust_work *work = step->replica->trust;
    judge_streams(step);
    for (size_t i = 0; i < work->due_count; i++) {
        struct judged_row row;
        notes_drop_cut(step, work->due[i]);
        if (judged_row_read(step->view, work->due[i], &row)) {
            row.due = false;
            judged_row_write(step->updates, work->due[i], &row);
        }
    }
    updates_trace(step->updates, "%zu authors are judged anew", work->due_count);
    parked_sweep(step);
    step->replica->streams_at_tick = 0; /* at once: what comes meanwhile waits behind them */
    free(work->due);
    work->due = NULL;
    work->due_count = work->from_size = 0;
}

void trust_look(struct replica *replica)
{
    if (replica->trust == NULL)
        replica->trust = mem_alloc(sizeof *replica->trust);
    replica->trust->looking = true;
    replica->trust->who = 0;
}

void trust_author_changed(struct step *step, struct key_id id)
{
    struct judged_row row = judged_of(step->replica->tree, id);
    if (row.size == 0)
        return;
    row.due = true;
    judged_row_write(step->updates, id, &row);
    trust_look(step->replica);
}

void trust_free(struct replica *replica)
{
    if (replica->trust == NULL)
        return;
    free(replica->trust->due);
    free(replica->trust);
    replica->trust = NULL;
}

void trust_go_on(struct step *step)
{
    struct replica *replica = step->replica;
    struct trust_work *work = replica->trust;
    if (work == NULL)
        return;
    if (work->looking) {
        work->looking = !look_on(step);
        if (!work->looking && work->found)
            gather_due(step);
    } else if (work->from_size > 0 && records_on(step)) {
        finish(step);
        work->found = false;
    }
    if (work->looking || work->from_size > 0)
        replica->deadline_tick = step->tick_ms;
    else
        trust_free(replica);
}
