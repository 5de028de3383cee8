/* What can be done to the world: nodes, links, clocks, disks, writes. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/story/story.h"

static const struct county_row county_rows[] = {
    {"C", "county", NULL},     {"D", "department", "C"},
    {"D2", "department", "C"}, {"T1", "township", "C"},
    {"T2", "township", "C"},   {"V1", "village", "T1"},
    {"V2", "village", "T1"},   {"V3", "village", "T2", .escrow = true},
};
enum { SEATS = sizeof county_rows / sizeof *county_rows, SETTLE_MS_MAX = 10 * 60 * 1000 };

/* ---- the world's voice ---- */

static void on_lines(void *context, size_t node, struct span lines)
{
    struct story *story = context;
    const uint8_t *at = lines.data, *end = at + lines.size;
    while (at < end && !story->quiet) {
        const uint8_t *next = memchr(at, '\n', (size_t)(end - at));
        const char *code = story->county->seats[node].code;
        buffer_append_span(&story->trace, span_of_text(code));
        buffer_append_span(&story->trace, span_of_text(": "));
        buffer_append(&story->trace, at, (size_t)(next - at) + 1);
        at = next + 1;
    }
}

static void on_answered(void *context, size_t node, const struct answer *answer)
{
    struct story *story = context;
    (void)node;
    story->answer = *answer;
    story->answered++;
    for (size_t i = 0; i < story->record_count; i++) {
        static const struct record_id none;
        if (answer->request == i + 1000 && answer->error.code == ERR_OK &&
            memcmp(&story->records[i].id, &none, sizeof none) == 0)
            story->records[i].id = answer->record;
    }
}

/* The answer to a block that was handed in in somebody's name is not for him. */
static bool is_for_a_stick(struct story *story, size_t from, size_t to, uint8_t type,
                           struct span body)
{
    enum { MARK = 10, HELLO = 1 };
    struct mp_reader reader = mp_reader(body);
    int64_t handle = type == MARK ? mp_read_int(&reader) : -1;
    for (size_t i = 0; i < story->handed_count; i++) {
        struct handed *handed = &story->handed[i];
        if (handed->from != to || handed->to != from)
            continue;
        if (type == HELLO)
            handed->handle = -1;
        else if (type == MARK && handed->handle == handle)
            return true;
    }
    return false;
}

static void forget_namings(struct story *story, size_t from, size_t to)
{
    size_t kept = 0;
    for (size_t i = 0; i < story->naming_count; i++) {
        if (story->namings[i].from != from || story->namings[i].to != to)
            story->namings[kept++] = story->namings[i];
    }
    story->naming_count = kept;
}

/* The name of the stream whose block this is; "" if it was never named. */
static const char *stream_of_block(struct story *story, size_t from, size_t to, struct span body)
{
    struct mp_reader reader = mp_reader(body);
    int64_t handle = mp_read_int(&reader);
    struct block_prefix prefix;
    if (block_read_prefix(SPAN(body.data + reader.at, body.size - reader.at), &prefix, NULL) ==
            ERR_OK &&
        (prefix.flags & BLOCK_HAS_STREAM) != 0) {
        story->namings =
            mem_resize(story->namings, (story->naming_count + 1) * sizeof *story->namings);
        struct naming *naming = &story->namings[story->naming_count++];
        *naming = (struct naming){from, to, handle, ""};
        snprintf(naming->stream, sizeof naming->stream, "%s",
                 label_stream(story->county->tree, &prefix.stream).text);
    }
    for (size_t i = story->naming_count; i-- > 0;) {
        const struct naming *naming = &story->namings[i];
        if (naming->from == from && naming->to == to && naming->handle == handle)
            return naming->stream;
    }
    return "";
}

static bool on_passes(void *context, size_t from, size_t to, uint8_t type, struct span body)
{
    enum { BLOCK = 8, HELLO = 1, PART = 30 };
    struct story *story = context;
    if (is_for_a_stick(story, from, to, type, body))
        return false;
    if (type == HELLO)
        forget_namings(story, from, to);
    if (story->listening)
        story_hear(story, to, type == BLOCK, body);
    const char *stream = type == BLOCK ? stream_of_block(story, from, to, body) : "";
    if (type == PART && story->parts.counted && story->parts.from == from &&
        story->parts.to == to) {
        if (story->parts.left == 0)
            return false;
        story->parts.left--;
        story->parts.passed++;
    }
    for (size_t i = 0; i < story->withheld_count; i++) {
        const struct withheld *withheld = &story->withheld[i];
        if (type == BLOCK && withheld->from == from && withheld->to == to &&
            strcmp(withheld->stream, stream) == 0)
            return false;
    }
    return true;
}

