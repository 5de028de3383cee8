/* What the model hears while the world runs: answers, batches, starts. */
#include <stdlib.h>
#include <string.h>

#include "sim/check/check_parts.h"

/* How often claims are looked at: each time takes so long for each seat. */
enum { CLAIMS_SMALL = 40, CLAIMS_EVERY_MS = 2000, CLAIMS_SEAT_MS = 20 * 1000 };

static uint64_t refusal_total(const struct refusals *refusals)
{
    uint64_t total = 0;
#define X(name) total += refusals->name;
    REFUSAL_LIST(X)
#undef X
    return total;
}

/* Where people change the tree, who knows of it refuses who doesn't. */
static void accuse(struct model *model, size_t node, const struct refusals *before,
                   const struct refusals *now)
{
    struct refusals excused = *before;
    if (model->changing) {
        excused.not_allowed = now->not_allowed;
        excused.unknown_key = now->unknown_key;
    }
    before = &excused;
#define X(name)                                                                                    \
    if (now->name > before->name)                                                                  \
        findings_add(model->findings, FINDING_ACCUSED, "%s refused an honest peer: " #name,        \
                     model_node_name(model, node));
    REFUSAL_LIST(X)
#undef X
}

/* Every link of the node is live and stays so in this batch: what is bad must be counted. */
static bool all_live(struct model *model, size_t node, const struct event *events, size_t count)
{
    const struct replica *replica = world_replica(model->world, node);
    for (size_t i = 0; i < count; i++) {
        if (events[i].kind == EVENT_LINK_UP || events[i].kind == EVENT_LINK_DOWN)
            return false;
    }
    for (size_t i = 0; i < replica_link_count(replica); i++) {
        struct link_status status;
        replica_link_status(replica, world_view(model->world, node), i, &status);
        if (strcmp(status.state, "live") != 0)
            return false;
    }
    return replica_link_count(replica) > 0;
}

/* The link that a message came by is one the replica knows. */
static bool session_known(struct model *model, size_t node, const struct event *event)
{
    const struct replica *replica = world_replica(model->world, node);
    for (size_t i = 0; i < replica_link_count(replica); i++) {
        struct link_status status;
        replica_link_status(replica, world_view(model->world, node), i, &status);
        if (status.link == event->message.link)
            return true;
    }
    return false;
}

/* By the documents that it holds, all through this batch: after a raised term it may wait for the
 * new one's first. */
static bool lists_itself(const struct model *model, size_t node)
{
    const struct tree *tree = replica_tree(world_replica(model->world, node));
    const char *code = model->county->seats[model->nodes[node].seat].code;
    return tree_seat(tree, span_of_text(code)) != NULL &&
           tree_author(tree, world_keys(model->world, node)->key_id) != NULL &&
           tree_change_count(tree) == model->nodes[node].tree_before;
}

static void on_batch_begins(void *context, size_t node, const struct event *events, size_t count,
                            size_t injected)
{
    struct model *model = context;
    struct model_node *own = &model->nodes[node];
    own->answered = 0;
    own->tree_before = tree_change_count(replica_tree(world_replica(model->world, node)));
    own->refusal_due = injected > 0 && all_live(model, node, events, count);
    own->refusals_before = *replica_refusals(world_replica(model->world, node));
    for (size_t i = 0; i < count; i++) {
        if (events[i].kind == EVENT_MESSAGE && own->refusal_due)
            own->refusal_due = session_known(model, node, &events[i]);
        if (events[i].kind != EVENT_WRITE || events[i].write.kind == WRITE_PUT)
            continue;
        struct model_op *op = &model->ops[events[i].write.request - 1];
        if (op->record != SIZE_MAX) /* else it begins what is private */
            op->before = model_seen_at(model, node, &model->records[op->record], &op->before_count);
    }
}

static bool refusal_fits(const struct model *model, const struct model_op *op, enum error_code code)
{
    bool known =
        model_counts(model, op->seat) && /* else its node may know that its key isn't */
        lists_itself(model, op->node) &&
        world_keys(model->world, op->node)->generation == model->county->seats[op->seat].generation;
    bool cut = op->record != SIZE_MAX && model->records[op->record].baseless;
    switch ((int)code) {
    case ERR_FULL: return true; /* only of a failed commit: see on_batch_done */
    case ERR_NOT_FOUND: /* also a seat that the root hasn't heard of yet; nothing to erase */
        return op->kind == WRITE_ERASE ||
               ((op->before_count == 0 || cut) && op->kind != WRITE_PUT) || op->to != SIZE_MAX ||
               op->hands_to != SIZE_MAX || op->kind == WRITE_EXTEND;
    case ERR_PARKED: /* a seat that its node has to ask for first */
        return op->to != SIZE_MAX || op->hands_to != SIZE_MAX || op->kind == WRITE_EXTEND;
    case ERR_INVALID: return op->kind != WRITE_PUT; /* deleted, as far as its node knows */
    case ERR_NOT_ALLOWED: return op->kind != WRITE_PUT || !known;
    case ERR_UNKNOWN_TYPE: return true; /* the types haven't come yet */
    default: return false;
    }
}

