/* Which entries lie in which store, followed from commit to commit.
 *
 *     a row of TABLE_STREAMS has changed -> its new blocks, one after the other
 *         of the node's own key: opened and verified, its operations taken into the books
 *         of others': their bytes must be those that an author's own store has had
 *
 * A chain is followed place by place to the head's own hash: a gap shows at once. */
#include <stdlib.h>
#include <string.h>

#include "sim/check/check_parts.h"
#include "sim/world/cost.h"

/* ---- streams ---- */

static struct hash stream_name(const struct stream_id *id)
{
    uint8_t bytes[KEY_ID_BYTES + 6];
    memcpy(bytes, id->author.bytes, KEY_ID_BYTES);
    write_u32(bytes + KEY_ID_BYTES, id->epoch);
    write_u16(bytes + KEY_ID_BYTES + 4, id->number);
    return place_name(SPAN_OF_ARRAY(bytes));
}

static int compare_seats(const void *a, const void *b)
{
    const size_t *one = a, *other = b;
    return *one < *other ? -1 : *one > *other;
}

static void add_holder(struct model_stream *stream, size_t seat)
{
    if (seat != SIZE_MAX)
        stream->seats[stream->holder_count++] = seat;
}

bool model_is_behind_break(const struct model *model, const size_t *path, size_t count, size_t seat)
{
    const struct county_seat *seats = model->county->seats;
    bool broken = false;
    for (size_t i = 1; i < count; i++) {
        size_t a = path[i - 1], b = path[i];
        broken = broken || (seats[a].parent != b && seats[b].parent != a);
        if (b == seat)
            return broken;
    }
    return false;
}

/* Who is out of the tree, has left the subtree, or stands behind a break need not hold it; nobody
 * need while no document lists its author. */
static bool is_free(const struct model *model, const struct model_stream *stream, size_t seat)
{
    return !model_counts(model, seat) ||
           model_is_behind_break(model, stream->path, stream->path_count, seat) ||
           model_key_is_nowhere(model, stream->id.author) ||
           (stream->subtree && seat != stream->author &&
            !model_is_above(model, stream->author, seat));
}

/* From the stream's own words and from parents. */
static void find_holders(const struct model *model, struct model_stream *stream,
                         const struct stream_open *open)
{
    size_t author = stream->author, below = model->below_count[author];
    bool subtree = open->holders == HOLDERS_SUBTREE;
    size_t most = subtree ? below + 1 : open->seat_count + 1U;
    if (model->changing)
        most += model->county->seat_count;
    stream->own_only = open->holders == HOLDERS_SELF;
    stream->sealed = open->sealed_to[0] != '\0';
    stream->subtree = subtree;
    stream->tier = open->tier;
    stream->seats = mem_alloc(most * sizeof *stream->seats);
    stream->path = mem_alloc((open->seat_count + 1U) * sizeof *stream->path);
    add_holder(stream, author);
    for (size_t i = 1; subtree && i < below; i++) {
        size_t seat = model->seat_numbered[model->below_from[author] + i];
        add_holder(stream, model->county->seats[seat].tier <= open->tier ? seat : SIZE_MAX);
    }
    for (size_t i = 0; subtree && i < model->county->seat_count; i++) {
        bool left = model_was_below(model, author, i) && !model_is_above(model, author, i);
        add_holder(stream, left ? i : SIZE_MAX);
    }
    for (size_t i = 0; open->holders == HOLDERS_PATH && i < open->seat_count; i++) {
        size_t seat = model_seat_of_code(model, span_of_text(open->seats[i]));
        add_holder(stream, seat == author ? SIZE_MAX : seat);
        if (seat != SIZE_MAX)
            stream->path[stream->path_count++] = seat;
    }
    qsort(stream->seats, stream->holder_count, sizeof *stream->seats, compare_seats);
    stream->heads = mem_alloc(most * sizeof *stream->heads);
    stream->free = mem_alloc(most);
    for (size_t i = 0; i < stream->holder_count; i++)
        stream->free[i] = is_free(model, stream, stream->seats[i]);
}

void model_stream_free(struct model_stream *stream)
{
    free(stream->seats);
    free(stream->heads);
    free(stream->free);
    free(stream->path);
    free(stream->signed_at);
}

