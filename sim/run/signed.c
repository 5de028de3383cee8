/* What people sign about the tree, whom they hand it to, and machines that they set up. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replication/query/query.h"
#include "replication/rows/branches.h"
#include "sim/run/run_parts.h"

/* ---- up to where an old key counts: what the one who signs holds of it ---- */

static struct stream_head longest(const struct view *view, const struct stream_id *stream,
                                  const struct stream_row *row)
{
    struct stream_head head = row->head;
    if (!row->forked)
        return head;
    struct branches *branches = branches_read(view, stream);
    for (uint8_t i = 0; i < BRANCHES_MAX; i++) {
        if (branches->present[i] && !branches->rows[i].cutting &&
            branches->rows[i].head.seq > head.seq)
            head = branches->rows[i].head;
    }
    free(branches);
    return head;
}

static bool is_listed(const struct cut_off *places, size_t count, const struct stated_end *end)
{
    for (size_t i = 0; i < count; i++) {
        if (places[i].epoch == end->epoch && places[i].stream == end->stream)
            return true;
    }
    return false;
}

/* Streams that aren't here: to the end that their author's statements give them. */
static size_t add_ends(struct run *run, const struct view *view, struct key_id key,
                       struct cut_off places[static CUT_OFF_MAX], size_t count)
{
    struct stated_end ends[STATED_ENDS_MAX];
    size_t stated = query_stated_ends(view, key, ends), held = count;
    for (size_t i = 0; i < stated && count < CUT_OFF_MAX; i++) {
        if (is_listed(places, held, &ends[i]))
            continue;
        run->cut_hashes[count] = ends[i].head.hash;
        places[count] = (struct cut_off){ends[i].epoch, ends[i].stream, ends[i].head.seq,
                                         run->cut_hashes[count].bytes};
        count++;
    }
    return count;
}

static size_t cut_offs_at(struct run *run, size_t node, struct key_id key,
                          struct cut_off places[static CUT_OFF_MAX])
{
    const struct view *view = world_view(run->world, node);
    struct stream_row *row = mem_alloc(sizeof *row);
    struct stream_id stream;
    size_t count = 0;
    for (uint64_t cursor = 0;
         count < CUT_OFF_MAX && stream_row_next(view, &cursor, &stream, row);) {
        if (stream.branch > 0 || !key_id_equal(stream.author, key))
            continue;
        struct stream_head head = longest(view, &stream, row);
        run->cut_hashes[count] = head.hash;
        places[count] =
            (struct cut_off){stream.epoch, stream.number, head.seq, run->cut_hashes[count].bytes};
        count += head.seq > 0;
    }
    free(row);
    return add_ends(run, view, key, places, count);
}

/* Numbers of its notes: of a kind, those rows begin with the kind and the key. */
static size_t notes_at(struct run *run, size_t node, struct key_id key, enum hash_context kind,
                       size_t count)
{
    const struct view *view = world_view(run->world, node);
    uint8_t from[NOTE_KEY_BYTES_MAX + 1];
    size_t size = note_key(from, kind, key, 0), prefix = 1 + KEY_ID_BYTES;
    struct span found, note;
    while (view->next(view->context, TABLE_NOTES, SPAN(from, size), &found, &note) == READ_FOUND &&
           found.size >= prefix && found.size < sizeof from &&
           memcmp(found.data, from, prefix) == 0) {
        struct note_head head;
        size_t at = 0;
        memcpy(from, found.data, found.size);
        from[found.size] = 0;
        size = found.size + 1;
        if (note_read_head(note, kind, &head, NULL) != ERR_OK)
            continue;
        while (at < count && run->cut_notes[at].epoch != head.epoch)
            at++;
        if (at == CUT_OFF_MAX)
            continue;
        if (at == count)
            run->cut_notes[count++] = (struct trusted_notes){.epoch = head.epoch};
        uint64_t *k =
            kind == HASH_HEADS ? &run->cut_notes[at].statement : &run->cut_notes[at].report;
        *k = head.k > *k ? head.k : *k;
    }
    return count;
}

static int compare_notes(const void *a, const void *b)
{
    const struct trusted_notes *one = a, *other = b;
    return one->epoch < other->epoch ? -1 : one->epoch > other->epoch;
}

static bool ends_a_key(enum county_change_kind kind)
{
    return kind == COUNTY_REPLACE || kind == COUNTY_RETIRE || kind == COUNTY_REVOKE;
}

/* ---- signing ---- */

/* Whose store is asked: of a seat whose disk is gone for good, the one above it. */
static size_t store_of(const struct run *run, size_t seat)
{
    while (world_keys(run->world, seat)->generation != run->county->seats[seat].generation &&
           seat != run->root)
        seat = run->county->seats[seat].parent;
    return seat;
}

/* The key that ends: the one in force, which an overruling may have given back. */
static struct key_id key_of(const struct run *run, size_t seat)
{
    const struct county_seat *known = &run->county->seats[seat];
    const struct seat *listed = tree_seat(run->county->tree, span_of_text(known->code));
    return listed == NULL ? known->key_id : key_id_of(listed->row.signing_key);
}

