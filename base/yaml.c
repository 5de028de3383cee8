/* YAML documents read by typed getters that consume keys.
 *
 * Beside each of libyaml's nodes stands one of ours: whose keys were taken, and which keys
 * were asked for. What nobody took is a mistake of the writer's, and the keys that were
 * asked for are what he may have meant. */
#include "base/yaml.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/nearest.h"
#include "base/yaml_check.h"

struct yaml_node {
    struct yaml *owner;
    const yaml_node_t *inner;
    bool *consumed; /* of each pair, for maps */
    char **asked;   /* keys that getters asked for, for maps; owned */
    size_t asked_count;
};

struct yaml {
    char *name;
    yaml_document_t document;
    struct yaml_node *nodes; /* in the order of the text: libyaml numbers them so, from 1 */
    size_t node_count;
    struct error first;
    struct yaml_node *missing_in; /* set when `first` is about a missing key */
    const char *missing_key;
};

static struct yaml_node *node_at(struct yaml *yaml, int number)
{
    assert(number >= 1 && (size_t)number <= yaml->node_count);
    return &yaml->nodes[number - 1];
}

static const yaml_node_pair_t *pairs_of(const struct yaml_node *map)
{
    return map->inner->data.mapping.pairs.start;
}

static struct yaml_node *key_at(const struct yaml_node *map, size_t index)
{
    return node_at(map->owner, pairs_of(map)[index].key);
}

static struct yaml_node *value_at(const struct yaml_node *map, size_t index)
{
    return node_at(map->owner, pairs_of(map)[index].value);
}

bool yaml_is_map(const struct yaml_node *node)
{
    return node != NULL && node->inner->type == YAML_MAPPING_NODE;
}

bool yaml_is_list(const struct yaml_node *node)
{
    return node != NULL && node->inner->type == YAML_SEQUENCE_NODE;
}

static bool is_scalar(const struct yaml_node *node)
{
    return node != NULL && node->inner->type == YAML_SCALAR_NODE;
}

struct span yaml_text(const struct yaml_node *node)
{
    if (!is_scalar(node))
        return SPAN_EMPTY;
    return SPAN(node->inner->data.scalar.value, node->inner->data.scalar.length);
}

static bool is_plain(const struct yaml_node *node)
{
    return is_scalar(node) && node->inner->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}

static bool is_plain_word(const struct yaml_node *node, const char *word)
{
    return is_plain(node) && span_equal(yaml_text(node), span_of_text(word));
}

bool yaml_is_nothing(const struct yaml_node *node)
{
    return is_plain_word(node, "") || is_plain_word(node, "~") || is_plain_word(node, "null");
}

bool yaml_is_text(const struct yaml_node *node)
{
    return is_scalar(node) && !yaml_is_nothing(node);
}

size_t yaml_size(const struct yaml_node *node)
{
    if (yaml_is_map(node))
        return (size_t)(node->inner->data.mapping.pairs.top - pairs_of(node));
    if (yaml_is_list(node))
        return (size_t)(node->inner->data.sequence.items.top -
                        node->inner->data.sequence.items.start);
    return 0;
}

unsigned yaml_line(const struct yaml_node *node)
{
    return (unsigned)node->inner->start_mark.line + 1;
}

unsigned yaml_column(const struct yaml_node *node)
{
    return (unsigned)node->inner->start_mark.column + 1;
}

static void refuse_at(struct yaml_node *node, enum error_code code, const char *why)
{
    struct yaml *yaml = node->owner;
    if (yaml->first.code != ERR_OK)
        return;
    yaml_refuse(&yaml->first, code, yaml->name, yaml_line(node), yaml_column(node), "%s", why);
    error_next(&yaml->first, "correct what stands there");
}

void yaml_complain(struct yaml_node *node, const char *why, ...)
{
    char text[sizeof node->owner->first.why];
    va_list values;
    va_start(values, why);
    vsnprintf(text, sizeof text, why, values);
    va_end(values);
    refuse_at(node, ERR_INVALID, text);
}

/* In words, what stands at the node. */
static void describe(const struct yaml_node *node, char *to, size_t size)
{
    struct span text = yaml_text(node);
    if (yaml_is_map(node))
        snprintf(to, size, "a map");
    else if (yaml_is_list(node))
        snprintf(to, size, "a list");
    else if (yaml_is_nothing(node))
        snprintf(to, size, "nothing");
    else
        snprintf(to, size, "\"%.*s\"", text.size > 60 ? 60 : (int)text.size,
                 (const char *)text.data);
}

