/* Completeness is arithmetic: an author's newest signed statement of each of its epochs lists
 * its streams and their heads; whoever holds each of those that are for it, to the listed end,
 * is complete as of the token in the statement (rules.md 6, A10). */
#include <stdlib.h>
#include <string.h>

#include "base/planted.h"
#include "replication/query/query.h"
#include "replication/rows/branches.h"

/* Whether a line of a statement is addressed to `self`. */
static bool addressed(const struct tree *tree, const struct seat *author, const struct seat *self,
                      const struct statement_stream *line)
{
    if (line->subtree)
        return self->row.tier <= line->tier && seat_is_ancestor_or_self(author, self);
    /* On the path is who stands above one of its ends, and the lowest that stands above both. An
     * end that isn't known here is below nobody here: all that is below is known. */
    const struct seat *end = tree_seat(tree, span_of_text(line->end));
    bool above_author = seat_is_ancestor_or_self(self, author);
    bool above_end = end != NULL && seat_is_ancestor_or_self(self, end);
    if (!above_author || !above_end)
        return above_author || above_end;
    for (size_t i = 0; i < self->child_count; i++) {
        const struct seat *child = self->children[i];
        if (seat_is_ancestor_or_self(child, author) && seat_is_ancestor_or_self(child, end))
            return false;
    }
    return true;
}

/* Whether a seat at or below this one was the parent of `other`, or is a child that left it. */
static bool was_beside(const struct tree *tree, const struct seat *seat, const struct seat *other)
{
    for (size_t i = 0; i < tree_moved_count(tree); i++) {
        const struct moved_seat *moved = tree_moved(tree, i);
        for (size_t k = 0; k < moved->other_count; k++) {
            const struct seat *former = tree_seat(tree, span_of_text(moved->others[k]->seat));
            if (former != NULL &&
                ((moved->seat == other && seat_is_ancestor_or_self(seat, former)) ||
                 (former == other && seat_is_ancestor_or_self(seat, moved->seat))))
                return true;
        }
    }
    return false;
}

bool statement_leads_to(const struct tree *tree, struct span note, const struct seat *seat)
{
    struct heads_statement statement;
    if (statement_decode(note, &statement, NULL) != ERR_OK)
        return false;
    const struct author *signer = tree_author(tree, statement.head.signer);
    bool leads = signer != NULL && was_beside(tree, seat, signer->seat);
    for (size_t i = 0; signer != NULL && i < statement.stream_count && !leads; i++)
        leads = !statement.streams[i].subtree &&
                addressed(tree, signer->seat, seat, &statement.streams[i]);
    for (size_t i = 0; i < statement.way_count && !leads; i++)
        leads = statement_way_is_for(&statement.ways[i], span_of_text(seat->row.seat));
    statement_free(&statement);
    return leads;
}

/* Of a forked stream: the branch that the statement means is held, or it isn't. */
static uint32_t held_on_branch(const struct view *view, const struct stream_id *stream,
                               const struct statement_stream *line)
{
    struct branches *branches = branches_read(view, stream);
    uint32_t held = 0;
    for (uint8_t i = 0; i < BRANCHES_MAX; i++) {
        uint32_t end = branches->present[i] ? branch_end(&branches->rows[i]) : 0;
        if (branch_is_leaf(branches, i) &&
            branch_has(view, branches, i, line->seq, SPAN_OF_ARRAY(line->hash.bytes))) {
            held = line->seq;
            break;
        }
        end = end < line->seq ? end : line->seq - 1;
        held = end > held ? end : held;
    }
    free(branches);
    return held;
}

static uint32_t held_of(const struct view *view, const struct stream_id *stream,
                        const struct statement_stream *line)
{
    struct stream_row *row = mem_alloc(sizeof *row);
    uint32_t held = stream_row_read(view, stream, row) ? row->head.seq : 0;
    if (row->forked && line->seq > 0)
        held = held_on_branch(view, stream, line);
    free(row);
    return held;
}

static void take_line(const struct view *view, struct key_id signer, uint32_t epoch,
                      const struct statement_stream *line, struct completeness *answer)
{
    struct stream_id stream = {signer, epoch, line->number};
    uint32_t held = held_of(view, &stream, line);
    if (held >= line->seq || PLANTED(COMPLETE_CLAIMED))
        return;
    if (answer->missing == 0) {
        answer->stream = stream;
        answer->held = held;
        answer->listed = line->seq;
    }
    answer->missing += line->seq - held;
}

static bool clock_is_far(const struct heads_statement *statement)
{
    uint64_t clock = statement->clock_ms, token = statement->token.clock_ms;
    uint64_t apart = clock > token ? clock - token : token - clock;
    /* an idle author's statement may be as much older than its token as tokens are apart */
    return statement->token.present && apart > CLOCK_SUSPECT_MS;
}

/* What the newest statement says of streams whose way has changed holds for those of former epochs
 * too: their own statements say what the tree was then. */
static bool way_has_changed(const struct heads_statement *newest, uint32_t epoch, uint16_t number)
{
    for (size_t i = 0; i < newest->way_count; i++) {
        if (newest->ways[i].epoch == epoch && newest->ways[i].number == number)
            return true;
    }
    return false;
}

