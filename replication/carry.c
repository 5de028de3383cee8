/* Circles that grow, and the entries that go with them (rules.md 2, A1-A3).
 *
 *     extension by this seat:   all that is here  ->  new members
 *     an entry comes:           the extension saw it?  then it has gone already
 *                               it saw the extension?  then its author sends it
 *                               neither                ->  new members
 *
 * Own entries of this epoch go again as they are, under the same dot; all others with their
 * author's header and a proof. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "replication/carry.h"

enum { DUE_A_BATCH = 16 };

/* ---- what a carry entry brings ---- */

static enum outcome wait_for_author(struct step *step, const struct located_entry *located,
                                    const struct parked_key *from)
{
    struct stream_id stream = {0};
    (void)carry_names(located->entry->body, &stream);
    struct dot author = {stream.author, stream.epoch, 0};
    contacts_seek_key(step, stream.author);
    return parked_put(step, located, PARKED_RECORD, &author,
                      "no document held here names the author of what it carries", from)
               ? OUTCOME_PARKED
               : OUTCOME_FULL;
}

void carry_seek_authors(struct step *step)
{
    enum { AUTHOR_AT = 1 + 2 + 16, PREFIX_BYTES = AUTHOR_AT + KEY_ID_BYTES + 8 };
    uint8_t from[PARKED_KEY_BYTES_MAX + 1] = {PARKED_RECORD};
    size_t size = 1;
    struct span key, value;
    while (step->view->next(step->view->context, TABLE_PARKED, SPAN(from, size), &key, &value) ==
               READ_FOUND &&
           key.size >= PREFIX_BYTES && key.size <= PARKED_KEY_BYTES_MAX &&
           key.data[0] == PARKED_RECORD) {
        struct key_id author;
        memcpy(from, key.data, key.size);
        from[key.size] = 0;
        size = key.size + 1;
        memcpy(author.bytes, from + AUTHOR_AT, KEY_ID_BYTES);
        if (read_u32(from + AUTHOR_AT + KEY_ID_BYTES + 4) == 0)
            contacts_seek_key(step, author);
    }
}

static enum outcome refuse_carry(struct step *step, const struct located_entry *located,
                                 enum error_code code)
{
    const char *reason = code == ERR_FORGED ? "what it carries isn't what its author signed"
                                            : "what it carries isn't in its form";
    bool news = quarantine_entry(step, located, code, reason);
    step->replica->refusals.forged += news;
    updates_trace(step->updates, "refuse carried %s: %s",
                  label_record(step->replica->tree, &located->entry->record).text,
                  error_name(code));
    return news ? OUTCOME_SETTLED : OUTCOME_KNOWN;
}

static void pass_on(struct step *step, const struct located_entry *carrier,
                    const struct carry *carry, const bool *news);

enum outcome carry_apply(struct step *step, const struct located_entry *located,
                         const struct parked_key *from)
{
    struct carry carry;
    enum outcome outcome = OUTCOME_KNOWN;
    enum error_code code =
        carry_entry_open(step->view, step->replica->tree, located->entry, &carry);
    if (code == ERR_UNKNOWN_KEY)
        return wait_for_author(step, located, from);
    if (code != ERR_OK) {
        if (from != NULL)
            parked_remove(step, located, from);
        return refuse_carry(step, located, code);
    }
    struct entry_place at = located_place(located);
    bool *news = mem_alloc(carry.list.count * sizeof *news);
    for (size_t i = 0; i < carry.list.count && outcome != OUTCOME_FULL; i++) {
        struct located_entry inner = carried_entry(&carry, &at, i);
        inner.again = located->again;
        enum outcome one = apply_entry_to(step, &inner);
        if (arrival_was_told(step, &inner, one))
            arrival_omit(step, &inner);
        news[i] = one == OUTCOME_FOLDED || one == OUTCOME_SETTLED || one == OUTCOME_PARKED;
        if (one == OUTCOME_FULL)
            outcome = one;
        else if (one != OUTCOME_KNOWN)
            outcome = OUTCOME_SETTLED;
    }
    if (!located->again)
        pass_on(step, located, &carry, news);
    if (from != NULL && outcome != OUTCOME_FULL)
        parked_remove(step, located, from);
    free(news);
    carry_free(&carry);
    return outcome;
}

