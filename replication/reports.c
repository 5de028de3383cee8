/* Reports in parts: asked for, sent, joined when all are here. Who lacks parts asks for a few at a
 * time, so that nobody can push any; a part counts by its hash in the signed note, so that parts of
 * two reports never mix; and what is here stays, so that a link that breaks costs nothing twice. */
#include "replication/reports.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "replication/notes.h"
#include "replication/notes_again.h"
#include "replication/trust.h"

/* Of messages 29 and 30. */
struct parts_line {
    struct note_head head;
    bool flag; /* wanted: it is the answer to the note; part: it is the last that was asked for */
};

static void line_write(struct buffer *out, uint32_t elements, const struct note_head *head,
                       bool flag)
{
    mp_write_array(out, elements);
    mp_write_bin(out, SPAN_OF_ARRAY(head->signer.bytes));
    mp_write_uint(out, head->epoch);
    mp_write_uint(out, head->k);
    mp_write_bool(out, flag);
}

static void line_read(struct mp_reader *reader, uint32_t elements, struct parts_line *line)
{
    *line = (struct parts_line){.flag = false};
    if (mp_read_array(reader) != elements)
        mp_fail(reader);
    const uint8_t *signer = mp_read_bin_of(reader, KEY_ID_BYTES);
    if (signer != NULL)
        memcpy(line->head.signer.bytes, signer, KEY_ID_BYTES);
    line->head.epoch = (uint32_t)mp_read_uint_max(reader, UINT32_MAX);
    line->head.k = mp_read_uint(reader);
    line->flag = mp_read_bool(reader);
}

enum { WANTED_ELEMENTS = 5, PART_ELEMENTS = 6 };

static bool is_same(const struct note_head *a, const struct note_head *b)
{
    return a->epoch == b->epoch && a->k == b->k && key_id_equal(a->signer, b->signer);
}

/* ---- what is here ---- */

/* The note alone, without cells: the one that counts, or the one that waits. */
static bool held_note(struct step *step, struct key_id signer, struct cell_report *report)
{
    uint8_t key[NOTE_KEY_BYTES_MAX];
    struct span note;
    size_t size = note_key(key, HASH_CELLS, signer, 0);
    *report = (struct cell_report){0};
    return step->view->get(step->view->context, TABLE_NOTES, SPAN(key, size), &note) ==
               READ_FOUND &&
           report_decode(note, report, NULL) == ERR_OK;
}

static bool waiting_note(struct step *step, struct key_id signer, struct cell_report *report)
{
    struct span note;
    *report = (struct cell_report){0};
    return report_waiting_read(step->view, signer, &note) &&
           report_decode(note, report, NULL) == ERR_OK;
}

/* The first places that are missing, `most` of them at most. */
static uint32_t missing(struct step *step, const struct cell_report *report,
                        uint32_t places[static REPORT_PARTS_ASKED_MAX])
{
    uint32_t count = 0;
    struct span part;
    for (uint32_t i = 0; i < report->part_count && count < REPORT_PARTS_ASKED_MAX; i++) {
        if (!report_part_read(step->view, report->head.signer, &report->parts[i].name, &part))
            places[count++] = i;
    }
    return PLANTED(REPORT_PARTS_EARLY) && count < report->part_count ? 0 : count;
}

static void drop_waiting(struct step *step, struct key_id signer)
{
    uint8_t key[REPORT_WAITING_KEY_BYTES];
    report_waiting_key(key, signer);
    updates_remove(step->updates, TABLE_META, SPAN_OF_ARRAY(key));
}

static bool names(const struct cell_report *report, const uint8_t name[static HASH_BYTES])
{
    for (size_t i = 0; i < report->part_count; i++) {
        if (memcmp(report->parts[i].name.bytes, name, HASH_BYTES) == 0)
            return true;
    }
    return false;
}

void reports_tidy(struct step *step, struct key_id signer)
{
    struct cell_report held, waiting;
    bool counts = held_note(step, signer, &held);
    if (waiting_note(step, signer, &waiting) && counts &&
        !note_is_newer(&waiting.head, &held.head)) {
        drop_waiting(step, signer);
        report_free(&waiting);
    }
    uint8_t key[REPORT_PART_KEY_BYTES + 1] = {'P'};
    size_t size = 1 + KEY_ID_BYTES, prefix = size;
    struct span found, part;
    memcpy(key + 1, signer.bytes, KEY_ID_BYTES);
    while (step->view->next(step->view->context, TABLE_META, SPAN(key, size), &found, &part) ==
               READ_FOUND &&
           found.size == REPORT_PART_KEY_BYTES && memcmp(found.data, key, prefix) == 0) {
        memcpy(key, found.data, REPORT_PART_KEY_BYTES);
        if (!names(&held, key + prefix) && !names(&waiting, key + prefix))
            updates_remove(step->updates, TABLE_META, SPAN(key, REPORT_PART_KEY_BYTES));
        key[REPORT_PART_KEY_BYTES] = 0;
        size = sizeof key;
    }
    report_free(&held);
    report_free(&waiting);
}