void story_begin(struct story *story)
{
    struct world_hooks hooks = {
        .context = story, .lines = on_lines, .answered = on_answered, .passes = on_passes};
    story->options = (struct world_options){
        .delay_ms_min = 1,
        .delay_ms_max = 1,
        .redial_ms_min = 1,
        .redial_ms_max = 1,
        .tracing = true,
        .strict = true,
    };
    struct county_row rows[SEATS];
    memcpy(rows, county_rows, sizeof rows);
    for (size_t i = 0; i < SEATS && story->fallback[0] != NULL; i++) {
        if (strcmp(rows[i].code, story->fallback[0]) == 0)
            rows[i].fallback = story->fallback[1];
    }
    story->county = county_new_with(
        rows, SEATS, 0,
        &(struct county_options){.expires_ms = story->expires_ms, .fold_tier = story->fold_tier});
    story->world = world_new(story->county, &story->options, 1, &hooks);
}

void story_end(struct story *story)
{
    for (size_t i = 0; i < story->image_count; i++)
        memory_store_free(story->images[i].store);
    world_free(story->world);
    free(story->namings);
    story->namings = NULL;
    story->naming_count = 0;
    county_free(story->county);
    for (size_t i = 0; i < SEATS; i++)
        buffer_free(&story->heard[i]);
    story->listening = false;
    story->world = NULL;
    story->county = NULL;
    story->image_count = story->record_count = 0;
    story->withheld_count = story->handed_count = 0;
}

void story_settle(struct story *story)
{
    if (!world_run_quiet(story->world, SETTLE_MS_MAX))
        story_fail(story, "it doesn't come to rest");
}

/* ---- nodes ---- */

/* nodes SEAT...: start them and let them meet. */
static void tell_nodes(struct story *story)
{
    for (size_t i = 1; i < story->line->word_count; i++) {
        size_t seat = story_seat(story, story_word(story, i));
        if (seat != SIZE_MAX && world_start(story->world, seat, 0) != ERR_OK)
            story_fail(story, "%s doesn't start", story_word(story, i));
    }
    story_settle(story);
}

/* start SEAT [documents] [no-types] [no-subtree]; documents: today's lie in its directory. */
static void tell_start(struct story *story)
{
    size_t seat = story_seat(story, story_word(story, 1));
    unsigned gift = 0;
    for (size_t i = 2; i < story->line->word_count; i++) {
        gift |= strcmp(story_word(story, i), "no-types") == 0 ? COUNTY_NO_TYPES : 0U;
        gift |= strcmp(story_word(story, i), "no-subtree") == 0 ? COUNTY_NO_SUBTREE : 0U;
    }
    if (seat != SIZE_MAX && strcmp(story_word(story, 2), "documents") == 0)
        world_equip(story->world, seat, story->county->tree);
    if (seat != SIZE_MAX && world_start(story->world, seat, gift) != ERR_OK)
        story_fail(story, "%s doesn't start", story_word(story, 1));
}

static void tell_crash(struct story *story)
{
    size_t seat = story_seat(story, story_word(story, 1));
    if (seat != SIZE_MAX)
        world_crash(story->world, seat);
}

/* hold SEAT, release SEAT: its inbox gathers, and is one batch then. */
static void tell_hold(struct story *story)
{
    size_t seat = story_seat(story, story_word(story, 1));
    if (seat != SIZE_MAX)
        world_hold(story->world, seat, true);
}

static void tell_release(struct story *story)
{
    size_t seat = story_seat(story, story_word(story, 1));
    if (seat != SIZE_MAX)
        world_hold(story->world, seat, false);
    world_run_until(story->world, world_now_ms(story->world));
}

/* room SEAT enough|little|none: of its store. */
static void tell_room(struct story *story)
{
    static const char *const names[] = {
        [HOLD_NOTHING] = "enough", [HOLD_BLOCKS] = "little", [HOLD_EVERYTHING] = "none"};
    size_t seat = story_seat(story, story_word(story, 1));
    for (size_t i = 0; i < sizeof names / sizeof *names && seat != SIZE_MAX; i++) {
        if (strcmp(names[i], story_word(story, 2)) == 0) {
            world_room(story->world, seat, (enum replica_hold)i);
            return;
        }
    }
    story_fail(story, "no such room: %s", story_word(story, 2));
}