/* "a, b, c", as many as fit. */
static void list_words(const char *const *words, size_t count, char *to, size_t size)
{
    size_t used = 0;
    to[0] = 0;
    for (size_t i = 0; i < count; i++) {
        bool fits = used + strlen(words[i]) + 8 < size;
        used += (size_t)snprintf(to + used, size - used, "%s%s", i > 0 ? ", " : "",
                                 fits ? words[i] : "...");
        if (!fits)
            return;
    }
}

void yaml_complain_word(struct yaml_node *node, const char *what, const char *const *known,
                        size_t count)
{
    struct error *error = &node->owner->first;
    char found[80], list[sizeof error->next - 40];
    bool first = error->code == ERR_OK;
    describe(node, found, sizeof found);
    yaml_complain(node, "expected %s, found %s", what, found);
    if (!first)
        return;
    const char *meant = nearest_word(yaml_text(node), known, count);
    list_words(known, count, list, sizeof list);
    if (meant != NULL)
        error_next(error, "did you mean \"%s\"?", meant);
    else if (count == 0)
        error_next(error, "there is none");
    else
        error_next(error, "there are: %s", list);
}

static bool complain_expected(struct yaml_node *node, const char *key, const char *expected)
{
    char found[80];
    describe(node, found, sizeof found);
    yaml_complain(node, "\"%s\": expected %s, found %s", key, expected, found);
    return false;
}

/* -- parsing ------------------------------------------------------------------------ */

static int compare_keys(const void *a, const void *b)
{
    const struct yaml_node *left = *(struct yaml_node *const *)a;
    const struct yaml_node *right = *(struct yaml_node *const *)b;
    int order = span_compare(yaml_text(left), yaml_text(right));
    return order != 0 ? order : (left > right) - (left < right);
}

static void complain_twice(struct yaml_node *first, struct yaml_node *again)
{
    struct span text = yaml_text(again);
    struct error *error = &again->owner->first;
    yaml_refuse(error, ERR_MALFORMED, again->owner->name, yaml_line(again), yaml_column(again),
                "the key \"%.*s\" stands here a second time; the first is in line %u",
                text.size > 60 ? 60 : (int)text.size, (const char *)text.data, yaml_line(first));
    error_next(error, "remove one of the two");
}

/* Sorted, so that a hostile map costs no more than sorting it. */
static bool check_unique(struct yaml_node **keys, size_t count)
{
    if (count < 2)
        return true;
    qsort(keys, count, sizeof *keys, compare_keys);
    struct yaml_node *first = NULL, *again = NULL;
    for (size_t i = 1; i < count; i++) {
        if (!span_equal(yaml_text(keys[i - 1]), yaml_text(keys[i])))
            continue;
        if (again == NULL || keys[i] < again) {
            first = keys[i - 1];
            again = keys[i];
        }
    }
    if (again != NULL)
        complain_twice(first, again);
    return again == NULL;
}

static bool check_keys(struct yaml_node *map)
{
    size_t count = yaml_size(map);
    struct yaml_node **keys = mem_alloc(count * sizeof *keys);
    bool good = true;
    for (size_t i = 0; i < count && good; i++) {
        keys[i] = key_at(map, i);
        good = is_scalar(keys[i]);
        if (!good)
            refuse_at(keys[i], ERR_MALFORMED, "a key must be a text, not a list or a map");
    }
    good = good && check_unique(keys, count);
    free(keys);
    return good;
}

static bool build_nodes(struct yaml *yaml)
{
    yaml->node_count = (size_t)(yaml->document.nodes.top - yaml->document.nodes.start);
    yaml->nodes = mem_alloc(yaml->node_count * sizeof *yaml->nodes);
    for (size_t i = 0; i < yaml->node_count; i++)
        yaml->nodes[i] = (struct yaml_node){.owner = yaml, .inner = &yaml->document.nodes.start[i]};
    for (size_t i = 0; i < yaml->node_count; i++) {
        struct yaml_node *node = &yaml->nodes[i];
        if (!yaml_is_map(node))
            continue;
        node->consumed = mem_alloc(yaml_size(node) * sizeof *node->consumed);
        if (!check_keys(node))
            return false;
    }
    return true;
}

static bool load(struct yaml *yaml, struct span text, struct error *error)
{
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser))
        return error_set(error, ERR_INTERNAL, yaml->name, "no memory for reading it") == ERR_OK;
    yaml_parser_set_input_string(&parser, text.data, text.size);
    bool loaded = yaml_parser_load(&parser, &yaml->document) == 1;
    if (!loaded)
        yaml_refuse_syntax(error, &parser, text, yaml->name);
    yaml_parser_delete(&parser);
    return loaded;
}

