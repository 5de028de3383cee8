/* Machines that come with a token (node/author/invite.h). Files are read and documents signed on a
 * pool thread, the document goes through the core like any other, and only when it is committed
 * the pack goes out.
 *
 * One after the other, so that no two machines are signed into the same version of a document.
 *
 *     on_join -> pool: invite_sign -> core: the document -> pool: invite_finish -> pieces, close */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "node/author/invite_answer.h"
#include "node/node_parts.h"
#include "replication/rows/rows.h"

enum {
    JOIN_PIECE_BYTES = 48 << 10,
    JOIN_TRIES_MAX = 3,
    INVITE_LOOK_MS = 60 * 60 * 1000, /* while one is out, at least so often */
    /* What one machine is told at most: what is queued for a link is bounded (link.h). */
    JOIN_PACK_BYTES_MAX = LINK_QUEUE_BYTES_MAX - (64 << 10),
};

_Static_assert((int)INVITE_ID_BYTES == (int)LINK_INVITE_ID_BYTES, "one id");
_Static_assert((int)INVITES_MAX <= (int)LINK_INVITES_MAX, "all of them may be out");

struct node_join {
    uv_work_t work;
    struct node_join *next; /* in node->joins */
    struct node *node;
    uint32_t link;
    bool signed_in; /* the second half is under way */
    unsigned tries; /* of the first half: others sign documents, too */
    uint8_t id[INVITE_ID_BYTES], peer_key[KEY_BYTES];
    struct buffer ask, document, pack;
    enum error_code code;
    struct error error;
};

struct invites_look {
    uv_work_t work;
    struct node *node;
    struct invite *invites;
    size_t count;
};

static uint64_t wall_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void look(uv_work_t *work)
{
    struct invites_look *looking = work->data;
    looking->count = invites_load(looking->node->dir, wall_ms(), &looking->invites);
}

static void on_expiry(uv_timer_t *timer)
{
    node_join_look(timer->data);
}

/* Looking is what forgets the seed of one that has expired. The wall's clock may be set meanwhile,
 * so the wait is bounded. */
static void look_when_one_expires(struct node *node, const struct invite *invites, size_t count)
{
    uint64_t now_ms = wall_ms(), wait_ms = UINT64_MAX;
    for (size_t i = 0; i < count; i++) {
        if (!invites[i].has_seed)
            continue;
        uint64_t left_ms = invites[i].expires_ms > now_ms ? invites[i].expires_ms - now_ms : 0;
        wait_ms = left_ms < wait_ms ? left_ms : wait_ms;
    }
    if (wait_ms == UINT64_MAX || uv_is_closing((uv_handle_t *)&node->invite_timer))
        return;
    uv_timer_start(&node->invite_timer, on_expiry,
                   wait_ms < INVITE_LOOK_MS ? wait_ms + 1 : INVITE_LOOK_MS, 0);
}

static void looked(uv_work_t *work, int status)
{
    struct invites_look *looking = work->data;
    struct link_invite known[INVITES_MAX];
    (void)status;
    for (size_t i = 0; i < looking->count; i++) {
        memcpy(known[i].id, looking->invites[i].id, sizeof known[i].id);
        memcpy(known[i].psk, looking->invites[i].psk, sizeof known[i].psk);
    }
    if (looking->node->room != NULL && !looking->node->stopping)
        link_room_set_invites(looking->node->room, known, looking->count);
    if (!looking->node->stopping)
        look_when_one_expires(looking->node, looking->invites, looking->count);
    secret_wipe(known, sizeof known);
    invites_free(looking->invites, looking->count);
    free(looking);
}

void node_join_look(struct node *node)
{
    struct invites_look *looking = mem_alloc(sizeof *looking);
    looking->node = node;
    looking->work.data = looking;
    if (uv_queue_work(&node->loop, &looking->work, look, looked) != 0)
        abort(); /* only for arguments that can't be */
}

static void queue(struct node_join *join);

/* The next one's turn. */
static void join_free(struct node_join *join)
{
    struct node *node = join->node;
    assert(node->joins == join);
    node->joins = join->next;
    if (node->joins != NULL)
        queue(node->joins);
    if (join->ask.data != NULL)
        secret_wipe(join->ask.data, join->ask.size);
    buffer_free(&join->ask);
    buffer_free(&join->document);
    buffer_free(&join->pack);
    free(join);
}

static void send_piece(struct node_join *join, enum invite_piece kind, struct span part)
{
    struct buffer piece = {0};
    buffer_append_byte(&piece, (uint8_t)kind);
    buffer_append_span(&piece, part);
    link_room_send(join->node->room, join->link, 0, MESSAGE_TYPE_JOIN, span_of_buffer(&piece));
    buffer_free(&piece);
}

static void refuse(struct node_join *join)
{
    struct buffer told = {0};
    log_line(&join->node->log, LOG_INFO, "a machine that came with a token is refused: %s",
             join->error.why);
    invite_refusal_encode(&join->error, &told);
    send_piece(join, INVITE_PIECE_REFUSED, span_of_buffer(&told));
    buffer_free(&told);
}