/* ---- whom an entry still has to reach ---- */

/* An own extension: written by this seat, whichever of its machines and keys. */
static bool is_own_extension(struct step *step, const struct operation *op)
{
    const struct author *author = tree_author(step->replica->tree, op->dot.author);
    return author != NULL && op->verdict == OPERATION_ADMITTED &&
           author->seat == own_seat(step->replica);
}

/* The new members of own extensions that know nothing of the operation, nor it of them. */
static void add_late(struct step *step, const struct record_state *record,
                     const struct operation *op, struct circle *targets)
{
    for (size_t i = 0; i < record_member_count(record); i++) {
        struct record_member member = record_member(record, i);
        char seat[SEAT_BYTES_MAX + 1] = "";
        if (member.seat.size > SEAT_BYTES_MAX || record_saw(record, op, &member.by->dot) ||
            record_saw(record, member.by, &op->dot) ||
            hash_equal(&member.by->digest, &op->digest) || !is_own_extension(step, member.by))
            continue;
        memcpy(seat, member.seat.data, member.seat.size);
        circle_add(targets, seat);
    }
}

/* Those of the members that don't hold the stream which the entry stands in. */
static void leave_reached(struct step *step, const struct entry_place *place,
                          const struct circle *members, struct circle *targets)
{
    for (size_t i = 0; i < members->count; i++) {
        if (strcmp(members->seats[i], step->replica->options.seat) != 0 &&
            !carry_stream_is_for(step, place, members->seats[i]))
            circle_add(targets, members->seats[i]);
    }
}

/* ---- the rule ---- */

static void mark_key(uint8_t key[static 1 + HASH_BYTES], const struct operation *op)
{
    key[0] = 'c';
    memcpy(key + 1, op->digest.bytes, HASH_BYTES);
}

/* What waits is stored, not in its record: a row remembers that it has gone to the new members, so
 * that it doesn't go again when it comes by another stream. */
static bool has_gone(struct step *step, const struct operation *op)
{
    uint8_t key[1 + HASH_BYTES];
    struct span value;
    mark_key(key, op);
    return step->view->get(step->view->context, TABLE_META, SPAN_OF_ARRAY(key), &value) ==
           READ_FOUND;
}

static void mark_gone(struct step *step, const struct operation *op)
{
    uint8_t key[1 + HASH_BYTES];
    mark_key(key, op);
    updates_put(step->updates, TABLE_META, SPAN_OF_ARRAY(key), SPAN_EMPTY);
}

static void forget_gone(struct step *step, const struct operation *op)
{
    uint8_t key[1 + HASH_BYTES];
    mark_key(key, op);
    if (has_gone(step, op))
        updates_remove(step->updates, TABLE_META, SPAN_OF_ARRAY(key));
}

static void send_entry(struct step *step, const struct record_type *type,
                       const struct record_state *record, const struct record_id *id,
                       const struct entry_place *place, const struct circle *targets)
{
    struct circle circle;
    struct seat_names to;
    if (targets->count == 0 || !load_circle(step, record, id, NULL, &circle))
        return;
    struct carriage carriage = {.type = type, .id = id, .record = record, .circle = &circle};
    circle_others(step, targets, &to);
    carry_entry(step, &carriage, place, &to);
    free(to.names);
    circle_free(&circle);
}

/* An own operation of an epoch before, or of a key before at this seat, has come back. */
static bool is_back(struct step *step, const struct located_entry *located)
{
    const struct author *author = tree_author(step->replica->tree, located->author.author);
    return author != NULL && author->seat == own_seat(step->replica) &&
           (key_id_equal(author->id, step->replica->key_id) || author->status != SEAT_ACTIVE);
}

