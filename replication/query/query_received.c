/* Who has a directive: of every seat that it is for, how far it has said it holds the stream. */
#include <stdlib.h>
#include <string.h>

#include "replication/query/query_parts.h"
#include "replication/query/total.h"
#include "schema/index.h"

/* How far each seat has said it holds the stream of one record's creation. */
struct receipts {
    struct stream_id stream;
    uint32_t seq;
    const struct seat **seats;
    size_t count;
    int tier; /* whom it is for; -1: every tier */
    struct folded_receipts {
        uint64_t have, addressed;
    } * folded; /* by fold */
};

static void visit_received(struct total *total, void *context, const struct cell *cell,
                           const struct seat *origin)
{
    struct receipts *receipts = context;
    struct mp_reader reader = mp_reader(cell->group);
    mp_read_array(&reader);
    const uint8_t *author = mp_read_bin_of(&reader, KEY_ID_BYTES);
    uint64_t epoch = mp_read_uint(&reader), number = mp_read_uint(&reader);
    (void)total;
    if (reader.failed || memcmp(author, receipts->stream.author.bytes, KEY_ID_BYTES) != 0 ||
        epoch != receipts->stream.epoch || number != receipts->stream.number ||
        cell->values[0] <= (int64_t)receipts->seq)
        return;
    receipts->seats =
        mem_resize(receipts->seats, (receipts->count + 1) * sizeof(const struct seat *));
    receipts->seats[receipts->count++] = origin;
}

static bool has_received(const struct receipts *receipts, const struct seat *seat)
{
    for (size_t i = 0; i < receipts->count; i++) {
        if (receipts->seats[i] == seat)
            return true;
    }
    return false;
}

/* The tier that a record names in a text field `tier` (rules.md B115). */
static enum error_code read_tier(const struct total *total, const struct record_type *type,
                                 const struct record_id *id, struct receipts *receipts,
                                 struct error *error)
{
    const struct field *field = type_field_named(type, span_of_text("tier"));
    struct block_cache cache = {0};
    struct record_state *state = NULL;
    struct buffer scratch = {0};
    struct span value = SPAN_EMPTY;
    receipts->tier = -1;
    if (field != NULL && field->kind == FIELD_TEXT &&
        query_load_state(&cache, total->view, total->tree, type, id, &state) == ERR_OK)
        value = record_shown_value(state, type, field, &scratch);
    struct mp_reader reader = mp_reader_known(value);
    struct span name = value.size == 0 ? SPAN_EMPTY : mp_read_str(&reader);
    for (size_t i = 0; name.size > 0 && i < tree_tier_count(total->tree); i++) {
        if (span_equal(name, span_of_text(tree_tier_name(total->tree, (uint8_t)i))))
            receipts->tier = (int)i;
    }
    bool known = name.size == 0 || receipts->tier >= 0;
    if (!known)
        error_set(error, ERR_INVALID, "received",
                  "it is for the tier \"%.*s\", and no tier of the "
                  "tree is called so",
                  name.size > 64 ? 64 : (int)name.size, (const char *)name.data);
    buffer_free(&scratch);
    record_free(state);
    block_cache_free(&cache);
    return known ? ERR_OK : ERR_INVALID;
}

/* Where a subtree record's creation stands. */
static enum error_code locate_creation(const struct total *total, const struct record_id *id,
                                       struct receipts *receipts, struct error *error)
{
    const struct schema *schema = tree_schema(total->tree);
    for (size_t i = 0; schema != NULL && i < schema->type_count; i++) {
        const struct record_type *type = &schema->types[i];
        uint8_t key[RECORD_KEY_BYTES];
        struct record_row row;
        if (type->circle != CIRCLE_SUBTREE || !record_key(total->view, type->number, id, key) ||
            record_row_read(total->view, key, &row) != ERR_OK || !row.present)
            continue;
        struct author_epoch creator = record_id_author(id);
        receipts->stream =
            (struct stream_id){creator.author, creator.epoch, row.stream, row.branch};
        receipts->seq = row.seq;
        const struct operation *op = row.located ? NULL : record_creation(row.state, id);
        if (op != NULL) {
            receipts->stream.number = op->stream;
            receipts->stream.branch = op->branch;
            receipts->seq = op->seq;
        }
        record_free(row.state);
        return read_tier(total, type, id, receipts, error);
    }
    return error_set(error, ERR_NOT_FOUND, "received",
                     "no record of a subtree type with this id is held here");
}

