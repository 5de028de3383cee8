/* Blocks that a cheat truly signed and that don't decode: told of before they are on its disk,
 * known by their stored bytes. Each is excused where it stands and asked for where it must be set
 * aside. */
#include <stdlib.h>
#include <string.h>

#include "sim/check/check_parts.h"

void model_poisoned(struct model *model, const struct stream_id *stream, uint32_t seq,
                    struct span stored)
{
    model->poisons = mem_resize(model->poisons, (model->poison_count + 1) * sizeof *model->poisons);
    model->poisons[model->poison_count++] =
        (struct model_poison){*stream, seq, hash_of(HASH_BODY, stored)};
}

bool poison_is_told(const struct model *model, const struct hash *name)
{
    for (size_t i = 0; i < model->poison_count; i++) {
        if (hash_equal(&model->poisons[i].name, name))
            return true;
    }
    return false;
}

enum { POISON_ROW_BYTES = 1 + LOCATOR_BYTES };

static const struct model_poison *poison_at(const struct model *model,
                                            const struct author_epoch *author, uint16_t number,
                                            uint32_t seq)
{
    for (size_t i = 0; i < model->poison_count; i++) {
        const struct model_poison *poison = &model->poisons[i];
        struct author_epoch own = stream_author(&poison->stream);
        if (key_id_equal(own.author, author->author) && own.epoch == author->epoch &&
            poison->stream.number == number && poison->seq == seq)
            return poison;
    }
    return NULL;
}

/* Whether the store has these bytes there. */
static bool stands(const struct model *model, size_t node, const struct model_poison *poison)
{
    struct buffer stored = {0};
    uint32_t first;
    bool found = block_row_get(world_view(model->world, node), &poison->stream, poison->seq, &first,
                               &stored) == READ_FOUND;
    struct hash name = hash_of(HASH_BODY, span_of_buffer(&stored));
    buffer_free(&stored);
    return found && hash_equal(&name, &poison->name);
}

bool poison_row_is_excused(const struct model *model, size_t node, struct span key)
{
    struct author_epoch author;
    if (key.size != POISON_ROW_BYTES || key.data[0] != 'b' ||
        !who_author(world_view(model->world, node), read_u32(key.data + 1) >> 8, &author))
        return false;
    const struct model_poison *poison =
        poison_at(model, &author, read_u16(key.data + 4), read_u32(key.data + 6));
    return poison != NULL && stands(model, node, poison);
}

/* Its own author never judges what it signed, so that only there no row says so. */
bool poison_is_own(const struct model *model, size_t node, const char *label)
{
    for (size_t i = 0; i < model->poison_count; i++) {
        const struct model_poison *poison = &model->poisons[i];
        char text[128];
        snprintf(text, sizeof text, "%s block %u",
                 label_stream(model->county->tree, &poison->stream).text, poison->seq);
        if (model_seat_of_key(model, poison->stream.author) == model->nodes[node].seat &&
            strcmp(text, label) == 0)
            return true;
    }
    return false;
}

static bool is_set_aside(const struct model *model, size_t node, const struct model_poison *poison)
{
    const struct view *view = world_view(model->world, node);
    struct author_epoch author = stream_author(&poison->stream);
    uint8_t key[POISON_ROW_BYTES] = {'b'};
    uint32_t who;
    struct span value, code = SPAN_EMPTY;
    if (!who_find(view, &author, &who))
        return false;
    write_u32(key + 1, who << 8);
    write_u16(key + 4, poison->stream.number);
    write_u32(key + 6, poison->seq);
    if (view->get(view->context, TABLE_QUARANTINE, SPAN_OF_ARRAY(key), &value) != READ_FOUND)
        return false;
    struct mp_reader reader = mp_reader(value);
    struct mp_fields fields = mp_fields(&reader);
    for (int32_t field; mp_field(&reader, &fields, &field);) {
        if (field == 1)
            code = mp_read_str(&reader);
        else
            mp_read_any(&reader);
    }
    return span_equal(code, span_of_text(error_name(ERR_MALFORMED)));
}

/* At a holder: kept as it was signed, counted by the stream's head, set aside with the reason. */
static void check_holder(struct model *model, const struct model_poison *poison,
                         const struct model_stream *stream, size_t holder)
{
    size_t seat = stream->seats[holder];
    const char *author = model->county->seats[stream->author].code;
    if (stream->heads[holder] <= poison->seq || !stands(model, seat, poison))
        findings_add(model->findings, FINDING_WAITING,
                     "%s's poison at %u of stream %u is not at %s", author, poison->seq,
                     poison->stream.number, model->county->seats[seat].code);
    else if (seat != stream->author && !is_set_aside(model, seat, poison))
        findings_add(
            model->findings, FINDING_UNNOTICED,
            "%s holds %s's poison at %u of stream %u and has not set it aside as malformed",
            model->county->seats[seat].code, author, poison->seq, poison->stream.number);
}

void check_poisons(struct model *model)
{
    for (size_t i = 0; i < model->poison_count; i++) {
        const struct model_poison *poison = &model->poisons[i];
        const struct model_stream *stream = model_stream_of(model, &poison->stream);
        if (stream == NULL ||
            (stream->head <= poison->seq && !model->nodes[stream->author].restored))
            findings_add(model->findings, FINDING_LOST, "a poison at %u of stream %u is nowhere",
                         poison->seq, poison->stream.number);
        for (size_t k = 0; stream != NULL && !stream->forked && stream->head > poison->seq &&
                           k < stream->holder_count;
             k++)
            check_holder(model, poison, stream, k);
    }
}
