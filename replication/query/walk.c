/* A whole store, walked for a check from outside: every block opened and verified, every record
 * folded, every index row read. */
#include <stdlib.h>
#include <string.h>

#include "replication/query/query.h"
#include "replication/rows/branches.h"

struct walk {
    const struct view *view;
    const struct tree *tree;
    const struct walk_visitor *visitor;
    bool stopped;
    struct block_cache cache;
};

static void say_damage(struct walk *walk, const char *what, struct span key)
{
    if (walk->visitor->damage != NULL)
        walk->stopped |= !walk->visitor->damage(walk->visitor->context, what, key);
}

static void visit_block(struct walk *walk, const struct stream_id *stream,
                        const struct prepared_block *block)
{
    for (size_t i = 0; i < block->list.count && !walk->stopped; i++) {
        const struct entry *entry = &block->list.entries[i];
        if (walk->visitor->entry != NULL) {
            walk->stopped |= !walk->visitor->entry(walk->visitor->context, stream,
                                                   block->header.seq + (uint32_t)i, entry->type,
                                                   &entry->record, &block->digests[i]);
        }
    }
}

/* The chain from its first block to the head that the stream's row names. */
static void walk_stream(struct walk *walk, const struct stream_id *stream,
                        const struct stream_row *row)
{
    struct hash previous = hash_zero;
    uint32_t seq = row->from;
    struct label label = label_stream(walk->tree, stream);
    if (stream->branch > 0) {
        struct branches *branches = branches_read(walk->view, stream);
        branch_hash_at(walk->view, branches, stream->branch, seq, &previous);
        free(branches);
    }
    while (seq < row->head.seq && !walk->stopped) {
        struct prepared_block block;
        if (block_row_open(walk->view, walk->tree, stream, seq, &block) != ERR_OK) {
            say_damage(walk, "a block of this stream can't be read", span_of_text(label.text));
            return;
        }
        if (block.header.seq != seq || !hash_equal(&block.header.previous, &previous)) {
            say_damage(walk, "the chain of this stream is broken", span_of_text(label.text));
            prepared_block_free(&block);
            return;
        }
        visit_block(walk, stream, &block);
        previous = block.hash;
        seq += block.header.count;
        prepared_block_free(&block);
    }
    if (!walk->stopped && !hash_equal(&previous, &row->head.hash)) {
        say_damage(walk, "the head of this stream isn't its last block's",
                   span_of_text(label.text));
    }
}

/* Blocks must belong to streams that are known: nothing lies in the log unseen. */
static void walk_blocks(struct walk *walk)
{
    struct stream_row *row = mem_alloc(sizeof *row);
    struct stream_id stream;
    for (uint64_t cursor = 0; !walk->stopped && stream_row_next(walk->view, &cursor, &stream, row);)
        walk_stream(walk, &stream, row);
    free(row);
    uint8_t from[STORE_KEY_BYTES_MAX] = {0};
    size_t size = 1;
    struct span key, value;
    uint8_t known[STREAM_KEY_BYTES] = {0};
    while (!walk->stopped && walk->view->next(walk->view->context, TABLE_BLOCKS, SPAN(from, size),
                                              &key, &value) == READ_FOUND) {
        if (key.size < STREAM_KEY_BYTES || memcmp(key.data, known, STREAM_KEY_BYTES) != 0) {
            struct span row_value;
            uint8_t stream_key[STREAM_KEY_BYTES] = {0};
            memcpy(stream_key, key.data,
                   key.size < sizeof stream_key ? key.size : sizeof stream_key);
            if (walk->view->get(walk->view->context, TABLE_STREAMS, SPAN_OF_ARRAY(stream_key),
                                &row_value) != READ_FOUND)
                say_damage(walk, "a block of no known stream", SPAN_OF_ARRAY(stream_key));
            memcpy(known, stream_key, sizeof known);
        }
        /* on to the next stream */
        memcpy(from, known, sizeof known);
        memset(from + sizeof known, 0xff, 6);
        size = sizeof known + 6;
    }
}

static int compare_names(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct hash));
}

/* An operation's digest covers its author, epoch and number: it is its name. */
static void visit_operations(struct walk *walk, uint16_t type, const struct record_id *id,
                             const struct record_state *state)
{
    size_t count = record_operation_count(state), admitted = 0;
    if (walk->visitor->operations == NULL || count == 0)
        return;
    struct hash *names = mem_alloc(count * sizeof *names);
    for (size_t i = 0; i < count; i++) {
        const struct operation *op = record_operation(state, i);
        if (op->verdict == OPERATION_ADMITTED)
            names[admitted++] = op->digest;
    }
    qsort(names, admitted, sizeof *names, compare_names);
    struct hash digest = hash_of(HASH_BODY, SPAN(names, admitted * sizeof *names));
    walk->stopped |= !walk->visitor->operations(walk->visitor->context, type, id, &digest);
    free(names);
}