/* fault SEAT KIND: what its disk does next. */
static void tell_fault(struct story *story)
{
    static const struct {
        const char *name;
        enum memory_fault fault;
    } kinds[] = {
        {"full", MEMORY_FAULT_COMMIT_FULL},
        {"put-full", MEMORY_FAULT_PUT_FULL},
        {"high-water-full", MEMORY_FAULT_HIGH_WATER_FULL},
        {"before-high-water", MEMORY_FAULT_CRASH_BEFORE_HIGH_WATER},
        {"after-high-water", MEMORY_FAULT_CRASH_AFTER_HIGH_WATER},
        {"before-commit", MEMORY_FAULT_COMMIT_IO},
        {"after-commit", MEMORY_FAULT_CRASH_AFTER_COMMIT},
    };
    size_t seat = story_seat(story, story_word(story, 1));
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds && seat != SIZE_MAX; i++) {
        if (strcmp(kinds[i].name, story_word(story, 2)) == 0) {
            memory_store_arm(world_store(story->world, seat), kinds[i].fault);
            return;
        }
    }
    story_fail(story, "no such fault: %s", story_word(story, 2));
}

/* image SEAT NAME: a copy of its disk as it is now. */
static void tell_image(struct story *story)
{
    size_t seat = story_seat(story, story_word(story, 1));
    if (seat == SIZE_MAX || story->image_count == NAMES_MAX)
        return;
    struct named_image *image = &story->images[story->image_count++];
    snprintf(image->name, sizeof image->name, "%s", story_word(story, 2));
    image->store = memory_store_clone(world_store(story->world, seat));
}

/* restore SEAT NAME [exact]: the data file of an image in place of its own; the high-water file
 * stays, but for an exact clone: then nothing tells that this is another life of the node. */
static void tell_restore(struct story *story)
{
    size_t seat = story_seat(story, story_word(story, 1));
    struct memory_store *image = story_image(story, story_word(story, 2));
    if (seat == SIZE_MAX || image == NULL)
        return;
    world_crash(story->world, seat);
    world_restore(story->world, seat, image);
    struct high_water mark;
    if (strcmp(story_word(story, 3), "exact") == 0)
        memory_store_set_high_water(world_store(story->world, seat),
                                    memory_store_high_water(image, &mark) ? &mark : NULL);
}

/* wipe SEAT [all]: an empty data file; with `all` the high-water file is gone too. */
static void tell_wipe(struct story *story)
{
    size_t seat = story_seat(story, story_word(story, 1));
    if (seat == SIZE_MAX)
        return;
    struct memory_store *empty = memory_store_new();
    world_crash(story->world, seat);
    world_restore(story->world, seat, empty);
    if (strcmp(story_word(story, 2), "all") == 0)
        memory_store_set_high_water(world_store(story->world, seat), NULL);
    memory_store_free(empty);
}

/* damage SEAT TABLE: a row of this table can't be read any more; the next start makes the store
 * anew out of its other rows. */
static void tell_damage(struct story *story)
{
    size_t seat = story_seat(story, story_word(story, 1));
    enum table table = 0;
    struct store_port port;
    struct span key, value;
    while (table < TABLE_COUNT && strcmp(table_name(table), story_word(story, 2)) != 0)
        table++;
    if (seat == SIZE_MAX)
        return;
    world_crash(story->world, seat);
    memory_store_port(world_store(story->world, seat), &port);
    if (table == TABLE_COUNT ||
        port.view.next(port.view.context, table, SPAN("", 1), &key, &value) != READ_FOUND ||
        !memory_store_damage(world_store(story->world, seat), table, key))
        story_fail(story, "no row to damage");
}

/* machine SEAT BYTE: what tells this machine from others. */
static void tell_machine(struct story *story)
{
    size_t seat = story_seat(story, story_word(story, 1));
    uint8_t instance[8] = {(uint8_t)strtoul(story_word(story, 2), NULL, 10)};
    if (seat != SIZE_MAX)
        world_set_instance(story->world, seat, instance);
}

static void tell_types(struct story *story)
{
    size_t seat = story_seat(story, story_word(story, 1));
    if (seat == SIZE_MAX)
        return;
    county_raise_types(story->county);
    world_give_documents(story->world, seat, 0);
}

