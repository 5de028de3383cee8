/* Joining by an invitation: a handshake of its own under the invitation's key, for somebody whom no
 * signed document names yet. It proves its link key and that it knows the secret, may say one
 * message, and is never taken for a node of the tree. */
#include "node/link/link_parts.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void link_room_set_invites(struct link_room *room, const struct link_invite *invites, size_t count)
{
    assert(count <= LINK_INVITES_MAX);
    room_forget_invites(room);
    room->invites = count ? mem_copy(invites, count * sizeof *invites) : NULL;
    room->invite_count = count;
}

void room_forget_invites(struct link_room *room)
{
    if (room->invites)
        sodium_memzero(room->invites, room->invite_count * sizeof *room->invites);
    free(room->invites);
    room->invites = NULL;
    room->invite_count = 0;
}

const struct link_invite *room_invite(const struct link_room *room, const uint8_t *id)
{
    for (size_t i = 0; i < room->invite_count; i++)
        if (memcmp(room->invites[i].id, id, LINK_INVITE_ID_BYTES) == 0)
            return &room->invites[i];
    return NULL;
}

void link_join_options(const struct link *link, const uint8_t *invite_id, const uint8_t *psk,
                       uint8_t prologue[static JOIN_PROLOGUE_BYTES], struct noise_options *options)
{
    static const char text[] = "terrace join";
    const struct link_options *room = &link->room->options;
    const size_t size = sizeof text - 1;

    memcpy(prologue, text, size);
    prologue[size] = JOIN_VERSION;
    memcpy(prologue + size + 1, room->tree_id, HASH_BYTES);
    memcpy(prologue + size + 1 + HASH_BYTES, invite_id, LINK_INVITE_ID_BYTES);
    *options = (struct noise_options){.pattern = NOISE_IKPSK2,
                                      .initiator = link->uplink,
                                      .prologue = SPAN(prologue, JOIN_PROLOGUE_BYTES)};
    memcpy(options->static_secret, room->link_secret, NOISE_KEY_BYTES);
    memcpy(options->psk, psk, NOISE_KEY_BYTES);
    if (link->uplink)
        memcpy(options->remote_static, link->room->uplink.peer_key, NOISE_KEY_BYTES);
}

static size_t joiner_count(const struct link_room *room)
{
    size_t count = 0;

    for (size_t i = 0; i < room->link_count; i++)
        count += room->links[i]->joining && room->links[i]->state != LINK_CLOSING;
    return count;
}

bool link_join_begin(struct link *link, const uint8_t *invite_id)
{
    struct link_room *room = link->room;
    const struct link_invite *invite = room_invite(room, invite_id);
    uint8_t prologue[JOIN_PROLOGUE_BYTES];
    struct noise_options options;
    bool begun;

    if (!invite || !room->options.callbacks.on_join || joiner_count(room) >= LINK_JOINERS_MAX)
        return false;
    link_join_options(link, invite_id, invite->psk, prologue, &options);
    noise_wipe(&link->greeting->noise);
    begun = noise_begin(&link->greeting->noise, &options);
    sodium_memzero(&options, sizeof options);
    link->joining = begun;
    memcpy(link->invite_id, invite_id, LINK_INVITE_ID_BYTES);
    return begun;
}

void link_join_take(struct link *link, const struct frame_message *message)
{
    const struct link_options *options = &link->room->options;

    if (message->type == MESSAGE_TYPE_BYE)
        return;
    if (message->channel != 0 || message->type != MESSAGE_TYPE_JOIN || link->join_asked ||
        message->body.size > LINK_JOIN_BYTES_MAX) {
        link_malformed(link);
        return;
    }
    link->join_asked = true;
    options->callbacks.on_join(options->context, link->id, link->invite_id, link->peer_key,
                               message->body);
}
