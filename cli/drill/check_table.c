/* What a check knows of every record. */
#include "cli/drill/check_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/value.h"
#include "node/author/file.h"
#include "replication/query/query.h"

static int compare_keys(const void *left, const void *right)
{
    const struct check_author *a = left, *b = right;
    return key_id_compare(a->id, b->id);
}

static int compare_codes(const void *left, const void *right, void *context)
{
    const struct check_table *table = context;
    return strcmp(table->drill->seats[*(const size_t *)left].code,
                  table->drill->seats[*(const size_t *)right].code);
}

static void list_authors(struct check_table *table)
{
    const struct drill *drill = table->drill;
    table->authors = mem_alloc((drill->seat_count + drill->change_count) * sizeof *table->authors);
    for (size_t i = 0; i < drill->seat_count; i++)
        table->authors[table->author_count++] =
            (struct check_author){key_id_of(drill->seats[i].key), i, drill->seats[i].revoked};
    for (size_t i = 0; i < drill->change_count; i++) {
        const struct drill_change *change = &drill->changes[i];
        table->changed = table->changed || change->kind != CHANGE_ADMIT;
        if (change->kind == CHANGE_REPLACE)
            table->authors[table->author_count++] =
                (struct check_author){key_id_of(change->key), change->seat, true};
    }
    qsort(table->authors, table->author_count, sizeof *table->authors, compare_keys);
}

void check_table_new(const struct drill *drill, struct check_table *table)
{
    size_t count = drill->seat_count;
    *table = (struct check_table){.drill = drill};
    check_shapes_new(drill, &table->shapes);
    list_authors(table);
    table->outside = mem_alloc(count * sizeof *table->outside);
    for (size_t i = 0; i < count; i++)
        table->outside[i] = drill->seats[i].revoked;
    table->by_code = mem_alloc(count * sizeof *table->by_code);
    table->subtree = mem_alloc(count * sizeof *table->subtree);
    table->depth = mem_alloc(count * sizeof *table->depth);
    table->due = mem_alloc(count * sizeof *table->due);
    for (size_t i = 0; i < count; i++) {
        table->by_code[i] = i;
        for (size_t above = i; above != DRILL_NO_SEAT; above = drill->seats[above].parent) {
            table->depth[i]++;
            table->subtree[above]++;
        }
    }
    qsort_r(table->by_code, count, sizeof *table->by_code, compare_codes, table);
}

void check_table_leave_out(struct check_table *table, const struct tree *tree)
{
    const struct drill *drill = table->drill;
    for (size_t i = 0; i < table->author_count; i++) {
        struct check_author *author = &table->authors[i];
        if (tree_seat(tree, span_of_text(drill->seats[author->seat].code)) != NULL)
            continue;
        table->changed = table->outside[author->seat] = author->cut_off = true;
    }
}

void check_table_free(struct check_table *table)
{
    struct check_record *record = NULL, *next = NULL;
    HASH_ITER (hh, table->records, record, next) {
        HASH_DEL(table->records, record);
        json_decref(record->steps);
        free(record->bits);
        free(record);
    }
    free(table->due);
    free(table->depth);
    free(table->subtree);
    free(table->by_code);
    free(table->authors);
    free(table->outside);
    check_shapes_free(&table->shapes);
}

void check_table_reset(struct check_table *table)
{
    for (struct check_record *record = table->records; record != NULL; record = record->hh.next) {
        memset(record->found, 0, sizeof record->found);
        memset(record->marked, 0, sizeof record->marked);
        memset(record->joined, 0, sizeof record->joined);
        record->has_state = false;
        record->leaked_at = 0;
        record->trusted = false;
        if (record->bits != NULL)
            memset(record->bits, 0, check_bits_size(table));
        record->diverged = record->late = record->wrong_fields = false;
        record->deleted = record->at_origin = record->closed = false;
    }
}

static const struct check_author *author_of(const struct check_table *table, struct key_id key)
{
    struct check_author wanted = {.id = key};
    return bsearch(&wanted, table->authors, table->author_count, sizeof wanted, compare_keys);
}

size_t check_table_seat_of(const struct check_table *table, struct key_id key)
{
    const struct check_author *author = author_of(table, key);
    return author == NULL ? DRILL_NO_SEAT : author->seat;
}

bool check_table_cut_off(const struct check_table *table, struct key_id key)
{
    const struct check_author *author = author_of(table, key);
    return author != NULL && author->cut_off;
}

