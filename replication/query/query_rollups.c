/* Which roll-ups there are, and who answers which. Two are views over what others keep: how much of
 * what went down hasn't been received, and how fresh everybody's figures are. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replication/query/query_parts.h"
#include "replication/query/query_rollup.h"
#include "replication/query/total.h"

/* Roll-ups of every node. */
static const struct {
    const char *name, *en, *zh;
} built_in[] = {
    {"records", "Records", "记录数"},
    {"received", "Who has a directive", "指令签收"},
    {"overdue", "Deadlines missed", "超期事项"},
    {"outstanding", "Receipts outstanding", "未签收下行记录"},
    {"freshness", "Freshness of figures", "数据新鲜度"},
};

static struct schema *load_labelled(const struct tree *tree)
{
    const struct held_document *held = tree_find_document(tree, DOCUMENT_TYPES, SPAN_EMPTY);
    const struct schema *schema = tree_schema(tree);
    if (held == NULL || schema == NULL)
        return NULL;
    struct span *rows = mem_alloc((held->row_count + 1) * sizeof *rows);
    for (size_t i = 0; i < held->row_count; i++)
        rows[i] = held->rows[i];
    struct schema *labelled = schema_load_labelled(schema->version, rows, held->row_count, NULL);
    free(rows);
    return labelled;
}

/* ---- the list ---- */

static void list_built_in(size_t i, struct buffer *out)
{
    mp_write_map(out, 7);
    query_put_text(out, "name", built_in[i].name);
    mp_write_text(out, "label");
    mp_write_map(out, 2);
    query_put_text(out, "en", built_in[i].en);
    query_put_text(out, "zh", built_in[i].zh);
    query_put_text(out, "type", "");
    query_put_text(out, "what", "count");
    mp_write_text(out, "by");
    mp_write_array(out, 0);
    query_put_text(out, "period", "none");
    query_put_text(out, "unit", "");
}

static void list_declared(const struct record_type *type, const struct rollup *rollup,
                          struct buffer *out)
{
    const struct field *of = type_field(type, rollup->field);
    mp_write_map(out, 8);
    query_put_text(out, "name", rollup->name);
    query_put_labels(out, &rollup->labels);
    query_put_text(out, "type", type->name);
    query_put_text(out, "what", rollup_kind_name(rollup->kind));
    mp_write_text(out, "by");
    mp_write_array(out, (uint32_t)rollup->by_count);
    for (size_t i = 0; i < rollup->by_count; i++)
        mp_write_text(out, type_field(type, rollup->by[i])->name);
    query_put_text(out, "period", rollup_period_name(rollup->period));
    mp_write_text(out, "offset");
    mp_write_int(out, rollup->offset);
    query_put_text(out, "unit", of == NULL || of->more->unit == NULL ? "" : of->more->unit);
}

static void list_all(const struct schema *schema, struct buffer *out)
{
    struct buffer lines = {0};
    uint32_t count = 0;
    for (size_t i = 0; i < sizeof built_in / sizeof built_in[0]; i++, count++)
        list_built_in(i, &lines);
    for (size_t i = 0; schema != NULL && i < schema->type_count; i++) {
        const struct record_type *type = &schema->types[i];
        for (size_t j = 0; j < type->rollup_count; j++) {
            if (type->rollups[j].ended)
                continue;
            list_declared(type, &type->rollups[j], &lines);
            count++;
        }
    }
    mp_write_array(out, count);
    buffer_append_span(out, span_of_buffer(&lines));
    buffer_free(&lines);
}

/* ---- receipts outstanding, freshness ---- */

struct outstanding {
    struct buffer groups;
    uint32_t count;
    int64_t value;
};

static void put_group(struct outstanding *all, const char *key, const char *name, int64_t value)
{
    mp_write_map(&all->groups, 3);
    query_put_text(&all->groups, "key", key);
    query_put_text(&all->groups, "name", name);
    mp_write_text(&all->groups, "value");
    mp_write_int(&all->groups, value);
    all->count++;
    all->value += value;
}