size_t run_sign(struct run *run, const struct county_change *asked, size_t *first)
{
    struct county_change change = *asked;
    struct cut_off places[CUT_OFF_MAX];
    struct key_id key = key_of(run, change.seat);
    char text[sizeof "overrule " + SEAT_BYTES_MAX];
    if (ends_a_key(change.kind)) {
        size_t asked_of = store_of(run, change.by);
        change.cut_off_count = cut_offs_at(run, asked_of, key, places);
        change.cut_offs = places;
        change.note_count = notes_at(run, asked_of, key, HASH_HEADS, 0);
        change.note_count = notes_at(run, asked_of, key, HASH_CELLS, change.note_count);
        qsort(run->cut_notes, change.note_count, sizeof *run->cut_notes, compare_notes);
        change.notes = run->cut_notes;
    }
    if (world_runs(run->world, change.by) && !change.again)
        change.seen = replica_tree(world_replica(run->world, change.by));
    change.issued_ms = world_wall_ms(run->world);
    *first = run->county->change_count;
    size_t count = county_sign(run->county, &change);
    if (count == 0)
        return 0;
    if (ends_a_key(change.kind) && run->model != NULL)
        model_key_ends(run->model, key, places, change.cut_off_count);
    if (run->model != NULL)
        model_tree_changed(run->model);
    snprintf(text, sizeof text, "%s %s", county_change_names[change.kind],
             run->county->seats[change.seat].code);
    run_moment(run, MOMENT_SIGNED, change.by, text);
    return count;
}

/* ---- handing on ---- */

void run_tell(struct run *run, size_t node, size_t first, size_t count)
{
    for (size_t i = first; i < first + count; i++) {
        if (world_runs(run->world, node)) {
            world_give_change(run->world, node, i);
            continue;
        }
        run->untold = mem_resize(run->untold, (run->untold_count + 1) * sizeof *run->untold);
        run->untold[run->untold_count++] = (struct untold){node, i};
    }
}

/* Documents wait on the desk until the node runs. */
void run_tell_waiting(struct run *run)
{
    size_t kept = 0, count = run->untold_count;
    for (size_t i = 0; i < count; i++) {
        struct untold untold = run->untold[i];
        if (world_runs(run->world, untold.node))
            world_give_change(run->world, untold.node, untold.change);
        else
            run->untold[kept++] = untold;
    }
    run->untold_count = kept;
}

/* ---- machines ---- */

void run_set_up(struct run *run, size_t seat, size_t from, bool escrow)
{
    struct world *world = run->world;
    const struct tree *documents =
        world_runs(world, from) ? replica_tree(world_replica(world, from)) : run->county->tree;
    if (world_runs(world, seat))
        world_crash(world, seat);
    if (world_keys(world, seat)->generation != run->county->seats[seat].generation) {
        world_replace(world, seat);
        run_moment(run, MOMENT_WIPED, seat, "");
        if (run->model != NULL)
            model_restored(run->model, seat);
    }
    world_equip(world, seat, documents);
    if (escrow)
        world_lend_escrow(world, seat, run->county->seats[seat].escrow);
    run->seats[seat].absent = false;
    run_start(run, seat);
}

/* Whoever has signed a document keeps it: a node whose disk was lost, or which couldn't take it
 * yet, gets it once more. Those of a raised term are at hand a seat above, too, where the raise is
 * known.
 */
void run_tell_signers(struct run *run)
{
    const struct county *county = run->county;
    for (size_t i = 0; i < county->change_count; i++) {
        bool is_root = county->changes[i].kind == DOCUMENT_ROOT;
        size_t seat = is_root ? run->root : county_find(county, county->changes[i].seat);
        struct document_envelope opened;
        struct span envelope = span_of_buffer(&county->changes[i].envelope);
        if (document_open(envelope, &opened, NULL) == ERR_OK && opened.decoded.term > 1)
            run_tell(run, county->seats[seat].parent, i, 1);
        run_tell(run, seat, i, 1);
    }
    run_tell_waiting(run);
}

/* A replacement that was overruled is signed once more: the machine of before is gone. */
static void replace_again(struct run *run)
{
    const struct county *county = run->county;
    for (size_t seat = 0; seat < county->seat_count; seat++) {
        const struct seat *listed = tree_seat(county->tree, span_of_text(county->seats[seat].code));
        struct county_change change = {
            .kind = COUNTY_REPLACE, .seat = seat, .by = county->seats[seat].parent, .again = true};
        size_t first;
        if (listed != NULL && county->seats[seat].counts &&
            listed->row.generation < county->seats[seat].generation)
            run_sign(run, &change, &first);
    }
}

void run_set_up_all(struct run *run)
{
    replace_again(run);
    for (size_t seat = 0; seat < run->county->seat_count; seat++) {
        bool old = world_keys(run->world, seat)->generation != run->county->seats[seat].generation;
        if (run->county->seats[seat].counts && (run->seats[seat].absent || old))
            run_set_up(run, seat, run->county->seats[seat].parent, false);
    }
    run_tell_signers(run);
}

