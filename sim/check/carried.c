/* Entries that carry others' for those who have joined a circle: each is one that its author wrote.
 */
#include "sim/check/check_parts.h"

static void add_carried(struct model *model, size_t op)
{
    struct model_entry *entry = &model->entries[model->entry_count - 1];
    if (model->carried_count == model->carried_capacity) {
        model->carried_capacity = model->carried_capacity * 2 + 64;
        model->carried =
            mem_resize(model->carried, model->carried_capacity * sizeof *model->carried);
    }
    if (entry->carried_count++ == 0)
        entry->carried_from = model->carried_count;
    model->carried[model->carried_count++] = op;
}

/* Streams of one batch are read in the order of their rows: what is carried may stand in the next.
 */
static void add_unread(struct model *model, size_t node, size_t author, const struct hash *digest)
{
    if (model->unread_count == model->unread_capacity) {
        model->unread_capacity = model->unread_capacity * 2 + 16;
        model->unread = mem_resize(model->unread, model->unread_capacity * sizeof *model->unread);
    }
    model->unread[model->unread_count++] =
        (struct model_unread){model->carried_count, node, author, *digest};
    add_carried(model, SIZE_MAX);
}

void model_carried_read(struct model *model)
{
    for (size_t i = 0; i < model->unread_count; i++) {
        const struct model_unread *unread = &model->unread[i];
        const struct model_op *op = model_op_of(model, &unread->digest);
        if (op == NULL) {
            findings_add(
                model->findings, FINDING_INVENTED, "%s carries an entry of %s that nobody wrote",
                model_node_name(model, unread->node), model->county->seats[unread->author].code);
            continue;
        }
        model->carried[unread->carried] = (size_t)(op - model->ops);
        if (unread->node < model->county->seat_count)
            model_hold_op(model, unread->node, (size_t)(op - model->ops));
    }
    model->unread_count = 0;
}

/* What others wrote, with their own signatures: each of it must be what they have in their logs. */
void model_take_carry(struct model *model, size_t node, const struct entry *entry,
                      const struct hash *digest)
{
    struct stream_id stream;
    struct carry carry = {0};
    struct county_keys keys;
    places_set(&model->carry_names, digest, model->entry_count - 1);
    bool named = carry_names(entry->body, &stream);
    size_t author = named ? model_seat_of_key(model, stream.author) : SIZE_MAX;
    if (author != SIZE_MAX)
        county_keys(model->county, author,
                    county_generation_of(model->county, author, stream.author), &keys);
    if (author == SIZE_MAX || carry_open(entry->body, &model->county->tree_id, keys.signing_key,
                                         NULL, entry->type, &entry->record, &carry) != ERR_OK) {
        findings_add(model->findings, FINDING_INVENTED, "%s carries what proves nothing",
                     model_node_name(model, node));
        return;
    }
    for (size_t i = 0; i < carry.list.count; i++) {
        const struct model_op *op = model_op_of(model, &carry.digests[i]);
        if (op != NULL)
            add_carried(model, (size_t)(op - model->ops));
        else
            add_unread(model, node, author, &carry.digests[i]);
    }
    carry_free(&carry);
}