static void visit_record(struct walk *walk, struct span key, uint16_t number,
                         const struct record_id *id)
{
    const struct schema *schema = tree_schema(walk->tree);
    const struct record_type *type = schema == NULL ? NULL : schema_type(schema, number);
    struct record_row row;
    if (type == NULL || record_row_read(walk->view, key.data, &row) != ERR_OK || !row.present) {
        say_damage(walk, "a record's row can't be read", key);
        return;
    }
    struct record_state *state =
        row.located ? record_from_creation(&walk->cache, walk->view, walk->tree, type, id, &row)
                    : row.state;
    if (state == NULL) {
        say_damage(walk, "a record's entry can't be read", key);
        return;
    }
    struct buffer canonical = {0};
    if (!record_stands(state)) { /* behind a cut-off from its creation on */
        record_free(state);
        return;
    }
    visit_operations(walk, number, id, state);
    record_canonical(state, &canonical);
    struct hash digest = hash_of(HASH_BODY, span_of_buffer(&canonical));
    if (walk->visitor->record != NULL) {
        walk->stopped |= !walk->visitor->record(walk->visitor->context, number, id, &digest,
                                                record_deleted(state));
    }
    buffer_free(&canonical);
    record_free(state);
}

static void walk_records(struct walk *walk)
{
    uint8_t from[RECORD_KEY_BYTES + 1] = {0};
    size_t size = 1;
    struct span key, value;
    while (!walk->stopped && walk->view->next(walk->view->context, TABLE_RECORDS, SPAN(from, size),
                                              &key, &value) == READ_FOUND) {
        uint16_t type;
        struct record_id id;
        if (key.size != RECORD_KEY_BYTES) {
            say_damage(walk, "a record's key has the wrong length", key);
            return;
        }
        memcpy(from, key.data, key.size);
        from[key.size] = 0;
        size = key.size + 1;
        if (record_key_parse(walk->view, SPAN(from, RECORD_KEY_BYTES), &type, &id))
            visit_record(walk, SPAN(from, RECORD_KEY_BYTES), type, &id);
        else
            say_damage(walk, "a record of no known author", SPAN(from, RECORD_KEY_BYTES));
    }
}

static void walk_index(struct walk *walk)
{
    uint8_t from[INDEX_KEY_BYTES + 1] = {0};
    size_t size = 1;
    struct span key, value;
    while (!walk->stopped && walk->view->next(walk->view->context, TABLE_INDEX, SPAN(from, size),
                                              &key, &value) == READ_FOUND) {
        uint16_t type;
        struct record_id id;
        if (key.size != INDEX_KEY_BYTES ||
            !record_key_parse(walk->view, SPAN(key.data + 10, RECORD_KEY_BYTES), &type, &id)) {
            say_damage(walk, "an index row can't be read", key);
            return;
        }
        memcpy(from, key.data, key.size);
        from[key.size] = 0;
        size = key.size + 1;
        if (walk->visitor->index != NULL)
            walk->stopped |= !walk->visitor->index(walk->visitor->context, type, &id);
    }
}

static void walk_aside(struct walk *walk, enum table table)
{
    uint8_t from[STORE_KEY_BYTES_MAX + 1] = {0};
    size_t size = 1;
    struct span key, value;
    while (!walk->stopped && walk->visitor->aside != NULL && size <= STORE_KEY_BYTES_MAX &&
           walk->view->next(walk->view->context, table, SPAN(from, size), &key, &value) ==
               READ_FOUND) {
        memcpy(from, key.data, key.size);
        from[key.size] = 0;
        size = key.size + 1;
        walk->stopped |=
            !walk->visitor->aside(walk->visitor->context, table, SPAN(from, size - 1), value);
    }
}

enum error_code query_walk(const struct view *view, const struct tree *tree,
                           const struct walk_visitor *visitor, struct error *error)
{
    struct walk walk = {.view = view, .tree = tree, .visitor = visitor};
    if (tree_schema(tree) == NULL)
        return error_set(error, ERR_PARKED, "walk", "the signed schema isn't here");
    walk_blocks(&walk);
    walk_records(&walk);
    walk_index(&walk);
    walk_aside(&walk, TABLE_PARKED);
    walk_aside(&walk, TABLE_QUARANTINE);
    block_cache_free(&walk.cache);
    return ERR_OK;
}