/* Of what a fold covers, how many have it is known, not who. */
static void visit_folded(struct total *total, void *context, const struct cell *cell,
                         const struct total_fold *fold)
{
    struct receipts *receipts = context;
    struct mp_reader reader = mp_reader(cell->group);
    mp_read_array(&reader);
    const uint8_t *author = mp_read_bin_of(&reader, KEY_ID_BYTES);
    uint64_t epoch = mp_read_uint(&reader), number = mp_read_uint(&reader);
    uint64_t seq = mp_read_uint(&reader), tier = mp_read_uint(&reader);
    if (reader.failed || memcmp(author, receipts->stream.author.bytes, KEY_ID_BYTES) != 0 ||
        epoch != receipts->stream.epoch || number != receipts->stream.number ||
        seq <= receipts->seq || (receipts->tier >= 0 && tier != (uint64_t)receipts->tier) ||
        cell->values[0] < 0)
        return;
    struct folded_receipts *folded = &receipts->folded[fold - total->folds];
    folded->have += (uint64_t)cell->values[0];
}

static void judge_folded(struct total *total, const struct receipts *receipts)
{
    for (size_t i = 0; i < total->fold_count; i++) {
        const struct total_fold *fold = &total->folds[i];
        const struct folded_receipts *folded = &receipts->folded[i];
        uint64_t have = folded->have < folded->addressed ? folded->have : folded->addressed;
        total->reported += (uint32_t)have;
        if (folded->addressed > 0 && fold->stated.oldest_ms < total->as_of_ms)
            total->as_of_ms = fold->stated.oldest_ms;
        if (have < folded->addressed)
            total_add_behind(total, fold->seat, "waiting", fold->stated.oldest_ms,
                             folded->addressed - have);
    }
}

enum error_code total_received(struct total *total, struct span by, struct error *error)
{
    struct record_id id;
    struct receipts receipts = {0};
    if (!record_id_parse(by, &id))
        return error_set(error, ERR_USAGE, "received", "--by takes the id of a directive");
    enum error_code code = locate_creation(total, &id, &receipts, error);
    const struct author *author =
        code == ERR_OK ? tree_author(total->tree, receipts.stream.author) : NULL;
    if (author == NULL) {
        return code != ERR_OK
                   ? code
                   : error_set(error, ERR_UNKNOWN_KEY, "received", "its author is unknown");
    }
    receipts.folded = mem_alloc((total->fold_count + 1) * sizeof *receipts.folded);
    total_each_cell(total, ROLLUP_RECEIVED, &receipts, visit_received);
    total_each_folded(total, ROLLUP_RECEIVED, &receipts, visit_folded);
    for (size_t i = 0; i < tree_seat_count(total->tree); i++) {
        const struct seat *seat = tree_seat_at(total->tree, i);
        if (seat == author->seat || seat == total->self ||
            (receipts.tier >= 0 && seat->row.tier != receipts.tier) ||
            !seat_is_ancestor_or_self(total->self, seat) ||
            !seat_is_ancestor_or_self(author->seat, seat))
            continue;
        uint64_t as_of;
        const struct fold_seat *as = NULL;
        struct total_fold *fold = total_fold_naming(total, seat, &as);
        total->expected++;
        if (fold != NULL) {
            receipts.folded[fold - total->folds].addressed++;
            continue;
        }
        bool reported = total_reported(total, seat, &as_of);
        if (reported && as_of < total->as_of_ms)
            total->as_of_ms = as_of;
        if (has_received(&receipts, seat))
            total->reported++;
        else
            total_add_behind(total, seat, "waiting", as_of, 1);
    }
    judge_folded(total, &receipts);
    total->value = total->reported;
    free(receipts.folded);
    free(receipts.seats);
    return ERR_OK;
}
