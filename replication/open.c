/* A replica's memory from its store, and the doubt: is this store really the newest of ours?
 *
 * The store counts the commits that signed something; the high-water file outside it holds the
 * same count, written before each such commit. A store at neither of the file's two counts has
 * been restored, cloned or has lost commits: whatever we sign now goes into a new epoch, so no
 * place is ever signed twice (rules.md 4, A5). */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replication/core.h"
#include "replication/deadlines.h"
#include "replication/notes.h"
#include "replication/rows/document_rows.h"
#include "replication/trust.h"

static const char self_key[] = "self";

uint32_t tuning_or(uint32_t value, uint32_t otherwise)
{
    return value != 0 ? value : otherwise;
}

/* Of what it shall be the seed goes in: a machine whose memory was put back makes the same seed for
 * the same thing only. */
struct hash replica_seed(struct replica *replica, const struct hash *about)
{
    uint8_t from[8 + KEY_BYTES + HASH_BYTES];
    write_u64(from, replica->random_count++);
    memcpy(from + 8, replica->options.seal.secret, KEY_BYTES);
    memcpy(from + 8 + KEY_BYTES, about->bytes, HASH_BYTES);
    return hash_of_two(HASH_REQUEST, SPAN_OF_ARRAY(replica->options.random), SPAN_OF_ARRAY(from));
}

uint32_t replica_random(struct replica *replica)
{
    uint8_t count[8];
    write_u64(count, replica->random_count++);
    struct hash hash =
        hash_of_two(HASH_REQUEST, SPAN_OF_ARRAY(replica->options.random), SPAN_OF_ARRAY(count));
    return read_u32(hash.bytes);
}

static void self_row_encode(const uint64_t numbers[static SELF_NUMBERS],
                            const uint8_t instance[static 8], const char *reason, struct key_id own,
                            struct buffer *row)
{
    mp_write_map(row, SELF_NUMBERS + 3);
    for (size_t i = 0; i < SELF_NUMBERS; i++) {
        mp_write_uint(row, i + 1);
        mp_write_uint(row, numbers[i]);
    }
    mp_write_uint(row, 7);
    mp_write_bin(row, SPAN(instance, 8));
    mp_write_uint(row, 8);
    mp_write_text(row, reason);
    mp_write_uint(row, 9);
    mp_write_bin(row, SPAN_OF_ARRAY(own.bytes));
}

void self_row_put(struct step *step)
{
    struct replica *replica = step->replica;
    struct buffer row = {0};
    const uint64_t numbers[] = {replica->self.epoch, replica->commits,        replica->statement_k,
                                replica->report_k,   replica->record_counter, replica->next_stream};
    self_row_encode(numbers, replica->options.instance, replica->epoch_reason, replica->key_id,
                    &row);
    updates_put(step->updates, TABLE_META, span_of_text(self_key), span_of_buffer(&row));
    buffer_free(&row);
    replica->self_dirty = false;
}

void self_row_ended(uint32_t epoch, struct key_id own, struct buffer *row)
{
    static const uint8_t no_instance[8];
    const uint64_t numbers[] = {epoch,      1,          UINT64_MAX,
                                UINT64_MAX, UINT32_MAX, STREAM_NUMBER_MAX + 1};
    self_row_encode(numbers, no_instance, "", own, row);
}

struct self_row {
    uint64_t numbers[SELF_NUMBERS];
    uint8_t instance[8];
    uint8_t key_id[8];
    struct span reason;
};