/* What others see stands on the disk already. */
static void check_durable(struct model *model, size_t node, const char *what)
{
    if (memory_store_is_open(world_store(model->world, node)))
        findings_add(model->findings, FINDING_EARLY, "%s %s before its commit",
                     model_node_name(model, node), what);
}

static void take_acknowledgement(struct model *model, struct model_op *op,
                                 const struct answer *answer)
{
    op->acknowledged = true;
    op->answered_record = answer->record;
    if (op->in_log && (op->clock != answer->clock ||
                       memcmp(model->records[op->record].id.bytes, answer->record.bytes, 16) != 0))
        findings_add(model->findings, FINDING_WRONG, "write %llu was answered with another name",
                     (unsigned long long)op->serial);
    op->clock = answer->clock;
}

static void take_refusal(struct model *model, struct model_op *op)
{
    if (op->in_log && !model_rematch_deletion(model, op))
        findings_add(model->findings, FINDING_INVENTED,
                     "write %llu was refused and is in its author's log",
                     (unsigned long long)op->serial);
    model_drop_asked(model, op);
    model_set_fate(model, op, MODEL_REFUSED);
}

static void on_answered(void *context, size_t node, const struct answer *answer)
{
    struct model *model = context;
    struct model_op *op = &model->ops[answer->request - 1];
    model->nodes[node].answered++;
    if (answer->error.code == ERR_IO)
        return; /* the process ends with it: nobody hears this answer */
    check_durable(model, node, "answered");
    if (op->fate == MODEL_REFUSED || op->acknowledged)
        findings_add(model->findings, FINDING_UNANSWERED, "write %llu was answered twice",
                     (unsigned long long)op->serial);
    struct model_op *beside = op->beside == SIZE_MAX ? NULL : &model->ops[op->beside];
    if (answer->error.code == ERR_OK) {
        take_acknowledgement(model, op, answer);
        if (beside != NULL)
            take_acknowledgement(model, beside, answer);
        return;
    }
    take_refusal(model, op);
    if (beside != NULL)
        take_refusal(model, beside);
    if (!refusal_fits(model, op, answer->error.code))
        findings_add(model->findings, FINDING_UNANSWERED, "write %llu at %s was refused: %s: %s",
                     (unsigned long long)op->serial, model_node_name(model, node),
                     answer->error.what, answer->error.why);
}

static void check_logged(struct model *model, size_t node, const struct model_op *op)
{
    if (op->acknowledged && !op->in_log)
        findings_add(model->findings, FINDING_LOST,
                     "write %llu was acknowledged and is not in %s's log",
                     (unsigned long long)op->serial, model_node_name(model, node));
}

static void check_batch_writes(struct model *model, size_t node, const struct event *events,
                               size_t count)
{
    size_t writes = 0;
    for (size_t i = 0; i < count; i++)
        writes += events[i].kind == EVENT_WRITE;
    if (writes == 0)
        return;
    if (writes != model->nodes[node].answered)
        findings_add(model->findings, FINDING_UNANSWERED, "%s answered %zu of %zu writes",
                     model_node_name(model, node), model->nodes[node].answered, writes);
    for (size_t i = 0; i < count; i++) {
        if (events[i].kind != EVENT_WRITE)
            continue;
        const struct model_op *op = &model->ops[events[i].write.request - 1];
        check_logged(model, node, op);
        if (op->beside != SIZE_MAX)
            check_logged(model, node, &model->ops[op->beside]);
    }
}

static void on_batch_done(void *context, size_t node, const struct event *events, size_t count,
                          enum error_code code)
{
    struct model *model = context;
    struct model_node *own = &model->nodes[node];
    model_carried_read(model);
    if (code != ERR_OK && code != ERR_FULL)
        return; /* the node has ended; its log is read when it starts again */
    const struct refusals *refusals = replica_refusals(world_replica(model->world, node));
    if (model->all_honest && code == ERR_OK)
        accuse(model, node, &own->refusals_before, refusals);
    if (own->refusal_due && code == ERR_OK &&
        refusal_total(refusals) <= refusal_total(&own->refusals_before))
        findings_add(model->findings, FINDING_UNNOTICED,
                     "%s took something bad without counting it", model_node_name(model, node));
    check_batch_writes(model, node, events, count);
    if (world_now_ms(model->world) >= model->claims_due_ms) {
        size_t seats = model->county->seat_count;
        model->claims_due_ms = world_now_ms(model->world) +
                               (seats > CLAIMS_SMALL ? seats * CLAIMS_SEAT_MS : CLAIMS_EVERY_MS);
        check_claims(model);
        check_bounds(model);
    }
}