/* How far a seat's machine has said that it holds the stream. */
static uint32_t received_by(const struct view *view, const struct stream_id *stream,
                            struct key_id key)
{
    uint8_t bytes[CELL_KEY_BYTES_MAX];
    struct buffer group = {0};
    struct span row;
    struct cell held;
    struct key_id origin;
    uint64_t report;
    mp_write_array(&group, 3);
    mp_write_bin(&group, SPAN_OF_ARRAY(stream->author.bytes));
    mp_write_uint(&group, stream->epoch);
    mp_write_uint(&group, stream->number);
    struct cell cell = {.rollup = ROLLUP_RECEIVED, .group = span_of_buffer(&group)};
    size_t size = cell_key(bytes, &cell, key);
    bool is = view->get(view->context, TABLE_CELLS, SPAN(bytes, size), &row) == READ_FOUND &&
              cell_parse(SPAN(bytes, size), row, &held, &origin, &report) && held.value_count > 0 &&
              held.values[0] > 0;
    buffer_free(&group);
    return !is ? 0 : held.values[0] > UINT32_MAX ? UINT32_MAX : (uint32_t)held.values[0];
}

static int64_t missing_at(const struct total *total, const struct seat *seat)
{
    struct stream_row *row = mem_alloc(sizeof *row);
    struct stream_id stream;
    int64_t missing = 0;
    for (uint64_t cursor = 0; stream_row_next(total->view, &cursor, &stream, row);) {
        const struct author *author = tree_author(total->tree, stream.author);
        if (row->open.holders != HOLDERS_SUBTREE || stream.branch > 0 || author == NULL ||
            author->seat == seat || !stream_holds(row, author->seat, seat))
            continue;
        uint32_t held = received_by(total->view, &stream, seat_key_id(seat));
        missing += row->head.seq > held ? row->head.seq - held : 0;
    }
    free(row);
    return missing;
}

/* Of what a fold covers: so much is addressed to them, and so much do they hold together. */
struct covered {
    const struct stream_id *stream;
    uint32_t end;
    int64_t held;
    const struct total_fold *fold;
};

static void visit_covered(struct total *total, void *context, const struct cell *cell,
                          const struct total_fold *fold)
{
    struct covered *covered = context;
    struct mp_reader reader = mp_reader(cell->group);
    mp_read_array(&reader);
    const uint8_t *author = mp_read_bin_of(&reader, KEY_ID_BYTES);
    uint64_t epoch = mp_read_uint(&reader), number = mp_read_uint(&reader);
    uint64_t seq = mp_read_uint_max(&reader, UINT32_MAX);
    int64_t seats = cell->values[0];
    (void)total;
    if (reader.failed || fold != covered->fold || seats < 0 || seats > UINT16_MAX ||
        memcmp(author, covered->stream->author.bytes, KEY_ID_BYTES) != 0 ||
        epoch != covered->stream->epoch || number != covered->stream->number)
        return;
    covered->held += seats * (int64_t)(seq < covered->end ? seq : covered->end);
}

static int64_t addressed_to(const struct total *total, const struct total_fold *fold,
                            const struct stream_row *row, const struct seat *author)
{
    int64_t seats = 0;
    for (size_t i = 0; i < tree_seat_count(total->tree); i++) {
        const struct seat *seat = tree_seat_at(total->tree, i);
        const struct fold_seat *as = NULL;
        seats += seat != author && seat_status_is_in_force(seat->row.status) &&
                 total_fold_naming(total, seat, &as) == fold && stream_holds(row, author, seat);
    }
    return seats;
}

static int64_t missing_in(struct total *total, const struct total_fold *fold)
{
    struct stream_row *row = mem_alloc(sizeof *row);
    struct stream_id stream;
    int64_t missing = 0;
    for (uint64_t cursor = 0; stream_row_next(total->view, &cursor, &stream, row);) {
        const struct author *author = tree_author(total->tree, stream.author);
        if (row->open.holders != HOLDERS_SUBTREE || stream.branch > 0 || author == NULL)
            continue;
        struct covered covered = {.stream = &stream, .end = row->head.seq, .fold = fold};
        int64_t addressed = addressed_to(total, fold, row, author->seat) * covered.end;
        total_each_folded(total, ROLLUP_RECEIVED, &covered, visit_covered);
        missing += addressed > covered.held ? addressed - covered.held : 0;
    }
    free(row);
    return missing;
}

static void put_folds(struct total *total, struct outstanding *all)
{
    for (size_t i = 0; i < total->fold_count; i++) {
        const struct total_fold *fold = &total->folds[i];
        char key[SEAT_NAME_BYTES_MAX + 1], name[SEAT_NAME_BYTES_MAX + 1];
        total_fold_words(fold, key, name);
        if (fold->used)
            put_group(all, key, name, missing_in(total, fold));
    }
}

