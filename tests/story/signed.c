/* What people sign about the tree, and whom they hand it to. */
#include <stdlib.h>
#include <string.h>

#include "tests/story/story.h"

enum { MESSAGE_REPORT = 13 };

static struct hash cut_hashes[CUT_OFF_MAX];

/* The ends of a key's streams, as a disk has them. */
static size_t cut_offs_of(const struct view *view, struct key_id key,
                          struct cut_off places[static CUT_OFF_MAX])
{
    struct stream_row *row = mem_alloc(sizeof *row);
    struct stream_id stream;
    size_t count = 0;
    for (uint64_t cursor = 0;
         count < CUT_OFF_MAX && stream_row_next(view, &cursor, &stream, row);) {
        if (stream.branch > 0 || !key_id_equal(stream.author, key) || row->head.seq == 0)
            continue;
        cut_hashes[count] = row->head.hash;
        places[count] =
            (struct cut_off){stream.epoch, stream.number, row->head.seq, cut_hashes[count].bytes};
        count++;
    }
    free(row);
    return count;
}

/* Its newest report, and the statement of that epoch. */
static size_t notes_of(const struct view *view, struct key_id key, struct trusted_notes *notes)
{
    uint8_t name[NOTE_KEY_BYTES_MAX];
    struct note_head head;
    struct span note;
    if (view->get(view->context, TABLE_NOTES, SPAN(name, note_key(name, HASH_CELLS, key, 0)),
                  &note) != READ_FOUND ||
        note_read_head(note, HASH_CELLS, &head, NULL) != ERR_OK)
        return 0;
    *notes = (struct trusted_notes){.epoch = head.epoch, .report = head.k};
    if (view->get(view->context, TABLE_NOTES,
                  SPAN(name, note_key(name, HASH_HEADS, key, head.epoch)), &note) == READ_FOUND &&
        note_read_head(note, HASH_HEADS, &head, NULL) == ERR_OK)
        notes->statement = head.k;
    return 1;
}

/* sign KIND SEAT [IMAGE [BY [TO]]]: a change of COUNTY_CHANGE_LIST, by the seat's parent; the old
 * key counts as far as a saved disk goes (-: there is none); TO: where a seat goes. Nobody has it
 * yet. `renew` replaces the signing key alone; `raise` does the same at the tier above. */
static void tell_sign(struct story *story)
{
    size_t seat = story_seat(story, story_word(story, 2)), kind = 0;
    bool raise = strcmp(story_word(story, 1), "raise") == 0;
    bool renew = raise || strcmp(story_word(story, 1), "renew") == 0;
    struct cut_off places[CUT_OFF_MAX];
    struct trusted_notes notes;
    while (kind < COUNTY_CHANGE_KINDS &&
           strcmp(county_change_names[kind], renew ? "replace" : story_word(story, 1)) != 0)
        kind++;
    if (seat == SIZE_MAX || kind == COUNTY_CHANGE_KINDS) {
        story_fail(story, "no such change or seat");
        return;
    }
    struct county_change change = {.kind = (enum county_change_kind)kind,
                                   .seat = seat,
                                   .by = story->county->seats[seat].parent,
                                   .same_machine = renew,
                                   .raise = raise,
                                   .again = true,
                                   .cut_offs = places,
                                   .notes = &notes};
    if (story->line->word_count > 3 && strcmp(story_word(story, 3), "-") != 0) {
        struct store_port port;
        struct memory_store *image = story_image(story, story_word(story, 3));
        if (image == NULL)
            return;
        memory_store_port(image, &port);
        struct key_id key = story->county->seats[seat].key_id;
        change.cut_off_count = cut_offs_of(&port.view, key, places);
        change.note_count = notes_of(&port.view, key, &notes);
    }
    if (story->line->word_count > 4)
        change.by = story_seat(story, story_word(story, 4));
    if (story->line->word_count > 5)
        change.to = story_seat(story, story_word(story, 5));
    if (county_sign(story->county, &change) == 0)
        story_fail(story, "nothing is there to be changed");
}

/* tell SEAT [N]: everything that was signed so far, or the N-th of it, is handed to this node. */
static void tell_tell(struct story *story)
{
    size_t seat = story_seat(story, story_word(story, 1));
    size_t one = strtoul(story_word(story, 2), NULL, 10);
    for (size_t i = 0; i < story->county->change_count && seat != SIZE_MAX; i++) {
        if (one == 0 || one == i + 1)
            world_give_change(story->world, seat, i);
    }
}

