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

bool statement_leads_to(const struct tree *tree, struct span note, const struct seat *seat)
{
    struct heads_statement statement;
    if (statement_decode(note, &statement, NULL) != ERR_OK)
        return false;
    const struct author *signer = tree_author(tree, statement.head.signer);
    bool leads = false;
    for (size_t i = 0; signer != NULL && i < statement.stream_count && !leads; i++)
        leads = !statement.streams[i].subtree &&
                addressed(tree, signer->seat, seat, &statement.streams[i]);
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

static void take_line(const struct view *view, const struct heads_statement *statement,
                      const struct statement_stream *line, struct completeness *answer)
{
    struct stream_id stream = {statement->head.signer, statement->head.epoch, line->number};
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

static void take_statement(const struct view *view, const struct tree *tree,
                           const struct seat *self, const struct seat *author, struct span note,
                           uint64_t newest_ms, struct completeness *answer)
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
        if (addressed(tree, author, self, &statement.streams[i]))
            take_line(view, &statement, &statement.streams[i], answer);
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

void query_completeness(const struct view *view, const struct tree *tree, const char *self,
                        const struct seat *author, uint64_t freshness_ms,
                        struct completeness *answer)
{
    const struct seat *own = tree_seat(tree, span_of_text(self));
    struct key_id signer = seat_key_id(author);
    uint8_t from[NOTE_KEY_BYTES_MAX], prefix_size = 1 + KEY_ID_BYTES;
    struct span key, value;
    uint64_t newest_ms = newest_token_ms(view);
    memset(answer, 0, sizeof *answer);
    answer->state = COMPLETE_UNKNOWN;
    size_t size = note_key(from, HASH_HEADS, signer, 0);
    while (own != NULL &&
           view->next(view->context, TABLE_NOTES, SPAN(from, size), &key, &value) == READ_FOUND &&
           key.size == size && memcmp(key.data, from, prefix_size) == 0) {
        uint32_t epoch = read_u32(key.data + prefix_size);
        take_statement(view, tree, own, author, value, newest_ms, answer);
        if (epoch == UINT32_MAX)
            break;
        write_u32(from + prefix_size, epoch + 1);
    }
    if (answer->state == COMPLETE_UNKNOWN)
        return;
    if (answer->missing > 0)
        answer->state = COMPLETE_WITHHELD;
    else if (answer->as_of_ms + freshness_ms < newest_ms)
        answer->state = COMPLETE_SILENT;
}