/* ---- faults ---- */

static void tell_later(struct run *run, size_t node, size_t change, uint64_t lasts_ms)
{
    struct planned planned = {.at_ms = run_now(run) + prng_below(&run->prng, lasts_ms + 1),
                              .kind = PLANNED_TELL,
                              .seat = node,
                              .rule = change};
    plan_add(&run->plan, &planned);
}

/* Both parents sign at once, and hear of it when they hear of it; now and then so do the seat
 * itself and the one that all are below. */
static void move(struct run *run, size_t seat, size_t to, uint64_t lasts_ms)
{
    struct county *county = run->county;
    size_t from = county->seats[seat].parent, first;
    struct county_change release = {.kind = COUNTY_RELEASE, .seat = seat, .by = from, .to = to};
    struct county_change take = {.kind = COUNTY_TAKE, .seat = seat, .by = to};
    if (from == to || !county->seats[seat].counts || !county->seats[to].counts ||
        county_is_above(county, seat, to) || run_sign(run, &release, &first) == 0)
        return;
    tell_later(run, from, first, lasts_ms);
    if (prng_chance(&run->prng, 300))
        tell_later(run, run->root, first, lasts_ms);
    if (run_sign(run, &take, &first) == 0)
        return;
    tell_later(run, to, first, lasts_ms);
    if (prng_chance(&run->prng, 300))
        tell_later(run, seat, first, lasts_ms);
}

static void replace(struct run *run, size_t seat, size_t parent)
{
    struct county_change change = {.kind = COUNTY_REPLACE, .seat = seat, .by = parent};
    size_t first;
    strikes_stop(run, seat, false);
    size_t count = run->county->seats[seat].counts ? run_sign(run, &change, &first) : 0;
    if (count == 0)
        return;
    run_tell(run, parent, first, count);
}

/* By its own people, who know which order of theirs was the last whatever their node has lost. */
static void give_order(struct run *run, size_t seat, enum county_change_kind kind)
{
    struct county_change change = {.kind = kind, .seat = seat, .by = seat, .again = true};
    size_t first, count = run->county->seats[seat].counts ? run_sign(run, &change, &first) : 0;
    if (count > 0)
        run_tell(run, seat, first, count);
}

void signed_end(struct run *run, size_t seat)
{
    give_order(run, seat, COUNTY_PEACE);
}

void signed_blow(struct run *run, const struct fault *fault, size_t seat, uint64_t lasts_ms)
{
    struct county_change change = {.seat = seat, .by = run->county->seats[seat].parent};
    size_t first, count;
    if (fault->kind == FAULT_EMERGENCY) {
        give_order(run, seat, COUNTY_EMERGENCY);
        return;
    }
    if (fault->kind == FAULT_REPLACE) {
        replace(run, seat, change.by);
        return;
    }
    if (fault->kind == FAULT_MOVE) {
        move(run, seat, county_find(run->county, fault->to), lasts_ms);
        return;
    }
    change.kind = fault->kind == FAULT_ADMIT    ? COUNTY_ADMIT
                  : fault->kind == FAULT_REVOKE ? COUNTY_REVOKE
                                                : COUNTY_OVERRULE;
    if (!run->county->seats[change.by].counts ||
        (change.kind != COUNTY_ADMIT && !run->county->seats[seat].counts))
        return;
    count = run_sign(run, &change, &first);
    run_tell(run, change.by, first, count);
    if (count > 0 && change.kind == COUNTY_ADMIT)
        run_set_up(run, seat, change.by, false);
}

/* ---- steps ---- */

void signed_step(struct run *run, const struct step *step, size_t node)
{
    struct county_change change = {
        .kind = step->change,
        .seat = county_find(run->county, step->of),
        .by = node,
        .to = step->to[0] != '\0' ? county_find(run->county, step->to) : 0,
        .moves = step->count,
    };
    size_t first, count = run_sign(run, &change, &first);
    if (count == 0 && change.kind == COUNTY_TAKE) { /* back to one that had released it */
        change.again = true;
        count = run_sign(run, &change, &first);
    }
    if (count == 0) {
        findings_add(&run->result->findings, FINDING_EXPECTED,
                     "line %u: there is nothing to sign: %s %s at %s", step->line,
                     county_change_names[step->change], step->of, step->at[0]);
        return;
    }
    if (step->name[0] != '\0') {
        struct named *named = run_new_named(run, NAMED_SIGNED, step->name);
        named->first = first;
        named->count = count;
    }
    if (!step->untold)
        run_tell(run, node, first, count);
}

void signed_tell(struct run *run, const struct step *step, size_t node)
{
    const struct named *named = run_named(run, NAMED_SIGNED, step->name);
    if (named != NULL && step->whole && world_runs(run->world, node))
        world_confirm_change(run->world, node, named->first);
    else if (named != NULL)
        run_tell(run, node, named->first, named->count);
    else
        findings_add(&run->result->findings, FINDING_EXPECTED, "line %u: nothing was signed as %s",
                     step->line, step->name);
}
