/* What the queries share. Nothing outside replication/query includes this. */
#ifndef TERRACE_REPLICATION_QUERY_QUERY_PARTS_H
#define TERRACE_REPLICATION_QUERY_QUERY_PARTS_H

#include "replication/query/query.h"
#include "replication/rows/rows.h"

/* A record's state from its rows; ERR_NOT_FOUND when there is no row, or nothing of it counts;
 * ERR_DAMAGED. The caller frees it with record_free. */
enum error_code query_load_state(struct block_cache *cache, const struct view *view,
                                 const struct tree *tree, const struct record_type *type,
                                 const struct record_id *id, struct record_state **state);
/* The same of a record of which nothing counts, too. */
enum error_code query_load_folded(struct block_cache *cache, const struct view *view,
                                  const struct tree *tree, const struct record_type *type,
                                  const struct record_id *id, struct record_state **state);
/* Append the map of a record, as `get` gives it. */
/* `seat`: whose possible steps stand beside, "steps"; NULL: nobody's. `now_ms`: whether it is
 * overdue then; 0: nothing of that. `cache`: as query_private_load's. */
void query_describe_at(struct block_cache *cache, const struct view *view, const struct tree *tree,
                       const char *seat, uint64_t now_ms, const struct record_type *type,
                       const struct record_id *id, const struct record_state *state,
                       struct buffer *out);
/* "due", "overdue" and "clock_suspect"; gives how many pairs: none where there is no limit. */
uint32_t query_put_due(const struct view *view, const struct record_type *type,
                       const struct record_id *id, uint64_t now_ms, struct buffer *out);
/* [{"step":, "to": state, "needs": [fields], "hands_to_seat": bool} ...] */
void query_steps(const struct view *view, const struct tree *tree, const char *seat,
                 const struct record_type *type, const struct record_id *id,
                 const struct record_state *state, struct buffer *out);
void query_describe(struct block_cache *cache, const struct view *view, const struct tree *tree,
                    const struct record_type *type, const struct record_id *id,
                    const struct record_state *state, struct buffer *out);

/* query_private.c: the companion of a record, as far as it is here. */
struct query_private {
    const struct record_type *type; /* NULL: the record's type has no private fields */
    struct record_state *state;     /* NULL: not held, or damaged; query_private_free */
    bool held, damaged;
    bool hidden; /* the record is deleted, so its private fields aren't told */
};
/* `cache`: the last block of companions that was opened, for those who ask for many; or NULL. The
 * records' own blocks want another, which stands beside it: the two may lie in different streams,
 * or in the same block. */
void query_private_load(struct block_cache *cache, const struct view *view, const struct tree *tree,
                        const struct record_type *type, const struct record_id *id,
                        const struct record_state *record, struct query_private *private);
void query_private_free(struct query_private *private);
/* record_describe's map of what is told of it; nothing where nothing is. */
void query_private_describe(const struct query_private *private, struct buffer *out);
/* The pair "private": {"held": bool, "may_begin": bool, "damaged": bool, "operations": u, "fields":
 * [every private field of the type], "circle": [seat ...]}; may_begin: none are here, and `seat`
 * (NULL: nobody's) is the one that can give the first. */
void query_private_write(const struct view *view, const struct tree *tree, const char *seat,
                         const struct query_private *private, const struct record_id *id,
                         struct buffer *out);
/* Of maps by name, as long as they may be: they are made here, not received. */
struct mp_reader query_names_reader(struct span value);
/* Of a map of names the value of one; empty: there is none. */
struct span query_pair(struct span map, const char *name);
/* What stands behind the head of a list or a map; *count: elements or pairs. Of nothing nothing. */
struct span query_inside(struct span value, uint32_t *count);

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