static void send_pack(struct node_join *join)
{
    struct span left = span_of_buffer(&join->pack);
    while (left.size > JOIN_PIECE_BYTES) {
        send_piece(join, INVITE_PIECE_MORE, SPAN(left.data, JOIN_PIECE_BYTES));
        left = SPAN(left.data + JOIN_PIECE_BYTES, left.size - JOIN_PIECE_BYTES);
    }
    send_piece(join, INVITE_PIECE_LAST, left);
    log_line(&join->node->log, LOG_INFO, "a machine has joined with a token");
}

static void join_end(struct node_join *join)
{
    if (join->code == ERR_OK && join->pack.size > JOIN_PACK_BYTES_MAX)
        join->code = error_set(&join->error, ERR_OVERSIZE, "the documents",
                               "they have %zu bytes: bring them by hand (terrace topology pack)",
                               join->pack.size);
    if (join->node->room != NULL && !join->node->stopping) {
        if (join->code == ERR_OK)
            send_pack(join);
        else
            refuse(join);
        link_room_close(join->node->room, join->link, LINK_BYE_NONE);
    }
    join_free(join);
}

static void work_on(struct node_join *join, const struct view *view, const struct tree *tree)
{
    const char *dir = join->node->dir;
    struct invite_asked asked = {.ask = span_of_buffer(&join->ask), .now_ms = wall_ms()};
    uint64_t floor_ms = newest_token_ms(view); /* of a clock at 1970 */
    for (size_t i = 0; i < tree_document_count(tree); i++) {
        uint64_t issued_ms = tree_document(tree, i)->header.issued_ms;
        floor_ms = issued_ms > floor_ms ? issued_ms : floor_ms;
    }
    asked.now_ms = asked.now_ms > floor_ms ? asked.now_ms : floor_ms;
    memcpy(asked.id, join->id, sizeof asked.id);
    memcpy(asked.peer_key, join->peer_key, sizeof asked.peer_key);
    if (join->signed_in)
        join->code = invite_finish(dir, tree, join->id, join->node->keys->tree_secret, &join->pack,
                                   &join->error);
    else
        join->code = invite_sign(dir, tree, &asked, &join->document, &join->error);
}

static void work(uv_work_t *work)
{
    struct node_join *join = work->data;
    struct store_snapshot *snapshot;
    struct view view;
    join->code = store_snapshot_begin(join->node->store, &snapshot, &view, &join->error);
    if (join->code != ERR_OK)
        return;
    struct tree *tree = query_tree(&view, &join->node->config.tree_id, &join->error);
    if (tree == NULL)
        join->code = join->error.code;
    else
        work_on(join, &view, tree);
    tree_free(tree);
    store_snapshot_end(snapshot);
}

static void worked(uv_work_t *done, int status);

static void queue(struct node_join *join)
{
    if (uv_queue_work(&join->node->loop, &join->work, work, worked) != 0)
        abort(); /* only for arguments that can't be */
}

/* To the core, and back through node_join_published. */
static bool publish(struct node_join *join)
{
    struct document_file file;
    join->code =
        document_file_decode(span_of_buffer(&join->document), "the document", &file, &join->error);
    if (join->code != ERR_OK)
        return false;
    struct core_item *item = core_item_new(CORE_DOCUMENT, SPAN_EMPTY);
    item->document = mem_alloc(sizeof *item->document);
    item->document->join = join;
    item->document->file = file;
    node_push(join->node, item, 0);
    return true;
}

static void worked(uv_work_t *done, int status)
{
    struct node_join *join = done->data;
    (void)status;
    if (join->code != ERR_OK || join->signed_in || join->node->stopping) {
        if (join->node->stopping && join->code == ERR_OK && !join->signed_in)
            join->code = error_set(&join->error, ERR_BUSY, "the seat above", "it is stopping");
        join_end(join);
        return;
    }
    join->signed_in = join->document.size == 0;
    if (join->signed_in)
        queue(join);
    else if (!publish(join))
        join_end(join);
}

void node_join_published(struct core_document *document)
{
    struct node_join *join = document->join;
    bool again =
        !document->held && document->error.code == ERR_STALE && ++join->tries < JOIN_TRIES_MAX;
    join->signed_in = document->held;
    buffer_clear(&join->document);
    if ((document->held || again) && !join->node->stopping) {
        queue(join);
        return;
    }
    join->code = document->held
                     ? error_set(&join->error, ERR_BUSY, "the seat above", "it is stopping")
                     : document->error.code;
    if (!document->held)
        join->error = document->error;
    join_end(join);
}

void node_join_ask(struct node *node, uint32_t link, const uint8_t id[static LINK_INVITE_ID_BYTES],
                   const uint8_t peer_key[static LINK_KEY_BYTES], struct span body)
{
    struct node_join *join = mem_alloc(sizeof *join);
    join->node = node;
    join->link = link;
    join->work.data = join;
    memcpy(join->id, id, sizeof join->id);
    memcpy(join->peer_key, peer_key, sizeof join->peer_key);
    buffer_append_span(&join->ask, body);
    struct node_join **last = &node->joins;
    while (*last != NULL)
        last = &(*last)->next;
    *last = join;
    if (node->joins == join)
        queue(join);
}

void node_join_verb(struct node *node, struct api_call call)
{
    static const uint8_t empty_map[] = {0x80};
    node_join_look(node);
    api_answer(node->api, call, API_DONE, SPAN_OF_ARRAY(empty_map), NULL);
}