/* machine-new SEAT: an empty disk and the newest keys, with all documents of today. */
static void tell_new_machine(struct story *story)
{
    size_t seat = story_seat(story, story_word(story, 1));
    if (seat == SIZE_MAX)
        return;
    if (world_runs(story->world, seat))
        world_crash(story->world, seat);
    world_replace(story->world, seat);
    world_equip(story->world, seat, story->county->tree);
    if (world_start(story->world, seat, 0) != ERR_OK)
        story_fail(story, "it doesn't start");
}

/* lend SEAT [former]: its people give its machine the escrow key that they keep, or the one before;
 * it starts again. */
static void tell_lend(struct story *story)
{
    size_t seat = story_seat(story, story_word(story, 1));
    if (seat == SIZE_MAX)
        return;
    world_crash(story->world, seat);
    uint32_t number = story->county->seats[seat].escrow;
    if (strcmp(story_word(story, 2), "former") == 0 && number > 0)
        number--;
    world_lend_escrow(story->world, seat, number);
    if (world_start(story->world, seat, 0) != ERR_OK)
        story_fail(story, "it doesn't start");
}

/* rekey SEAT [refused]: the newest keys at the disk that is there; refused: the store isn't taken,
 * and the keys before are put back. */
static void tell_rekey(struct story *story)
{
    size_t seat = story_seat(story, story_word(story, 1));
    bool refused = strcmp(story_word(story, 2), "refused") == 0;
    if (seat == SIZE_MAX)
        return;
    uint32_t newest = story->county->seats[seat].generation;
    if (world_runs(story->world, seat))
        world_crash(story->world, seat);
    world_rekey(story->world, seat, newest);
    enum error_code code = world_start(story->world, seat, 0);
    if (code != (refused ? ERR_NOT_ALLOWED : ERR_OK))
        story_fail(story, "the new key: %s", error_name(code));
    if (!refused)
        return;
    world_rekey(story->world, seat, newest - 1);
    if (world_start(story->world, seat, 0) != ERR_OK)
        story_fail(story, "it doesn't start with the key before");
}

/* old-report SEAT TO K TYPE N: on the link below TO that leads to the seat comes a report that the
 * seat's former key has signed, number K, of N records of this type. */
static void tell_old_report(struct story *story)
{
    size_t seat = story_seat(story, story_word(story, 1)), child = seat;
    size_t to = story_seat(story, story_word(story, 2));
    uint8_t key[NOTE_KEY_BYTES_MAX];
    struct county_keys keys;
    struct note_head held;
    struct span note;
    if (seat == SIZE_MAX || to == SIZE_MAX || story->county->seats[seat].generation < 2)
        return;
    county_keys(story->county, seat, story->county->seats[seat].generation - 1, &keys);
    while (child != to && story->county->seats[child].parent != to)
        child = story->county->seats[child].parent;
    const struct view *view = world_view(story->world, to);
    if (view->get(view->context, TABLE_NOTES, SPAN(key, note_key(key, HASH_CELLS, keys.key_id, 0)),
                  &note) != READ_FOUND ||
        note_read_head(note, HASH_CELLS, &held, NULL) != ERR_OK) {
        story_fail(story, "no report of the former key is held there");
        return;
    }
    struct buffer group = {0}, map = {0};
    mp_write_array(&group, 1);
    mp_write_uint(&group, strtoull(story_word(story, 4), NULL, 10));
    struct cell cell = {.rollup = ROLLUP_RECORDS,
                        .group = span_of_buffer(&group),
                        .value_count = 1,
                        .values = {strtoll(story_word(story, 5), NULL, 10)}};
    struct cell_report report = {
        .head = {keys.key_id, held.epoch, strtoull(story_word(story, 3), NULL, 10)},
        .cell_count = 1,
        .cells = &cell};
    report_encode(&report, &map);
    note_sign(&map, HASH_CELLS, &story->county->tree_id, keys.signing_secret, NULL);
    if (!world_inject(story->world, child, true, CHANNEL_NORMAL, MESSAGE_REPORT,
                      span_of_buffer(&map)))
        story_fail(story, "the link isn't up");
    buffer_free(&group);
    buffer_free(&map);
}

const struct story_command signed_commands[] = {
    {"old-report", 5, tell_old_report},
    {"sign", 2, tell_sign},
    {"tell", 1, tell_tell},
    {"machine-new", 1, tell_new_machine},
    {"rekey", 1, tell_rekey},
    {"lend", 1, tell_lend},
    {NULL, 0, NULL},
};
