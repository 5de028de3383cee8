/* A tree that changes: who comes into a circle, who leaves it, and what a key has signed behind the
 * place up to which it counts. */
#include <stdlib.h>
#include <string.h>

#include "sim/check/check_parts.h"

bool model_is_free(const struct model_record *record, size_t place)
{
    return record->free != NULL && record->free[place];
}

/* ---- circles ---- */

static bool counts(const struct model *model, size_t op)
{
    return op == SIZE_MAX || (model->ops[op].fate == MODEL_DONE && !model->ops[op].cut);
}

/* `by`: the operation that adds it; SIZE_MAX: none needs to. */
static void add_member(const struct model *model, struct model_record *record, size_t seat,
                       size_t by)
{
    size_t seats = model->county->seat_count;
    if (record->members == NULL) {
        record->members = mem_alloc(seats * sizeof *record->members);
        record->joined_by = mem_alloc(seats * sizeof *record->joined_by);
        record->free = mem_alloc(seats);
    }
    for (size_t i = 0; i < record->member_count; i++) {
        if (record->members[i] != seat)
            continue;
        if (!counts(model, record->joined_by[i]) || by == SIZE_MAX)
            record->joined_by[i] = by;
        return;
    }
    record->joined_by[record->member_count] = by;
    record->members[record->member_count++] = seat;
}

static void add_subtree(const struct model *model, struct model_record *record)
{
    size_t from = model->below_from[record->origin];
    add_member(model, record, record->origin, SIZE_MAX);
    for (size_t i = 0; i < model->below_count[record->origin]; i++)
        add_member(model, record, model->seat_numbered[from + i], SIZE_MAX);
    for (size_t i = 0; i < model->county->seat_count; i++) {
        if (model_was_below(model, record->origin, i))
            add_member(model, record, i, SIZE_MAX);
    }
}

/* Who need not have it: of a subtree, whoever isn't below any more; and who is out of the tree. */
static void find_free(const struct model *model, struct model_record *record)
{
    record->free_count = 0;
    for (size_t i = 0; i < record->member_count; i++) {
        size_t seat = record->members[i];
        bool left = record->type == MODEL_DIRECTIVE && seat != record->origin &&
                    !model_is_above(model, record->origin, seat);
        bool in_vain = record->joined_by[i] != SIZE_MAX &&
                       (record->baseless || !counts(model, record->joined_by[i]));
        record->free[i] = left || in_vain || !model_counts(model, seat);
        record->free_count += record->free[i];
    }
}

void model_take_origin(const struct model *model, struct model_record *record)
{
    if (!model->changing)
        return;
    add_member(model, record, record->origin, SIZE_MAX);
    find_free(model, record);
}

/* The holders of the stream that its creation stands in (rules.md B2), the author first: by the
 * opening, since a restored disk may open two streams under one number. */
void model_take_circle(const struct model *model, struct model_record *record,
                       const struct stream_open *open)
{
    if (!model->changing || record->members != NULL)
        return;
    if (record->type == MODEL_DIRECTIVE) {
        add_subtree(model, record);
        find_free(model, record);
        return;
    }
    add_member(model, record, record->origin, SIZE_MAX);
    for (size_t i = 0; open->holders == HOLDERS_PATH && i < open->seat_count; i++) {
        size_t seat = model_seat_of_code(model, span_of_text(open->seats[i]));
        if (seat != SIZE_MAX)
            add_member(model, record, seat, SIZE_MAX);
    }
    find_free(model, record);
}

/* Of a subtree whoever is below now comes in. */
static void renew_circle(struct model *model, struct model_record *record)
{
    if (record->members == NULL)
        return;
    model_record_out(model, record);
    if (record->type == MODEL_DIRECTIVE)
        add_subtree(model, record);
    find_free(model, record);
    record->unchecked = true;
    model_record_in(model, record);
}

void model_join(struct model *model, size_t place)
{
    const struct model_op *op = &model->ops[place];
    struct model_record *record = &model->records[op->record];
    if (record->members == NULL)
        return;
    model_record_out(model, record);
    for (size_t i = 0; i < op->join_count; i++)
        add_member(model, record, op->joins[i], place);
    find_free(model, record);
    record->unchecked = true;
    model_record_in(model, record);
}

void model_tree_changed(struct model *model)
{
    model_number_again(model);
    holdings_tree_changed(model);
    for (size_t i = 0; i < model->record_count; i++)
        renew_circle(model, &model->records[i]);
    model_extensions_again(model);
    model_judge(model);
}

/* ---- what is cut ---- */

void model_key_ends(struct model *model, struct key_id key, const struct cut_off *places,
                    size_t count)
{
    struct model_cut *cut = NULL;
    for (size_t i = 0; i < model->cut_count; i++) {
        if (key_id_equal(model->cuts[i].key, key))
            cut = &model->cuts[i];
    }
    if (cut == NULL) {
        model->cuts = mem_resize(model->cuts, (model->cut_count + 1) * sizeof *model->cuts);
        cut = &model->cuts[model->cut_count++];
    }
    *cut = (struct model_cut){.key = key, .count = count};
    memcpy(cut->places, places, count * sizeof *places);
}

static const struct model_cut *cut_of(const struct model *model, struct key_id key)
{
    for (size_t i = 0; i < model->cut_count; i++) {
        if (key_id_equal(model->cuts[i].key, key))
            return &model->cuts[i];
    }
    return NULL;
}

