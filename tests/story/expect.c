/* What must be so. Nothing here changes the world. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replication/verify/verify.h"
#include "sim/check/model.h"
#include "tests/story/story.h"

enum { FRESH_MS = 60 * 60 * 1000, STATE_BYTES_MAX = 4096 };

static const struct view *view_of(struct story *story, size_t seat)
{
    return world_view(story->world, seat);
}

/* A record at a node as lines of text, see model_fold.c. False: not held there. */
static bool describe(struct story *story, size_t seat, const struct named_record *record,
                     char state[static STATE_BYTES_MAX], struct buffer *raw)
{
    struct buffer described = {0}, text = {0};
    const struct replica *replica = world_replica(story->world, seat);
    const struct tree *tree = replica == NULL ? story->county->tree : replica_tree(replica);
    enum error_code code = query_record(view_of(story, seat), tree, span_of_text(record->type),
                                        &record->id, &described, NULL);
    if (code == ERR_OK)
        model_read_state(span_of_buffer(&described), &text);
    snprintf(state, STATE_BYTES_MAX, "\n%.*s", (int)text.size, (const char *)text.data);
    if (raw != NULL)
        buffer_append_span(raw, span_of_buffer(&described));
    buffer_free(&described);
    buffer_free(&text);
    return code == ERR_OK;
}

/* Text that stands after `prefix` at the beginning of a line, up to the line's end. */
static bool has_line(const char *state, const char *text)
{
    const char *at = state;
    size_t size = strlen(text);
    while ((at = strchr(at, '\n')) != NULL) {
        at++;
        if (strncmp(at, text, size) == 0 && (at[size] == '\n' || at[size] == ' '))
            return true;
    }
    return false;
}

static size_t count_lines(const char *state, const char *prefix)
{
    size_t count = 0;
    const char *at = state;
    while ((at = strchr(at, '\n')) != NULL) {
        at++;
        count += strncmp(at, prefix, strlen(prefix)) == 0;
    }
    return count;
}

/* s=v1 -> s='v1', notes+v1 -> notes+'v1'; numbers and _deleted stay as they are. */
static void quote(const char *word, char out[static 128])
{
    const char *equal = strpbrk(word, "=+");
    bool is_text = equal != NULL && strncmp(word, "level=", 6) != 0 &&
                   strncmp(word, "calls=", 6) != 0 && word[0] != '_';
    if (is_text)
        snprintf(out, 128, "%.*s'%s'", (int)(equal + 1 - word), word, equal + 1);
    else
        snprintf(out, 128, "%s", word);
}

/* "deleted", "operations=N" and "excluded=N" stand in the state's last line. */
static bool state_says(const char *state, const char *word, bool conflict)
{
    char text[128], line[160];
    if (strcmp(word, "deleted") == 0)
        return strstr(state, "deleted=1") != NULL;
    if (strncmp(word, "operations=", 11) == 0 || strncmp(word, "excluded=", 9) == 0) {
        const char *at = strstr(state, word);
        return at != NULL && (at[strlen(word)] == ' ' || at[strlen(word)] == '\n');
    }
    if (strncmp(word, "void=", 5) == 0 || strncmp(word, "surplus=", 8) == 0) {
        snprintf(text, sizeof text, "%s", word); /* void=close, surplus=notes,4 */
        for (char *at = text; *at != '\0'; at++)
            *at = *at == '=' || *at == ',' ? ' ' : *at;
        return has_line(state, text);
    }
    if (strncmp(word, "no-", 3) == 0) { /* no-s, no-void: nothing of it stands */
        snprintf(text, sizeof text, "%s=", word + 3);
        snprintf(line, sizeof line, "%s ", word + 3);
        return count_lines(state, text) + count_lines(state, line) == 0;
    }
    quote(word, text);
    snprintf(line, sizeof line, "%s%s", conflict ? "conflict " : "", text);
    return has_line(state, line);
}

/* record SEAT NAME absent | [FIELD=VALUE | FIELD+VALUE | no-FIELD | void=STEP | surplus=LIST,PLACE
 * | no-void]... [deleted] [operations=N] [excluded=N] [conflicts FIELD=VALUE...]: after
 * `conflicts`, exactly these. */
