/* One verified entry into the state: admitted, excluded, or parked (rules.md 1).
 *
 * The verdict depends on entries and documents only. What isn't decidable yet is parked under
 * the name of what it waits for, and judged again when that comes. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "replication/deadlines.h"
#include "replication/erase.h"
#include "replication/indexes.h"
#include "replication/move.h"
#include "replication/occurrence.h"
#include "replication/rollups.h"
#include "replication/transitions.h"
#include "replication/trust.h"
#include "replication/voids.h"

enum judgement { ADMIT, EXCLUDE, PARK_RECORD, PARK_SCHEMA, IGNORE, FORKED };

struct application {
    const struct located_entry *located;
    const struct author *author;
    const struct record_type *type;
    const struct record_type *then; /* the type as the version that the entry names has it */
    struct operation op;
    uint8_t roles; /* of a change: what its author's seat was to the record then, ROLE_ bits */
    struct record_state *record; /* owned; NULL: not here */
    bool creating;
    bool apart;   /* excluded, and no part of the record whatever comes */
    bool cut;     /* behind its author's cut-off */
    bool opened;  /* it was closed before */
    bool erasing; /* an erase entry that has its effect */
    bool stood;   /* something in the record counted before: since when it is listed */
    uint64_t stood_since;
    bool anew; /* the record is being folded anew: `record` is what is in so far */
    struct dot missing;
    const char *reason;
    char text[TRUST_REASON_BYTES]; /* of a reason that names places */
};

/* The stream that a creation stands in must be the one that its type's circle asks for. */
static enum judgement circle_fits(struct step *step, struct application *a)
{
    const struct located_entry *located = a->located;
    struct stream_id stream = {located->author.author, located->author.epoch, located->stream,
                               located->author.branch};
    const struct stream_open *open =
        located->carried ? located->open : load_stream_open(step, &stream);
    if (open == NULL) {
        a->reason = located->carried ? "it was carried without its stream's opening"
                                     : "its stream's row here can't be read";
        return PARK_RECORD;
    }
    bool fits = open->class == a->type->class;
    if (fits && a->type->circle == CIRCLE_ORIGIN) {
        fits = open->holders == HOLDERS_SELF || stream_is_backup(open);
    } else if (fits && a->type->circle == CIRCLE_PATH) {
        fits = a->author->rank == 0
                   ? open->holders == HOLDERS_SELF
                   : open->holders == HOLDERS_PATH &&
                         strcmp(open->seats[open->seat_count - 1],
                                tree_root_seat(step->replica->tree)->row.seat) == 0;
    } else if (fits && a->type->circle == CIRCLE_ADDRESSED) {
        fits =
            open->holders == HOLDERS_PATH &&
            (located->entry->hole || span_equal(span_of_text(open->seats[open->seat_count - 1]),
                                                schema_body_address(entry_fields(located->entry))));
    } else if (fits) {
        fits = open->holders == HOLDERS_SUBTREE;
    }
    return fits ? ADMIT : EXCLUDE;
}

/* What is unknown or unreadable here decides nothing: others may know it. */
static enum judgement may_write(struct step *step, struct application *a)
{
    const struct record_id *id = &a->located->entry->record;
    struct circle circle;
    if (!load_circle(step, a->record, id, &a->op, &circle)) {
        a->reason = "the record's circle isn't known here";
        a->missing = a->op.dot; /* a change of the tree wakes it */
        return PARK_RECORD;
    }
    bool may = circle_may_write(&circle, a->author->seat);
    bool grows = !a->op.extends || circle.holders != HOLDERS_SUBTREE;
    a->roles = transition_roles(&circle, a->type, record_creation(a->record, id), a->author);
    circle_free(&circle);
    bool erases = !a->op.erases || erase_allows(a->roles);
    a->reason = !may     ? "its author's seat is outside the record's circle"
                : !grows ? "the circle of a subtree's record doesn't grow"
                         : "its author's seat may not erase in the record";
    return may && grows && erases ? ADMIT : EXCLUDE;
}

/* *cut: all that it saw begin the record is behind its author's cut-off. */
static bool saw_creation(const struct application *a, bool *cut)
{
    bool saw = false;
    *cut = true;
    for (size_t i = 0; i < record_operation_count(a->record) && *cut; i++) {
        const struct operation *op = record_operation(a->record, i);
        if (!operation_begins(op, &a->located->entry->record) || !operation_saw(&a->op, &op->dot))
            continue;
        saw = true;
        *cut = op->verdict == OPERATION_EXCLUDED;
    }
    return saw;
}

