/* What a writer of many records must know first: the signed types, and how far an import is. */
#include "replication/query/query.h"
#include "replication/rows/rows.h"

enum error_code query_types(const struct tree *tree, struct buffer *out, struct error *error)
{
    const struct held_document *held = tree_find_document(tree, DOCUMENT_TYPES, SPAN_EMPTY);
    const struct schema *schema = tree_schema(tree);
    if (held == NULL || schema == NULL) {
        error_set(error, ERR_UNKNOWN_TYPE, "the signed types", "they are not here yet");
        error_next(error, "wait for the uplink, or put the document into documents/");
        return ERR_UNKNOWN_TYPE;
    }
    mp_write_map(out, 2);
    mp_write_text(out, "version");
    mp_write_uint(out, schema->version);
    mp_write_text(out, "rows");
    mp_write_array(out, (uint32_t)held->row_count);
    for (size_t i = 0; i < held->row_count; i++)
        mp_write_bin(out, held->rows[i]);
    return ERR_OK;
}

uint64_t query_retained_types(const struct tree *tree)
{
    const struct schema *schema = tree_schema(tree);
    uint64_t count = 0;
    for (size_t i = 0; schema != NULL && i < schema->type_count; i++)
        count += schema->types[i].retention_days > 0 && schema->types[i].companion_of == 0;
    return count;
}

void query_imported(const struct view *view, struct span name, struct buffer *out)
{
    mp_write_map(out, 2);
    mp_write_text(out, "row");
    mp_write_uint(out, import_row_read(view, name));
    mp_write_text(out, "erased");
    mp_write_bool(out, erased_rows_any(view));
}