static size_t stream_of(struct model *model, const struct stream_id *id,
                        const struct stream_open *open)
{
    struct hash name = stream_name(id);
    size_t place = places_find(&model->stream_names, &name);
    size_t author = model_seat_of_key(model, id->author);
    if (place != SIZE_MAX || author == SIZE_MAX)
        return place;
    if (model->stream_count == model->stream_capacity) {
        model->stream_capacity = model->stream_capacity * 2 + 64;
        model->streams =
            mem_resize(model->streams, model->stream_capacity * sizeof *model->streams);
    }
    struct model_stream *stream = &model->streams[model->stream_count];
    *stream = (struct model_stream){.id = *id, .author = author};
    stream->id.branch = 0;
    find_holders(model, stream, open);
    places_set(&model->stream_names, &name, model->stream_count);
    return model->stream_count++;
}

struct model_stream *model_stream_of(struct model *model, const struct stream_id *id)
{
    struct hash name = stream_name(id);
    size_t place = places_find(&model->stream_names, &name);
    return place == SIZE_MAX ? NULL : &model->streams[place];
}

const struct model_stream *model_find_stream(const struct model *model, const struct stream_id *id)
{
    struct hash name = stream_name(id);
    size_t place = places_find(&model->stream_names, &name);
    return place == SIZE_MAX ? NULL : &model->streams[place];
}

size_t model_stream_holder(const struct model_stream *stream, size_t seat)
{
    const size_t *found =
        bsearch(&seat, stream->seats, stream->holder_count, sizeof seat, compare_seats);
    return found == NULL ? SIZE_MAX : (size_t)(found - stream->seats);
}

/* Who has less than another, as it stands: counted in, or out again. */
static void count_behind(struct model *model, const struct model_stream *stream, bool in)
{
    for (size_t i = 0; i < stream->holder_count && !stream->forked; i++) {
        size_t behind = !stream->free[i] && stream->heads[i] < stream->head;
        model->behind += in ? behind : -behind;
        model->nodes[stream->seats[i]].behind += in ? behind : -behind;
    }
}

/* Who need not hold it need not pass it on either. */
static void find_head(struct model_stream *stream)
{
    stream->head = 0;
    for (size_t i = 0; i < stream->holder_count; i++) {
        if (!stream->free[i] && stream->heads[i] > stream->head)
            stream->head = stream->heads[i];
    }
}

static void set_head(struct model *model, struct model_stream *stream, size_t holder, uint32_t head)
{
    uint32_t old = stream->heads[holder];
    if (head == old || stream->forked)
        return;
    if (stream->free[holder]) {
        stream->heads[holder] = head;
    } else if (head < stream->head && old < stream->head) {
        stream->heads[holder] = head; /* behind before and after */
    } else if (head == stream->head) {
        model->nodes[stream->seats[holder]].behind--;
        model->behind--;
        stream->heads[holder] = head;
    } else {
        count_behind(model, stream, false);
        stream->heads[holder] = head;
        find_head(stream);
        count_behind(model, stream, true);
    }
}

static void insert_holder(struct model_stream *stream, size_t seat)
{
    size_t at = 0, left;
    while (at < stream->holder_count && stream->seats[at] < seat)
        at++;
    left = stream->holder_count - at;
    memmove(&stream->seats[at + 1], &stream->seats[at], left * sizeof *stream->seats);
    memmove(&stream->heads[at + 1], &stream->heads[at], left * sizeof *stream->heads);
    memmove(&stream->free[at + 1], &stream->free[at], left);
    stream->seats[at] = seat;
    stream->heads[at] = 0;
    stream->free[at] = false;
    stream->holder_count++;
}

