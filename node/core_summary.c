/* Items, results and summaries: birth and death of everything that passes between the threads. */
#include "node/core_summary.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct core_item *core_item_new(enum core_item_kind kind, struct span body)
{
    struct core_item *item = mem_alloc(sizeof *item + body.size);
    item->kind = kind;
    if (body.size > 0)
        memcpy(item->body, body.data, body.size);
    return item;
}

void core_item_free(struct core_item *item)
{
    if (item == NULL)
        return;
    if (item->kind == CORE_WRITES) {
        for (size_t i = 0; i < item->writes.count; i++)
            free(item->writes.writes[i].error);
        free(item->writes.writes);
        free(item->writes.arguments);
    }
    if (item->kind == CORE_MARKS) {
        buffer_free(&item->marks->history);
        buffer_free(&item->marks->hops);
        free(item->marks);
    }
    if (item->kind == CORE_DOCUMENT) {
        document_file_free(&item->document->file);
        free(item->document);
    }
    free(item);
}

void core_tree_free(struct core_tree *tree)
{
    if (tree == NULL)
        return;
    free(tree->peers);
    free(tree->guides);
    free(tree->hosts);
    free(tree->hosted);
    free(tree);
}

void core_status_free(struct core_status *status)
{
    if (status == NULL)
        return;
    buffer_free(&status->alarms);
    free(status->links);
    free(status);
}

static void free_items(struct core_item *first)
{
    while (first != NULL) {
        struct core_item *item = first;
        first = (struct core_item *)first->event.next;
        core_item_free(item);
    }
}

void core_result_free(struct core_result *result)
{
    free_items(result->writes);
    free_items(result->marks);
    free_items(result->documents);
    core_tree_free(result->tree);
    core_status_free(result->status);
    buffer_free(&result->sends);
    buffer_free(&result->taken);
    free(result);
}

static void list_peer(struct core_tree *copy, const struct seat_row *row)
{
    if (!seat_status_is_in_force(row->status) || copy->peer_count == LINKS_MAX)
        return;
    struct link_peer *peer = &copy->peers[copy->peer_count++];
    memcpy(peer->key, row->link_key, sizeof peer->key);
    memcpy(peer->seat, row->seat, sizeof peer->seat);
}

/* Children first; then those that we were the parent of, and those further below, who may ask where
 * theirs is. */
static void list_peers(struct core_tree *copy, const struct tree *tree, const struct seat *own)
{
    size_t most = tree_seat_count(tree) < LINKS_MAX ? tree_seat_count(tree) : LINKS_MAX;
    copy->peers = mem_alloc((most + 1) * sizeof *copy->peers);
    for (size_t i = 0; i < own->child_count; i++)
        list_peer(copy, &own->children[i]->row);
    copy->child_count = copy->peer_count;
    for (size_t i = 0; i < tree_moved_count(tree) && copy->peer_count < most; i++) {
        const struct seat *seat = tree_moved(tree, i)->seat;
        if (!seat_is_ancestor_or_self(own, seat) && tree_is_former_parent(tree, own, seat))
            list_peer(copy, &seat->row);
    }
    for (size_t i = 0; i < tree_seat_count(tree) && copy->peer_count < most; i++) {
        const struct seat *seat = tree_seat_at(tree, i);
        if (seat != own && seat->parent != own && seat_is_ancestor_or_self(own, seat))
            list_peer(copy, &seat->row);
    }
}

static size_t copy_endpoints(const struct seat_row *row,
                             char to[static ENDPOINTS_MAX][ENDPOINT_BYTES_MAX + 1])
{
    size_t count = 0;
    for (unsigned i = 0; i < row->endpoints.count && i < ENDPOINTS_MAX; i++) {
        struct span url = text_list_at(&row->endpoints, i);
        if (url.size <= ENDPOINT_BYTES_MAX)
            memcpy(to[count++], url.data, url.size);
    }
    return count;
}