static void tell_record(struct story *story)
{
    size_t seat = story_seat(story, story_word(story, 1)), conflicts = 0;
    const struct named_record *record = story_record(story, story_word(story, 2));
    char state[STATE_BYTES_MAX];
    bool in_conflicts = false;
    if (seat == SIZE_MAX || record == NULL)
        return;
    bool held = describe(story, seat, record, state, NULL);
    if (held == (strcmp(story_word(story, 3), "absent") == 0))
        story_fail(story, "%s is %s at %s", record->name, held ? "held" : "not held",
                   story_word(story, 1));
    for (size_t i = 3; i < story->line->word_count && held; i++) {
        const char *word = story->line->words[i];
        if (strcmp(word, "conflicts") == 0) {
            in_conflicts = true;
            continue;
        }
        conflicts += in_conflicts;
        if (!state_says(state, word, in_conflicts))
            story_fail(story, "%s at %s lacks '%s'; it is:%s", record->name, story_word(story, 1),
                       word, state);
    }
    if (held && in_conflicts && conflicts != count_lines(state, "conflict "))
        story_fail(story, "%s at %s has other conflicts:%s", record->name, story_word(story, 1),
                   state);
}

/* equal NAME SEAT...: byte-equal at all of them. */
static void tell_equal(struct story *story)
{
    const struct named_record *record = story_record(story, story_word(story, 1));
    struct buffer first = {0};
    char state[STATE_BYTES_MAX];
    for (size_t i = 2; i < story->line->word_count && record != NULL; i++) {
        struct buffer raw = {0};
        size_t seat = story_seat(story, story_word(story, i));
        if (seat != SIZE_MAX && !describe(story, seat, record, state, &raw))
            story_fail(story, "%s is not held at %s", record->name, story_word(story, i));
        if (i == 2)
            buffer_append_span(&first, span_of_buffer(&raw));
        else if (!span_equal(span_of_buffer(&first), span_of_buffer(&raw)))
            story_fail(story, "%s differs at %s", record->name, story_word(story, i));
        buffer_free(&raw);
    }
    buffer_free(&first);
}

/* circle SEAT NAME SEAT,SEAT...: who holds it, as its node says. */
static void tell_circle(struct story *story)
{
    size_t seat = story_seat(story, story_word(story, 1));
    const struct named_record *record = story_record(story, story_word(story, 2));
    struct buffer raw = {0}, said = {0};
    char state[STATE_BYTES_MAX];
    if (seat == SIZE_MAX || record == NULL || !describe(story, seat, record, state, &raw))
        return;
    struct mp_reader reader = mp_reader(span_of_buffer(&raw));
    reader.text_keys = true;
    for (uint32_t pairs = mp_read_map(&reader); pairs > 0 && !reader.failed; pairs--) {
        bool is_circle = span_equal(mp_read_str(&reader), span_of_text("circle"));
        uint32_t seats = is_circle ? mp_read_array(&reader) : 0;
        for (uint32_t i = 0; i < seats; i++) {
            if (i > 0)
                buffer_append_byte(&said, ',');
            buffer_append_span(&said, mp_read_str(&reader));
        }
        if (!is_circle)
            mp_read_any(&reader);
    }
    if (!span_equal(span_of_buffer(&said), span_of_text(story_word(story, 3))))
        story_fail(story, "%s is held by %.*s, says %s", record->name, (int)said.size,
                   (const char *)said.data, story_word(story, 1));
    buffer_free(&said);
    buffer_free(&raw);
}

static void say_unsound(void *context, const struct verify_finding *finding)
{
    story_fail(context, "%s: %s: %s", table_name(finding->table), finding->key, finding->what);
}

/* sound SEAT...: each store is what its log says it is. */
static void tell_sound(struct story *story)
{
    for (size_t i = 1; i < story->line->word_count; i++) {
        size_t seat = story_seat(story, story_word(story, i));
        struct store_port port;
        if (seat == SIZE_MAX)
            return;
        struct verify_options options = {
            .tree_id = story->county->tree_id,
            .own = story->county->seats[seat].key_id,
            .seal = world_keys(story->world, seat)->seal,
            .context = story,
            .finding = say_unsound,
        };
        memory_store_port(world_store(story->world, seat), &port);
        struct verify *verify = verify_new(&options);
        while (verify_step(verify, &port.view)) {
        }
        verify_free(verify);
    }
}

