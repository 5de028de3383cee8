/* A link room of its own, on a loop of its own, that dials with the invitation. The room dials
 * again by itself; a new link asks anew, and the seat above answers the same. */
#include "node/join_client.h"

#include <stdlib.h>
#include <string.h>

#include "node/link/link.h"

enum {
    LOOK_EVERY_MS = 100,
    /* Somebody is there and closes without a word so often: the token means nothing to him. */
    TURNED_AWAY_MAX = 6,
    ANSWER_BYTES_MAX = 4 << 20,
};

struct joining {
    uv_loop_t loop;
    uv_timer_t timer;
    struct link_room *room;
    struct buffer ask, answer;
    struct buffer *pack;
    uint64_t until_ms;
    bool done;
    struct error error;
};

static void finish(struct joining *joining)
{
    if (joining->done)
        return;
    joining->done = true;
    uv_timer_stop(&joining->timer);
    uv_close((uv_handle_t *)&joining->timer, NULL);
    link_room_stop(joining->room);
}

static void fail(struct joining *joining, enum error_code code, const char *why, const char *next)
{
    error_set(&joining->error, code, "the seat above", "%s", why);
    error_next(&joining->error, "%s", next);
    finish(joining);
}

static void on_up(void *context, uint32_t link, const uint8_t peer_key[static LINK_KEY_BYTES],
                  bool uplink)
{
    struct joining *joining = context;
    (void)peer_key, (void)uplink;
    buffer_clear(&joining->answer);
    if (!joining->done)
        link_room_send(joining->room, link, 0, MESSAGE_TYPE_JOIN, span_of_buffer(&joining->ask));
}

static void take_piece(struct joining *joining, struct span body)
{
    struct span part = SPAN(body.data + 1, body.size - 1);
    switch ((enum invite_piece)body.data[0]) {
    case INVITE_PIECE_REFUSED:
        invite_refusal_decode(part, &joining->error);
        finish(joining);
        return;
    case INVITE_PIECE_MORE:
    case INVITE_PIECE_LAST:
        if (joining->answer.size + part.size > ANSWER_BYTES_MAX) {
            fail(joining, ERR_OVERSIZE, "its answer is longer than any may be",
                 "tell its people; documents can come by hand: terrace topology pack");
            return;
        }
        buffer_append_span(&joining->answer, part);
        if (body.data[0] == INVITE_PIECE_MORE)
            return;
        buffer_append_span(joining->pack, span_of_buffer(&joining->answer));
        finish(joining);
        return;
    }
}

static void on_message(void *context, uint32_t link, unsigned channel, uint8_t type,
                       struct span body)
{
    struct joining *joining = context;
    (void)link, (void)channel;
    if (type == MESSAGE_TYPE_JOIN && body.size > 0 && !joining->done)
        take_piece(joining, body);
}

static void on_down(void *context, uint32_t link, enum link_down reason)
{
    (void)context, (void)link, (void)reason;
}

static void on_stopped(void *context)
{
    (void)context;
}

static void look(uv_timer_t *timer)
{
    struct joining *joining = timer->data;
    struct link_counters counters;
    link_room_counters(joining->room, &counters);
    if (counters.came_up == 0 && counters.answered >= TURNED_AWAY_MAX)
        fail(joining, ERR_UNKNOWN_KEY, "it knows nothing of this token, or is another machine",
             "the token is gone some time after it was used or has expired: ask the people of the "
             "seat above for a new one (terrace topology invite)");
    else if (uv_now(&joining->loop) >= joining->until_ms)
        fail(joining, ERR_UNREACHABLE,
             counters.answered > 0 ? "it broke off" : "nobody answers at its address",
             "see that its node runs and the line is up, then the same command again: nothing is "
             "lost");
}

static enum error_code start(struct joining *joining, const struct token *token,
                             const struct node_keys *keys, struct error *error)
{
    uint8_t id[INVITE_ID_BYTES];
    const char *urls[ENDPOINTS_MAX];
    struct link_options options = {.loop = &joining->loop,
                                   .callbacks = {on_up, on_message, on_down, on_stopped, NULL},
                                   .context = joining,
                                   .invite_id = id};
    invite_names(token->secret, id, options.psk);
    memcpy(options.link_secret, keys->link_secret, LINK_KEY_BYTES);
    memcpy(options.tree_id, token->tree_id.bytes, HASH_BYTES);
    for (size_t i = 0; i < token->endpoint_count; i++)
        urls[i] = token->endpoints[i];
    joining->room = link_room_start(&options, error);
    secret_wipe(&options, sizeof options);
    if (joining->room == NULL)
        return error->code;
    return link_room_dial(joining->room, token->parent_key, urls, token->endpoint_count, error);
}

enum error_code join_dial(const struct token *token, const struct node_keys *keys,
                          const struct node_request *request, uint64_t wait_ms, struct buffer *pack,
                          struct error *error)
{
    struct joining joining = {.pack = pack};
    if (uv_loop_init(&joining.loop) != 0)
        return error_set(error, ERR_INTERNAL, "join", "no event loop can be made");
    uv_timer_init(&joining.loop, &joining.timer);
    joining.timer.data = &joining;
    invite_ask_encode(token->secret, request, &joining.ask);
    enum error_code code = start(&joining, token, keys, error);
    joining.until_ms = uv_now(&joining.loop) + wait_ms;
    if (code == ERR_OK)
        uv_timer_start(&joining.timer, look, LOOK_EVERY_MS, LOOK_EVERY_MS);
    else if (joining.room != NULL)
        finish(&joining);
    else
        uv_close((uv_handle_t *)&joining.timer, NULL);
    uv_run(&joining.loop, UV_RUN_DEFAULT);
    uv_loop_close(&joining.loop);
    secret_wipe(joining.ask.data, joining.ask.size);
    buffer_free(&joining.ask);
    buffer_free(&joining.answer);
    if (code == ERR_OK && joining.error.code != ERR_OK)
        *error = joining.error;
    return code == ERR_OK ? joining.error.code : code;
}