static enum error_code check_body(const struct application *a)
{
    if (a->located->made_here)
        return ERR_OK;
    enum error_code code = entry_check_body(a->located->entry, a->type, a->then, a->creating);
    return code == ERR_OK && a->op.erases && !erase_saw_all(&a->op, a->located->entry->body)
               ? ERR_INVALID
               : code;
}

static enum judgement judge_body(struct application *a)
{
    enum error_code body = check_body(a);
    if (body == ERR_PARKED) {
        a->reason = "a field that this schema doesn't know";
        return PARK_SCHEMA;
    }
    if (body != ERR_OK) {
        a->reason = "its fields don't hold to the type's rules";
        return EXCLUDE;
    }
    if (a->record != NULL && a->op.deletes != 2 && !a->op.erases &&
        record_deleted_as_seen(a->record, &a->op)) {
        a->reason = "its author had seen the record deleted";
        return EXCLUDE;
    }
    return ADMIT;
}

/* A limit flags what is beyond it and refuses nothing (rules.md A36); but a slip would. */
static bool is_surplus(const struct application *a, const struct transition *transition)
{
    size_t taken = 0;
    for (size_t i = 0; i < record_operation_count(a->record); i++)
        taken += record_operation(a->record, i)->transition == transition->number;
    return transition->limit_count > 0 && taken >= transition->limits[0].most;
}

/* Who may take a transition, and from where, is judged by what its author had seen; whether it is
 * possible at its canonical place, the fold says (rules.md A20). A context that isn't closed could
 * make of one set of operations two states. */
static enum judgement judge_transition(struct application *a)
{
    const struct workflow *workflow = a->then->workflow;
    if (workflow == NULL || a->creating || a->record == NULL)
        return ADMIT;
    a->reason = "its context leaves out what those had seen whom it saw";
    if (!record_context_closed(a->record, &a->op))
        return EXCLUDE;
    bool writes = !a->op.extends && !a->op.erases;
    uint16_t number = writes ? schema_body_transition(entry_fields(a->located->entry)) : 0;
    const struct transition *transition = workflow_transition(workflow, number);
    if (transition == NULL)
        return ADMIT;
    a->reason = "its author's seat may not take this step";
    if (!transition_allows(transition, a->author->rank, a->roles))
        return EXCLUDE;
    bool open;
    uint8_t state = record_state_as_seen(a->record, &a->op, &open);
    if (PLANTED(FROM_AS_FOUND))
        state = record_state_number(a->record);
    a->reason = "the record wasn't in a state that this step leaves";
    if (!open && !transition_leaves(workflow, transition, state) && !PLANTED(FROM_UNCHECKED))
        return EXCLUDE;
    if (PLANTED(LIMIT_REFUSES) && is_surplus(a, transition))
        return EXCLUDE;
    operation_take_step(&a->op, a->type, entry_fields(a->located->entry));
    return ADMIT;
}

/* An operation that can't be judged yet, and a creation without effect, mark no dot as forked: what
 * comes first would have to know of them. */
static enum judgement judge_body_of(struct application *a, enum judgement standing)
{
    enum judgement body = judge_body(a);
    if (body == ADMIT && standing == ADMIT)
        body = judge_transition(a);
    a->apart = a->creating && body == EXCLUDE;
    return standing == ADMIT || a->apart || body == PARK_SCHEMA ? body : standing;
}

/* The operation is here already, from a block behind the cut-off; this one counts (rules.md A7). */
static bool stands_better(struct step *step, const struct application *a)
{
    for (size_t i = 0; i < record_operation_count(a->record); i++) {
        const struct operation *op = record_operation(a->record, i);
        struct author_epoch author = {op->dot.author, op->dot.epoch, op->branch};
        if (op->verdict == OPERATION_EXCLUDED && hash_equal(&op->digest, &a->op.digest))
            return trust_of(step, &author, op->stream, op->seq) == TRUST_CUT;
    }
    return false;
}