/* expired SEAT: what its place rests on has expired by its own clock. */
static void tell_expired(struct story *story)
{
    size_t seat = story_seat(story, story_word(story, 1));
    if (seat == SIZE_MAX)
        return;
    const struct tree *tree = replica_tree(world_replica(story->world, seat));
    uint64_t expires_ms = tree_expires_ms(tree, span_of_text(story_word(story, 1)));
    if (expires_ms == 0 || expires_ms >= world_clock_ms(story->world, seat))
        story_fail(story, "%s's documents have not expired", story_word(story, 1));
}

/* answered ERROR: what the last write was told. */
static void tell_answered(struct story *story)
{
    if (strcmp(error_name(story->answer.error.code), story_word(story, 1)) != 0)
        story_fail(story, "answered %s: %s: %s", error_name(story->answer.error.code),
                   story->answer.error.what, story->answer.error.why);
}

/* same NAME NAME: one record */
static void tell_same(struct story *story)
{
    const struct named_record *a = story_record(story, story_word(story, 1));
    const struct named_record *b = story_record(story, story_word(story, 2));
    if (a != NULL && b != NULL && memcmp(&a->id, &b->id, sizeof a->id) != 0)
        story_fail(story, "%s and %s are two records", a->name, b->name);
}

static size_t list(struct story *story, size_t seat, const char *type)
{
    struct buffer cursor = {0}, out = {0};
    size_t total = 0, count;
    do {
        if (query_list(view_of(story, seat), story->county->tree, span_of_text(type), SPAN_EMPTY,
                       false, 1000, &cursor, &out, &count, NULL) != ERR_OK)
            break;
        total += count;
    } while (cursor.size > 0);
    buffer_free(&cursor);
    buffer_free(&out);
    return total;
}

/* listed SEAT TYPE N */
static void tell_listed(struct story *story)
{
    size_t seat = story_seat(story, story_word(story, 1));
    size_t wanted = strtoul(story_word(story, 3), NULL, 10);
    if (seat == SIZE_MAX)
        return;
    size_t found = list(story, seat, story_word(story, 2));
    if (found != wanted)
        story_fail(story, "%s lists %zu", story_word(story, 1), found);
}

/* count SEAT: remember how many records are in its index. grown SEAT N: by how many more. */
static void tell_count(struct story *story)
{
    size_t seat = story_seat(story, story_word(story, 1));
    if (seat != SIZE_MAX)
        story->counts[seat] = memory_store_row_count(world_store(story->world, seat), TABLE_INDEX);
}

static void tell_grown(struct story *story)
{
    size_t seat = story_seat(story, story_word(story, 1));
    size_t by = strtoul(story_word(story, 2), NULL, 10);
    if (seat == SIZE_MAX)
        return;
    size_t found = memory_store_row_count(world_store(story->world, seat), TABLE_INDEX);
    if (found != story->counts[seat] + by)
        story_fail(story, "%s has %zu records, before it had %zu", story_word(story, 1), found,
                   story->counts[seat]);
}

/* held SEAT STREAM SEQ: how far a stream is held; 0: not at all. */
static void tell_held(struct story *story)
{
    size_t seat = story_seat(story, story_word(story, 1));
    uint32_t wanted = (uint32_t)strtoul(story_word(story, 3), NULL, 10), found = 0;
    if (seat == SIZE_MAX)
        return;
    struct stream_row *row = mem_alloc(sizeof *row);
    struct stream_id stream;
    for (uint64_t cursor = 0; stream_row_next(view_of(story, seat), &cursor, &stream, row);) {
        if (strcmp(label_stream(story->county->tree, &stream).text, story_word(story, 2)) == 0)
            found = row->head.seq;
    }
    free(row);
    if (found != wanted)
        story_fail(story, "%s holds %" PRIu32 " of %s", story_word(story, 1), found,
                   story_word(story, 2));
}

static size_t count_rows(struct story *story, enum table table)
{
    size_t seat = story_seat(story, story_word(story, 1));
    return seat == SIZE_MAX ? 0 : memory_store_row_count(world_store(story->world, seat), table);
}

static void tell_rows(struct story *story, enum table table)
{
    size_t found = count_rows(story, table), wanted = strtoul(story_word(story, 2), NULL, 10);
    if (found != wanted)
        story_fail(story, "%s has %zu rows in %s", story_word(story, 1), found, table_name(table));
}

static void tell_parked(struct story *story)
{
    tell_rows(story, TABLE_PARKED);
}