/* Whoever is below the author by now holds it too; who has left the tree need not. */
static void renew_holders(struct model *model, struct model_stream *stream)
{
    size_t author = stream->author, below = model->below_count[author];
    count_behind(model, stream, false);
    for (size_t i = 1; stream->subtree && i < below; i++) {
        size_t seat = model->seat_numbered[model->below_from[author] + i];
        if (model->county->seats[seat].tier <= stream->tier &&
            model_stream_holder(stream, seat) == SIZE_MAX)
            insert_holder(stream, seat);
    }
    for (size_t seat = 0; stream->subtree && seat < model->county->seat_count; seat++) {
        if (model_was_below(model, author, seat) && model_stream_holder(stream, seat) == SIZE_MAX)
            insert_holder(stream, seat);
    }
    for (size_t i = 0; i < stream->holder_count; i++) {
        size_t seat = stream->seats[i];
        stream->free[i] = is_free(model, stream, seat);
    }
    find_head(stream);
    count_behind(model, stream, true);
}

void holdings_tree_changed(struct model *model)
{
    for (size_t i = 0; i < model->stream_count; i++)
        renew_holders(model, &model->streams[i]);
}

/* ---- blocks ---- */

static void set_stream_forked(struct model *model, struct model_stream *stream, uint32_t from)
{
    if (!stream->forked) {
        count_behind(model, stream, false);
        stream->forked = true;
        model->forked_streams++;
    }
    for (uint32_t seq = from; seq < stream->signed_to; seq++) {
        size_t op = model->entries[stream->signed_at[seq]].op;
        if (op != SIZE_MAX)
            model_set_forked(model, &model->ops[op]);
    }
}

/* What its author has signed at each place, once. */
static void note_signed(struct model *model, size_t node, struct model_stream *stream,
                        const struct model_block *block)
{
    uint32_t end = block->seq + block->count;
    if (end > stream->signed_to)
        stream->signed_at = mem_resize(stream->signed_at, end * sizeof *stream->signed_at);
    for (uint32_t i = 0; i < block->count; i++) {
        size_t entry = block->first_entry + i, op = model->entries[entry].op;
        uint32_t seq = block->seq + i;
        if (seq == stream->signed_to) {
            stream->signed_at[stream->signed_to++] = entry;
        } else if (seq < stream->signed_to && model->entries[stream->signed_at[seq]].digest8 !=
                                                  model->entries[entry].digest8) {
            if (!stream->forked && !model->nodes[node].forks)
                findings_add(model->findings, FINDING_REUSED,
                             "%s signed two things for place %u of stream %u",
                             model_node_name(model, node), seq, stream->id.number);
            set_stream_forked(model, stream, seq);
        }
        if (stream->forked && op != SIZE_MAX)
            model_set_forked(model, &model->ops[op]);
    }
}

static void add_entry(struct model *model, size_t op, const struct hash *digest)
{
    if (model->entry_count == model->entry_capacity) {
        model->entry_capacity = model->entry_capacity * 2 + 256;
        model->entries = mem_resize(model->entries, model->entry_capacity * sizeof *model->entries);
    }
    model->entries[model->entry_count++] =
        (struct model_entry){.op = op, .digest8 = read_u64(digest->bytes)};
}

static size_t add_block(struct model *model, const struct model_block *block,
                        const struct hash *name)
{
    if (model->block_count == model->block_capacity) {
        model->block_capacity = model->block_capacity * 2 + 256;
        model->blocks = mem_resize(model->blocks, model->block_capacity * sizeof *model->blocks);
    }
    places_set(&model->block_names, name, model->block_count);
    places_set(&model->block_names, &block->hash, model->block_count); /* with holes, too */
    model->blocks[model->block_count] = *block;
    return model->block_count++;
}

