/* Loaded types that several trees share, counted by holders. */
#include "schema/shelf.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct schema_shelf {
    struct shelved_schema *first;
    size_t count;
};

struct schema_shelf *schema_shelf_new(void)
{
    return mem_alloc(sizeof(struct schema_shelf));
}

void schema_shelf_free(struct schema_shelf *shelf)
{
    assert(shelf == NULL || shelf->first == NULL);
    free(shelf);
}

size_t schema_shelf_count(const struct schema_shelf *shelf)
{
    return shelf->count;
}

static bool is_wanted(const struct shelved_schema *shelved, const struct shelved_rows *rows)
{
    return shelved->schema->version == rows->version &&
           hash_equal(&shelved->row_root, rows->row_root) &&
           schema_resolved_so(shelved->schema, rows->tiers, rows->tier_count);
}

/* The rows in one piece behind the spans. */
static struct span *copy_rows(const struct span *rows, size_t count)
{
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++)
        bytes += rows[i].size;
    struct span *copies = mem_alloc(count * sizeof *copies + bytes + 1);
    uint8_t *at = (uint8_t *)(copies + count);
    for (size_t i = 0; i < count; i++) {
        if (rows[i].size > 0)
            memcpy(at, rows[i].data, rows[i].size);
        copies[i] = SPAN(at, rows[i].size);
        at += rows[i].size;
    }
    return copies;
}

struct shelved_schema *schema_shelf_take(struct schema_shelf *shelf,
                                         const struct shelved_rows *rows, struct error *error)
{
    struct shelved_schema *shelved = shelf == NULL ? NULL : shelf->first;
    while (shelved != NULL && !is_wanted(shelved, rows))
        shelved = shelved->next;
    if (shelved != NULL)
        return schema_shelf_share(shelved);
    struct schema *schema = schema_load(rows->version, rows->rows, rows->row_count, error);
    if (schema == NULL)
        return NULL;
    schema_resolve_tiers(schema, rows->tiers, rows->tier_count);
    shelved = mem_alloc(sizeof *shelved);
    shelved->schema = schema;
    shelved->rows = copy_rows(rows->rows, rows->row_count);
    shelved->row_count = rows->row_count;
    shelved->row_root = *rows->row_root;
    shelved->holders = 1;
    shelved->shelf = shelf;
    if (shelf != NULL) {
        shelved->next = shelf->first;
        shelf->first = shelved;
        shelf->count++;
    }
    return shelved;
}

struct shelved_schema *schema_shelf_share(struct shelved_schema *shelved)
{
    assert(shelved->holders > 0);
    shelved->holders++;
    return shelved;
}

static void take_off(struct schema_shelf *shelf, const struct shelved_schema *shelved)
{
    struct shelved_schema **at = &shelf->first;
    while (*at != shelved) {
        assert(*at != NULL);
        at = &(*at)->next;
    }
    *at = shelved->next;
    shelf->count--;
}

void schema_shelf_return(struct shelved_schema *shelved)
{
    if (shelved == NULL)
        return;
    assert(shelved->holders > 0);
    if (--shelved->holders > 0)
        return;
    if (shelved->shelf != NULL)
        take_off(shelved->shelf, shelved);
    schema_free(shelved->schema);
    free(shelved->rows);
    free(shelved);
}