static bool self_row_decode(struct span value, struct self_row *self)
{
    struct mp_reader reader = mp_reader(value);
    struct mp_fields fields = mp_fields(&reader);
    unsigned seen = 0;
    for (int32_t key; mp_field(&reader, &fields, &key);) {
        seen |= key >= 1 && key <= 9 ? 1U << key : 0;
        if (key >= 1 && key <= 6) {
            self->numbers[key - 1] = mp_read_uint(&reader);
        } else if (key == 7 || key == 9) {
            const uint8_t *bytes = mp_read_bin_of(&reader, 8);
            if (bytes != NULL)
                memcpy(key == 7 ? self->instance : self->key_id, bytes, 8);
        } else if (key == 8) {
            self->reason = mp_read_str(&reader);
        } else {
            mp_read_any(&reader);
        }
    }
    mp_read_end(&reader);
    const uint64_t *numbers = self->numbers;
    bool sound = !reader.failed && seen == 0x3fe && numbers[0] >> 16 != 0 &&
                 numbers[0] <= UINT32_MAX && numbers[4] <= UINT32_MAX && numbers[5] >= 1 &&
                 numbers[5] <= STREAM_NUMBER_MAX + 1;
    return sound;
}

/* READ_UNREADABLE when it is there and not as it should be. */
static enum read_answer self_row_get(const struct view *view, struct self_row *self)
{
    struct span value;
    memset(self, 0, sizeof *self);
    enum read_answer answer = view->get(view->context, TABLE_META, span_of_text(self_key), &value);
    if (answer != READ_FOUND)
        return answer;
    return self_row_decode(value, self) ? READ_FOUND : READ_UNREADABLE;
}

bool self_row_reads(struct span value, struct key_id own, uint64_t *commits, uint32_t *epoch)
{
    struct self_row self = {0};
    if (!self_row_decode(value, &self) || memcmp(self.key_id, own.bytes, KEY_ID_BYTES) != 0)
        return false;
    *commits = self.numbers[1];
    *epoch = (uint32_t)self.numbers[0];
    return true;
}

enum read_answer self_row_numbers(const struct view *view, uint64_t numbers[static SELF_NUMBERS])
{
    struct self_row self;
    enum read_answer answer = self_row_get(view, &self);
    memcpy(numbers, self.numbers, sizeof self.numbers);
    return answer;
}

/* Why the past of this store is doubted; NULL: it is not. */
static const char *doubt(const struct replica_options *options, const struct self_row *self,
                         bool has_self)
{
    const struct high_water *mark = &options->high_water;
    if (!has_self || self->numbers[1] == 0) {
        return options->high_water_readable && mark->committed > 0
                   ? "the store is empty, the high-water file is not"
                   : NULL;
    }
    if (PLANTED(DOUBT_IGNORED))
        return NULL;
    if (!options->high_water_readable)
        return "the high-water file is missing or damaged";
    if (memcmp(self->instance, options->instance, sizeof self->instance) != 0 ||
        memcmp(mark->instance, options->instance, sizeof mark->instance) != 0)
        return "the store comes from another machine or directory";
    if (memcmp(mark->key_id, self->key_id, sizeof mark->key_id) != 0 ||
        mark->epoch != self->numbers[0])
        return "the high-water file is of another epoch";
    if (PLANTED(OLDER_STORE_TRUSTED) && self->numbers[1] <= mark->in_flight)
        return NULL;
    if (self->numbers[1] != mark->committed && self->numbers[1] != mark->in_flight)
        return "the store is not the newest: it was restored, or has lost commits";
    return NULL;
}

static void greatest_epoch(void *context, uint32_t epoch)
{
    uint32_t *greatest = context;
    if (epoch > *greatest)
        *greatest = epoch;
}

/* False: the key's epochs are used up, nothing has changed. */
static bool start_epoch(struct replica *replica, const struct view *view, const char *reason)
{
    uint32_t greatest = replica->self.epoch;
    who_each_epoch(view, replica->key_id, &greatest, greatest_epoch);
    greatest_epoch(&greatest, replica->heard_epoch);
    /* A first commit that was cut short leaves a high-water file and no store: the same ordinal
     * serves again, its random half differs. */
    const struct high_water *mark = &replica->options.high_water;
    if (replica->options.high_water_readable && reason[0] != '\0' &&
        memcmp(mark->key_id, replica->key_id.bytes, sizeof mark->key_id) == 0)
        greatest_epoch(&greatest, mark->epoch);
    uint32_t ordinal = (greatest >> 16) + 1;
    if (ordinal > UINT16_MAX)
        return false;
    replica->self.epoch = ordinal << 16 | (replica_random(replica) & 0xffff);
    replica->epoch_new = true;
    replica->record_counter = 0;
    replica->next_stream = 1;
    replica->statement_k = replica->report_k = 0;
    snprintf(replica->epoch_reason, sizeof replica->epoch_reason, "%s", reason);
    uint64_t seen = replica->options.high_water_readable ? mark->in_flight : 0;
    replica->commits = replica->commits > seen ? replica->commits : seen;
    return true;
}

