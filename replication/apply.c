/* One verified entry into the state: admitted, excluded, or parked (rules.md 1).
 *
 * The verdict depends on entries and documents only. What isn't decidable yet is parked under
 * the name of what it waits for, and judged again when that comes. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "replication/carry.h"
#include "replication/trust.h"
#include "schema/extension.h"

enum judgement { ADMIT, EXCLUDE, PARK_RECORD, PARK_SCHEMA, IGNORE, FORKED };

struct application {
    const struct located_entry *located;
    const struct author *author;
    const struct record_type *type;
    struct operation op;
    struct record_state *record; /* owned; NULL: not here */
    bool creating;
    bool apart; /* excluded, and no part of the record whatever comes */
    bool cut;   /* behind its author's cut-off */
    bool anew;  /* the record is being folded anew: `record` is what is in so far */
    struct dot missing;
    const char *reason;
    char text[TRUST_REASON_BYTES]; /* of a reason that names places */
};

/* An entry of this batch that still stands in its stream's writer. */
bool apply_find_unsigned(const struct replica *replica, const struct stream_id *stream,
                         uint32_t seq, struct located_entry *located)
{
    for (struct own_stream *own = replica->own_streams; own != NULL; own = own->next) {
        if (stream_id_compare(&own->id, stream) == 0 && own->writer != NULL &&
            seq >= own->head.seq && seq - own->head.seq < entry_writer_count(own->writer)) {
            located->entry = entry_writer_at(own->writer, seq - own->head.seq);
            located->digest = &entry_writer_digests(own->writer)[seq - own->head.seq];
            return true;
        }
    }
    return false;
}

bool entry_at(struct step *step, const struct entry_place *place, struct located_entry *located)
{
    struct replica *replica = step->replica;
    *located = (struct located_entry){
        .author = stream_author(&place->stream), .stream = place->stream.number, .seq = place->seq};
    return (!place->carried && apply_find_unsigned(replica, &place->stream, place->seq, located)) ||
           entry_open(&replica->cache, step->view, replica->tree, place, located);
}

static struct record_state *fold_creation(struct step *step, const struct record_type *type,
                                          const struct record_id *id, const struct record_row *row)
{
    struct replica *replica = step->replica;
    struct author_epoch creator = record_id_author(id);
    struct stream_id stream = {creator.author, creator.epoch, row->stream, row->branch};
    struct located_entry located = {stream_author(&stream), row->stream, row->seq, NULL, NULL};
    if (apply_find_unsigned(replica, &stream, row->seq, &located))
        return record_from_entry(replica->tree, type, id, &located);
    return record_from_creation(&replica->cache, step->view, replica->tree, type, id, row);
}

/* ERR_OK with *record NULL: not here. ERR_DAMAGED: here, but not readable. */
static enum error_code find_record(struct step *step, const struct record_type *type,
                                   const struct record_id *id, struct record_state **record)
{
    uint8_t key[RECORD_KEY_BYTES];
    struct record_row row;
    *record = NULL;
    if (!record_key(step->view, type->number, id, key))
        return ERR_OK;
    enum error_code code = record_row_read(step->view, key, &row);
    if (code != ERR_OK || !row.present)
        return code;
    *record = row.located ? fold_creation(step, type, id, &row) : row.state;
    return *record == NULL ? ERR_DAMAGED : ERR_OK;
}

struct record_state *load_record(struct step *step, const struct record_type *type,
                                 const struct record_id *id)
{
    struct record_state *record;
    return find_record(step, type, id, &record) == ERR_OK ? record : NULL;
}

const struct stream_open *load_stream_open(struct step *step, const struct stream_id *stream)
{
    struct open_cache *cache = step->replica->open_cache;
    if (cache != NULL && cache->present && stream_id_compare(&cache->stream, stream) == 0)
        return &cache->open;
    if (cache == NULL)
        cache = step->replica->open_cache = mem_alloc(sizeof *cache);
    struct stream_row *row = mem_alloc(sizeof *row);
    cache->present = stream_row_read(step->view, stream, row);
    cache->stream = *stream;
    cache->open = row->open;
    free(row);
    return cache->present ? &cache->open : NULL;
}

