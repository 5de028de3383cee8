/* What people sign about the tree, whom they hand it to, and machines that they set up. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/run/run_parts.h"

/* ---- up to where an old key counts: what the one who signs holds of it ---- */

static size_t cut_offs_at(struct run *run, size_t node, size_t seat,
                          struct cut_off places[static CUT_OFF_MAX])
{
    const struct view *view = world_view(run->world, node);
    struct stream_row *row = mem_alloc(sizeof *row);
    struct stream_id stream;
    size_t count = 0;
    for (uint64_t cursor = 0;
         count < CUT_OFF_MAX && stream_row_next(view, &cursor, &stream, row);) {
        if (!key_id_equal(stream.author, run->county->seats[seat].key_id) || row->head.seq == 0)
            continue;
        struct hash *hash = &run->cut_hashes[count];
        *hash = row->head.hash;
        places[count++] = (struct cut_off){stream.epoch, stream.number, row->head.seq, hash->bytes};
    }
    free(row);
    return count;
}

static bool ends_a_key(enum county_change_kind kind)
{
    return kind == COUNTY_REPLACE || kind == COUNTY_RETIRE || kind == COUNTY_REVOKE;
}

/* ---- signing ---- */

size_t run_sign(struct run *run, const struct county_change *asked, size_t *first)
{
    struct county_change change = *asked;
    struct cut_off places[CUT_OFF_MAX];
    struct key_id key = run->county->seats[change.seat].key_id;
    char text[sizeof "overrule " + SEAT_BYTES_MAX];
    if (ends_a_key(change.kind)) {
        change.cut_off_count = cut_offs_at(run, change.by, change.seat, places);
        change.cut_offs = places;
    }
    if (world_runs(run->world, change.by))
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

void run_set_up(struct run *run, size_t seat, size_t from)
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
    run->seats[seat].absent = false;
    run_start(run, seat);
}

void run_set_up_all(struct run *run)
{
    for (size_t seat = 0; seat < run->county->seat_count; seat++) {
        bool old = world_keys(run->world, seat)->generation != run->county->seats[seat].generation;
        if (run->county->seats[seat].counts && (run->seats[seat].absent || old))
            run_set_up(run, seat, run->county->seats[seat].parent);
    }
    run_tell_waiting(run);
}

/* ---- steps ---- */

void signed_step(struct run *run, const struct step *step, size_t node)
{
    struct county_change change = {
        .kind = step->change,
        .seat = county_find(run->county, step->of),
        .by = node,
        .to = step->change == COUNTY_RELEASE ? county_find(run->county, step->to) : 0,
        .moves = step->count,
    };
    size_t first, count = run_sign(run, &change, &first);
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
    if (named != NULL)
        run_tell(run, node, named->first, named->count);
    else
        findings_add(&run->result->findings, FINDING_EXPECTED, "line %u: nothing was signed as %s",
                     step->line, step->name);
}