void reports_drop_cut(struct step *step, struct key_id signer)
{
    struct cell_report waiting;
    if (waiting_note(step, signer, &waiting) &&
        tree_trust_report(step->replica->tree, signer, waiting.head.epoch, waiting.head.k) !=
            TRUST_COUNTS)
        drop_waiting(step, signer);
    report_free(&waiting);
    reports_tidy(step, signer);
}

bool reports_waits_newer(struct step *step, const struct note_head *head)
{
    struct cell_report waiting;
    bool newer = waiting_note(step, head->signer, &waiting) && note_is_newer(&waiting.head, head);
    report_free(&waiting);
    return newer;
}

/* ---- taking ---- */

static uint64_t bytes_of(const struct cell_report *report)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < report->part_count; i++)
        bytes += report->parts[i].bytes;
    return bytes;
}

/* What waits of those below one child is bounded, however many keys it speaks for. */
static bool has_room(struct step *step, const struct session *session,
                     const struct cell_report *report)
{
    const struct tree *tree = step->replica->tree;
    const struct seat *above =
        session->uplink ? own_seat(step->replica) : session_seat(step->replica, session);
    uint8_t key[REPORT_WAITING_KEY_BYTES + 1] = {'Q'};
    size_t size = 1;
    uint64_t bytes = bytes_of(report);
    struct span found, note;
    while (step->view->next(step->view->context, TABLE_META, SPAN(key, size), &found, &note) ==
               READ_FOUND &&
           found.size == REPORT_WAITING_KEY_BYTES && found.data[0] == 'Q') {
        struct cell_report waiting;
        bool formed = report_decode(note, &waiting, NULL) == ERR_OK;
        memcpy(key, found.data, found.size);
        key[found.size] = 0;
        size = sizeof key;
        const struct author *signer = formed ? tree_author(tree, waiting.head.signer) : NULL;
        if (signer != NULL && above != NULL && seat_is_ancestor_or_self(above, signer->seat) &&
            !key_id_equal(waiting.head.signer, report->head.signer))
            bytes += bytes_of(&waiting);
        report_free(&waiting);
    }
    return bytes <= REPORTS_WAITING_BYTES_MAX;
}

/* No places: all is here, or nothing more of it is wanted. */
static void ask(struct step *step, const struct session *session, const struct note_head *head,
                const uint32_t *places, uint32_t count, bool answers)
{
    struct buffer body = {0};
    line_write(&body, WANTED_ELEMENTS, head, answers);
    mp_write_array(&body, count);
    for (uint32_t i = 0; i < count; i++)
        mp_write_uint(&body, places[i]);
    send_control(step, session, MESSAGE_PARTS_WANTED, span_of_buffer(&body));
    buffer_free(&body);
}

/* All parts are here. False: joined they are no report. */
static bool take_joined(struct step *step, struct span note)
{
    struct cell_report whole;
    if (!report_load(step->view, note, &whole)) {
        step->replica->refusals.malformed++;
        return false;
    }
    cells_take_report(step, &whole);
    report_free(&whole);
    return true;
}

enum report_taken reports_take(struct step *step, struct session *session, struct span note,
                               struct cell_report *report)
{
    uint32_t places[REPORT_PARTS_ASKED_MAX];
    if (report->part_count == 0) {
        cells_take_report(step, report);
        return REPORT_TAKEN;
    }
    uint32_t count = missing(step, report, places);
    if (count == 0)
        return take_joined(step, note) ? REPORT_TAKEN : REPORT_REFUSED;
    if (!has_room(step, session, report)) {
        step->replica->refusals.flood++;
        notes_miss(session, HASH_CELLS, &report->head);
        return REPORT_REFUSED;
    }
    uint8_t key[REPORT_WAITING_KEY_BYTES];
    report_waiting_key(key, report->head.signer);
    updates_put(step->updates, TABLE_META, SPAN_OF_ARRAY(key), note);
    reports_tidy(step, report->head.signer);
    updates_trace(step->updates, "report %llu waits for parts of %zu",
                  (unsigned long long)report->head.k, report->part_count);
    ask(step, session, &report->head, places, count, true);
    return REPORT_WAITS;
}

