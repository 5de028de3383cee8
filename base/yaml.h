/* YAML with positions, over libyaml's document API. Typed getters consume keys; what is left
 * unconsumed in a map is reported with its line and column by yaml_finish. Refused: duplicate
 * keys, anchors, aliases, tags, more than one document, > 1 MiB, nesting > 16 (seen while the
 * bytes are scanned, before anything is built). */
#ifndef TERRACE_BASE_YAML_H
#define TERRACE_BASE_YAML_H

#include "base/error.h"

struct yaml;      /* a parsed document; owns everything below it */
struct yaml_node; /* borrowed: lives as long as its struct yaml */

/* `name` is the file's name for messages. NULL on failure, with `error` set (line, column,
 * what = "NAME:LINE:COLUMN"). */
struct yaml *yaml_parse(struct span text, const char *name, struct error *error);
/* NULL is allowed. libyaml exports a function of the same name, and the linker would let it call
 * ours: so ours has another name for the linker. */
void yaml_free(struct yaml *yaml) __asm__("terrace_yaml_free");
struct yaml_node *yaml_root(struct yaml *yaml);

/* Getters. Each consumes its key, and returns false when a *required* key is missing or a value
 * has the wrong form, with the error kept in the document (first one wins): read everything,
 * then ask yaml_finish. An optional key that is absent gives true. When there is no value,
 * text, uint and bool leave *value as it was, map and list set it to NULL. A NULL `map` has no
 * keys: so what yaml_get_map did not find can be read on without a question.
 * Texts: any scalar but an empty one without quotes, ~ and null. Numbers: decimal, without
 * quotes. Booleans: true or false. */
struct yaml_node *yaml_map_get(struct yaml_node *map, const char *key); /* NULL: absent */
bool yaml_get_text(struct yaml_node *map, const char *key, bool required, struct span *value);
bool yaml_get_uint(struct yaml_node *map, const char *key, bool required, uint64_t min,
                   uint64_t max, uint64_t *value); /* unchanged when absent */
bool yaml_get_bool(struct yaml_node *map, const char *key, bool required, bool *value);
bool yaml_get_map(struct yaml_node *map, const char *key, bool required, struct yaml_node **value);
bool yaml_get_list(struct yaml_node *map, const char *key, bool required, struct yaml_node **value);

bool yaml_is_map(const struct yaml_node *node);
bool yaml_is_list(const struct yaml_node *node);
bool yaml_is_text(const struct yaml_node *node);
bool yaml_is_nothing(const struct yaml_node *node); /* empty without quotes, ~ or null */
struct span yaml_text(const struct yaml_node *node);
size_t yaml_size(const struct yaml_node *node); /* of a list or map */
struct yaml_node *yaml_list_at(struct yaml_node *list, size_t index);
/* Pair `index` of a map with free keys: gives key and value, and consumes it. */
struct yaml_node *yaml_map_at(struct yaml_node *map, size_t index, struct span *key);
unsigned yaml_line(const struct yaml_node *node);
unsigned yaml_column(const struct yaml_node *node);

/* Record an error of the caller's own (ERR_INVALID) at this node ("expected ..., found ..."). */
void yaml_complain(struct yaml_node *node, const char *why, ...)
    __attribute__((format(printf, 2, 3)));
/* The same of a word that isn't one of these: "expected WHAT, found ...", and as what to do next
 * the one that is near, or all of them. */
void yaml_complain_word(struct yaml_node *node, const char *what, const char *const *known,
                        size_t count);
/* True if nothing went wrong and every key was consumed; otherwise `error` says the first
 * fault, with file, line and column, and a "did you mean" where a known key is near. */
bool yaml_finish(struct yaml *yaml, struct error *error);

#endif