static enum error_code view_of_seats(struct total *total, struct span name, struct buffer *out)
{
    struct outstanding all = {0};
    bool freshness = span_equal(name, span_of_text("freshness"));
    total_judge_origins(total);
    for (size_t i = 0; i < tree_seat_count(total->tree); i++) {
        const struct seat *seat = tree_seat_at(total->tree, i);
        if (!seat_is_ancestor_or_self(total->self, seat) ||
            !seat_status_is_in_force(seat->row.status))
            continue;
        struct completeness complete = {.as_of_ms = total->newest_ms};
        const struct fold_seat *as = NULL;
        if (seat != total->self)
            query_completeness(total->view, total->tree, total->self->row.seat, seat,
                               total->freshness_ms, &complete);
        if (freshness)
            put_group(&all, seat->row.seat, seat->row.name,
                      complete.as_of_ms + total->freshness_ms >= total->newest_ms &&
                          complete.as_of_ms != 0);
        else if (seat != total->self && total_fold_naming(total, seat, &as) == NULL)
            put_group(&all, seat->row.seat, seat->row.name, missing_at(total, seat));
    }
    if (!freshness)
        put_folds(total, &all);
    mp_write_map(out, 4 + total_standing_pairs(total));
    mp_write_text(out, "name");
    mp_write_str(out, name);
    mp_write_text(out, "value");
    mp_write_int(out, all.value);
    mp_write_text(out, "groups");
    mp_write_array(out, all.count);
    buffer_append_span(out, span_of_buffer(&all.groups));
    query_put_uint(out, "lost", 0);
    total_write_standing(total, out);
    buffer_free(&all.groups);
    return ERR_OK;
}

/* ---- who answers ---- */

static enum error_code no_such(const struct schema *schema, struct span name, struct error *error)
{
    char near[200] = "";
    for (size_t i = 0; schema != NULL && i < schema->type_count; i++) {
        for (size_t j = 0; j < schema->types[i].rollup_count; j++) {
            size_t used = strlen(near);
            if (!schema->types[i].rollups[j].ended)
                snprintf(near + used, sizeof near - used, ", %s", schema->types[i].rollups[j].name);
        }
    }
    error_set(error, ERR_NOT_FOUND, "rollup", "there is no roll-up \"%.*s\"",
              (int)(name.size > 60 ? 60 : name.size), (const char *)name.data);
    error_next(error, "those there are: records, received, overdue, outstanding, freshness%s",
               near);
    return ERR_NOT_FOUND;
}

enum error_code query_rollup_of(const struct view *view, const struct tree *tree, const char *self,
                                const struct rollup_question *question, struct buffer *out,
                                struct error *error)
{
    struct span name = question->name;
    struct schema *labelled = load_labelled(tree);
    const struct record_type *type = NULL, *named = NULL;
    struct total total;
    enum error_code code =
        question->verify ? query_verify_figures(view, tree, self, error) : ERR_OK;
    const struct rollup *rollup = schema_rollup_named(tree_schema(tree), name, &type);
    if (code != ERR_OK) {
    } else if (name.size == 0) {
        list_all(labelled, out);
    } else if (span_equal(name, span_of_text("records")) ||
               span_equal(name, span_of_text("received"))) {
        code =
            query_rollup(view, tree, self, name, question->by, question->freshness_ms, out, error);
    } else if (span_equal(name, span_of_text("outstanding")) ||
               span_equal(name, span_of_text("freshness"))) {
        if (total_begin(&total, view, tree, self, question->freshness_ms, error))
            code = view_of_seats(&total, name, out);
        else
            code = ERR_NOT_ALLOWED;
        total_end(&total);
    } else if (span_equal(name, span_of_text("overdue"))) {
        static const struct record_type none = {0};
        code = query_declared(view, tree, self, question, type_rollup_at(&none, 0), &none, NULL,
                              out, error);
    } else if (rollup == NULL) {
        code = no_such(tree_schema(tree), name, error);
    } else {
        named = labelled == NULL ? NULL : schema_type(labelled, type->number);
        code = query_declared(view, tree, self, question, rollup, type, named, out, error);
    }
    schema_free(labelled);
    return code;
}