static void tell_quarantined(struct story *story)
{
    tell_rows(story, TABLE_QUARANTINE);
}

/* epoch SEAT ORDINAL [REASON] */
static void tell_epoch(struct story *story)
{
    size_t seat = story_seat(story, story_word(story, 1));
    const struct replica *replica = seat == SIZE_MAX ? NULL : world_replica(story->world, seat);
    if (replica == NULL)
        return;
    unsigned found = replica_epoch(replica) >> 16;
    if (found != strtoul(story_word(story, 2), NULL, 10))
        story_fail(story, "%s writes in epoch %u", story_word(story, 1), found);
    if (story->line->word_count > 3 &&
        strcmp(replica_epoch_reason(replica), story_word(story, 3)) != 0)
        story_fail(story, "the reason is '%s'", replica_epoch_reason(replica));
}

/* complete SEAT AUTHOR now | silent | unknown | withheld HELD of LISTED [suspect] [as-of MS] */
static void tell_complete(struct story *story)
{
    static const char *const names[] = {"now", "silent", "withheld", "unknown"};
    size_t seat = story_seat(story, story_word(story, 1));
    const struct seat *author = tree_seat(story->county->tree, span_of_text(story_word(story, 2)));
    struct completeness found;
    char text[128];
    if (seat == SIZE_MAX || author == NULL)
        return;
    query_completeness(view_of(story, seat), story->county->tree, story_word(story, 1), author,
                       FRESH_MS, &found);
    snprintf(text, sizeof text, "%s", names[found.state]);
    if (found.state == COMPLETE_WITHHELD)
        snprintf(text, sizeof text, "withheld %u of %u, %llu missing", (unsigned)found.held,
                 (unsigned)found.listed, (unsigned long long)found.missing);
    if (strcmp(text, story_word(story, 3)) != 0)
        story_fail(story, "%s is complete from %s: '%s'", story_word(story, 1),
                   story_word(story, 2), text);
    for (size_t i = 4; i < story->line->word_count; i++) {
        const char *word = story->line->words[i];
        if (strcmp(word, "suspect") == 0 ? !found.clock_suspect
                                         : strtoull(word, NULL, 10) != found.as_of_ms)
            story_fail(story, "as of %" PRIu64 ", clock %ssuspect", found.as_of_ms,
                       found.clock_suspect ? "" : "not ");
    }
}

static void append_text(struct buffer *out, struct mp_reader *reader)
{
    if (mp_peek(reader) == MP_STR) {
        buffer_append_span(out, mp_read_str(reader));
    } else {
        char number[32];
        snprintf(number, sizeof number, "%" PRId64, mp_read_int(reader));
        buffer_append_span(out, span_of_text(number));
    }
}

/* "VALUE, N of M[; SEAT STATE]...[; N lost]" of a roll-up's answer */
static void rollup_text(struct span answer, struct buffer *out)
{
    struct mp_reader reader = mp_reader(answer);
    struct buffer behind = {0}, origins = {0};
    uint64_t lost = 0;
    reader.text_keys = true;
    for (uint32_t pairs = mp_read_map(&reader); pairs > 0 && !reader.failed; pairs--) {
        struct span key = mp_read_str(&reader);
        if (span_equal(key, span_of_text("value"))) {
            append_text(out, &reader);
        } else if (span_equal(key, span_of_text("lost"))) {
            lost = mp_read_uint(&reader);
        } else if (span_equal(key, span_of_text("origins"))) {
            mp_read_array(&reader);
            buffer_append_span(&origins, span_of_text(", "));
            append_text(&origins, &reader);
            buffer_append_span(&origins, span_of_text(" of "));
            append_text(&origins, &reader);
        } else if (span_equal(key, span_of_text("behind"))) {
            for (uint32_t count = mp_read_array(&reader); count > 0 && !reader.failed; count--) {
                buffer_append_byte(&behind, ';');
                for (uint32_t inner = mp_read_map(&reader); inner > 0 && !reader.failed; inner--) {
                    struct span name = mp_read_str(&reader);
                    bool shown = span_equal(name, span_of_text("seat")) ||
                                 span_equal(name, span_of_text("state"));
                    if (shown)
                        buffer_append_byte(&behind, ' ');
                    if (shown)
                        append_text(&behind, &reader);
                    else
                        mp_read_any(&reader);
                }
            }
        } else {
            mp_read_any(&reader);
        }
    }
    buffer_append_span(out, span_of_buffer(&origins));
    buffer_append_span(out, span_of_buffer(&behind));
    if (lost > 0) {
        char number[32];
        snprintf(number, sizeof number, "; %" PRIu64 " lost", lost);
        buffer_append_span(out, span_of_text(number));
    }
    buffer_free(&behind);
    buffer_free(&origins);
}