/* No document lists it any more: whoever admitted it was overruled. What it signed is pending. */
bool model_key_is_nowhere(const struct model *model, struct key_id key)
{
    return model->changing && tree_author(model->county->tree, key) == NULL;
}

bool model_key_is_cut(const struct model *model, struct key_id key)
{
    return cut_of(model, key) != NULL || model_key_is_nowhere(model, key);
}

bool model_seat_is_cut(const struct model *model, size_t seat)
{
    for (size_t i = 0; i < model->cut_count; i++) {
        if (model_seat_of_key(model, model->cuts[i].key) == seat)
            return true;
    }
    return model->changing && model->county->seats[seat].listed &&
           tree_seat(model->county->tree, span_of_text(model->county->seats[seat].code)) == NULL;
}

static uint32_t trusted_to(const struct model_cut *cut, const struct stream_id *stream)
{
    for (size_t i = 0; i < cut->count; i++) {
        if (cut->places[i].epoch == stream->epoch && cut->places[i].stream == stream->number)
            return cut->places[i].seq;
    }
    return 0;
}

/* What stands below the place in any of its streams counts. */
static void mark_trusted(const struct model *model, bool *trusted)
{
    for (size_t i = 0; i < model->stream_count; i++) {
        const struct model_stream *stream = &model->streams[i];
        const struct model_cut *cut = cut_of(model, stream->id.author);
        uint32_t end = cut == NULL ? 0 : trusted_to(cut, &stream->id);
        for (uint32_t seq = 0; seq < end && seq < stream->signed_to; seq++) {
            size_t op = model->entries[stream->signed_at[seq]].op;
            if (op != SIZE_MAX)
                trusted[op] = true;
        }
    }
}

static void set_cut(struct model *model, struct model_op *op, bool cut)
{
    struct model_record *record = &model->records[op->record];
    if (op->cut == cut)
        return;
    model_record_out(model, record);
    op->cut = cut;
    if (op->kind == WRITE_PUT)
        record->baseless = cut;
    if (op->kind == WRITE_EXTEND || op->kind == WRITE_PUT)
        find_free(model, record);
    record->unchecked = true;
    model_record_in(model, record);
}

/* What was extended by what is gone. */
void model_extensions_again(struct model *model)
{
    for (size_t i = 0; i < model->op_count; i++) {
        const struct model_op *op = &model->ops[i];
        if (op->kind == WRITE_EXTEND && op->in_log && op->fate == MODEL_GONE)
            renew_circle(model, &model->records[op->record]);
    }
}

/* What saw an operation that nobody holds any more waits for it wherever it is held. */
void model_orphans(struct model *model)
{
    for (size_t gone = 0; gone < model->op_count; gone++) {
        const struct model_op *lost = &model->ops[gone];
        if (lost->fate != MODEL_GONE || !lost->in_log || lost->record == SIZE_MAX)
            continue;
        struct model_record *record = &model->records[lost->record];
        for (size_t i = 0; i < record->op_count; i++) {
            struct model_op *op = &model->ops[record->ops[i]];
            if (op->fate != MODEL_DONE || op->held_count == 0 || !model_saw(op, lost))
                continue;
            set_cut(model, op, true);
            record->orphaned = true;
            record->baseless = record->baseless || lost->kind == WRITE_PUT;
        }
    }
}

static const struct model_value *deleted_by(const struct model_op *op)
{
    for (size_t i = 0; i < op->value_count; i++) {
        if (op->values[i].field == FIELD_DELETED)
            return &op->values[i];
    }
    return NULL;
}

/* Whether of this record's operations one that `op` saw undid the deletion: one that is cut, or
 * one that counts. */
static bool saw_it_undone(const struct model *model, const struct model_record *record,
                          const struct model_op *deletion, const struct model_op *op, bool cut)
{
    for (size_t i = 0; i < record->op_count; i++) {
        const struct model_op *later = &model->ops[record->ops[i]];
        if (deleted_by(later) != NULL && later->cut == cut && model_saw(later, deletion) &&
            model_saw(op, later))
            return true;
    }
    return false;
}

/* Its author had seen the record deleted, since what undid that is cut (A19, A20). */
static bool leans_on_cut(const struct model *model, const struct model_op *op)
{
    const struct model_record *record = &model->records[op->record];
    const struct model_value *own = deleted_by(op);
    for (size_t i = 0; model->cut_count > 0 && i < record->op_count; i++) {
        const struct model_op *deletion = &model->ops[record->ops[i]];
        const struct model_value *value = deleted_by(deletion);
        if (value != NULL && value->number != 0 && !deletion->cut && deletion != op &&
            (own == NULL || own->number != 0) && model_saw(op, deletion) &&
            saw_it_undone(model, record, deletion, op, true) &&
            !saw_it_undone(model, record, deletion, op, false))
            return true;
    }
    return false;
}

void model_judge(struct model *model)
{
    if (!model->changing)
        return;
    bool *trusted = mem_alloc(model->op_count + 1);
    mark_trusted(model, trusted);
    for (size_t i = 0; i < model->op_count; i++) {
        struct model_op *op = &model->ops[i];
        if (op->in_log && op->record != SIZE_MAX)
            set_cut(model, op,
                    (model_key_is_cut(model, op->dot.author) && !trusted[i]) ||
                        leans_on_cut(model, op));
    }
    free(trusted);
}