/* expire MS: all documents do, in another tree; before the nodes start. */
static void tell_expire(struct story *story)
{
    story->expires_ms = (uint64_t)strtoull(story_word(story, 1), NULL, 10);
    story_end(story);
    story_begin(story);
    story->expires_ms = 0;
}

/* folds TIER: its seats state folds; before the nodes start, before tuning. */
static void tell_folds(struct story *story)
{
    story->fold_tier = story_word(story, 1);
    story_end(story);
    story_begin(story);
    story->fold_tier = NULL;
}

/* fallback SEAT SEAT: the first falls back on the second; before the nodes start, before tuning. */
static void tell_fallback(struct story *story)
{
    story->fallback[0] = story_word(story, 1);
    story->fallback[1] = story_word(story, 2);
    story_end(story);
    story_begin(story);
    story->fallback[0] = NULL;
}

/* tuning NAME VALUE: before the nodes start. */
static void tell_tuning(struct story *story)
{
    struct replica_tuning *tuning = &world_options(story->world)->tuning;
    const struct {
        const char *name;
        uint32_t *value;
    } settings[] = {
        {"stream_entries", &tuning->stream_entries_max},
        {"token_every_ms", &tuning->token_every_ms},
        {"statement_after_data_ms", &tuning->statement_after_data_ms},
        {"statement_idle_ms", &tuning->statement_idle_ms},
        {"report_every_ms", &tuning->report_every_ms},
        {"report_part_cells", &tuning->report_part_cells},
        {"block_entries", &tuning->block_entries},
    };
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        if (strcmp(settings[i].name, story_word(story, 1)) == 0) {
            *settings[i].value = (uint32_t)strtoul(story_word(story, 2), NULL, 10);
            return;
        }
    }
    story_fail(story, "no such setting: %s", story_word(story, 1));
}

/* ---- time ---- */

/* 90s, 5m, 2d, 17 (milliseconds); a leading minus counts back. */
static int64_t read_time(const char *word)
{
    char *end;
    int64_t value = strtoll(word, &end, 10);
    return value * (*end == 's'   ? 1000
                    : *end == 'm' ? 60 * 1000
                    : *end == 'h' ? 3600 * 1000
                    : *end == 'd' ? 24 * 3600 * 1000
                                  : 1);
}

static void tell_run(struct story *story)
{
    story_settle(story);
}

static void tell_wait(struct story *story)
{
    world_run_until(story->world,
                    world_now_ms(story->world) + (uint64_t)read_time(story_word(story, 1)));
}

/* clock SEAT at MS | off TIME */
static void tell_clock(struct story *story)
{
    size_t seat = story_seat(story, story_word(story, 1));
    int64_t time = read_time(story_word(story, 3));
    if (seat != SIZE_MAX && strcmp(story_word(story, 2), "at") == 0)
        world_stop_clock(story->world, seat, (uint64_t)time);
    else if (seat != SIZE_MAX)
        world_set_offset(story->world, seat, time);
}

/* ---- links ---- */

static void each_link(struct story *story, void (*act)(struct world *, size_t))
{
    bool all = strcmp(story_word(story, 1), "all") == 0;
    size_t seat = all ? 0 : story_seat(story, story_word(story, 1));
    for (size_t i = 0; i < SEATS && seat != SIZE_MAX; i++) {
        if (story->county->seats[i].parent != i && (all || i == seat))
            act(story->world, i);
    }
}

/* cut SEAT | all, heal SEAT | all: the link to its parent. */
static void tell_cut(struct story *story)
{
    each_link(story, world_cut);
    world_run_until(story->world, world_now_ms(story->world));
}

static void tell_heal(struct story *story)
{
    each_link(story, world_heal);
}

/* withhold FROM TO STREAM: blocks of it don't pass. pass: everything does again. */
static void tell_withhold(struct story *story)
{
    if (story->withheld_count == WITHHELD_MAX)
        return;
    struct withheld *withheld = &story->withheld[story->withheld_count++];
    *withheld = (struct withheld){story_seat(story, story_word(story, 1)),
                                  story_seat(story, story_word(story, 2)), ""};
    snprintf(withheld->stream, sizeof withheld->stream, "%s", story_word(story, 3));
}

static void tell_pass(struct story *story)
{
    story->withheld_count = 0;
    story->parts.left = UINT_MAX;
}

/* parts FROM TO N: of reports no more than so many parts pass. passed N: so many have, since then.
 */
