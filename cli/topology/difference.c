/* What a document would do: the seats that differ between two trees, in words. */
#include <string.h>

#include "cli/print.h"
#include "cli/topology/change.h"

static const char *parent_of(const struct seat *seat)
{
    return seat == NULL || seat->parent == NULL ? "" : seat->parent->row.seat;
}

static void say(bool json, const char *seat, const char *what, const char *from, const char *to)
{
    if (json)
        print_json(
            json_pack("{s:s,s:s,s:s,s:s}", "seat", seat, "change", what, "from", from, "to", to));
    else if (from[0] == '\0' && to[0] == '\0')
        printf("  %s: %s\n", seat, what);
    else if (from[0] == '\0')
        printf("  %s: %s %s\n", seat, what, to);
    else
        printf("  %s: %s, %s -> %s\n", seat, what, from, to[0] == '\0' ? "none" : to);
}

static const char *status_of(const struct seat *seat)
{
    static const char *const words[] = {[SEAT_ACTIVE] = "active",
                                        [SEAT_RETIRED] = "retired",
                                        [SEAT_REVOKED] = "revoked",
                                        [SEAT_RELEASED] = "released"};
    return words[seat->row.status];
}

/* The seat stands in both. */
static size_t compare(const struct seat *old, const struct seat *new, bool json)
{
    size_t changes = 0;
    if (strcmp(parent_of(old), parent_of(new)) != 0) {
        say(json, new->row.seat, "its parent changes", parent_of(old), parent_of(new));
        changes++;
    }
    if (old->row.status != new->row.status) {
        say(json, new->row.seat, "its keys", status_of(old), status_of(new));
        changes++;
    }
    if (old->row.generation != new->row.generation) {
        say(json, new->row.seat, "another machine with keys of its own takes the seat", "", "");
        changes++;
    }
    if (old->row.term != new->row.term) {
        say(json, new->row.seat, "a new term: who signed for it before signs no longer", "", "");
        changes++;
    }
    if (strcmp(old->row.name, new->row.name) != 0) {
        say(json, new->row.seat, "its name", old->row.name, new->row.name);
        changes++;
    }
    return changes;
}

void change_print(const struct tree *before, const struct tree *after, bool json)
{
    size_t changes = 0;
    for (size_t i = 0; i < tree_seat_count(after); i++) {
        const struct seat *new = tree_seat_at(after, i);
        const struct seat *old = tree_seat(before, span_of_text(new->row.seat));
        if (old != NULL) {
            changes += compare(old, new, json);
            continue;
        }
        say(json, new->row.seat, "a new seat under", "", parent_of(new));
        changes++;
    }
    for (size_t i = 0; i < tree_seat_count(before); i++) {
        const struct seat *old = tree_seat_at(before, i);
        if (tree_seat(after, span_of_text(old->row.seat)) != NULL)
            continue;
        say(json, old->row.seat, "leaves the tree until another document lists it, from",
            parent_of(old), "");
        changes++;
    }
    if (changes == 0 && !json)
        printf("  no seat of the tree changes by this document alone\n");
}