static size_t seat_with_code(const struct check_table *table, const char *code)
{
    size_t low = 0, high = table->drill->seat_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(table->drill->seats[table->by_code[middle]].code, code) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low < table->drill->seat_count &&
        strcmp(table->drill->seats[table->by_code[low]].code, code) == 0)
        return table->by_code[low];
    return DRILL_NO_SEAT;
}

static uint32_t holders_of(const struct check_table *table, const struct check_record *record)
{
    const struct drill_type *type = drill_type_numbered(table->drill, record->key.type);
    uint32_t count = 0;
    if (type == NULL || record->origin == DRILL_NO_SEAT)
        return 0;
    switch (type->circle) {
    case CIRCLE_ORIGIN: return 1;
    case CIRCLE_PATH: return table->depth[record->origin];
    case CIRCLE_SUBTREE: return table->subtree[record->origin];
    case CIRCLE_ADDRESSED:
        for (size_t i = 0; record->to != DRILL_NO_SEAT && i < table->drill->seat_count; i++)
            count += drill_on_path(table->drill, record->origin, record->to, i) ? 1 : 0;
        return count;
    case CIRCLE_COUNT: break;
    }
    return 0;
}

struct check_record *check_table_find(struct check_table *table, uint16_t type,
                                      const struct record_id *id)
{
    struct check_key key = {.id = *id, .type = type};
    struct check_record *record = NULL;
    struct key_id author;
    HASH_FIND(hh, table->records, &key, sizeof key, record);
    if (record != NULL)
        return record;
    record = mem_alloc(sizeof *record);
    record->key = key;
    record->to = DRILL_NO_SEAT;
    memcpy(author.bytes, id->bytes, KEY_ID_BYTES);
    record->origin = check_table_seat_of(table, author);
    record->holders = holders_of(table, record);
    record->bits = table->changed ? mem_alloc(check_bits_size(table)) : NULL;
    HASH_ADD(hh, table->records, key, sizeof key, record);
    return record;
}

void check_table_address(struct check_table *table, struct check_record *record, const char *to)
{
    const struct drill_type *type = drill_type_numbered(table->drill, record->key.type);
    if (type == NULL || type->circle != CIRCLE_ADDRESSED || record->to != DRILL_NO_SEAT)
        return;
    record->to = seat_with_code(table, to);
    record->holders = holders_of(table, record);
}

uint64_t check_fields_hash(const struct json_t *fields)
{
    char *text = json_dumps(fields, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
    struct hash hash = hash_of(HASH_BODY, span_of_text(text == NULL ? "" : text));
    free(text);
    return read_u64(hash.bytes);
}

static void add_due(struct check_table *table, const struct check_record *record)
{
    for (size_t i = 0; i < table->drill->seat_count; i++)
        table->due[i] += check_belongs(table, record, i) ? 1 : 0;
}

static bool take_line(struct check_table *table, const char *text, size_t size)
{
    json_t *line = json_loadb(text, size, 0, NULL);
    const struct drill_type *type = drill_type_named(table->drill, json_text(line, "type"));
    size_t seat = seat_with_code(table, json_text(line, "seat"));
    struct record_id id;
    bool good = type != NULL && seat != DRILL_NO_SEAT &&
                record_id_parse(span_of_text(json_text(line, "id")), &id);
    if (good) {
        struct check_record *record = check_table_find(table, type->number, &id);
        check_table_address(table, record, json_text(line, "to"));
        good = record->origin == seat;
        if (good && !record->acknowledged) {
            record->acknowledged = true;
            record->clock_ms = json_number(line, "clock");
            record->fields_hash = check_fields_hash(json_object_get(line, "fields"));
            table->acknowledged++;
            add_due(table, record);
        }
    }
    json_decref(line);
    return good;
}

enum error_code check_table_load(struct check_table *table, long *offset, struct error *error)
{
    char path[PATH_MAX];
    char *line = NULL;
    size_t room = 0;
    ssize_t size = 0;
    enum error_code code = drill_file_path(table->drill, "acknowledged.ndjson", path, error);
    FILE *file = code == ERR_OK ? fopen(path, "re") : NULL;
    if (file == NULL)
        return code; /* nothing was acknowledged yet */
    fseek(file, *offset, SEEK_SET);
    while (code == ERR_OK && (size = getline(&line, &room, file)) > 0 && line[size - 1] == '\n') {
        if (!take_line(table, line, (size_t)size))
            code = error_set(error, ERR_MALFORMED, path,
                             "the line at byte %ld is not one that `drill load` writes", *offset);
        *offset += size;
    }
    free(line);
    fclose(file);
    return code;
}
