/* The node's own way from a directory to a replica, then the walk of the whole store against the
 * history that was recorded, then one write more. */
#include "tests/crash/crash_check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/crash/disk_model.h"

/* One opened state, and what is wrong with it. */
struct state {
    const struct crash_subject *subject;
    size_t point;
    struct offline_node node;
    struct record_id written; /* after the cut */
    uint32_t epoch;           /* as the first opening came to; 0: none yet */
    bool own_entries;         /* something of this node's own stood here after the cut */
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

static bool open_state(struct state *state, const char *dir, uint64_t *random)
{
    struct error error = {0};
    if (offline_node_open(&state->node, &state->subject->identity, dir, random, &error) == ERR_OK)
        return true;
    say(state, "it doesn't open: %s: %s", error.what, error.why);
    return false;
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
    bool own = memcmp(entry->stream.author.bytes,
                      key_id_of(subject->identity.options.signing_key).bytes, KEY_ID_BYTES) == 0;
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
    const struct tree *tree = replica_tree(drive_replica(state->node.drive));
    if (query_walk(&state->node.port.view, tree, &visitor, &error) != ERR_OK)
        say(state, "the walk ends: %s", error.why);
}

/* The record's title now; false: it isn't there. */
static bool read_title(struct state *state, const struct record_id *record,
                       char title[static TITLE_BYTES_MAX])
{
    static const char title_key[] = "\xa5title"; /* as msgpack has it among the fields */
    struct buffer out = {0};
    struct error error;
    const struct tree *tree = replica_tree(drive_replica(state->node.drive));
    bool found = query_record(&state->node.port.view, tree, span_of_text("incident"), record, &out,
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
    const struct replica *replica = drive_replica(state->node.drive);
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
    struct error error = {0};
    state->after_write = true;
    if (offline_node_put(&state->node, "after the cut", &error) != ERR_OK)
        say(state, "a write is refused: %s", error.why);
    state->written = state->node.answer.record;
    if (heard_of(state, &state->written) > 0)
        say(state, "a record id is given again");
}

static void judge_again(struct state *state)
{
    char title[TITLE_BYTES_MAX];
    judge_epoch(state);
    judge_records(state);
    if (!read_title(state, &state->written, title) || strcmp(title, "after the cut") != 0)
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
    offline_node_close(&state.node);
    if (state.wrong[0] == '\0' && open_state(&state, dir, random))
        judge_again(&state);
    offline_node_close(&state.node);
    return state.wrong[0] == '\0' ? NULL : state.wrong;
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
    struct error error = {0};
    *subject = (struct crash_subject){.dir = dir};
    if (node_identity_load(&subject->identity, dir, &error) != ERR_OK) {
        fprintf(stderr, "crash states: %s: %s\n", error.what, error.why);
        exit(2);
    }
    struct state state = {.subject = subject, .point = SIZE_MAX};
    if (open_state(&state, dir, &random))
        walk(&state);
    if (state.wrong[0] != '\0') {
        fprintf(stderr, "crash states: the recorded node itself: %s\n", state.wrong);
        exit(2);
    }
    subject->epoch = replica_epoch(drive_replica(state.node.drive));
    offline_node_close(&state.node);
    qsort(state.found, state.found_count, sizeof *state.found, compare_places);
    count_entries(state.found, state.found_count);
    subject->entries = state.found;
    subject->entry_count = state.found_count;
}

void crash_subject_free(struct crash_subject *subject)
{
    node_identity_free(&subject->identity);
    free(subject->observations);
    free(subject->entries);
}