/* A block in the store of its own author, for the first time. */
static size_t take_own_block(struct model *model, const struct model_holding *holding,
                             const struct stream_open *open, struct span stored,
                             const struct hash *name)
{
    const struct county_keys *seat = world_keys(model->world, holding->node);
    struct block_context context = {
        .tree_id = model->county->tree_id,
        .stream = holding->id,
        .author_key = seat->signing_key,
        .seal = &seat->seal,
    };
    struct prepared_block opened;
    context.stream.branch = 0;
    if (block_open(stored, &context, &opened, NULL) != ERR_OK) {
        findings_add(model->findings, FINDING_DAMAGED, "%s can't read its own block",
                     model_node_name(model, holding->node));
        return SIZE_MAX;
    }
    struct model_block block = {.stream = context.stream,
                                .seq = opened.header.seq,
                                .count = opened.header.count,
                                .hash = opened.hash,
                                .first_entry = model->entry_count};
    bool told = !opened.opaque || poison_is_told(model, name);
    for (uint32_t i = 0; opened.opaque && told && i < block.count; i++)
        add_entry(model, SIZE_MAX, &opened.hash);
    for (size_t i = 0; i < opened.list.count; i++) {
        const struct entry *entry = &opened.list.entries[i];
        size_t op = SIZE_MAX;
        if (entry->has_record && entry->kind != ENTRY_CARRY)
            op = model_take_entry(model, holding->node, &context.stream, open, entry,
                                  &opened.digests[i]);
        add_entry(model, op, &opened.digests[i]);
        if (entry->kind == ENTRY_CARRY)
            model_take_carry(model, holding->node, entry, &opened.digests[i]);
    }
    prepared_block_free(&opened);
    if (!told) {
        findings_add(model->findings, FINDING_INVENTED, "%s signed a block that doesn't decode",
                     model_node_name(model, holding->node));
        return SIZE_MAX;
    }
    note_signed(model, holding->node, &model->streams[holding->stream], &block);
    return add_block(model, &block, name);
}

void model_hold_op(struct model *model, size_t node, size_t op)
{
    const struct model_record *record = &model->records[model->ops[op].record];
    size_t seat = model->nodes[node].seat, place = model_circle_place(model, record, seat);
    if (place != SIZE_MAX)
        model_set_held(model, &model->ops[op], place, true);
    else if (!model_in_circle(model, record, seat))
        findings_add(model->findings, FINDING_LEAKED, "%s holds write %llu in its log",
                     model_node_name(model, node), (unsigned long long)model->ops[op].serial);
}

static void hold_entries(struct model *model, size_t node, const struct stream_open *open,
                         const struct model_block *block)
{
    const char *code = model->county->seats[model->nodes[node].seat].code;
    const char *end = open->seat_count > 0 ? open->seats[open->seat_count - 1] : "";
    if (open->sealed_to[0] != '\0' && strcmp(code, end) != 0 && strcmp(code, open->seats[0]) != 0)
        return; /* it can't read it */
    for (uint32_t i = 0; i < block->count && node < model->county->seat_count; i++) {
        const struct model_entry *entry = &model->entries[block->first_entry + i];
        if (entry->op != SIZE_MAX)
            model_hold_op(model, node, entry->op);
        for (uint32_t k = 0; k < entry->carried_count; k++) {
            size_t op = model->carried[entry->carried_from + k];
            if (op != SIZE_MAX)
                model_hold_op(model, node, op);
        }
    }
}

/* The block that begins where the holding has been read to; NULL: a finding, or unreadable. */
static const struct model_block *next_block(struct model *model,
                                            const struct model_holding *holding,
                                            const struct stream_open *open)
{
    const struct view *view = world_view(model->world, holding->node);
    const struct model_stream *stream = &model->streams[holding->stream];
    struct buffer stored = {0};
    uint32_t first = 0;
    enum read_answer answer = block_row_get(view, &holding->id, holding->seq, &first, &stored);
    struct hash name = hash_of(HASH_BODY, span_of_buffer(&stored));
    size_t place = answer == READ_FOUND ? places_find(&model->block_names, &name) : SIZE_MAX;
    if (answer == READ_FOUND && place == SIZE_MAX)
        place = model_block_with_holes(model, holding, span_of_buffer(&stored));
    if (answer == READ_FOUND && place == SIZE_MAX &&
        key_id_equal(stream->id.author, world_keys(model->world, holding->node)->key_id))
        place = take_own_block(model, holding, open, span_of_buffer(&stored), &name);
    else if (answer == READ_FOUND && place == SIZE_MAX)
        findings_add(model->findings, FINDING_INVENTED,
                     "%s holds a block of %s's stream %u, place %u, that its author never had",
                     model_node_name(model, holding->node),
                     model->county->seats[stream->author].code, holding->id.number, holding->seq);
    buffer_free(&stored);
    if (answer == READ_ABSENT || (place != SIZE_MAX && model->blocks[place].seq != holding->seq)) {
        findings_add(model->findings, FINDING_DAMAGED, "%s has a gap in %s's stream %u at %u",
                     model_node_name(model, holding->node),
                     model->county->seats[stream->author].code, holding->id.number, holding->seq);
        return NULL;
    }
    return place == SIZE_MAX ? NULL : &model->blocks[place];
}

