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

static void add_member(const struct model *model, struct model_record *record, size_t seat)
{
    if (record->members == NULL) {
        record->members = mem_alloc(model->county->seat_count * sizeof *record->members);
        record->free = mem_alloc(model->county->seat_count);
    }
    for (size_t i = 0; i < record->member_count; i++) {
        if (record->members[i] == seat)
            return;
    }
    record->members[record->member_count++] = seat;
}

static void add_subtree(const struct model *model, struct model_record *record)
{
    size_t from = model->below_from[record->origin];
    add_member(model, record, record->origin);
    for (size_t i = 0; i < model->below_count[record->origin]; i++)
        add_member(model, record, model->seat_numbered[from + i]);
}

/* The holders of the stream that its creation stands in (rules.md B2), the author first. */
void model_take_circle(const struct model *model, struct model_record *record,
                       const struct stream_id *stream)
{
    const struct model_stream *in = model_find_stream(model, stream);
    if (!model->changing || record->members != NULL)
        return;
    if (record->type == MODEL_DIRECTIVE) {
        add_subtree(model, record);
        return;
    }
    add_member(model, record, record->origin);
    for (size_t i = 0; in != NULL && i < in->path_count; i++)
        add_member(model, record, in->path[i]);
}

/* Of a subtree: whoever is below now comes in, and who isn't any more need not have it. Of a way:
 * who is out of the tree need not. */
static void renew_circle(struct model *model, struct model_record *record)
{
    if (record->members == NULL)
        return;
    model_record_out(model, record);
    if (record->type == MODEL_DIRECTIVE)
        add_subtree(model, record);
    record->free_count = 0;
    for (size_t i = 0; i < record->member_count; i++) {
        size_t seat = record->members[i];
        bool left = record->type == MODEL_DIRECTIVE && seat != record->origin &&
                    !model_is_above(model, record->origin, seat);
        record->free[i] = left || !model_counts(model, seat);
        record->free_count += record->free[i];
    }
    record->unchecked = true;
    model_record_in(model, record);
}

void model_tree_changed(struct model *model)
{
    model_number_again(model);
    holdings_tree_changed(model);
    for (size_t i = 0; i < model->record_count; i++)
        renew_circle(model, &model->records[i]);
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

bool model_key_is_cut(const struct model *model, struct key_id key)
{
    return cut_of(model, key) != NULL;
}

bool model_seat_is_cut(const struct model *model, size_t seat)
{
    for (size_t i = 0; i < model->cut_count; i++) {
        if (model_seat_of_key(model, model->cuts[i].key) == seat)
            return true;
    }
    return false;
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
    record->unchecked = true;
    model_record_in(model, record);
}

void model_judge(struct model *model)
{
    if (model->cut_count == 0)
        return;
    bool *trusted = mem_alloc(model->op_count + 1);
    mark_trusted(model, trusted);
    for (size_t i = 0; i < model->op_count; i++) {
        struct model_op *op = &model->ops[i];
        if (op->in_log && op->record != SIZE_MAX)
            set_cut(model, op, cut_of(model, op->dot.author) != NULL && !trusted[i]);
    }
    free(trusted);
}