/* The last part has come: the report counts from now on, and the one before it no more. */
static void settle(struct step *step, struct session *session, const struct note_head *head)
{
    struct buffer note = {0};
    struct span waiting;
    if (report_waiting_read(step->view, head->signer, &waiting))
        buffer_append_span(&note, waiting);
    drop_waiting(step, head->signer);
    if (take_joined(step, span_of_buffer(&note)))
        note_keep(step, session, HASH_CELLS, span_of_buffer(&note), head);
    else
        reports_tidy(step, head->signer);
    ask(step, session, head, NULL, 0, false);
    if (session->notes_missed != NULL)
        notes_ask_again(step); /* there is room again */
    buffer_free(&note);
}

void reports_on_part(struct step *step, struct session *session, struct span body)
{
    struct refusals *refusals = &step->replica->refusals;
    struct mp_reader reader = mp_reader(body);
    struct parts_line line;
    struct cell_report waiting;
    line_read(&reader, PART_ELEMENTS, &line);
    uint64_t place = mp_read_uint_max(&reader, REPORT_PARTS_MAX - 1);
    struct span part = mp_read_bin(&reader);
    mp_read_end(&reader);
    if (reader.failed) {
        session_refuse(step, session, "malformed", &refusals->malformed);
        return;
    }
    if (!waiting_note(step, line.head.signer, &waiting) || !is_same(&waiting.head, &line.head)) {
        refusals->replay++; /* a newer report has overtaken it */
    } else if (place >= waiting.part_count || !report_part_fits(&waiting.parts[place], part)) {
        refusals->forged++;
    } else {
        uint8_t key[REPORT_PART_KEY_BYTES];
        uint32_t places[REPORT_PARTS_ASKED_MAX];
        report_part_key(key, line.head.signer, &waiting.parts[place].name);
        updates_put(step->updates, TABLE_META, SPAN_OF_ARRAY(key), part);
        uint32_t count = missing(step, &waiting, places);
        if (count == 0)
            settle(step, session, &line.head);
        else if (line.flag)
            ask(step, session, &line.head, places, count, false);
    }
    report_free(&waiting);
}

/* ---- giving ---- */

static bool may_have(struct step *step, const struct session *session, struct key_id signer)
{
    const struct author *author = tree_author(step->replica->tree, signer);
    const struct seat *peer = session_seat(step->replica, session);
    return session->uplink ||
           (author != NULL && peer != NULL && seat_is_ancestor_or_self(peer, author->seat));
}

/* False: it isn't here. */
static bool send_part(struct step *step, const struct session *session,
                      const struct cell_report *report, uint32_t place, bool last)
{
    struct span part;
    struct buffer body = {0};
    if (place >= report->part_count ||
        !report_part_read(step->view, report->head.signer, &report->parts[place].name, &part))
        return false;
    line_write(&body, PART_ELEMENTS, &report->head, last);
    mp_write_uint(&body, place);
    mp_write_bin(&body, part);
    updates_send(step->updates, session->link, CHANNEL_NORMAL, MESSAGE_PART, span_of_buffer(&body));
    buffer_free(&body);
    return true;
}

/* All of ours is at the parent, or nothing of it is wanted: the next one may be signed. */
static void own_is_through(struct step *step, struct session *session, bool again)
{
    session->report_in_flight = PLANTED(REPORT_STUCK) && session->report_in_flight;
    step->replica->cells_changed |= again;
}

void reports_on_wanted(struct step *step, struct session *session, struct span body)
{
    struct replica *replica = step->replica;
    struct mp_reader reader = mp_reader(body);
    struct parts_line line;
    struct cell_report held;
    uint32_t places[REPORT_PARTS_ASKED_MAX] = {0};
    line_read(&reader, WANTED_ELEMENTS, &line);
    uint32_t count = mp_read_array(&reader);
    if (count > REPORT_PARTS_ASKED_MAX)
        mp_fail(&reader);
    for (uint32_t i = 0; i < count && !reader.failed; i++)
        places[i] = (uint32_t)mp_read_uint_max(&reader, REPORT_PARTS_MAX - 1);
    mp_read_end(&reader);
    if (reader.failed) {
        session_refuse(step, session, "malformed", &replica->refusals.malformed);
        return;
    }
    if (line.flag && session->notes_in_flight > 0)
        session->notes_in_flight--;
    bool own = key_id_equal(line.head.signer, replica->key_id);
    bool same = held_note(step, line.head.signer, &held) && is_same(&held.head, &line.head) &&
                may_have(step, session, line.head.signer);
    bool sent = same;
    for (uint32_t i = 0; i < count && sent; i++)
        sent = send_part(step, session, &held, places[i], i + 1 == count);
    if (own && same && session->uplink) {
        session->report_in_flight = true;
        if (count == 0 || !sent)
            own_is_through(step, session, !sent);
    }
    report_free(&held);
}