bool load_circle(struct step *step, const struct record_state *record, const struct record_id *id,
                 const struct operation *seen, struct circle *circle)
{
    struct replica *replica = step->replica;
    return circle_load(&replica->circle_cache, step->view, replica->tree, record, id, seen, circle);
}

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
        fits = open->holders == HOLDERS_SELF;
    } else if (fits && a->type->circle == CIRCLE_PATH) {
        fits = a->author->rank == 0
                   ? open->holders == HOLDERS_SELF
                   : open->holders == HOLDERS_PATH &&
                         strcmp(open->seats[open->seat_count - 1],
                                tree_root_seat(step->replica->tree)->row.seat) == 0;
    } else if (fits && a->type->circle == CIRCLE_ADDRESSED) {
        fits = open->holders == HOLDERS_PATH &&
               span_equal(span_of_text(open->seats[open->seat_count - 1]),
                          schema_body_address(located->entry->body));
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
    circle_free(&circle);
    a->reason = may ? "the circle of a subtree's record doesn't grow"
                    : "its author's seat is outside the record's circle";
    return may && grows ? ADMIT : EXCLUDE;
}

static bool saw_creation(const struct application *a)
{
    struct author_epoch creator = record_id_author(&a->located->entry->record);
    if (record_id_names(&a->located->entry->record, &a->located->author))
        return a->op.dot.n > 1;
    for (size_t i = 0; i < a->op.context_count; i++) {
        if (key_id_equal(a->op.context[i].author, creator.author) &&
            a->op.context[i].epoch == creator.epoch)
            return true;
    }
    return false;
}

static enum error_code check_body(const struct application *a)
{
    if (a->located->made_here)
        return ERR_OK;
    return a->op.extends ? extension_check(a->located->entry->body)
                         : schema_check_fields(a->type, a->located->entry->body, a->creating, NULL);
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
    if (a->record != NULL && a->op.deletes != 2 && record_deleted_as_seen(a->record, &a->op)) {
        a->reason = "its author had seen the record deleted";
        return EXCLUDE;
    }
    return ADMIT;
}

/* An operation that can't be judged yet, and a creation without effect, mark no dot as forked: what
 * comes first would have to know of them. */
static enum judgement judge_body_of(struct application *a, enum judgement standing)
{
    enum judgement body = judge_body(a);
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
    const struct operation *creation;
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
    if (!a->creating && !saw_creation(a)) {
        a->reason = "it isn't the record's author's, and has seen no creation";
        return EXCLUDE;
    }
    creation = record_creation(a->record, &a->located->entry->record);
    if (!a->creating && creation != NULL && creation->verdict == OPERATION_EXCLUDED) {
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

/* Nothing is known of its author now: a change of the tree wakes it. */
static enum judgement judge_pending(struct application *a)
{
    a->op = operation_of(a->located, 0);
    a->reason = "no document in force names its author's key";
    a->missing = a->op.dot;
    return PARK_RECORD;
}

static enum judgement judge(struct step *step, struct application *a)
{
    const struct entry *entry = a->located->entry;
    const struct schema *schema = tree_schema(step->replica->tree);
    a->author = tree_author(step->replica->tree, a->located->author.author);
    enum trust trust = trust_of(step, &a->located->author, a->located->stream, a->located->seq);
    assert((trust == TRUST_PENDING) == (a->author == NULL));
    a->type = schema == NULL || entry->schema_version > schema->version
                  ? NULL
                  : schema_type(schema, entry->type);
    if (a->type == NULL) {
        a->reason = "a type or schema version not known here";
        return PARK_SCHEMA;
    }
    if (a->author == NULL)
        return judge_pending(a);
    a->cut = trust == TRUST_CUT;
    a->op = operation_of(a->located, a->author->rank);
    a->creating = record_id_names(&entry->record, &a->located->author) && entry->n == 1 &&
                  entry->context_count == 0 && entry->kind == ENTRY_WRITE;
    if (!a->anew && find_record(step, a->type, &entry->record, &a->record) != ERR_OK) {
        struct author_epoch creator = record_id_author(&entry->record);
        a->reason = "the record's row here can't be read";
        a->missing = (struct dot){creator.author, creator.epoch, 1};
        return PARK_RECORD;
    }
    enum judgement standing = a->cut ? judge_cut(step, a) : judge_standing(step, a);
    return standing == ADMIT || standing == FORKED ? judge_body_of(a, standing) : standing;
}

bool quarantine_entry(struct step *step, const struct located_entry *located, enum error_code code,
                      const char *reason)
{
    uint8_t bytes[1 + LOCATOR_BYTES_MAX] = {'e'};
    struct buffer value = {0};
    struct span there, key = SPAN(bytes, 1 + locator_write(step, located, bytes + 1));
    if (step->view->get(step->view->context, TABLE_QUARANTINE, key, &there) == READ_FOUND)
        return false;
    if (!aside_room(step, 'q', located_place(located).stream.author, QUARANTINE_AN_AUTHOR_MAX))
        return true;
    mp_write_map(&value, 3);
    mp_write_uint(&value, 1);
    mp_write_text(&value, error_name(code));
    mp_write_uint(&value, 2);
    mp_write_text(&value, reason);
    mp_write_uint(&value, 3);
    mp_write_uint(&value, step->wall_ms);
    updates_put(step->updates, TABLE_QUARANTINE, key, span_of_buffer(&value));
    buffer_free(&value);
    return true;
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
        (a->located->made_here || !PLANTED(INDEX_FORGOTTEN))) {
        uint8_t index[INDEX_KEY_BYTES];
        index_key(index, entry->clock, key);
        updates_put(step->updates, TABLE_INDEX, SPAN_OF_ARRAY(index), SPAN_EMPTY);
    }
    if (a->record == NULL) {
        record_row_write_located(step->updates, key, a->located->stream, a->located->author.branch,
                                 a->located->seq);
        return;
    }
    struct buffer row = {0};
    record_encode(a->record, &row);
    updates_put(step->updates, TABLE_RECORDS, SPAN_OF_ARRAY(key), span_of_buffer(&row));
    buffer_free(&row);
}

/* 1: the record is one more; -1: one less. */
static int fold_into_record(struct application *a)
{
    bool first = a->record == NULL;
    if (first && a->creating && a->op.verdict == OPERATION_ADMITTED && !a->located->carried)
        return a->op.deletes == 1 ? 0 : 1;
    bool counted = !first && record_stands(a->record) && !record_deleted(a->record);
    if (first)
        a->record = record_new();
    record_apply(a->record, &a->op, a->type, a->located->entry->body);
    return (int)(record_stands(a->record) &&
                 (!record_deleted(a->record) || PLANTED(DELETED_COUNTED))) -
           (int)counted;
}

/* Fold the operation in, admitted or excluded, and keep what is derived from it. */
static void fold(struct step *step, struct application *a)
{
    const struct entry *entry = a->located->entry;
    who_assign(step->updates, &a->located->author);
    if (a->located->carried)
        author_key_keep(step->updates, a->author);
    int change = fold_into_record(a);
    write_record(step, a);
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
        if (dot_compare(&dot, &a->op.context[i]) == 0) {
            dot.n = a->record == NULL ? dot.n : a->op.context[i].n;
        }
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
    }
    carry_on_storing(step, &a.op, located, a.record, outcome, from != NULL);
    record_free(a.record);
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
    record_apply(*record, &a.op, a.type, located->entry->body);
}