static void copy_parent(struct core_tree *copy, const struct seat_row *parent)
{
    copy->has_parent = true;
    memcpy(copy->parent, parent->seat, sizeof copy->parent);
    memcpy(copy->parent_key, parent->link_key, sizeof copy->parent_key);
    copy->endpoint_count = copy_endpoints(parent, copy->endpoints);
}

static void list_guides(struct core_tree *copy, const struct seat *own)
{
    const struct seat *above = own->parent == NULL ? NULL : own->parent->parent;
    copy->guides = mem_alloc(TIERS_MAX * sizeof *copy->guides);
    for (; above != NULL && copy->guide_count < TIERS_MAX; above = above->parent) {
        struct core_guide *guide = &copy->guides[copy->guide_count];
        guide->endpoint_count = copy_endpoints(&above->row, guide->endpoints);
        if (guide->endpoint_count == 0)
            continue;
        memcpy(guide->seat, above->row.seat, sizeof guide->seat);
        memcpy(guide->key, above->row.link_key, sizeof guide->key);
        copy->guide_count++;
    }
}

/* Own fallbacks. */
static void list_hosts(struct core_tree *copy, const struct tree *tree, const struct seat *own)
{
    copy->hosts = mem_alloc(FALLBACKS_MAX * sizeof *copy->hosts);
    for (unsigned i = 0; i < own->row.fallbacks.count && i < FALLBACKS_MAX; i++) {
        const struct seat *seat = tree_seat(tree, text_list_at(&own->row.fallbacks, i));
        struct core_guide *host = &copy->hosts[copy->host_count];
        if (seat == NULL || !seat_status_is_in_force(seat->row.status))
            continue;
        host->endpoint_count = copy_endpoints(&seat->row, host->endpoints);
        memcpy(host->seat, seat->row.seat, sizeof host->seat);
        memcpy(host->key, seat->row.link_key, sizeof host->key);
        copy->host_count += host->endpoint_count > 0;
    }
}

static bool falls_back_on(const struct seat *seat, const struct seat *own)
{
    bool found = false;
    for (unsigned i = 0; i < seat->row.fallbacks.count; i++)
        found =
            found || span_equal(text_list_at(&seat->row.fallbacks, i), span_of_text(own->row.seat));
    return found && seat_status_is_in_force(seat->row.status);
}

/* Past its parent, to those that are above both. */
static bool leads_to(const struct tree *tree, const struct seat *caller, const char *above)
{
    const struct seat *seat = tree_seat(tree, span_of_text(above));
    return seat != NULL && seat != caller && seat != caller->parent &&
           seat_is_ancestor_or_self(seat, caller);
}

static void list_hosted(struct core_tree *copy, const struct tree *tree, const struct seat *own)
{
    for (size_t i = 0; i < tree_seat_count(tree) && copy->hosted_count < LINKS_MAX; i++) {
        const struct seat *seat = tree_seat_at(tree, i);
        if (!falls_back_on(seat, own))
            continue;
        copy->hosted = mem_resize(copy->hosted, (copy->hosted_count + 1) * sizeof *copy->hosted);
        struct core_hosted *hosted = &copy->hosted[copy->hosted_count++];
        *hosted = (struct core_hosted){.to_parent =
                                           copy->has_parent && leads_to(tree, seat, copy->parent)};
        memcpy(hosted->caller.key, seat->row.link_key, sizeof hosted->caller.key);
        memcpy(hosted->caller.seat, seat->row.seat, sizeof hosted->caller.seat);
        for (size_t k = 0; k < copy->guide_count; k++)
            hosted->to_guides |= leads_to(tree, seat, copy->guides[k].seat) ? 1U << k : 0U;
    }
}

