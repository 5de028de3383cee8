/* What people sign about the tree, and whom they hand it to. */
#include <stdlib.h>
#include <string.h>

#include "tests/story/story.h"

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

/* sign KIND SEAT [IMAGE [BY]]: a change of COUNTY_CHANGE_LIST, by the seat's parent; the old key
 * counts as far as a saved disk goes. Nobody has it yet. */
static void tell_sign(struct story *story)
{
    size_t seat = story_seat(story, story_word(story, 2)), kind = 0;
    struct cut_off places[CUT_OFF_MAX];
    struct trusted_notes notes;
    while (kind < COUNTY_CHANGE_KINDS &&
           strcmp(county_change_names[kind], story_word(story, 1)) != 0)
        kind++;
    if (seat == SIZE_MAX || kind == COUNTY_CHANGE_KINDS) {
        story_fail(story, "no such change or seat");
        return;
    }
    struct county_change change = {.kind = (enum county_change_kind)kind,
                                   .seat = seat,
                                   .by = story->county->seats[seat].parent,
                                   .again = true,
                                   .cut_offs = places,
                                   .notes = &notes};
    if (story->line->word_count > 3) {
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

const struct story_command signed_commands[] = {
    {"sign", 2, tell_sign},
    {"tell", 1, tell_tell},
    {"machine-new", 1, tell_new_machine},
    {NULL, 0, NULL},
};