static void tell_parts(struct story *story)
{
    story->parts = (struct parts){true, story_seat(story, story_word(story, 1)),
                                  story_seat(story, story_word(story, 2)),
                                  (unsigned)strtoul(story_word(story, 3), NULL, 10), 0};
}

static void tell_passed(struct story *story)
{
    unsigned long expected = strtoul(story_word(story, 1), NULL, 10);
    if (story->parts.passed != expected)
        story_fail(story, "%u parts have passed", story->parts.passed);
}

/* ---- writes ---- */

/* FIELD=VALUE words from `first` on; "@N" sets the node's clock, "id=..." is the request id,
 * "refused=..." the error that must come, "to=..." the seat that a matter is made for. */
struct write_words {
    struct buffer fields;
    uint32_t count;
    const char *request_id, *refused, *to;
};

static void read_words(struct story *story, size_t seat, size_t first, struct write_words *words)
{
    struct buffer pairs = {0};
    for (size_t i = first; i < story->line->word_count; i++) {
        const char *word = story->line->words[i], *equal = strchr(word, '=');
        if (word[0] == '@') {
            world_stop_clock(story->world, seat, strtoull(word + 1, NULL, 10));
        } else if (strncmp(word, "id=", 3) == 0) {
            words->request_id = word + 3;
        } else if (strncmp(word, "refused=", 8) == 0) {
            words->refused = word + 8;
        } else if (strncmp(word, "to=", 3) == 0) {
            words->to = word + 3;
        } else if (equal != NULL) {
            mp_write_str(&pairs, SPAN(word, (size_t)(equal - word)));
            if (strcmp(equal + 1, "false") == 0)
                mp_write_bool(&pairs, false);
            else
                mp_write_text(&pairs, equal + 1);
            words->count++;
        } else {
            story_fail(story, "%s is no FIELD=VALUE", word);
        }
    }
    mp_write_map(&words->fields, words->count);
    buffer_append_span(&words->fields, span_of_buffer(&pairs));
    buffer_free(&pairs);
}

static void ask(struct story *story, size_t seat, struct world_write *write,
                const struct write_words *words)
{
    uint64_t answered = story->answered;
    write->fields = span_of_buffer(&words->fields);
    write->request_id = words->request_id;
    write->to = words->to;
    world_write(story->world, seat, write);
    world_run_until(story->world, world_now_ms(story->world));
    enum error_code code = story->answered == answered ? ERR_OK : story->answer.error.code;
    if (words->refused == NULL ? code != ERR_OK && code != ERR_IO
                               : strcmp(words->refused, error_name(code)) != 0)
        story_fail(story, "answered %s: %s: %s", error_name(code), story->answer.error.what,
                   story->answer.error.why);
}

/* put SEAT TYPE NAME FIELD=VALUE...; the name "-" is not kept. */
static void tell_put(struct story *story)
{
    size_t seat = story_seat(story, story_word(story, 1));
    struct write_words words = {0};
    struct world_write write = {.kind = WRITE_PUT, .type = story_word(story, 2), .request = 1};
    bool named = strcmp(story_word(story, 3), "-") != 0;
    if (seat == SIZE_MAX || (named && story->record_count == NAMES_MAX))
        return;
    if (named) {
        struct named_record *record = &story->records[story->record_count++];
        *record = (struct named_record){{0}, {0}, {{0}}};
        snprintf(record->name, sizeof record->name, "%s", story_word(story, 3));
        snprintf(record->type, sizeof record->type, "%s", story_word(story, 2));
        write.request = 1000 + (uint64_t)(record - story->records);
    }
    read_words(story, seat, 4, &words);
    ask(story, seat, &write, &words);
    buffer_free(&words.fields);
}

static void change(struct story *story, enum write_kind kind)
{
    size_t seat = story_seat(story, story_word(story, 1));
    const struct named_record *record = story_record(story, story_word(story, 2));
    struct write_words words = {0};
    if (seat == SIZE_MAX || record == NULL)
        return;
    struct world_write write = {
        .kind = kind, .type = record->type, .record = record->id, .request = 1};
    read_words(story, seat, 3, &words);
    ask(story, seat, &write, &words);
    buffer_free(&words.fields);
}

/* set SEAT NAME FIELD=VALUE... */
static void tell_set(struct story *story)
{
    change(story, WRITE_SET);
}