/* The record's operations are folded in order, so only what is the next one can be judged. */
static enum judgement judge_place(struct step *step, struct application *a)
{
    bool cut;
    switch (record_judge(a->record, &a->op, &a->missing)) {
    case RECORD_DUPLICATE: return stands_better(step, a) ? FORKED : IGNORE;
    case RECORD_FORKED: return FORKED;
    case RECORD_MISSING: return PARK_RECORD;
    case RECORD_READY: break;
    }
    if (record_operation_count(a->record) >= RECORD_OPERATIONS_MAX) {
        a->reason = "the record has as many operations as one record may have";
        a->missing = a->op.dot; /* nothing wakes it */
        return PARK_RECORD;
    }
    if (!a->creating && !saw_creation(a, &cut)) {
        a->reason = "it isn't the record's author's, and has seen no creation";
        return EXCLUDE;
    }
    if (!a->creating && cut) {
        a->reason = "the record's creation is behind its author's cut-off";
        return EXCLUDE;
    }
    return ADMIT;
}

static enum judgement judge_standing(struct step *step, struct application *a)
{
    struct author_epoch creator = record_id_author(&a->located->entry->record);
    a->missing = (struct dot){creator.author, creator.epoch, 1};
    if (a->creating) {
        a->reason = "its stream isn't the one of its type's circle";
        enum judgement fits = circle_fits(step, a);
        a->apart = fits == EXCLUDE;
        if (a->record == NULL || fits != ADMIT)
            return fits;
        a->reason = NULL;
    }
    if (a->record == NULL)
        return PARK_RECORD;
    enum judgement place = judge_place(step, a);
    return place == ADMIT && !a->creating ? may_write(step, a) : place;
}

/* Behind its author's cut-off: it has its place in the record, so that what saw it can be judged,
 * and no effect. Under a name that another operation has it isn't even that. */
static enum judgement judge_cut(struct step *step, struct application *a)
{
    struct author_epoch creator = record_id_author(&a->located->entry->record);
    trust_reason(step, &a->located->author, a->located->stream, a->text);
    a->reason = a->text;
    a->missing = (struct dot){creator.author, creator.epoch, 1};
    if (a->record == NULL)
        return a->creating ? EXCLUDE : PARK_RECORD;
    enum record_answer answer = record_judge(a->record, &a->op, &a->missing);
    bool room = record_operation_count(a->record) < RECORD_OPERATIONS_MAX;
    a->apart = answer == RECORD_FORKED || !room;
    return answer == RECORD_DUPLICATE ? IGNORE : answer == RECORD_MISSING ? PARK_RECORD : EXCLUDE;
}

/* What is erased stays so, behind its author's cut-off too (rules.md B76). */
static bool erases_all_the_same(struct step *step, struct application *a)
{
    const char *reason = a->reason;
    bool may = a->record != NULL && !a->apart && may_write(step, a) == ADMIT;
    a->reason = reason;
    return may && check_body(a) == ERR_OK;
}

/* Nothing is known of its author now: it is asked for, and a change of the tree wakes this. */
static enum judgement judge_pending(struct step *step, struct application *a)
{
    struct key_id author = a->located->author.author;
    a->op = operation_of(a->located, 0);
    a->reason = "no document in force names its author's key";
    a->missing = (struct dot){author, a->located->author.epoch, 0};
    contacts_seek_key(step, author);
    return PARK_RECORD;
}

/* It may begin a companion if its seat is that of the record's author, whom nobody here knows. */
static enum judgement wait_for_maker(struct step *step, struct application *a)
{
    struct author_epoch maker = record_id_author(&a->located->entry->record);
    a->reason = "no document in force names the key that the record's id names";
    a->missing = (struct dot){maker.author, maker.epoch, 0};
    contacts_seek_key(step, maker.author);
    return PARK_RECORD;
}