/* Sealed to others: nothing of it is listed here. Sealed to us, as its stream says, and not to be
 * opened: its author's doing. */
static enum outcome leave_shut(struct step *step, const struct located_entry *located)
{
    struct stream_id stream = {located->author.author, located->author.epoch, located->stream,
                               located->author.branch};
    const struct stream_open *open = load_stream_open(step, &stream);
    struct key_id own = key_id_of(step->replica->options.seal.public_key);
    bool ours = false;
    for (size_t i = 0; open != NULL && i < open->reader_count; i++)
        ours = ours || key_id_equal(open->readers[i], own);
    bool news =
        ours && quarantine_entry(step, located, ERR_INVALID,
                                 "it is sealed to this node's key, and the key doesn't open it");
    return news || !ours ? OUTCOME_SETTLED : OUTCOME_KNOWN;
}

enum outcome apply_judge(struct step *step, const struct located_entry *located,
                         const struct parked_key *from)
{
    const struct entry *entry = located->entry;
    if (entry->kind == ENTRY_OPEN || entry->kind == ENTRY_CLOSE)
        return OUTCOME_SETTLED;
    if (entry->seal == ENTRY_SHUT)
        return leave_shut(step, located);
    if (!entry->strange && entry->kind == ENTRY_CARRY)
        return carry_apply(step, located, from);
    if (entry->strange || (entry->kind != ENTRY_WRITE && entry->kind != ENTRY_EXTEND)) {
        return parked_put(step, located, PARKED_PROGRAM, NULL,
                          "a kind of entry that this version doesn't know", from)
                   ? OUTCOME_PARKED
                   : OUTCOME_FULL;
    }
    return settle(step, located, from);
}

enum outcome apply_entry_to(struct step *step, const struct located_entry *located)
{
    enum outcome outcome = apply_judge(step, located, NULL);
    if (outcome == OUTCOME_FOLDED && located->entry->kind != ENTRY_CARRY) {
        step->replica->streams_due = true;
        parked_wake(step, located->entry->type, &located->entry->record,
                    entry_dot(located->entry, &located->author));
    }
    return outcome;
}

bool apply_entry(struct step *step, const struct located_entry *located)
{
    return apply_entry_to(step, located) != OUTCOME_FULL;
}