struct yaml *yaml_parse(struct span text, const char *name, struct error *error)
{
    struct error unseen;
    error = error == NULL ? &unseen : error;
    if (!yaml_check(text, name, error))
        return NULL;
    struct yaml *yaml = mem_alloc(sizeof *yaml);
    yaml->name = mem_text(name);
    if (!load(yaml, text, error))
        goto fail;
    if (build_nodes(yaml))
        return yaml;
    *error = yaml->first;
fail:
    yaml_free(yaml);
    return NULL;
}

void yaml_free(struct yaml *yaml)
{
    if (yaml == NULL)
        return;
    for (size_t i = 0; i < yaml->node_count; i++) {
        for (size_t j = 0; j < yaml->nodes[i].asked_count; j++)
            free(yaml->nodes[i].asked[j]);
        free(yaml->nodes[i].asked);
        free(yaml->nodes[i].consumed);
    }
    free(yaml->nodes);
    yaml_document_delete(&yaml->document);
    free(yaml->name);
    free(yaml);
}

struct yaml_node *yaml_root(struct yaml *yaml)
{
    return node_at(yaml, 1);
}

/* -- getters ------------------------------------------------------------------------ */

static void remember_asked(struct yaml_node *map, const char *key)
{
    for (size_t i = 0; i < map->asked_count; i++)
        if (strcmp(map->asked[i], key) == 0)
            return;
    map->asked = mem_resize(map->asked, (map->asked_count + 1) * sizeof *map->asked);
    map->asked[map->asked_count++] = mem_text(key);
}

struct yaml_node *yaml_map_get(struct yaml_node *map, const char *key)
{
    if (map == NULL)
        return NULL;
    if (!yaml_is_map(map)) {
        complain_expected(map, key, "a map with this key");
        return NULL;
    }
    remember_asked(map, key);
    for (size_t i = 0; i < yaml_size(map); i++) {
        if (!span_equal(yaml_text(key_at(map, i)), span_of_text(key)))
            continue;
        map->consumed[i] = true;
        return value_at(map, i);
    }
    return NULL;
}

/* Whether another key was meant to be this one is known only when all others are consumed. */
static void complain_missing(struct yaml_node *map, const char *key)
{
    struct yaml *yaml = map->owner;
    if (yaml->first.code != ERR_OK)
        return;
    yaml_complain(map, "the key \"%s\" is missing", key);
    error_next(&yaml->first, "add the key \"%s\" to the map that begins here", key);
    yaml->missing_in = map;
    for (size_t i = 0; i < map->asked_count; i++)
        if (strcmp(map->asked[i], key) == 0)
            yaml->missing_key = map->asked[i];
}

/* The value of the key, or NULL; then *answer is what the getter answers. */
static struct yaml_node *get(struct yaml_node *map, const char *key, bool required, bool *answer)
{
    struct yaml_node *value = yaml_map_get(map, key);
    *answer = value != NULL || !required;
    if (map != NULL && !yaml_is_map(map))
        *answer = false;
    else if (value == NULL && required && map != NULL)
        complain_missing(map, key);
    return value;
}

bool yaml_get_text(struct yaml_node *map, const char *key, bool required, struct span *value)
{
    bool answer;
    struct yaml_node *node = get(map, key, required, &answer);
    if (node == NULL)
        return answer;
    if (!yaml_is_text(node))
        return complain_expected(node, key, "a text");
    *value = yaml_text(node);
    return true;
}

static bool number_of(const struct yaml_node *node, uint64_t *number)
{
    struct span text = yaml_text(node);
    if (!is_plain(node) || text.size == 0 || (text.size > 1 && text.data[0] == '0'))
        return false;
    *number = 0;
    for (size_t i = 0; i < text.size; i++) {
        unsigned digit = text.data[i] - (unsigned)'0';
        if (digit > 9 || *number > (UINT64_MAX - digit) / 10)
            return false;
        *number = *number * 10 + digit;
    }
    return true;
}

bool yaml_get_uint(struct yaml_node *map, const char *key, bool required, uint64_t min,
                   uint64_t max, uint64_t *value)
{
    bool answer;
    struct yaml_node *node = get(map, key, required, &answer);
    if (node == NULL)
        return answer;
    uint64_t number;
    if (number_of(node, &number) && number >= min && number <= max) {
        *value = number;
        return true;
    }
    char expected[80];
    snprintf(expected, sizeof expected, "a whole number from %llu to %llu", (unsigned long long)min,
             (unsigned long long)max);
    return complain_expected(node, key, expected);
}

bool yaml_get_bool(struct yaml_node *map, const char *key, bool required, bool *value)
{
    bool answer;
    struct yaml_node *node = get(map, key, required, &answer);
    if (node == NULL)
        return answer;
    bool is_true = is_plain_word(node, "true");
    if (!is_true && !is_plain_word(node, "false"))
        return complain_expected(node, key, "true or false");
    *value = is_true;
    return true;
}