static enum judgement judge(struct step *step, struct application *a)
{
    const struct entry *entry = a->located->entry;
    const struct schema *schema = tree_schema(step->replica->tree);
    a->author = tree_author(step->replica->tree, a->located->author.author);
    enum trust trust = trust_of(step, &a->located->author, a->located->stream, a->located->seq);
    assert((trust == TRUST_PENDING) == (a->author == NULL));
    a->type = schema == NULL ? NULL : schema_type(schema, entry->type);
    a->then = schema == NULL ? NULL : schema_type_at(schema, entry->type, entry->schema_version);
    if (a->type == NULL || a->then == NULL) {
        a->reason = "a type or schema version not known here";
        return PARK_SCHEMA;
    }
    if (a->author == NULL)
        return judge_pending(step, a);
    a->cut = trust == TRUST_CUT;
    a->op = operation_of(a->located, a->author->rank);
    enum beginning begins = entry_begins(step->replica->tree, a->type, entry, &a->located->author);
    if (begins == BEGINS_WHO_KNOWS)
        return wait_for_maker(step, a);
    if (!a->anew && find_record(step, a->type, &entry->record, &a->record) != ERR_OK) {
        struct author_epoch creator = record_id_author(&entry->record);
        a->reason = "the record's row here can't be read";
        a->missing = (struct dot){creator.author, creator.epoch, 1};
        return PARK_RECORD;
    }
    a->creating = begins == BEGINS && !(PLANTED(TWIN_LEFT_OUT) && a->record != NULL &&
                                        !record_id_names(&entry->record, &a->located->author));
    enum judgement standing = a->cut ? judge_cut(step, a) : judge_standing(step, a);
    if (standing == ADMIT || standing == FORKED)
        standing = judge_body_of(a, standing);
    if (a->op.erases)
        a->erasing =
            standing == ADMIT || (a->cut && standing == EXCLUDE && erases_all_the_same(step, a));
    return standing;
}

/* One row a record, by the clock of the first creation that counts. */
static void write_index(struct step *step, const struct application *a,
                        const uint8_t key[static RECORD_KEY_BYTES])
{
    uint8_t index[INDEX_KEY_BYTES];
    const struct operation *first =
        a->record == NULL ? &a->op : record_creation(a->record, &a->located->entry->record);
    assert(first != NULL); /* the one that was folded in a moment ago */
    if (a->stood && a->stood_since != first->clock) {
        index_key(index, a->stood_since, key);
        updates_remove(step->updates, TABLE_INDEX, SPAN_OF_ARRAY(index));
    }
    index_key(index, first->clock, key);
    updates_put(step->updates, TABLE_INDEX, SPAN_OF_ARRAY(index), SPAN_EMPTY);
    if (a->type->companion_of != 0 && !a->stood)
        companions_row_add(step->updates, step->view, 1);
}

/* A creation is its own state: the row points to it. Any other state is written out. */
static void write_record(struct step *step, const struct application *a)
{
    const struct entry *entry = a->located->entry;
    uint8_t key[RECORD_KEY_BYTES];
    if (!record_key(step->view, entry->type, &entry->record, key)) {
        updates_doom(step->updates); /* its author was known when the record was looked for */
        return;
    }
    if (a->creating && a->op.verdict == OPERATION_ADMITTED &&
        (a->located->made_here || !PLANTED(INDEX_FORGOTTEN)))
        write_index(step, a, key);
    if (a->record == NULL) {
        record_row_write_located(step->updates, key, a->located->stream, a->located->author.branch,
                                 a->located->seq, a->located->digest);
        return;
    }
    struct buffer row = {0};
    record_encode(a->record, &row);
    updates_put(step->updates, TABLE_RECORDS, SPAN_OF_ARRAY(key), span_of_buffer(&row));
    buffer_free(&row);
    if (a->opened)
        home_opened(step, key);
}

/* 1: the record is one more; -1: one less. */
static int fold_into_record(struct application *a)
{
    const struct record_id *id = &a->located->entry->record;
    bool first = a->record == NULL;
    if (first && a->creating && a->op.verdict == OPERATION_ADMITTED && !a->located->carried &&
        record_id_names(id, &a->located->author))
        return a->op.deletes == 1 ? 0 : 1;
    a->stood = !first && record_stands(a->record);
    a->stood_since = a->stood ? record_creation(a->record, id)->clock : 0;
    bool counted = a->stood && !record_deleted(a->record);
    if (first)
        a->record = record_new();
    bool was_open = first || home_is_open(a->record, a->type);
    record_apply(a->record, &a->op, a->type, entry_fields(a->located->entry));
    a->opened = !was_open && home_is_open(a->record, a->type);
    return (int)(record_stands(a->record) &&
                 (!record_deleted(a->record) || PLANTED(DELETED_COUNTED))) -
           (int)counted;
}