/* ---- one stream in one store ---- */

static size_t holding_of(struct model *model, size_t node, const struct stream_id *id,
                         const struct stream_row *row)
{
    struct hash name = stream_name(id);
    name.bytes[KEY_ID_BYTES + 6] = id->branch;
    write_u64(name.bytes + KEY_ID_BYTES + 7, node + 1);
    size_t place = places_find(&model->holding_names, &name);
    if (place != SIZE_MAX)
        return place;
    size_t stream = stream_of(model, id, &row->open);
    if (stream == SIZE_MAX)
        return SIZE_MAX;
    if (model->holding_count == model->holding_capacity) {
        model->holding_capacity = model->holding_capacity * 2 + 256;
        model->holdings =
            mem_resize(model->holdings, model->holding_capacity * sizeof *model->holdings);
    }
    model->holdings[model->holding_count] =
        (struct model_holding){.node = node, .stream = stream, .id = *id, .seq = row->from};
    places_set(&model->holding_names, &name, model->holding_count);
    return model->holding_count++;
}

static void read_on(struct model *model, struct model_holding *holding,
                    const struct stream_row *row, uint32_t end)
{
    const struct model_block *block = NULL;
    while (holding->seq < end && (block = next_block(model, holding, &row->open)) != NULL) {
        holding->seq += block->count;
        hold_entries(model, holding->node, &row->open, block);
    }
    if (block != NULL && holding->seq == row->head.seq &&
        !hash_equal(&block->hash, &row->head.hash))
        findings_add(model->findings, FINDING_DAMAGED,
                     "%s's head of stream %u of %s isn't its last block's",
                     model_node_name(model, holding->node), holding->id.number,
                     model->county->seats[model->streams[holding->stream].author].code);
}

/* False: it is shorter than it was. */
static bool follow_stream(struct model *model, size_t node, const struct stream_id *id,
                          const struct stream_row *row)
{
    size_t place = holding_of(model, node, id, row);
    size_t seat = model->nodes[node].seat;
    uint32_t end = row->cutting && row->cut < row->head.seq ? row->cut : row->head.seq;
    if (place == SIZE_MAX) {
        findings_add(model->findings, FINDING_LEAKED, "%s holds a stream of nobody",
                     model_node_name(model, node));
        return true;
    }
    struct model_holding *holding = &model->holdings[place];
    struct model_stream *stream = &model->streams[holding->stream];
    size_t holder = model_stream_holder(stream, seat);
    if (holder == SIZE_MAX && model->nodes[stream->author].forks)
        set_stream_forked(model, stream, UINT32_MAX); /* another stream of this number:
                                                         sweep_streams judges it by its own words */
    else if (holder == SIZE_MAX)
        findings_add(model->findings, FINDING_LEAKED, "%s holds stream %u of %s",
                     model_node_name(model, node), id->number,
                     model->county->seats[stream->author].code);
    if (row->forked || id->branch > 0)
        set_stream_forked(model, stream, UINT32_MAX);
    if (holding->seq < row->from)
        holding->seq = row->from; /* a branch that an earlier disk of it has had, too */
    if (end < holding->seq)
        return false;
    read_on(model, holding, row, end);
    stream = &model->streams[holding->stream];
    if (holder != SIZE_MAX && node < model->county->seat_count)
        set_head(model, stream, holder, holding->seq);
    return true;
}

/* ---- a whole store ---- */

static void forget_node(struct model *model, size_t node)
{
    size_t seat = model->nodes[node].seat;
    for (size_t i = 0; i < model->holding_count; i++) {
        struct model_holding *holding = &model->holdings[i];
        if (holding->node != node)
            continue;
        struct model_stream *stream = &model->streams[holding->stream];
        size_t holder = model_stream_holder(stream, seat);
        holding->seq = 0;
        if (holder != SIZE_MAX && node < model->county->seat_count)
            set_head(model, stream, holder, 0);
    }
    for (size_t i = 0; i < model->op_count && node < model->county->seat_count; i++) {
        struct model_op *op = &model->ops[i];
        size_t place =
            !op->in_log ? SIZE_MAX : model_circle_place(model, &model->records[op->record], seat);
        if (place != SIZE_MAX)
            model_set_held(model, op, place, false);
    }
    for (size_t i = 0; i < model->record_count; i++)
        model->records[i].unchecked |= model_in_circle(model, &model->records[i], seat);
}

