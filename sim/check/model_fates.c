/* What becomes of an operation, and what is done to nodes that changes it. */
#include <stdlib.h>
#include <string.h>

#include "sim/check/check_parts.h"

/* How many members of the circle must still get it. */
static size_t missing_of(const struct model *model, const struct model_op *op)
{
    if (op->fate != MODEL_DONE || !op->in_log || op->forked || op->cut)
        return 0;
    const struct model_record *record = &model->records[op->record];
    size_t missing = model_circle_size(model, record) - op->held_count;
    for (size_t i = 0; record->free_count > 0 && i < record->member_count; i++)
        missing -= record->free[i] && (op->held == NULL || (op->held[i / 64] >> i % 64 & 1) == 0);
    return missing;
}

size_t model_held_words(const struct model *model, const struct model_record *record)
{
    size_t most = model->changing ? model->county->seat_count : model_circle_size(model, record);
    return (most + 63) / 64;
}

void model_record_out(struct model *model, const struct model_record *record)
{
    for (size_t i = 0; i < record->op_count; i++)
        model->missing -= missing_of(model, &model->ops[record->ops[i]]);
}

void model_record_in(struct model *model, const struct model_record *record)
{
    for (size_t i = 0; i < record->op_count; i++)
        model->missing += missing_of(model, &model->ops[record->ops[i]]);
}

/* By what is there of the erasures that name them. */
static void judge_erased(struct model *model, const struct model_op *erasure)
{
    const struct model_record *record = &model->records[erasure->record];
    for (size_t i = 0; i < erasure->erases_count; i++)
        model->ops[erasure->erases[i]].erased = false;
    for (size_t i = 0; i < record->op_count; i++) {
        const struct model_op *op = &model->ops[record->ops[i]];
        for (size_t k = 0; op->fate == MODEL_DONE && k < op->erases_count; k++)
            model->ops[op->erases[k]].erased = true;
    }
}

void model_set_fate(struct model *model, struct model_op *op, enum model_fate fate)
{
    if (op->in_log && op->held == NULL)
        op->held =
            mem_alloc(model_held_words(model, &model->records[op->record]) * sizeof *op->held);
    model->missing -= missing_of(model, op);
    op->fate = fate;
    model->missing += missing_of(model, op);
    if (op->record != SIZE_MAX)
        model->records[op->record].unchecked = true;
    if (op->erases_count > 0)
        judge_erased(model, op);
}

void model_set_forked(struct model *model, struct model_op *op)
{
    model->missing -= missing_of(model, op);
    op->forked = true;
    model->records[op->record].forked = true;
    model->records[op->record].unchecked = true;
}

void model_set_held(struct model *model, struct model_op *op, size_t place, bool held)
{
    uint64_t bit = (uint64_t)1 << place % 64;
    if (((op->held[place / 64] & bit) != 0) == held)
        return;
    model->missing -= missing_of(model, op);
    op->held[place / 64] ^= bit;
    op->held_count += held ? 1 : SIZE_MAX;
    model->missing += missing_of(model, op);
    model->records[op->record].unchecked = true;
}

bool model_holds(const struct model *model, const struct model_op *op, size_t seat)
{
    size_t place =
        op->in_log ? model_circle_place(model, &model->records[op->record], seat) : SIZE_MAX;
    return place != SIZE_MAX && (op->held[place / 64] >> place % 64 & 1) != 0;
}

void model_restored(struct model *model, size_t node)
{
    struct model_node *own = &model->nodes[node];
    own->restored = own->excused = true;
    for (size_t i = 0; i < model->op_count; i++) {
        if (model->ops[i].seat == own->seat && model->ops[i].fate == MODEL_DONE)
            model->ops[i].endangered = true;
    }
}

void model_forks(struct model *model, size_t seat)
{
    for (size_t i = 0; i < model->node_count; i++)
        model->nodes[i].forks |= model->nodes[i].seat == seat;
}

void model_cloned(struct model *model, size_t clone)
{
    size_t count = world_node_count(model->world);
    model->nodes = mem_resize(model->nodes, count * sizeof *model->nodes);
    for (size_t i = model->node_count; i < count; i++)
        model->nodes[i] = (struct model_node){.seat = world_seat_of(model->world, i)};
    model->node_count = count;
    model_watch(model, model->world);
    model->nodes[clone].stale = true;
    model_forks(model, model->nodes[clone].seat);
}

void model_settle(struct model *model)
{
    model_catch_up(model);
    model_judge(model);
    for (size_t i = 0; i < model->op_count; i++) {
        struct model_op *op = &model->ops[i];
        /* a copy of a machine takes with it what it had not sent when it ends */
        bool may_go = op->endangered || op->node >= model->county->seat_count;
        if (may_go && op->fate == MODEL_DONE && op->held_count == 0)
            model_set_fate(model, op, MODEL_GONE);
    }
    model_extensions_again(model);
    model_orphans(model);
}