/* It counts as just written: it goes to whoever needs it and doesn't hold the stream that it came
 * back in; with an extension goes all that is here (A3). */
static void go_out_again(struct step *step, const struct record_type *type,
                         const struct operation *op, const struct located_entry *located,
                         const struct record_state *record)
{
    const struct record_id *id = &located->entry->record;
    struct entry_place place = located_place(located);
    struct circle circle, as_seen, targets = {0};
    if (!load_circle(step, record, id, NULL, &circle))
        return;
    if (circle.holders != HOLDERS_SUBTREE && load_circle(step, record, id, op, &as_seen)) {
        leave_reached(step, &place, &as_seen, &targets);
        circle_free(&as_seen);
    }
    send_entry(step, type, record, id, &place, &targets);
    circle_free(&targets);
    for (size_t i = 0; op->extends && i < record_member_count(record); i++) {
        struct record_member member = record_member(record, i);
        char seat[SEAT_BYTES_MAX + 1] = "";
        if (member.seat.size <= SEAT_BYTES_MAX && hash_equal(&member.by->digest, &op->digest)) {
            memcpy(seat, member.seat.data, member.seat.size);
            circle_add(&targets, seat);
        }
    }
    struct seat_names to;
    circle_others(step, &targets, &to);
    struct carriage carriage = {type, id, record, &circle, op};
    carry_record(step, &carriage, &to);
    free(to.names);
    circle_free(&targets);
    circle_free(&circle);
}

/* The rows of seats that joined are needed for writing to them. */
static void seek_members(struct step *step, const struct operation *op,
                         const struct record_state *record)
{
    for (size_t i = 0; i < record_member_count(record); i++) {
        struct record_member member = record_member(record, i);
        if (hash_equal(&member.by->digest, &op->digest) &&
            tree_seat(step->replica->tree, member.seat) == NULL)
            contacts_seek(step, member.seat);
    }
}

void carry_late(struct step *step, const struct record_type *type, const struct record_id *id,
                const struct record_state *record, const struct entry_place *place,
                const struct circle *late)
{
    struct circle targets = {0};
    leave_reached(step, place, late, &targets);
    send_entry(step, type, record, id, place, &targets);
    circle_free(&targets);
}

static void send_late(struct step *step, const struct record_type *type, const struct operation *op,
                      const struct located_entry *located, const struct record_state *record,
                      bool parked)
{
    struct entry_place place = located_place(located);
    struct circle late = {0}, targets = {0};
    add_late(step, record, op, &late);
    leave_reached(step, &place, &late, &targets);
    if (targets.count > 0 && !(parked && has_gone(step, op)) && !PLANTED(LATE_NOT_CARRIED)) {
        send_entry(step, type, record, &located->entry->record, &place, &targets);
        if (parked)
            mark_gone(step, op);
    }
    circle_free(&late);
    circle_free(&targets);
}

void carry_on_storing(struct step *step, const struct operation *op,
                      const struct located_entry *located, const struct record_state *record,
                      enum outcome outcome, bool waited)
{
    const struct schema *schema = tree_schema(step->replica->tree);
    const struct record_type *type =
        schema == NULL ? NULL : schema_type(schema, located->entry->type);
    struct record_state *loaded = NULL;
    if (type == NULL || located->made_here || located->again || outcome == OUTCOME_KNOWN ||
        outcome == OUTCOME_FULL || own_seat(step->replica) == NULL)
        return;
    if (record == NULL && outcome == OUTCOME_PARKED)
        record = loaded = load_record(step, type, &located->entry->record);
    struct operation here = *op;
    if (loaded != NULL)
        here = operation_of(located, 0);
    if (waited && outcome != OUTCOME_PARKED)
        forget_gone(step, &here);
    if (record != NULL && !waited && !located->carried) /* a carry goes on whole: pass_on */
        send_late(step, type, &here, located, record, outcome == OUTCOME_PARKED);
    if (record != NULL && outcome == OUTCOME_FOLDED && here.extends) {
        seek_members(step, &here, record);
        carry_orphaned(step, type, &located->entry->record, record);
    }
    if (record != NULL && outcome == OUTCOME_FOLDED && is_back(step, located))
        go_out_again(step, type, &here, located, record);
    record_free(loaded);
}