/* What a process had taken in and not committed died with it. */
static void on_opened(void *context, size_t node)
{
    struct model *model = context;
    struct model_node *own = &model->nodes[node];
    model_catch_up(model);
    if (own->fell && !own->excused && !own->forks)
        findings_add(model->findings, FINDING_LOST, "a stream of %s's own has become shorter",
                     model_node_name(model, node));
    own->fell = own->excused = false;
    if (own->starts == world_starts(model->world, node))
        return; /* a failed commit: the process goes on */
    own->starts = world_starts(model->world, node);
    for (size_t i = own->asked_count; i-- > 0;) {
        struct model_op *op = &model->ops[own->asked[i]];
        if (!op->acknowledged)
            model_set_fate(model, op, MODEL_GONE);
    }
    own->asked_count = 0;
}

enum { MESSAGE_IS_BLOCK = 8, CODEC_BITS = 192 };

/* A block whose payload is compressed: texts in it are made by chance. */
static bool is_compressed(uint8_t type, struct span body)
{
    struct mp_reader reader = mp_reader(body);
    mp_read_uint(&reader);
    return type == MESSAGE_IS_BLOCK && reader.at < body.size &&
           (body.data[reader.at] & CODEC_BITS) != 0;
}

/* Whoever knows that a key is revoked hands it nothing. */
static void check_trusts(struct model *model, size_t from, size_t to)
{
    const struct replica *replica = world_replica(model->world, from);
    const struct author *author =
        replica == NULL ? NULL
                        : tree_author(replica_tree(replica), world_keys(model->world, to)->key_id);
    if (author != NULL && author->status == SEAT_REVOKED)
        findings_add(model->findings, FINDING_LEAKED,
                     "%s hands a block to %s, whose key it knows "
                     "to be revoked",
                     model_node_name(model, from), model_node_name(model, to));
}

/* What is in bulk waits on a link whose lower end some seat's order has put into an emergency, as
 * the sender knows it. */
static void check_emergency(struct model *model, size_t from, size_t to)
{
    const struct replica *replica = world_replica(model->world, from);
    const struct county *county = model->county;
    size_t a = world_seat_of(model->world, from), b = world_seat_of(model->world, to);
    const struct seat *seat =
        replica == NULL ? NULL
                        : tree_seat(replica_tree(replica), span_of_text(county->seats[a].code));
    if (seat == NULL || seat->parent == NULL ||
        strcmp(seat->parent->row.seat, county->seats[b].code) != 0)
        seat = replica == NULL
                   ? NULL
                   : tree_seat(replica_tree(replica), span_of_text(county->seats[b].code));
    for (; seat != NULL; seat = seat->parent) {
        const struct held_document *order =
            tree_find_document(replica_tree(replica), DOCUMENT_ORDER, span_of_text(seat->row.seat));
        if (order != NULL && order->header.order == ORDER_EMERGENCY)
            findings_add(model->findings, FINDING_WRONG,
                         "%s hands %s what is in bulk, in an emergency of %s",
                         model_node_name(model, from), model_node_name(model, to), seat->row.seat);
    }
}

/* The texts of writes are known wherever they lie. */
static void on_sent(void *context, size_t from, size_t to, enum channel channel, uint8_t type,
                    struct span body)
{
    struct model *model = context;
    check_durable(model, from, "sent a message");
    if (body.size > MESSAGE_BYTES_MAX)
        findings_add(model->findings, FINDING_UNBOUNDED, "%s sent a message of %zu bytes",
                     model_node_name(model, from), body.size);
    if (model->cut_count > 0 && type == MESSAGE_IS_BLOCK)
        check_trusts(model, from, to);
    if (channel == CHANNEL_BULK && type == MESSAGE_IS_BLOCK)
        check_emergency(model, from, to);
    if (!is_compressed(type, body))
        model_check_texts(model, to, "the link to it", body);
}

static void on_repaired(void *context, size_t node)
{
    model_restored(context, node);
}

static void on_lost(void *context, size_t node, unsigned commits)
{
    (void)commits;
    model_restored(context, node);
}

struct world_hooks model_hooks(struct model *model)
{
    return (struct world_hooks){
        .context = model,
        .answered = on_answered,
        .batch_begins = on_batch_begins,
        .batch_done = on_batch_done,
        .opened = on_opened,
        .sent = on_sent,
        .repaired = on_repaired,
        .lost = on_lost,
    };
}
