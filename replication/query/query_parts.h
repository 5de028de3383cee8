/* What the queries share. Nothing outside replication/query includes this. */
#ifndef TERRACE_REPLICATION_QUERY_QUERY_PARTS_H
#define TERRACE_REPLICATION_QUERY_QUERY_PARTS_H

#include "replication/query/query.h"
#include "replication/rows/rows.h"

/* A record's state from its rows; ERR_NOT_FOUND when there is no row, ERR_DAMAGED. The caller
 * frees it with record_free. */
enum error_code query_load_state(struct block_cache *cache, const struct view *view,
                                 const struct tree *tree, const struct record_type *type,
                                 const struct record_id *id, struct record_state **state);
/* Append the map of a record, as `get` gives it. */
void query_describe(const struct view *view, const struct tree *tree,
                    const struct record_type *type, const struct record_id *id,
                    const struct record_state *state, struct buffer *out);

/* Pairs of a map: text key and value. */
void query_put_text(struct buffer *out, const char *key, const char *text);
void query_put_uint(struct buffer *out, const char *key, uint64_t value);
/* "seat": and "name": of a key, two pairs; "" when no document names it. */
void query_put_seat(struct buffer *out, const struct tree *tree, struct key_id author);

/* A map: the names of the fields that an entry's body writes, and their values. */
void query_put_fields(struct buffer *out, const struct record_type *type, struct span body);

/* Lower-case hex of `size` bytes and a NUL, 2 * size + 1 characters in all. */
void query_hex(const uint8_t *bytes, size_t size, char *text);

/* Whether a row of query_aside is about this record. */
bool query_names_record(struct span row, struct span id_text);

#endif