struct core_tree *core_tree_make(const struct tree *tree, const char *seat)
{
    struct core_tree *copy = mem_alloc(sizeof *copy);
    const struct seat *own = tree_seat(tree, span_of_text(seat));
    copy->change = tree_change_count(tree);
    copy->document_count = tree_document_count(tree);
    copy->seat_count = tree_seat_count(tree);
    copy->alarm_count = tree_alarm_count(tree);
    copy->expires_ms = tree_expires_ms(tree, span_of_text(seat));
    copy->root_waits = tree_pending_root(tree) != NULL;
    if (copy->root_waits)
        copy->root = tree_pending_root(tree)->hash;
    if (own == NULL)
        return copy;
    memcpy(copy->signing_key, own->row.signing_key, KEY_BYTES);
    copy->listed = seat_status_is_in_force(own->row.status);
    memcpy(copy->name, own->row.name, sizeof copy->name);
    snprintf(copy->tier, sizeof copy->tier, "%s", tree_tier_name(tree, own->row.tier));
    const struct held_document *emergency = tree_emergency(tree, own);
    if (emergency != NULL) {
        snprintf(copy->emergency, sizeof copy->emergency, "%s", emergency->seat);
        copy->emergency_ms = emergency->header.since_ms;
    }
    if (own->parent != NULL)
        copy_parent(copy, &own->parent->row);
    list_peers(copy, tree, own);
    list_guides(copy, own);
    list_hosts(copy, tree, own);
    list_hosted(copy, tree, own);
    return copy;
}

void core_tree_keep_parent(struct core_tree *copy, const struct core_tree *former)
{
    if (copy->has_parent || copy->listed || !former->has_parent)
        return;
    copy->has_parent = true;
    memcpy(copy->parent, former->parent, sizeof copy->parent);
    memcpy(copy->parent_key, former->parent_key, sizeof copy->parent_key);
    copy->endpoint_count = former->endpoint_count;
    memcpy(copy->endpoints, former->endpoints, sizeof copy->endpoints);
}

struct core_status *core_status_make(const struct drive *drive, const struct view *view,
                                     uint64_t tick_ms)
{
    const struct replica *replica = drive_replica(drive);
    struct core_status *status = mem_alloc(sizeof *status);
    status->tick_ms = tick_ms;
    status->epoch = replica_epoch(replica) >> 16; /* the ordinal */
    snprintf(status->epoch_why, sizeof status->epoch_why, "%s", replica_epoch_reason(replica));
    status->commits = drive_commit_count(drive);
    status->failed_commits = drive_failed_commit_count(drive);
    status->refusals = *replica_refusals(replica);
    const char *occurrence;
    status->occurrences = replica_occurrences(replica, &occurrence);
    snprintf(status->occurrence, sizeof status->occurrence, "%s", occurrence);
    status->link_count = replica_link_count(replica);
    for (size_t i = 0; i < replica_alarm_count(replica); i++) {
        const char *text = replica_alarm(replica, i);
        buffer_append(&status->alarms, text, strlen(text) + 1);
    }
    status->links = mem_alloc((status->link_count + 1) * sizeof *status->links);
    for (size_t i = 0; i < status->link_count; i++)
        replica_link_status(replica, view, i, &status->links[i]);
    return status;
}

void core_marks_fill(const struct drive *drive, const struct view *view, struct core_marks *marks)
{
    const struct replica *replica = drive_replica(drive);
    size_t links = replica == NULL ? 0 : replica_link_count(replica);
    for (size_t i = 0; i < links; i++) {
        struct link_status status;
        replica_link_status(replica, view, i, &status);
        for (uint32_t k = 0; k < marks->streams.count; k++) {
            uint32_t held, sent;
            if (!replica_stream_mark(replica, view, i, &marks->streams.ids[k], &held, &sent))
                continue;
            mp_write_map(&marks->hops, 4);
            mp_write_text(&marks->hops, "seat");
            mp_write_text(&marks->hops, status.seat);
            mp_write_text(&marks->hops, "path");
            mp_write_uint(&marks->hops, k);
            mp_write_text(&marks->hops, "held");
            mp_write_uint(&marks->hops, held);
            mp_write_text(&marks->hops, "sent");
            mp_write_uint(&marks->hops, sent);
            marks->hop_count++;
        }
    }
}