void carry_what_counts(struct step *step, const struct located_entry *located,
                       const struct record_state *before)
{
    const struct schema *schema = tree_schema(step->replica->tree);
    const struct record_type *type =
        schema == NULL ? NULL : schema_type(schema, located->entry->type);
    struct operation here = operation_of(located, 0);
    if (type == NULL || located->again || own_seat(step->replica) == NULL ||
        !record_has(before, &here))
        return;
    struct record_state *record = load_record(step, type, &located->entry->record);
    if (record != NULL && !located->carried)
        send_late(step, type, &here, located, record, false);
    if (record != NULL && here.extends)
        seek_members(step, &here, record);
    if (record != NULL && is_back(step, located))
        go_out_again(step, type, &here, located, record);
    record_free(record);
}

static size_t count_named(const struct record_state *record, const struct dot *name)
{
    size_t count = 0;
    for (size_t i = 0; i < record_operation_count(record); i++) {
        const struct dot *dot = &record_operation(record, i)->dot;
        count += dot_compare(dot, name) == 0 && dot->n == name->n;
    }
    return count;
}

/* Whoever saw this name, now that two have it, may have seen the other one: what was taken for sent
 * to those who joined goes to them. */
static void send_by_name(struct step *step, const struct record_type *type,
                         const struct located_entry *located, const struct record_state *record)
{
    struct operation here = operation_of(located, 0);
    for (size_t i = 0; i < record_operation_count(record); i++) {
        const struct operation *op = record_operation(record, i);
        struct entry_place place = operation_place(op);
        struct circle late = {0};
        bool is_named = dot_compare(&op->dot, &here.dot) == 0 && op->dot.n == here.dot.n;
        bool goes_whole = located->carried && hash_equal(&op->digest, &here.digest); /* pass_on */
        if ((is_named || operation_saw(op, &here.dot)) && !goes_whole)
            add_late(step, record, op, &late);
        carry_late(step, type, &located->entry->record, record, &place, &late);
        circle_free(&late);
    }
}

bool carry_forked(struct step *step, const struct located_entry *located, bool waited)
{
    const struct schema *schema = tree_schema(step->replica->tree);
    const struct record_type *type = schema_type(schema, located->entry->type);
    const struct record_id *id = &located->entry->record;
    struct operation here = operation_of(located, 0);
    struct record_state *record = load_record(step, type, id);
    bool forked = record != NULL && count_named(record, &here.dot) > 1;
    if (forked && waited)
        forget_gone(step, &here);
    if (forked && !located->again && own_seat(step->replica) != NULL) {
        send_by_name(step, type, located, record);
        carry_orphaned(step, type, id, record);
        if (is_back(step, located))
            go_out_again(step, type, &here, located, record);
    }
    record_free(record);
    return forked;
}

/* What a carry entry brought, and the new members of own extensions lack, goes on in one piece. */
static void pass_on(struct step *step, const struct located_entry *carrier,
                    const struct carry *carry, const bool *news)
{
    const struct schema *schema = tree_schema(step->replica->tree);
    const struct record_type *type =
        schema == NULL ? NULL : schema_type(schema, carrier->entry->type);
    const struct record_id *id = &carrier->entry->record;
    struct entry_place at = located_place(carrier), first;
    struct circle late = {0}, targets = {0};
    if (type == NULL || own_seat(step->replica) == NULL)
        return;
    struct record_state *record = load_record(step, type, id);
    for (size_t i = 0; record != NULL && i < carry->list.count; i++) {
        struct located_entry inner = carried_entry(carry, &at, i);
        struct operation op = operation_of(&inner, 0);
        if (!news[i] || has_gone(step, &op))
            continue;
        add_late(step, record, &op, &late);
        if (late.count > 0 && !record_has(record, &op))
            mark_gone(step, &op);
    }
    first = at;
    first.carried = true;
    leave_reached(step, &first, &late, &targets);
    if (record != NULL)
        send_entry(step, type, record, id, &first, &targets);
    record_free(record);
    circle_free(&late);
    circle_free(&targets);
}