static void take_ways(const struct view *view, const struct seat *self,
                      const struct heads_statement *newest, struct completeness *answer)
{
    for (size_t i = 0; i < newest->way_count; i++) {
        const struct statement_way *way = &newest->ways[i];
        struct statement_stream line = {.number = way->number, .seq = way->seq, .hash = way->hash};
        if (statement_way_is_for(way, span_of_text(self->row.seat)))
            take_line(view, newest->head.signer, way->epoch, &line, answer);
    }
}

static void take_statement(const struct view *view, const struct tree *tree,
                           const struct seat *self, const struct seat *author, struct span note,
                           const struct heads_statement *newest, uint64_t newest_ms,
                           struct completeness *answer)
{
    struct heads_statement statement;
    if (statement_decode(note, &statement, NULL) != ERR_OK)
        return;
    if (statement.token.present && statement.token.clock_ms > answer->as_of_ms &&
        statement.token.clock_ms <= newest_ms) { /* else of a wrong clock, put right since */
        answer->as_of_ms = statement.token.clock_ms;
        answer->clock_suspect = clock_is_far(&statement);
    }
    answer->state = COMPLETE_NOW;
    for (size_t i = 0; i < statement.stream_count; i++) {
        const struct statement_stream *line = &statement.streams[i];
        if (addressed(tree, author, self, line) &&
            !way_has_changed(newest, statement.head.epoch, line->number))
            take_line(view, statement.head.signer, statement.head.epoch, line, answer);
    }
    statement_free(&statement);
}

/* The newest token known here, whichever of the root's keys issued it. */
uint64_t newest_token_ms(const struct view *view)
{
    uint8_t from[NOTE_KEY_BYTES_MAX + 1] = {HASH_TOKEN};
    size_t size = 1;
    uint64_t newest = 0;
    struct span key, value;
    while (view->next(view->context, TABLE_NOTES, SPAN(from, size), &key, &value) == READ_FOUND &&
           key.size <= NOTE_KEY_BYTES_MAX && key.data[0] == HASH_TOKEN) {
        struct note_head head;
        if (note_read_head(value, HASH_TOKEN, &head, NULL) == ERR_OK && head.k > newest)
            newest = head.k;
        memcpy(from, key.data, key.size);
        from[key.size] = 0;
        size = key.size + 1;
    }
    return newest;
}

/* Visits an author's statements, one an epoch, in the order of epochs. */
static void each_statement(const struct view *view, struct key_id signer, void *context,
                           void (*visit)(void *context, struct span note))
{
    uint8_t from[NOTE_KEY_BYTES_MAX], prefix_size = 1 + KEY_ID_BYTES;
    size_t size = note_key(from, HASH_HEADS, signer, 0);
    struct span key, value;
    while (view->next(view->context, TABLE_NOTES, SPAN(from, size), &key, &value) == READ_FOUND &&
           key.size == size && memcmp(key.data, from, prefix_size) == 0) {
        uint32_t epoch = read_u32(key.data + prefix_size);
        visit(context, value);
        if (epoch == UINT32_MAX)
            break;
        write_u32(from + prefix_size, epoch + 1);
    }
}

struct statements {
    const struct view *view;
    const struct tree *tree;
    const struct seat *self, *author;
    struct buffer last;
    struct heads_statement newest;
    uint64_t newest_ms; /* the newest token */
    struct completeness *answer;
};

static void keep_last(void *context, struct span note)
{
    struct statements *statements = context;
    buffer_clear(&statements->last);
    buffer_append_span(&statements->last, note);
}

static void take_each(void *context, struct span note)
{
    struct statements *s = context;
    take_statement(s->view, s->tree, s->self, s->author, note, &s->newest, s->newest_ms, s->answer);
}

void query_completeness(const struct view *view, const struct tree *tree, const char *self,
                        const struct seat *author, uint64_t freshness_ms,
                        struct completeness *answer)
{
    struct statements statements = {.view = view,
                                    .tree = tree,
                                    .self = tree_seat(tree, span_of_text(self)),
                                    .author = author,
                                    .newest_ms = newest_token_ms(view),
                                    .answer = answer};
    struct key_id signer = seat_key_id(author);
    memset(answer, 0, sizeof *answer);
    answer->state = COMPLETE_UNKNOWN;
    if (statements.self == NULL)
        return;
    each_statement(view, signer, &statements, keep_last);
    bool known =
        statement_decode(span_of_buffer(&statements.last), &statements.newest, NULL) == ERR_OK;
    each_statement(view, signer, &statements, take_each);
    if (known)
        take_ways(view, statements.self, &statements.newest, answer);
    statement_free(&statements.newest);
    buffer_free(&statements.last);
    if (answer->state == COMPLETE_UNKNOWN)
        return;
    if (answer->missing > 0)
        answer->state = COMPLETE_WITHHELD;
    else if (answer->as_of_ms + freshness_ms < statements.newest_ms)
        answer->state = COMPLETE_SILENT;
}
