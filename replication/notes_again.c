/* What was refused is asked for again, once its signer is known. */
#include "replication/notes_again.h"

#include <assert.h>
#include <stdlib.h>

enum { MISSED_MAX = 512 };

struct missed_note {
    enum hash_context context;
    struct note_head head; /* its k is of no account: the newest is asked for */
};

struct notes_missed {
    struct missed_note *notes;
    uint32_t count, capacity;
    bool more; /* than MISSED_MAX */
};

void notes_missed_free(struct session *session)
{
    if (session->notes_missed != NULL)
        free(session->notes_missed->notes);
    free(session->notes_missed);
    session->notes_missed = NULL;
}

static bool is_missed(const struct notes_missed *missed, enum hash_context context,
                      const struct note_head *head)
{
    for (uint32_t i = 0; i < missed->count; i++) {
        if (missed->notes[i].context == context && missed->notes[i].head.epoch == head->epoch &&
            key_id_equal(missed->notes[i].head.signer, head->signer))
            return true;
    }
    return false;
}

void notes_miss(struct session *session, enum hash_context context, const struct note_head *head)
{
    if (session->notes_missed == NULL)
        session->notes_missed = mem_alloc(sizeof *session->notes_missed);
    struct notes_missed *missed = session->notes_missed;
    if (is_missed(missed, context, head))
        return;
    if (missed->count == MISSED_MAX) {
        missed->more = true;
        return;
    }
    if (missed->count == missed->capacity) {
        missed->capacity = missed->capacity * 2 + 2;
        missed->notes = mem_resize(missed->notes, missed->capacity * sizeof *missed->notes);
    }
    missed->notes[missed->count++] = (struct missed_note){context, *head};
}

/* Those whose signer the tree names by now; an empty list asks the peer for all that it has. */
static void ask_again(struct step *step, struct session *session)
{
    struct notes_missed *missed = session->notes_missed;
    struct buffer body = {0}, lines = {0};
    uint32_t kept = 0, wanted = 0;
    for (uint32_t i = 0; i < missed->count; i++) {
        if (tree_author(step->replica->tree, missed->notes[i].head.signer) == NULL) {
            missed->notes[kept++] = missed->notes[i];
        } else {
            note_line_write(&lines, missed->notes[i].context, &missed->notes[i].head);
            wanted++;
        }
    }
    assert(kept + wanted == missed->count);
    bool all = missed->more && wanted > 0;
    missed->count = kept;
    missed->more = missed->more && !all;
    mp_write_array(&body, all ? 0 : wanted);
    if (!all)
        buffer_append_span(&body, span_of_buffer(&lines));
    if (wanted > 0)
        send_control(step, session, MESSAGE_WANTED, span_of_buffer(&body));
    buffer_free(&body);
    buffer_free(&lines);
    if (missed->count == 0)
        notes_missed_free(session);
}

void notes_ask_again(struct step *step)
{
    struct session *session, *next;
    HASH_ITER (hh, step->replica->sessions, session, next) {
        if (session->notes_missed != NULL && session->state >= SESSION_COMPARING)
            ask_again(step, session);
    }
}