/* delete SEAT NAME */
/* extend SEAT NAME SEATS[,SEAT] [private] [refused=CODE] */
static void tell_extend(struct story *story)
{
    size_t seat = story_seat(story, story_word(story, 1));
    const struct named_record *record = story_record(story, story_word(story, 2));
    struct write_words words = {0};
    struct buffer names = {0}, seats = {0};
    char list[256];
    uint32_t count = 0;
    if (seat == SIZE_MAX || record == NULL)
        return;
    snprintf(list, sizeof list, "%s", story_word(story, 3));
    for (char *rest = list, *name; (name = strsep(&rest, ",")) != NULL; count++)
        mp_write_text(&names, name);
    mp_write_array(&seats, count);
    buffer_append_span(&seats, span_of_buffer(&names));
    struct world_write write = {
        .kind = WRITE_EXTEND, .type = record->type, .record = record->id, .request = 1};
    write.with_private = strcmp(story_word(story, 4), "private") == 0;
    read_words(story, seat, write.with_private ? 5 : 4, &words);
    buffer_free(&words.fields);
    words.fields = seats;
    ask(story, seat, &write, &words);
    buffer_free(&seats);
    buffer_free(&names);
}

/* step SEAT NAME STEP [FIELD=VALUE...] [to=SEAT] [refused=CODE] */
static void tell_step(struct story *story)
{
    size_t seat = story_seat(story, story_word(story, 1));
    const struct named_record *record = story_record(story, story_word(story, 2));
    struct write_words words = {0};
    if (seat == SIZE_MAX || record == NULL)
        return;
    struct world_write write = {.kind = WRITE_DO,
                                .type = record->type,
                                .record = record->id,
                                .step = story_word(story, 3),
                                .request = 1};
    read_words(story, seat, 4, &words);
    ask(story, seat, &write, &words);
    buffer_free(&words.fields);
}

/* erase SEAT NAME [FIELD,FIELD...] [refused=CODE]: all that the record says, or what sets these. */
static void tell_erase(struct story *story)
{
    size_t seat = story_seat(story, story_word(story, 1));
    const struct named_record *record = story_record(story, story_word(story, 2));
    bool named = story_word(story, 3)[0] != '\0' && strchr(story_word(story, 3), '=') == NULL &&
                 story_word(story, 3)[0] != '@';
    struct write_words words = {0};
    struct buffer names = {0}, fields = {0};
    char list[256];
    uint32_t count = 0;
    if (seat == SIZE_MAX || record == NULL)
        return;
    snprintf(list, sizeof list, "%s", named ? story_word(story, 3) : "");
    for (char *rest = named ? list : NULL, *name; (name = strsep(&rest, ",")) != NULL; count++)
        mp_write_text(&names, name);
    mp_write_array(&fields, count);
    buffer_append_span(&fields, span_of_buffer(&names));
    struct world_write write = {
        .kind = WRITE_ERASE, .type = record->type, .record = record->id, .request = 1};
    read_words(story, seat, named ? 4 : 3, &words);
    buffer_free(&words.fields);
    words.fields = fields;
    ask(story, seat, &write, &words);
    buffer_free(&fields);
    buffer_free(&names);
}

static void tell_delete(struct story *story)
{
    change(story, WRITE_DELETE);
}

const struct story_command world_commands[] = {
    {"nodes", 1, tell_nodes},   {"start", 1, tell_start},       {"crash", 1, tell_crash},
    {"hold", 1, tell_hold},     {"release", 1, tell_release},   {"fault", 2, tell_fault},
    {"image", 2, tell_image},   {"restore", 2, tell_restore},   {"damage", 2, tell_damage},
    {"wipe", 1, tell_wipe},     {"types", 1, tell_types},       {"expire", 1, tell_expire},
    {"folds", 1, tell_folds},   {"tuning", 2, tell_tuning},     {"run", 0, tell_run},
    {"wait", 1, tell_wait},     {"clock", 3, tell_clock},       {"cut", 1, tell_cut},
    {"heal", 1, tell_heal},     {"withhold", 3, tell_withhold}, {"pass", 0, tell_pass},
    {"parts", 3, tell_parts},   {"passed", 1, tell_passed},     {"machine", 2, tell_machine},
    {"put", 3, tell_put},       {"extend", 3, tell_extend},     {"set", 2, tell_set},
    {"delete", 2, tell_delete}, {"step", 3, tell_step},         {"room", 2, tell_room},
    {"erase", 2, tell_erase},   {"fallback", 2, tell_fallback}, {NULL, 0, NULL},
};
