/* The node's own way from a directory to a replica, then the walk of the whole store against the
 * history that was recorded, then one write more. */
#include "tests/crash/crash_check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/author/config.h"
#include "node/store/store.h"
#include "replication/drive.h"
#include "tests/crash/disk_model.h"

enum { MAP_BYTES = 64 << 20 };

/* One opened state, and what is wrong with it. */
struct state {
    const struct crash_subject *subject;
    size_t point;
    struct store *store;
    struct store_port port;
    struct drive *drive;
    struct answer answer;
    uint32_t epoch;   /* as the first opening came to; 0: none yet */
    bool own_entries; /* something of this node's own stood here after the cut */
    bool after_write;
    struct known_entry *found; /* for loading the subject; NULL otherwise */
    size_t found_count, found_capacity;
    char wrong[400];
};

static void say(struct state *state, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The first thing is the one that is told. */
static void say(struct state *state, const char *format, ...)
{
    va_list arguments;
    if (state->wrong[0] != '\0')
        return;
    va_start(arguments, format);
    vsnprintf(state->wrong, sizeof state->wrong, format, arguments);
    va_end(arguments);
}

static void take_answer(void *context, const struct answer *answer)
{
    struct state *state = context;
    state->answer = *answer;
}

static void send_nowhere(void *context, uint32_t link, enum channel channel, uint8_t type,
                         struct span body)
{
    (void)context, (void)link, (void)channel, (void)type, (void)body;
}

static void close_nowhere(void *context, uint32_t link)
{
    (void)context, (void)link;
}

static void run(struct state *state, struct event *event)
{
    event->wall_ms = UINT64_C(2000000000000);
    event->tick_ms = 1;
    enum error_code code = drive_batch(state->drive, event, 1);
    if (code != ERR_OK)
        say(state, "a batch ends with %s", error_name(code));
}

/* As a node's start does: what stands in its documents/ is offered. */
static void take_documents(struct state *state)
{
    const struct document_files *files = &state->subject->documents;
    for (size_t i = 0; i < files->count && state->wrong[0] == '\0'; i++) {
        const struct document_file *file = &files->files[i];
        struct event event = {.kind = EVENT_DOCUMENT,
                              .document = {.envelope = file->envelope,
                                           .rows = file->rows,
                                           .row_count = file->row_count,
                                           .places = file->places,
                                           .proofs = file->proofs}};
        run(state, &event);
    }
}

static bool open_state(struct state *state, const char *dir, uint64_t *random)
{
    struct store_options place = {.dir = dir, .map_bytes = MAP_BYTES};
    struct replica_options options = state->subject->options;
    struct error error = {0};
    for (size_t i = 0; i < sizeof options.random; i++)
        options.random[i] = (uint8_t)draw(random, 256);
    if (store_open(&place, &state->store, &error) != ERR_OK) {
        say(state, "the store doesn't open: %s: %s", error.what, error.why);
        return false;
    }
    store_port(state->store, &state->port);
    options.high_water_readable =
        store_high_water_read(state->store, &options.high_water) == HIGH_WATER_FOUND;
    struct drive_ports ports = {.store = state->port,
                                .link = {.send = send_nowhere, .close = close_nowhere},
                                .context = state,
                                .answer = take_answer};
    if (drive_open(&options, &ports, &state->drive, &error) != ERR_OK) {
        say(state, "the replica doesn't open: %s: %s", error.what, error.why);
        return false;
    }
    take_documents(state);
    return state->wrong[0] == '\0';
}

static void close_state(struct state *state)
{
    drive_close(state->drive);
    store_close(state->store);
    state->drive = NULL;
    state->store = NULL;
}

static int compare_places(const void *a, const void *b)
{
    const struct known_entry *one = a, *other = b;
    int order = memcmp(one->stream.author.bytes, other->stream.author.bytes, KEY_ID_BYTES);
    if (order != 0)
        return order;
    if (one->stream.epoch != other->stream.epoch)
        return one->stream.epoch < other->stream.epoch ? -1 : 1;
    if (one->stream.number != other->stream.number)
        return one->stream.number < other->stream.number ? -1 : 1;
    return one->seq < other->seq ? -1 : one->seq > other->seq;
}

static bool same_record(const struct record_id *one, const struct record_id *other)
{
    return memcmp(one, other, sizeof *one) == 0;
}

/* How many entries of a record somebody had heard of when the cut came. */
static uint32_t heard_of(const struct state *state, const struct record_id *record)
{
    const struct crash_subject *subject = state->subject;
    uint32_t acknowledged = 0, seen = 0;
    for (size_t i = 0; i < subject->observation_count; i++) {
        const struct observation *observation = &subject->observations[i];
        if (observation->point >= state->point || !same_record(&observation->record, record))
            continue;
        acknowledged += !observation->seen;
        seen |= observation->seen;
    }
    return acknowledged > seen ? acknowledged : seen;
}

static void judge_entry(struct state *state, const struct known_entry *entry)
{
    const struct crash_subject *subject = state->subject;
    const struct known_entry *was =
        bsearch(entry, subject->entries, subject->entry_count, sizeof *entry, compare_places);
    bool own = memcmp(entry->stream.author.bytes, key_id_of(subject->options.signing_key).bytes,
                      KEY_ID_BYTES) == 0;
    state->own_entries |= own && !state->after_write;
    bool same = was != NULL && hash_equal(&was->digest, &entry->digest);
    if (same || (was == NULL && state->after_write && own))
        return;
    if (!state->after_write)
        say(state, "invented: stream %u of epoch %u, entry %u", entry->stream.number,
            entry->stream.epoch, entry->seq);
    else if (was->ordinal <= heard_of(state, &was->record))
        say(state, "signed twice: stream %u of epoch %u, entry %u", entry->stream.number,
            entry->stream.epoch, entry->seq);
}

static bool visit_entry(void *context, const struct stream_id *stream, uint32_t seq, uint16_t type,
                        const struct record_id *record, const struct hash *digest)
{
    struct state *state = context;
    struct known_entry entry = {.seq = seq};
    (void)type;
    entry.stream.author = stream->author;
    entry.stream.epoch = stream->epoch;
    entry.stream.number = stream->number;
    entry.record = *record;
    entry.digest = *digest;
    if (state->subject->entries != NULL) {
        judge_entry(state, &entry);
        return true;
    }
    if (state->found_count == state->found_capacity) {
        state->found_capacity = state->found_capacity == 0 ? 256 : 2 * state->found_capacity;
        state->found = mem_resize(state->found, state->found_capacity * sizeof entry);
    }
    state->found[state->found_count++] = entry;
    return true;
}

static bool visit_damage(void *context, const char *what, struct span key)
{
    say(context, "damage: %s (%.*s)", what, (int)(key.size < 60 ? key.size : 60),
        (const char *)key.data);
    return true;
}

static bool visit_aside(void *context, enum table table, struct span key, struct span value)
{
    (void)key, (void)value;
    if (table == TABLE_QUARANTINE)
        say(context, "something is in quarantine");
    return true;
}

static void walk(struct state *state)
{
    struct walk_visitor visitor = {
        .context = state, .entry = visit_entry, .damage = visit_damage, .aside = visit_aside};
    struct error error = {0};
    const struct tree *tree = replica_tree(drive_replica(state->drive));
    if (query_walk(&state->port.view, tree, &visitor, &error) != ERR_OK)
        say(state, "the walk ends: %s", error.why);
}

/* The record's title now; false: it isn't there. */
static bool read_title(struct state *state, const struct record_id *record,
                       char title[static TITLE_BYTES_MAX])
{
    static const char title_key[] = "\xa5title"; /* as msgpack has it among the fields */
    struct buffer out = {0};
    struct error error;
    const struct tree *tree = replica_tree(drive_replica(state->drive));
    bool found = query_record(&state->port.view, tree, span_of_text("incident"), record, &out,
                              &error) == ERR_OK;
    const uint8_t *at = found ? memmem(out.data, out.size, title_key, sizeof title_key - 1) : NULL;
    size_t size = 0;
    title[0] = '\0';
    if (at != NULL)
        size = at[sizeof title_key - 1] & 0x1f; /* titles here are short: one byte of length */
    if (size > 0 && size < TITLE_BYTES_MAX) {
        memcpy(title, at + sizeof title_key, size);
        title[size] = '\0';
    }
    buffer_free(&out);
    return found;
}

/* Right is the last title that was acknowledged, or one that was on its way then. */
static void judge_record(struct state *state, size_t index)
{
    const struct crash_subject *subject = state->subject;
    const struct observation *first = &subject->observations[index];
    char title[TITLE_BYTES_MAX], id[33];
    record_id_text(&first->record, id);
    if (!read_title(state, &first->record, title)) {
        say(state, "%s: record %s is missing", first->seen ? "seen elsewhere" : "acknowledged", id);
        return;
    }
    if (first->seen)
        return;
    for (size_t i = index; i < subject->observation_count; i++) {
        const struct observation *later = &subject->observations[i];
        if (later->seen || !same_record(&later->record, &first->record))
            continue;
        if (strcmp(later->title, title) == 0)
            return;
        if (i > index && later->point < state->point)
            return; /* judged when that one is */
    }
    say(state, "record %s has title '%s', not '%s'", id, title, first->title);
}

static void judge_records(struct state *state)
{
    const struct crash_subject *subject = state->subject;
    for (size_t i = 0; i < subject->observation_count; i++) {
        if (subject->observations[i].point < state->point)
            judge_record(state, i);
    }
}

/* A power cut is no restore. Where nothing of this node's own had been committed, the first epoch
 * begins, under whatever number. */
static void judge_epoch(struct state *state)
{
    const struct replica *replica = drive_replica(state->drive);
    uint32_t epoch = replica_epoch(replica);
    uint32_t expected = state->own_entries ? state->subject->epoch : state->epoch;
    if (epoch >> 16 != 1 || replica_epoch_reason(replica)[0] != '\0')
        say(state, "epoch %u: %s", epoch >> 16, replica_epoch_reason(replica));
    else if (expected != 0 && epoch != expected)
        say(state, "epoch %08x, not %08x", epoch, expected);
    state->epoch = epoch;
}

static void write_on(struct state *state)
{
    struct buffer fields = {0};
    struct event event = {
        .kind = EVENT_WRITE,
        .write = {.request = 1, .kind = WRITE_PUT, .type = span_of_text("incident")}};
    mp_write_map(&fields, 1);
    mp_write_text(&fields, "title");
    mp_write_text(&fields, "after the cut");
    event.write.fields = span_of_buffer(&fields);
    state->after_write = true;
    run(state, &event);
    buffer_free(&fields);
    if (state->wrong[0] == '\0' && state->answer.error.code != ERR_OK)
        say(state, "a write is refused: %s", state->answer.error.why);
    if (heard_of(state, &state->answer.record) > 0)
        say(state, "a record id is given again");
}

static void judge_again(struct state *state)
{
    char title[TITLE_BYTES_MAX];
    judge_epoch(state);
    judge_records(state);
    if (!read_title(state, &state->answer.record, title) || strcmp(title, "after the cut") != 0)
        say(state, "what was written after the cut is missing");
}

const char *crash_check(const struct crash_subject *subject, const char *dir, size_t point,
                        uint64_t *random)
{
    static struct state state;
    state = (struct state){.subject = subject, .point = point};
    if (open_state(&state, dir, random)) {
        walk(&state);
        judge_epoch(&state);
        judge_records(&state);
        write_on(&state);
        walk(&state);
    }
    close_state(&state);
    if (state.wrong[0] == '\0' && open_state(&state, dir, random))
        judge_again(&state);
    close_state(&state);
    return state.wrong[0] == '\0' ? NULL : state.wrong;
}

static _Noreturn void give_up(const struct error *error)
{
    fprintf(stderr, "crash states: %s: %s\n", error->what, error->why);
    exit(2);
}

static void load_options(struct crash_subject *subject)
{
    struct replica_options *options = &subject->options;
    struct node_config config;
    struct node_keys keys;
    struct error error = {0};
    if (config_load(subject->dir, &config, &error) != ERR_OK ||
        keys_load(subject->dir, &keys, &error) != ERR_OK ||
        store_instance(subject->dir, options->instance, &error) != ERR_OK ||
        document_files_load(subject->dir, &subject->documents, &error) != ERR_OK)
        give_up(&error);
    options->tree_id = config.tree_id;
    options->tuning = config.tuning;
    memcpy(options->seat, config.seat, sizeof options->seat);
    memcpy(options->signing_key, keys.signing_key, sizeof options->signing_key);
    memcpy(options->signing_secret, keys.signing_secret, sizeof options->signing_secret);
}

static void count_entries(struct known_entry *entries, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        entries[i].ordinal = 1;
        for (size_t before = 0; before < i; before++)
            entries[i].ordinal += same_record(&entries[before].record, &entries[i].record);
    }
}

void crash_subject_load(struct crash_subject *subject, const char *dir)
{
    uint64_t random = 1;
    *subject = (struct crash_subject){.dir = dir};
    load_options(subject);
    struct state state = {.subject = subject, .point = SIZE_MAX};
    if (open_state(&state, dir, &random))
        walk(&state);
    if (state.wrong[0] != '\0') {
        fprintf(stderr, "crash states: the recorded node itself: %s\n", state.wrong);
        exit(2);
    }
    subject->epoch = replica_epoch(drive_replica(state.drive));
    close_state(&state);
    qsort(state.found, state.found_count, sizeof *state.found, compare_places);
    count_entries(state.found, state.found_count);
    subject->entries = state.found;
    subject->entry_count = state.found_count;
}

void crash_subject_free(struct crash_subject *subject)
{
    document_files_free(&subject->documents);
    free(subject->observations);
    free(subject->entries);
}