bool replica_new_epoch(struct step *step, const char *reason)
{
    struct replica *replica = step->replica;
    if (!start_epoch(replica, step->view, reason)) {
        updates_trace(step->updates, "no epoch is left: %s", reason);
        return false;
    }
    for (struct own_stream *stream = replica->own_streams, *next; stream != NULL; stream = next) {
        assert(stream->writer == NULL);
        next = stream->next;
        own_stream_free(stream);
    }
    replica->own_streams = NULL;
    /* what was said in the epoch before may have been said otherwise by another life of ours */
    replica->heads_changed = replica->cells_changed = true;
    replica->statement_ever = false;
    self_row_put(step); /* a restart must not go back to the epoch that was left */
    updates_trace(step->updates, "epoch %u: %s", replica->self.epoch >> 16, reason);
    return true;
}

void replica_hear_epoch(struct step *step, uint32_t epoch)
{
    if (epoch > step->replica->self.epoch) {
        step->replica->epoch_passed = true;
        greatest_epoch(&step->replica->heard_epoch, epoch);
    }
}

/* What an earlier life of this node, or another machine with its key, has signed in a later epoch
 * would stand above all that we sign now (the newest statement and report count): so we go above
 * it. Once a minute at most: two machines that live with one key would chase each other. */
void replica_pass_epoch(struct step *step)
{
    enum { PASS_EVERY_MS = 60 * 1000 };
    struct replica *replica = step->replica;
    uint64_t due = replica->epoch_began_tick + PASS_EVERY_MS;
    if (!replica->epoch_passed)
        return;
    if (replica->epoch_began_tick != 0 && step->tick_ms < due) {
        replica->deadline_tick = due < replica->deadline_tick ? due : replica->deadline_tick;
        return;
    }
    replica_new_epoch(step, replica->clock_fell ? "its clock was put right"
                                                : "a later epoch of this key is known elsewhere");
    replica->epoch_passed = false;
    if (replica->clock_fell)
        replica->token_at_tick = 0; /* the right time is told at once */
    replica->clock_fell = false;
    replica->epoch_began_tick = step->tick_ms;
    replica->deadline_tick = step->tick_ms;
}

static bool alarm_is_raised(const struct replica *replica, const struct alarm *alarm)
{
    for (size_t i = 0; i < replica->alarm_count; i++) {
        if (strcmp(replica->alarms[i].text, alarm->text) == 0)
            return true;
    }
    return false;
}

void replica_raise_alarm(struct step *step, const char *format, ...)
{
    struct replica *replica = step->replica;
    struct alarm alarm = {0};
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(alarm.text, sizeof alarm.text, format, arguments);
    va_end(arguments);
    if (alarm_is_raised(replica, &alarm))
        return;
    updates_trace(step->updates, "alarm: %s", alarm.text);
    replica_add_alarm(replica, &alarm);
}

void replica_add_alarm(struct replica *replica, const struct alarm *alarm)
{
    if (replica->alarm_count == ALARMS_MAX)
        return;
    replica->alarms =
        mem_resize(replica->alarms, (replica->alarm_count + 1) * sizeof *replica->alarms);
    replica->alarms[replica->alarm_count++] = *alarm;
}