bool yaml_get_map(struct yaml_node *map, const char *key, bool required, struct yaml_node **value)
{
    bool answer;
    *value = NULL;
    struct yaml_node *node = get(map, key, required, &answer);
    if (node == NULL)
        return answer;
    if (!yaml_is_map(node))
        return complain_expected(node, key, "a map");
    *value = node;
    return true;
}

bool yaml_get_list(struct yaml_node *map, const char *key, bool required, struct yaml_node **value)
{
    bool answer;
    *value = NULL;
    struct yaml_node *node = get(map, key, required, &answer);
    if (node == NULL)
        return answer;
    if (!yaml_is_list(node))
        return complain_expected(node, key, "a list");
    *value = node;
    return true;
}

struct yaml_node *yaml_list_at(struct yaml_node *list, size_t index)
{
    assert(yaml_is_list(list) && index < yaml_size(list));
    return node_at(list->owner, list->inner->data.sequence.items.start[index]);
}

struct yaml_node *yaml_map_at(struct yaml_node *map, size_t index, struct span *key)
{
    assert(yaml_is_map(map) && index < yaml_size(map));
    map->consumed[index] = true;
    *key = yaml_text(key_at(map, index));
    return value_at(map, index);
}

/* -- the end ------------------------------------------------------------------------ */

/* The first key in the text that nobody consumed, and its map; NULL if there is none. */
static struct yaml_node *first_unknown(struct yaml *yaml, struct yaml_node **map)
{
    struct yaml_node *first = NULL;
    for (size_t i = 0; i < yaml->node_count; i++) {
        struct yaml_node *node = &yaml->nodes[i];
        for (size_t j = 0; yaml_is_map(node) && j < yaml_size(node); j++) {
            struct yaml_node *key = key_at(node, j);
            if (node->consumed[j] || (first != NULL && key > first))
                continue;
            first = key;
            *map = node;
        }
    }
    return first;
}

static void list_known(struct error *error, const struct yaml_node *map)
{
    char text[sizeof error->next] = "";
    size_t size = 0;
    for (size_t i = 0; i < map->asked_count && size < sizeof text; i++)
        size += (size_t)snprintf(text + size, sizeof text - size, "%s%s", i == 0 ? "" : ", ",
                                 map->asked[i]);
    if (map->asked_count == 0)
        error_next(error, "remove it: no keys are known here");
    else
        error_next(error, "the keys known here are: %s", text);
}

static void complain_unknown(struct yaml_node *map, struct yaml_node *key)
{
    struct span text = yaml_text(key);
    struct error *error = &map->owner->first;
    yaml_complain(key, "the key \"%.*s\" is not known here", text.size > 60 ? 60 : (int)text.size,
                  (const char *)text.data);
    const char *meant = nearest_word(text, (const char *const *)map->asked, map->asked_count);
    if (meant != NULL)
        error_next(error, "did you mean \"%s\"?", meant);
    else
        list_known(error, map);
}

/* An unconsumed key of the map that may have been meant as `key`, or NULL. */
static struct yaml_node *misspelt(const struct yaml_node *map, const char *key)
{
    for (size_t i = 0; i < yaml_size(map); i++)
        if (!map->consumed[i] && nearest_word(yaml_text(key_at(map, i)), &key, 1) != NULL)
            return key_at(map, i);
    return NULL;
}

static void explain_missing(struct yaml *yaml)
{
    struct yaml_node *instead = misspelt(yaml->missing_in, yaml->missing_key);
    if (instead == NULL)
        return;
    struct span text = yaml_text(instead);
    yaml_refuse(&yaml->first, ERR_INVALID, yaml->name, yaml_line(instead), yaml_column(instead),
                "the key \"%.*s\" is not known here, and \"%s\" is missing",
                text.size > 60 ? 60 : (int)text.size, (const char *)text.data, yaml->missing_key);
    error_next(&yaml->first, "did you mean \"%s\"?", yaml->missing_key);
    yaml->missing_in = NULL;
}

bool yaml_finish(struct yaml *yaml, struct error *error)
{
    struct yaml_node *map = NULL;
    struct yaml_node *unknown = yaml->first.code == ERR_OK ? first_unknown(yaml, &map) : NULL;
    if (unknown != NULL)
        complain_unknown(map, unknown);
    if (yaml->missing_in != NULL)
        explain_missing(yaml);
    if (yaml->first.code == ERR_OK)
        return true;
    if (error != NULL)
        *error = yaml->first;
    return false;
}
