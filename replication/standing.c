/* Whether a verified block may stand where it says it does: who wrote its stream, for whom, and
 * whether both ends of the link that brought it are among them. The signature is not looked at
 * again; the tree is, as it is now. */
#include <string.h>

#include "replication/core.h"

/* Whether one can ever have been the other's parent: a claim that counts no longer may have counted
 * where the stream began. */
static bool were_neighbours(const struct tree *tree, const struct seat *a, const struct seat *b)
{
    return a->parent == b || b->parent == a || a->row.moves > 0 || b->row.moves > 0 ||
           tree_is_former_parent(tree, a, b) || tree_is_former_parent(tree, b, a);
}

/* A path leads from the author's seat to one end, each seat the parent or child of the next, and
 * never back. ERR_NOT_FOUND: it may, and a seat of it isn't known here: that one is asked for. */
static enum error_code path_stands(struct step *step, const struct stream_open *open,
                                   const struct author *author)
{
    const struct tree *tree = step->replica->tree;
    enum error_code code = ERR_OK;
    if (open->seat_count < 2 || strcmp(open->seats[0], author->seat->row.seat) != 0)
        return ERR_NOT_ALLOWED;
    for (size_t i = 1; i < open->seat_count; i++) {
        const struct seat *a = tree_seat(tree, span_of_text(open->seats[i - 1]));
        const struct seat *b = tree_seat(tree, span_of_text(open->seats[i]));
        if (i > 1 && strcmp(open->seats[i - 2], open->seats[i]) == 0)
            return ERR_NOT_ALLOWED;
        if (b == NULL && contacts_seek(step, span_of_text(open->seats[i])) == SEEKING_ABSENT)
            return ERR_NOT_ALLOWED;
        if (a == NULL || b == NULL)
            code = ERR_NOT_FOUND;
        else if (!were_neighbours(tree, a, b))
            return ERR_NOT_ALLOWED;
    }
    return code;
}

/* The stream of a first block, from its first entry. */
static enum error_code begin_stream(struct step *step, const struct prepared_block *block,
                                    const struct author *author, struct stream_row *row)
{
    memset(row, 0, sizeof *row);
    if (block->opaque || block->list.entries[0].kind != ENTRY_OPEN)
        return ERR_MALFORMED;
    enum error_code code = stream_open_decode(block->list.entries[0].body, &row->open, NULL);
    if (code != ERR_OK || row->open.class >= CLASS_COUNT)
        return code == ERR_OK ? ERR_MALFORMED : code;
    return row->open.holders == HOLDERS_PATH ? path_stands(step, &row->open, author) : ERR_OK;
}

/* In a sealed stream all is sealed but what says what the stream is; elsewhere nothing is. */
static enum error_code check_entries(const struct prepared_block *block,
                                     const struct stream_open *open, bool *closes)
{
    *closes = false;
    for (size_t i = 0; !block->opaque && i < block->list.count; i++) {
        const struct entry *entry = &block->list.entries[i];
        uint8_t kind = entry->kind;
        bool first = block->header.seq == 0 && i == 0, last = i + 1 == block->list.count;
        bool about_stream = entry_kind_of_stream(kind);
        if ((kind == ENTRY_OPEN) != first || (kind == ENTRY_CLOSE && !last) ||
            (entry->sealed.size > 0) != (open->sealed_to[0] != '\0' && !about_stream))
            return ERR_MALFORMED;
        *closes = kind == ENTRY_CLOSE;
    }
    return ERR_OK;
}

/* Only what holds a person's data is ever erased; of a type that isn't known here nobody can say.
 */
static bool holes_may_be(const struct step *step, const struct prepared_block *block)
{
    const struct schema *schema = tree_schema(step->replica->tree);
    for (size_t i = 0; i < block->list.count && schema != NULL; i++) {
        const struct entry *entry = &block->list.entries[i];
        if (!entry->hole && !entry->holed)
            continue;
        const struct record_type *now = schema_type(schema, entry->type);
        const struct record_type *then = schema_type_at(schema, entry->type, entry->schema_version);
        if (now != NULL && !type_is_personal(now) && (then == NULL || !type_is_personal(then)))
            return false;
    }
    return true;
}

/* Both ends of this link must be holders, and the lane must be the stream's class. */
enum error_code standing_check(struct step *step, const struct session *session,
                               const struct event *event, const struct author *author,
                               struct stream_row *row, bool *closes)
{
    const struct prepared_block *block = event->message.block;
    const struct seat *own = own_seat(step->replica);
    const struct seat *peer = session_seat(step->replica, session);
    if ((block->opaque && block->payload.size == 0) || !holes_may_be(step, block))
        return ERR_DAMAGED; /* bodies that were left out were taken, not erased */
    if (block->header.seq == 0) {
        enum error_code code = begin_stream(step, block, author, row);
        if (code != ERR_OK)
            return code;
    } else if (!stream_row_read(step->view, &event->message.stream, row)) {
        return ERR_MALFORMED;
    }
    if (event->message.beside)
        row->closed = false; /* behind the fork */
    if (own == NULL || peer == NULL || row->closed ||
        row->open.class != event->message.channel - CHANNEL_URGENT ||
        (PLANTED(OWN_PAST_LOST) && author->seat == own))
        return ERR_NOT_ALLOWED;
    if (!PLANTED(STRANGER_TRUSTED) &&
        (row->open.holders == HOLDERS_SELF || !stream_holds(row, author->seat, own) ||
         !stream_holds(row, author->seat, peer)))
        return ERR_NOT_ALLOWED;
    return check_entries(block, &row->open, closes);
}