/* Another disk: everything is read anew. Of its own streams nothing may be shorter than before,
 * unless somebody says why (model_restored). */
static void read_again(struct model *model, size_t node)
{
    struct stream_id id;
    model->nodes[node].stale = false;
    model->nodes[node].life++;
    uint32_t *before = mem_alloc((model->holding_count + 1) * sizeof *before);
    size_t count = model->holding_count;
    for (size_t i = 0; i < count; i++)
        before[i] = model->holdings[i].seq;
    forget_node(model, node);
    for (uint64_t cursor = 0;
         stream_row_next(world_view(model->world, node), &cursor, &id, model->row);) {
        size_t place = holding_of(model, node, &id, model->row);
        if (place != SIZE_MAX)
            model->holdings[place].seq = model->row->from;
        follow_stream(model, node, &id, model->row);
    }
    for (size_t i = 0; i < count; i++) {
        const struct model_holding *holding = &model->holdings[i];
        const struct model_stream *stream = &model->streams[holding->stream];
        model->nodes[node].fell |= holding->node == node && holding->seq < before[i] &&
                                   stream->author == model->nodes[node].seat && !stream->forked;
    }
    free(before);
}

static bool row_under(struct model *model, size_t node, const uint8_t key[static STREAM_KEY_BYTES],
                      struct stream_id *id)
{
    uint64_t at = (uint64_t)key[0] << 32 | (uint64_t)key[1] << 24 | (uint64_t)key[2] << 16 |
                  read_u16(key + 3);
    uint64_t cursor = at;
    return stream_row_next(world_view(model->world, node), &cursor, id, model->row) &&
           cursor == at + 1;
}

const struct model_stream *holdings_row_stream(struct model *model, size_t node,
                                               const uint8_t key[static STREAM_KEY_BYTES])
{
    struct stream_id id;
    return row_under(model, node, key, &id) ? model_stream_of(model, &id) : NULL;
}

static void stream_changed(struct model *model, size_t node, struct span key)
{
    struct stream_id id;
    if (!row_under(model, node, key.data, &id) || !follow_stream(model, node, &id, model->row))
        read_again(model, node); /* a branch that is displaced */
}

void holdings_changed(void *context, enum table table, struct span key)
{
    COST_HERE(COST_MODEL);
    const struct model_watching *watching = context;
    struct model_node *own = &watching->model->nodes[watching->node];
    own->stale |= table == TABLE_COUNT;
    if (own->stale)
        return; /* read as a whole when it starts */
    if (table == TABLE_STREAMS && key.size == STREAM_KEY_BYTES)
        stream_changed(watching->model, watching->node, key);
    live_row(watching->model, watching->node, table, key);
}

void model_catch_up(struct model *model)
{
    for (size_t node = 0; node < model->node_count; node++) {
        if (model->nodes[node].stale)
            read_again(model, node);
    }
    model_carried_read(model);
}

void model_backlogs(const struct model *model, uint64_t *up, uint64_t *down)
{
    size_t seats = model->county->seat_count;
    memset(up, 0, seats * sizeof *up);
    memset(down, 0, seats * sizeof *down);
    for (size_t i = 0; i < model->stream_count; i++) {
        const struct model_stream *stream = &model->streams[i];
        for (size_t k = 0; k < stream->holder_count; k++) {
            size_t seat = stream->seats[k], parent = model->county->seats[seat].parent;
            size_t above = parent == seat ? SIZE_MAX : model_stream_holder(stream, parent);
            if (above == SIZE_MAX)
                continue;
            uint32_t here = stream->heads[k], there = stream->heads[above];
            up[seat] += here > there ? here - there : 0;
            down[seat] += there > here ? there - here : 0;
        }
    }
}