static void resume_epoch(struct replica *replica, const struct self_row *self)
{
    replica->self.epoch = (uint32_t)self->numbers[0];
    replica->commits = self->numbers[1];
    replica->statement_k = self->numbers[2];
    replica->report_k = self->numbers[3];
    replica->record_counter = PLANTED(RECORD_NUMBER_REUSED) ? 0 : (uint32_t)self->numbers[4];
    replica->next_stream = PLANTED(STREAM_NUMBER_REUSED) ? 1 : (uint32_t)self->numbers[5];
    size_t size = self->reason.size < sizeof replica->epoch_reason - 1
                      ? self->reason.size
                      : sizeof replica->epoch_reason - 1;
    memcpy(replica->epoch_reason, self->reason.data, size);
    replica->epoch_reason[size] = '\0';
}

static void load_own_streams(struct replica *replica, const struct view *view)
{
    struct stream_id id;
    struct stream_row *row = mem_alloc(sizeof *row);
    for (uint64_t cursor = 0; stream_row_next(view, &cursor, &id, row);) {
        if (row->closed || row->forked || id.branch > 0 ||
            !key_id_equal(id.author, replica->key_id) || id.epoch != replica->self.epoch)
            continue;
        struct own_stream *stream = mem_alloc(sizeof *stream);
        stream->id = id;
        own_stream_describe(stream, &row->open);
        stream->head = row->head;
        stream->next = replica->own_streams;
        replica->own_streams = stream;
    }
    free(row);
}

/* A new key at the same disk (B50): the store's key was this seat's, is in force no more, and the
 * tree lists ours as a later one. What the former key wrote is that of a former author then. */
static bool is_successor(const struct replica *replica)
{
    const struct author *former = tree_author(replica->tree, replica->former);
    const struct author *own = tree_author(replica->tree, replica->key_id);
    return former != NULL && own != NULL && own->seat == former->seat &&
           own->generation > former->generation && seat_status_is_in_force(own->status) &&
           !seat_status_is_in_force(former->status) &&
           strcmp(own->seat->row.seat, replica->options.seat) == 0;
}

static enum error_code check_tree(const struct replica *replica, const struct view *view,
                                  struct error *error)
{
    struct span value;
    if (view->get(view->context, TABLE_META, span_of_text("tree"), &value) == READ_FOUND &&
        !span_equal(value, SPAN_OF_ARRAY(replica->options.tree_id.bytes)))
        return error_set(error, ERR_NOT_ALLOWED, "store", "it belongs to another tree");
    return ERR_OK;
}

/* A store of another tree, seat or key is refused, never adopted. */
static enum error_code check_key(struct replica *replica, const struct self_row *self,
                                 struct error *error)
{
    memcpy(replica->former.bytes, self->key_id, sizeof replica->former.bytes);
    replica->succeeds = !key_id_equal(replica->former, replica->key_id);
    if (!replica->succeeds || is_successor(replica))
        return ERR_OK;
    error_set(error, ERR_NOT_ALLOWED, "store", "it was written with another signing key");
    error_next(error, "put this node's own keys back, or begin with an empty store; a new key is "
                      "asked for with `terrace request --new-key`");
    return ERR_NOT_ALLOWED;
}

/* A store that is new, restored or made anew begins another life: its numbers may have been given
 * before. The seed for what must be unique is another one at each start. */
static void load_arrivals(struct replica *replica, const struct view *view)
{
    struct arrival last = {0};
    replica->arrivals = arrivals_end(view);
    bool known = replica->arrivals > 0 && arrival_read(view, replica->arrivals - 1, &last);
    struct hash fresh = hash_of(HASH_REQUEST, SPAN_OF_ARRAY(replica->options.random));
    replica->life = known && !replica->epoch_new ? last.life : read_u32(fresh.bytes);
}