static void compare_rollup(struct story *story, const char *name, const char *by,
                           const char *wanted)
{
    size_t seat = story_seat(story, story_word(story, 1));
    struct buffer answer = {0}, text = {0};
    if (seat == SIZE_MAX)
        return;
    if (query_rollup(view_of(story, seat), story->county->tree, story_word(story, 1),
                     span_of_text(name), span_of_text(by), FRESH_MS, &answer, NULL) == ERR_OK)
        rollup_text(span_of_buffer(&answer), &text);
    if (!span_equal(span_of_buffer(&text), span_of_text(wanted)))
        story_fail(story, "%s says '%.*s'", story_word(story, 1), (int)text.size,
                   (const char *)text.data);
    buffer_free(&answer);
    buffer_free(&text);
}

/* total SEAT "VALUE, N of M; SEAT STATE ..." */
static void tell_total(struct story *story)
{
    compare_rollup(story, "records", "", story_word(story, 2));
}

/* received SEAT NAME "VALUE, N of M; SEAT waiting ..." */
static void tell_received(struct story *story)
{
    const struct named_record *record = story_record(story, story_word(story, 2));
    char id[33];
    if (record == NULL)
        return;
    record_id_text(&record->id, id);
    compare_rollup(story, "received", id, story_word(story, 3));
}

/* refused SEAT COUNTER N */
static void tell_refused(struct story *story)
{
    size_t seat = story_seat(story, story_word(story, 1));
    const struct replica *replica = seat == SIZE_MAX ? NULL : world_replica(story->world, seat);
    if (replica == NULL)
        return;
    const struct refusals *refusals = replica_refusals(replica);
    const struct {
        const char *name;
        uint64_t value;
    } counters[] = {
#define X(name) {#name, refusals->name},
        REFUSAL_LIST(X)
#undef X
    };
    for (size_t i = 0; i < sizeof counters / sizeof *counters; i++) {
        if (strcmp(counters[i].name, story_word(story, 2)) != 0)
            continue;
        if (counters[i].value != strtoull(story_word(story, 3), NULL, 10))
            story_fail(story, "%s has refused %" PRIu64, story_word(story, 1), counters[i].value);
        return;
    }
    story_fail(story, "there is no counter %s", story_word(story, 2));
}

static bool find_entry(void *context, const struct stream_id *stream, uint32_t seq, uint16_t type,
                       const struct record_id *record, const struct hash *digest)
{
    bool *found = context;
    (void)stream;
    (void)seq;
    (void)digest;
    (void)record;
    *found |= type != 0;
    return true;
}

/* no-entries SEAT: nothing but the opening and closing of streams is in its log. */
static void tell_no_entries(struct story *story)
{
    size_t seat = story_seat(story, story_word(story, 1));
    bool found = false;
    struct walk_visitor visitor = {.context = &found, .entry = find_entry};
    if (seat == SIZE_MAX)
        return;
    query_walk(view_of(story, seat), story->county->tree, &visitor, NULL);
    if (found)
        story_fail(story, "%s holds an entry of a record", story_word(story, 1));
}

const struct story_command expect_commands[] = {
    {"record", 3, tell_record},
    {"equal", 2, tell_equal},
    {"circle", 3, tell_circle},
    {"sound", 1, tell_sound},
    {"expired", 1, tell_expired},
    {"answered", 1, tell_answered},
    {"same", 2, tell_same},
    {"listed", 3, tell_listed},
    {"count", 1, tell_count},
    {"grown", 2, tell_grown},
    {"held", 3, tell_held},
    {"parked", 2, tell_parked},
    {"quarantined", 2, tell_quarantined},
    {"epoch", 2, tell_epoch},
    {"complete", 3, tell_complete},
    {"total", 2, tell_total},
    {"received", 3, tell_received},
    {"refused", 3, tell_refused},
    {"no-entries", 1, tell_no_entries},
    {NULL, 0, NULL},
};
