/* At rest: what is erased is nowhere, not even sealed. Whoever may open a seal is asked for the
 * key: the author of a stream reads all that it has sealed. */
#include <stdlib.h>

#include "sim/check/check_parts.h"

/* ---- asking ---- */

uint64_t model_erase(struct model *model, size_t node, size_t record, const bool *fields)
{
    struct buffer names = {0}, list = {0};
    struct model_op *op = model_ask(model, node, WRITE_ERASE, NULL, 0);
    uint32_t count = 0;
    op->record = record;
    for (int32_t field = MODEL_TITLE; field < MODEL_CALLS; field++) {
        op->fields[field] = fields[field];
        if (fields[field])
            mp_write_text(&names, model_field_names[field]);
        count += fields[field];
    }
    mp_write_array(&list, count);
    buffer_append_span(&list, span_of_buffer(&names));
    struct world_write write = {
        .request = op->serial,
        .kind = WRITE_ERASE,
        .type = model_type_name(model->records[record].type),
        .record = model->records[record].id,
        .fields = span_of_buffer(&list),
    };
    uint64_t serial = op->serial;
    world_write(model->world, node, &write);
    buffer_free(&list);
    buffer_free(&names);
    return serial;
}

/* ---- blocks with holes ---- */

/* Words are gone from it. Which erasure that was may stand in a block that is read later. */
static void note_holes(struct model *model, const struct prepared_block *opened,
                       const struct model_block *block)
{
    for (size_t i = 0; i < opened->list.count && i < block->count; i++) {
        const struct entry *entry = &opened->list.entries[i];
        size_t op = model->entries[block->first_entry + i].op;
        if ((entry->hole || entry_seal_is_left(entry->sealed)) && op != SIZE_MAX)
            model->ops[op].holed = true;
    }
}

/* A block that is known, with holes; SIZE_MAX: it isn't one. */
size_t model_block_with_holes(struct model *model, const struct model_holding *holding,
                              struct span stored)
{
    const struct stream_id *id = &model->streams[holding->stream].id;
    size_t author = model_seat_of_key(model, id->author), place = SIZE_MAX;
    struct block_context context = {.tree_id = model->county->tree_id, .stream = *id};
    struct prepared_block opened;
    struct county_keys keys;
    if (author == SIZE_MAX)
        return SIZE_MAX;
    county_keys(model->county, author, county_generation_of(model->county, author, id->author),
                &keys);
    context.author_key = keys.signing_key;
    if (block_open(stored, &context, &opened, NULL) != ERR_OK)
        return SIZE_MAX;
    if (opened.altered)
        place = places_find(&model->block_names, &opened.hash);
    if (place != SIZE_MAX)
        note_holes(model, &opened, &model->blocks[place]);
    prepared_block_free(&opened);
    return place;
}

/* ---- at rest ----
 *
 * Whoever may open a seal is asked for the key: the author of a stream reads all that it has
 * sealed. */

struct looking {
    struct model *model;
    size_t node;
};

static void look_in_row(void *context, enum table table, struct span key, struct span value)
{
    const struct looking *looking = context;
    (void)key;
    model_check_texts(looking->model, looking->node, table_name(table), value);
}

/* Streams of keys that have ended stay: nobody speaks for them any more (rules.md B97). */
static bool find_keys(const struct model *model, const struct stream_id *id,
                      struct county_keys *keys)
{
    size_t author = model_seat_of_key(model, id->author);
    if (author == SIZE_MAX || !model_counts(model, author) ||
        !key_id_equal(model->county->seats[author].key_id, id->author))
        return false;
    county_keys(model->county, author, county_generation_of(model->county, author, id->author),
                keys);
    return true;
}

static void look_in_block(const struct looking *looking, const struct prepared_block *block,
                          bool sealed)
{
    struct model *model = looking->model;
    if (!sealed)
        model_check_texts(model, looking->node, "a block", span_of_buffer(&block->plain));
    for (size_t i = 0; block->unsealed != NULL && i < block->list.count; i++) {
        struct span plain = span_of_buffer(&block->unsealed[i].plain);
        model->sealed_text = true;
        model_check_texts(model, looking->node, "a sealed entry", plain);
        model->sealed_text = false;
    }
}

static void look_in_stream(const struct looking *looking, const struct stream_id *id,
                           const struct stream_row *row, const struct county_keys *keys)
{
    const struct view *view = world_view(looking->model->world, looking->node);
    struct block_context context = {.tree_id = looking->model->county->tree_id,
                                    .stream = *id,
                                    .author_key = keys->signing_key,
                                    .seal = &keys->seal};
    bool readable = true;
    context.stream.branch = 0;
    for (uint32_t seq = row->from; readable && seq < row->head.seq;) {
        struct buffer stored = {0};
        struct prepared_block block;
        uint32_t first;
        readable = block_row_get(view, id, seq, &first, &stored) == READ_FOUND &&
                   block_open(span_of_buffer(&stored), &context, &block, NULL) == ERR_OK;
        if (readable) {
            look_in_block(looking, &block, row->open.sealed_to[0] != '\0');
            seq += block.header.count;
            prepared_block_free(&block);
        }
        buffer_free(&stored);
    }
}

void check_erased(struct model *model)
{
    struct stream_id id;
    for (size_t i = 0; i < model->op_count; i++) {
        if (model->ops[i].holed && !model->ops[i].ever_erased)
            findings_add(model->findings, FINDING_LOST,
                         "the words of write %llu are gone, and nobody erased them",
                         (unsigned long long)model->ops[i].serial);
    }
    model->at_rest = true;
    for (size_t node = 0; model->any_erased && node < model->county->seat_count; node++) {
        struct looking looking = {model, node};
        struct county_keys keys;
        if (!world_runs(model->world, node) || !model_counts(model, node))
            continue;
        memory_store_each(world_store(model->world, node), &looking, look_in_row);
        for (uint64_t cursor = 0;
             stream_row_next(world_view(model->world, node), &cursor, &id, model->row);) {
            if (find_keys(model, &id, &keys))
                look_in_stream(&looking, &id, model->row, &keys);
        }
    }
    model->at_rest = false;
}