enum error_code replica_open(const struct replica_options *options, const struct view *view,
                             struct replica **opened, struct error *error)
{
    struct replica *replica = mem_alloc(sizeof *replica);
    struct self_row self;
    replica->options = *options;
    replica->key_id = key_id_of(options->signing_key);
    replica->self.author = replica->key_id;
    enum read_answer has = self_row_get(view, &self);
    enum error_code code = has == READ_UNREADABLE ? error_set(error, ERR_DAMAGED, "store",
                                                              "the row `self` can't be read")
                                                  : check_tree(replica, view, error);
    if (code == ERR_OK) {
        replica->tree =
            stored_tree(view, &options->tree_id, options->verifier, options->shelf, error);
        code = replica->tree == NULL ? ERR_DAMAGED : ERR_OK;
    }
    if (code == ERR_OK)
        tree_set_seal_key(replica->tree, &replica->options.seal);
    if (code == ERR_OK && has == READ_FOUND)
        code = check_key(replica, &self, error);
    if (code != ERR_OK) {
        replica_close(replica);
        return code;
    }
    if (replica->succeeds)
        replica->commits = self.numbers[1];
    else if (has == READ_FOUND)
        resume_epoch(replica, &self);
    const char *reason =
        replica->succeeds ? "this machine has a new key" : doubt(options, &self, has == READ_FOUND);
    uint32_t greatest = 0;
    who_each_epoch(view, replica->key_id, &greatest, greatest_epoch);
    if (reason == NULL && has == READ_FOUND && greatest > replica->self.epoch)
        reason = "a later epoch of this key is held here";
    if (reason == NULL && has == READ_FOUND && replica->commits > 0) {
        load_own_streams(replica, view);
    } else if (!start_epoch(replica, view, reason == NULL ? "" : reason)) {
        replica_close(replica);
        error_set(error, ERR_FULL, "signing key", "all of its 65,535 epochs are used up");
        error_next(error, "make a new signing key and have the parent's admin sign it in");
        return ERR_FULL;
    }
    replica->sweep = (struct parked_key){.bytes = {PARKED_RECORD}, .size = 1};
    replica->streams_due = true;
    trust_look(replica);
    replica->deadlines_walk = true;
    replica->cuts_due = replica->erasing = true; /* the first look finds out */
    replica->erased = erased_rows_any(view);
    token_load(replica, view);
    load_arrivals(replica, view);
    fork_load_alarms(replica, view);
    replica->heads_changed = replica->cells_changed = true;
    replica->deadline_tick = 0;
    *opened = replica;
    return ERR_OK;
}

void replica_inherit(struct replica *replica, struct replica *former)
{
    assert(replica->intakes == NULL && replica->instances == NULL);
    for (size_t i = 0; i < former->alarm_count; i++) {
        if (!alarm_is_raised(replica, &former->alarms[i]))
            replica_add_alarm(replica, &former->alarms[i]);
    }
    replica->refusals = former->refusals;
    replica->occurrence = former->occurrence;
    replica->occurrence_count = former->occurrence_count;
    replica->intakes = former->intakes;
    replica->instances = former->instances;
    former->intakes = NULL;
    former->instances = NULL;
}

void replica_close(struct replica *replica)
{
    if (replica == NULL)
        return;
    for (struct own_stream *stream = replica->own_streams, *next; stream != NULL; stream = next) {
        next = stream->next;
        own_stream_free(stream);
    }
    struct session *session, *after;
    HASH_ITER (hh, replica->sessions, session, after)
        session_free(replica, session);
    block_cache_free(&replica->cache);
    block_cache_free(&replica->circle_cache);
    free(replica->open_cache);
    free(replica->readers);
    contacts_free_sought(replica);
    for (struct instances *known = replica->instances, *next; known != NULL; known = next) {
        next = known->next;
        free(known);
    }
    intakes_free(replica);
    trust_free(replica);
    calendars_free(replica);
    buffer_free(&replica->waits);
    free(replica->alarms);
    tree_free(replica->tree);
    free(replica);
}

void replica_high_water(const struct replica *replica, struct high_water *mark)
{
    memset(mark, 0, sizeof *mark);
    memcpy(mark->key_id, replica->key_id.bytes, sizeof mark->key_id);
    memcpy(mark->instance, replica->options.instance, sizeof mark->instance);
    mark->epoch = replica->self.epoch;
    mark->committed = replica->commits - 1;
    mark->in_flight = replica->commits;
    mark->statement = replica->statement_k;
}