/* ---- members who can't be reached yet ---- */

static struct span due_key(uint8_t key[static DUE_KEY_BYTES_MAX], uint16_t type,
                           const struct record_id *id, const char *seat)
{
    size_t size = strlen(seat);
    assert(size <= SEAT_BYTES_MAX);
    key[0] = 'u';
    write_u16(key + 1, type);
    memcpy(key + 3, id->bytes, sizeof id->bytes);
    memcpy(key + 3 + sizeof id->bytes, seat, size);
    return SPAN(key, 3 + sizeof id->bytes + size);
}

void carry_later(struct step *step, uint16_t type, const struct record_id *id, const char *seat)
{
    uint8_t key[DUE_KEY_BYTES_MAX];
    updates_put(step->updates, TABLE_META, due_key(key, type, id, seat), SPAN_EMPTY);
    contacts_seek(step, span_of_text(seat));
}

/* Everything of the record that the member doesn't get by streams it holds. */
static void go_now(struct step *step, uint16_t number, const struct record_id *id, const char *seat)
{
    const struct schema *schema = tree_schema(step->replica->tree);
    const struct record_type *type = schema == NULL ? NULL : schema_type(schema, number);
    struct record_state *record = type == NULL ? NULL : load_record(step, type, id);
    struct circle circle = {0};
    struct seat_names to = {.names = &seat, .count = 1};
    if (record != NULL && load_circle(step, record, id, NULL, &circle) &&
        circle_has(&circle, seat)) {
        struct carriage carriage = {.type = type, .id = id, .record = record, .circle = &circle};
        carry_record(step, &carriage, &to);
    }
    circle_free(&circle);
    record_free(record);
}

static void try_due(struct step *step, struct span key)
{
    struct record_id id;
    uint8_t row[DUE_KEY_BYTES_MAX];
    char seat[SEAT_BYTES_MAX + 1] = "";
    size_t size = key.size - 3 - sizeof id.bytes;
    memcpy(row, key.data, key.size);
    memcpy(id.bytes, row + 3, sizeof id.bytes);
    memcpy(seat, row + 3 + sizeof id.bytes, size);
    if (tree_seat(step->replica->tree, span_of_text(seat)) == NULL) {
        contacts_seek(step, span_of_text(seat)); /* what was asked for is forgotten by a restart */
        return;
    }
    updates_remove(step->updates, TABLE_META, SPAN(row, key.size));
    go_now(step, read_u16(row + 1), &id, seat);
}

void carry_when_due(struct step *step)
{
    struct replica *replica = step->replica;
    struct span key, value;
    if (tree_change_count(replica->tree) != replica->due_seen) {
        replica->due_seen = tree_change_count(replica->tree);
        replica->due_from[0] = 'u';
        replica->due_size = 1;
    }
    for (unsigned i = 0; replica->due_size > 0 && i < DUE_A_BATCH; i++) {
        if (own_seat(replica) == NULL ||
            step->view->next(step->view->context, TABLE_META,
                             SPAN(replica->due_from, replica->due_size), &key,
                             &value) != READ_FOUND ||
            key.data[0] != 'u' || key.size <= 3 + 16 || key.size > DUE_KEY_BYTES_MAX) {
            replica->due_size = 0;
            return;
        }
        memcpy(replica->due_from, key.data, key.size);
        replica->due_from[key.size] = 0;
        replica->due_size = key.size + 1;
        try_due(step, SPAN(replica->due_from, replica->due_size - 1));
    }
    if (replica->due_size > 0)
        replica->deadline_tick = step->tick_ms;
}