/* Fold the operation in, admitted or excluded, and keep what is derived from it. */
static void fold(struct step *step, struct application *a)
{
    const struct entry *entry = a->located->entry;
    struct author_epoch maker = record_id_author(&entry->record);
    who_assign(step->updates, &a->located->author);
    if (a->type->companion_of != 0) /* it may be begun before anything else of that epoch is here */
        who_assign(step->updates, &maker);
    if (a->located->carried)
        author_key_keep(step->updates, a->author);
    struct voids voids;
    struct index_rows rows = {0};
    voids_note(a->record, &voids);
    indexes_note(step, a->type, &entry->record, a->record, &rows);
    struct rollups_before before;
    rollups_note(step, a->type, &entry->record, a->record, &before);
    int change = fold_into_record(a);
    voids_tell(step, a->record, &voids);
    write_record(step, a);
    indexes_put(step, a->type, &entry->record, a->record, a->located, &rows);
    if (a->creating && a->type->alarm && a->op.verdict == OPERATION_ADMITTED)
        occurrence_note(step, a->type, a->author, &entry->record);
    deadline_folded(step, a->type, &entry->record, a->record, &a->op);
    rollups_put_entry(step, a->type, a->located, a->record, &before);
    if (a->op.verdict == OPERATION_ADMITTED)
        endorsed_rows_remember(step->updates, entry, &a->op);
    if (change != 0)
        cells_count_record(step, &entry->record, a->type, change);
    updates_trace(step->updates, "apply %s %s at %s%s%s", a->type->name,
                  label_dot(step->replica->tree, &a->op.dot).text,
                  label_record(step->replica->tree, &entry->record).text,
                  a->op.verdict == OPERATION_EXCLUDED ? " excluded: " : "",
                  a->op.verdict == OPERATION_EXCLUDED ? a->reason : "");
}

/* An operation that is excluded stands in its place all the same, without effect. */
static enum outcome exclude(struct step *step, struct application *a)
{
    bool news = quarantine_entry(step, a->located, ERR_NOT_ALLOWED, a->reason);
    a->op.verdict = OPERATION_EXCLUDED;
    if ((a->record != NULL || a->cut) && !a->apart) {
        fold(step, a);
        return OUTCOME_FOLDED;
    }
    updates_trace(step->updates, "apply %s excluded: %s",
                  label_record(step->replica->tree, &a->located->entry->record).text, a->reason);
    return news ? OUTCOME_SETTLED : OUTCOME_KNOWN;
}

/* The operation to wait for: the last of that author that this one has seen. When it is here,
 * those before it are. */
static struct dot awaited(const struct application *a)
{
    struct dot dot = a->missing;
    if (dot_compare(&dot, &a->op.dot) == 0) {
        dot.n = dot.n < a->op.dot.n ? a->op.dot.n - 1 : dot.n;
        return dot;
    }
    for (size_t i = 0; i < a->op.context_count; i++) {
        if (a->record != NULL && dot_compare(&dot, &a->op.context[i]) == 0)
            dot.n = a->op.context[i].n;
    }
    return dot;
}

static bool park(struct step *step, const struct application *a, enum judgement judgement,
                 const struct parked_key *from)
{
    if (judgement == PARK_SCHEMA)
        return parked_put(step, a->located, PARKED_SCHEMA, NULL, a->reason, from);
    struct label missing = label_dot(step->replica->tree, &a->missing);
    struct dot dot = awaited(a);
    return parked_put(step, a->located, PARKED_RECORD, &dot,
                      a->reason != NULL ? a->reason : missing.text, from);
}

static enum outcome settle(struct step *step, const struct located_entry *located,
                           const struct parked_key *from)
{
    struct application a = {.located = located};
    enum judgement judgement = judge(step, &a);
    enum outcome outcome = judgement == IGNORE ? OUTCOME_KNOWN : OUTCOME_SETTLED;
    if (judgement == PARK_SCHEMA || judgement == PARK_RECORD)
        outcome = park(step, &a, judgement, from) ? OUTCOME_PARKED : OUTCOME_FULL;
    else if (from != NULL)
        parked_remove(step, located, from);
    if (judgement == ADMIT) {
        outcome = OUTCOME_FOLDED;
        fold(step, &a);
    } else if (judgement == EXCLUDE) {
        outcome = exclude(step, &a);
    } else if (judgement == FORKED && !refold_record(step, located->entry->type,
                                                     &located->entry->record, NULL, 0, located)) {
        a.reason = "another operation has its name, and the record can't be folded anew here";
        a.missing = a.op.dot; /* a change of the tree wakes it */
        outcome = park(step, &a, PARK_RECORD, NULL) ? OUTCOME_PARKED : OUTCOME_FULL;
    } else if (judgement == FORKED) {
        carry_what_counts(step, located, a.record);
    }
    if (judgement != FORKED || outcome == OUTCOME_PARKED ||
        !carry_forked(step, located, from != NULL))
        carry_on_storing(step, &a.op, located, a.record, outcome, from != NULL);
    record_free(a.record);
    if (a.erasing && erase_take(step, located->entry, located->digest))
        erase_from_record(step, located->entry->type, &located->entry->record);
    return outcome;
}

void apply_anew(struct step *step, const struct located_entry *located,
                struct record_state **record, struct record_state *empty)
{
    struct application a = {.located = located, .record = *record, .anew = true};
    enum judgement judgement = judge(step, &a);
    assert(judgement != FORKED && judgement != IGNORE); /* the plan knew them */
    if (judgement == PARK_SCHEMA || judgement == PARK_RECORD) {
        if (located->again)
            arrival_keep_told(step, located->digest);
        if (!park(step, &a, judgement, NULL))
            parked_stream_from(step, located);
        return;
    }
    if (judgement == EXCLUDE)
        quarantine_entry(step, located, ERR_NOT_ALLOWED, a.reason);
    if (a.apart)
        return;
    a.op.verdict = judgement == EXCLUDE ? OPERATION_EXCLUDED : OPERATION_ADMITTED;
    if (*record == NULL)
        *record = empty;
    if (a.erasing && erase_take(step, located->entry, located->digest))
        step->replica->erased_anew = true;
    record_apply(*record, &a.op, a.type, entry_fields(located->entry));
    if (a.op.verdict == OPERATION_ADMITTED)
        endorsed_rows_remember(step->updates, located->entry, &a.op);
}

static enum outcome judge_kind(struct step *step, const struct located_entry *located,
                               const struct parked_key *from)
{
    const struct entry *entry = located->entry;
    if (entry->kind == ENTRY_OPEN || entry->kind == ENTRY_CLOSE)
        return OUTCOME_SETTLED;
    if (entry->kind == ENTRY_STRIKE && !entry->strange)
        return strike_take(step, located);
    if (entry->seal == ENTRY_SHUT)
        return quarantine_shut(step, located);
    if (!entry->strange && entry->kind == ENTRY_CARRY)
        return carry_apply(step, located, from);
    if (entry->strange ||
        (entry->kind != ENTRY_WRITE && entry->kind != ENTRY_EXTEND && entry->kind != ENTRY_ERASE)) {
        return parked_put(step, located, PARKED_PROGRAM, NULL,
                          "a kind of entry that this version doesn't know", from)
                   ? OUTCOME_PARKED
                   : OUTCOME_FULL;
    }
    return settle(step, located, from);
}

enum outcome apply_judge(struct step *step, const struct located_entry *located,
                         const struct parked_key *from)
{
    struct located_entry as_left = *located;
    struct left_entry left = {.rest = {0}};
    if (step->replica->erased)
        as_left.entry = left_of(step->view, located->entry, located->digest, &left);
    enum outcome outcome = judge_kind(step, &as_left, from);
    left_entry_free(&left);
    return outcome;
}

/* What waits for a record to begin waits for the name that its id tells. */
static void wake_waiting(struct step *step, const struct located_entry *located)
{
    const struct entry *entry = located->entry;
    struct author_epoch maker = record_id_author(&entry->record);
    bool first = entry->kind == ENTRY_WRITE && entry->n == 1 && entry->context_count == 0;
    parked_wake(step, entry->type, &entry->record, entry_dot(entry, &located->author));
    if (first && !record_id_names(&entry->record, &located->author))
        parked_wake(step, entry->type, &entry->record, (struct dot){maker.author, maker.epoch, 1});
}

enum outcome apply_entry_to(struct step *step, const struct located_entry *located)
{
    enum outcome outcome = apply_judge(step, located, NULL);
    if (outcome == OUTCOME_FOLDED && located->entry->kind != ENTRY_CARRY) {
        step->replica->streams_due = true;
        wake_waiting(step, located);
    }
    return outcome;
}

bool apply_entry(struct step *step, const struct located_entry *located)
{
    return apply_entry_to(step, located) != OUTCOME_FULL;
}
