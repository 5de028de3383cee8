/* The text becomes libyaml's document, a place in it is found, and it is written out again. */
#include "sim/scenario/settings.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/nearest.h"

enum { KEYS_MAX = 64, PATH_STEPS_MAX = 16, KEY_BYTES_SHOWN = 48 };

struct step { /* one key, or place in a list, of a path */
    const char *text;
    size_t size;
};

struct setting {
    const char *whole;
    struct step steps[PATH_STEPS_MAX];
    size_t step_count;
    const char *value;
};

static enum error_code bad(const struct setting *setting, struct error *error, const char *why)
{
    error_set(error, ERR_USAGE, setting->whole, "%s", why);
    error_next(error, "a setting is a path of keys and places and a value, as in "
                      "link.rate='16 kbit/s' or faults.0.lasts=4h");
    return ERR_USAGE;
}

static enum error_code split(const char *text, struct setting *setting, struct error *error)
{
    const char *equals = strchr(text, '=');
    *setting = (struct setting){.whole = text};
    if (equals == NULL || equals == text)
        return bad(setting, error, "there is no '=' behind a key");
    setting->value = equals + 1;
    for (const char *at = text; at <= equals && setting->step_count < PATH_STEPS_MAX;) {
        size_t size = strcspn(at, ".=");
        if (size == 0)
            return bad(setting, error, "a key of the path is empty");
        setting->steps[setting->step_count++] = (struct step){at, size};
        at += size + 1;
    }
    return ERR_OK;
}

/* ---- places in a document ---- */

static bool is_scalar(const yaml_node_t *node, const struct step *step)
{
    return node != NULL && node->type == YAML_SCALAR_NODE &&
           node->data.scalar.length == step->size &&
           memcmp(node->data.scalar.value, step->text, step->size) == 0;
}

/* The value of a key; NULL: it isn't there. */
static int *value_of(yaml_document_t *document, const yaml_node_t *map, const struct step *step)
{
    for (yaml_node_pair_t *pair = map->data.mapping.pairs.start; pair < map->data.mapping.pairs.top;
         pair++) {
        if (is_scalar(yaml_document_get_node(document, pair->key), step))
            return &pair->value;
    }
    return NULL;
}

static void remove_key(yaml_document_t *document, yaml_node_t *map, const struct step *step)
{
    yaml_node_pair_t *kept = map->data.mapping.pairs.start;
    for (yaml_node_pair_t *pair = kept; pair < map->data.mapping.pairs.top; pair++) {
        if (!is_scalar(yaml_document_get_node(document, pair->key), step))
            *kept++ = *pair;
    }
    map->data.mapping.pairs.top = kept;
}

static int *item_of(const yaml_node_t *list, const struct step *step)
{
    char *end;
    unsigned long place = strtoul(step->text, &end, 10);
    size_t count = (size_t)(list->data.sequence.items.top - list->data.sequence.items.start);
    if (end != step->text + step->size || place >= count)
        return NULL;
    return list->data.sequence.items.start + place;
}

static const char *nearest_key(yaml_document_t *document, const yaml_node_t *map,
                               const struct step *step, char shown[static KEY_BYTES_SHOWN])
{
    char kept[KEYS_MAX][KEY_BYTES_SHOWN];
    const char *keys[KEYS_MAX];
    size_t count = 0;
    for (const yaml_node_pair_t *pair = map->data.mapping.pairs.start;
         pair < map->data.mapping.pairs.top && count < KEYS_MAX; pair++) {
        const yaml_node_t *key = yaml_document_get_node(document, pair->key);
        if (key->type != YAML_SCALAR_NODE)
            continue;
        snprintf(kept[count], sizeof kept[count], "%s", (const char *)key->data.scalar.value);
        keys[count] = kept[count];
        count++;
    }
    const char *meant = nearest_word(SPAN(step->text, step->size), keys, count);
    if (meant != NULL)
        snprintf(shown, KEY_BYTES_SHOWN, "%s", meant);
    return meant == NULL ? NULL : shown;
}

static enum error_code no_place(const struct setting *setting, yaml_document_t *document,
                                const yaml_node_t *node, const struct step *step,
                                struct error *error)
{
    char meant[KEY_BYTES_SHOWN];
    if (node->type == YAML_SEQUENCE_NODE) {
        error_set(error, ERR_USAGE, setting->whole,
                  "'%.*s' is no place in a list of %d; the first is 0", (int)step->size, step->text,
                  (int)(node->data.sequence.items.top - node->data.sequence.items.start));
        error_next(error, "name a place that is there, or give the whole list anew");
    } else if (node->type == YAML_MAPPING_NODE &&
               nearest_key(document, node, step, meant) != NULL) {
        error_set(error, ERR_USAGE, setting->whole, "there is no '%.*s'", (int)step->size,
                  step->text);
        error_next(error, "did you mean '%s'?", meant);
    } else {
        error_set(error, ERR_USAGE, setting->whole, "'%.*s' leads into what has no keys",
                  (int)step->size, step->text);
        error_next(error, "look at the scenario: `terrace sim list` and docs/simulate.md");
    }
    return ERR_USAGE;
}

/* ---- another value ---- */

/* A copy of a node of one document in another; 0: no memory. */
static int copy_node(yaml_document_t *from, int index, yaml_document_t *to)
{
    const yaml_node_t *node = yaml_document_get_node(from, index);
    if (node->type == YAML_SCALAR_NODE)
        return yaml_document_add_scalar(to, NULL, node->data.scalar.value,
                                        (int)node->data.scalar.length, node->data.scalar.style);
    if (node->type == YAML_SEQUENCE_NODE) {
        int list = yaml_document_add_sequence(to, NULL, YAML_FLOW_SEQUENCE_STYLE);
        for (const yaml_node_item_t *item = node->data.sequence.items.start;
             item < node->data.sequence.items.top; item++)
            yaml_document_append_sequence_item(to, list, copy_node(from, *item, to));
        return list;
    }
    int map = yaml_document_add_mapping(to, NULL, YAML_FLOW_MAPPING_STYLE);
    for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         pair < node->data.mapping.pairs.top; pair++) {
        int key = copy_node(from, pair->key, to), value = copy_node(from, pair->value, to);
        yaml_document_append_mapping_pair(to, map, key, value);
    }
    return map;
}

static int add_value(yaml_document_t *document, const char *text)
{
    yaml_parser_t parser;
    yaml_document_t value;
    int index = 0;
    if (!yaml_parser_initialize(&parser))
        return 0;
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, strlen(text));
    if (yaml_parser_load(&parser, &value)) {
        if (yaml_document_get_root_node(&value) != NULL)
            index = copy_node(&value, 1, document);
        yaml_document_delete(&value);
    }
    yaml_parser_delete(&parser);
    return index;
}

static int add_key(yaml_document_t *document, int map, const struct step *step, int value)
{
    int key = yaml_document_add_scalar(document, NULL, (const unsigned char *)step->text,
                                       (int)step->size, YAML_PLAIN_SCALAR_STYLE);
    yaml_document_append_mapping_pair(document, map, key, value);
    return value;
}

/* The node that the step leads to: its index; 0: there is none. */
static int follow(yaml_document_t *document, int at, const struct step *step)
{
    const yaml_node_t *node = yaml_document_get_node(document, at);
    const int *found = node->type == YAML_MAPPING_NODE    ? value_of(document, node, step)
                       : node->type == YAML_SEQUENCE_NODE ? item_of(node, step)
                                                          : NULL;
    return found == NULL ? 0 : *found;
}

static enum error_code put_value(yaml_document_t *document, int at, const struct setting *setting,
                                 struct error *error)
{
    const struct step *last = &setting->steps[setting->step_count - 1];
    yaml_node_t *node = yaml_document_get_node(document, at);
    if (setting->value[0] == '\0' && node->type == YAML_MAPPING_NODE) {
        remove_key(document, node, last);
        return ERR_OK;
    }
    int value = add_value(document, setting->value);
    if (value == 0)
        return bad(setting, error, "what stands behind the '=' is no value in YAML");
    node = yaml_document_get_node(document, at); /* nodes move when one is added */
    int *place = node->type == YAML_MAPPING_NODE    ? value_of(document, node, last)
                 : node->type == YAML_SEQUENCE_NODE ? item_of(node, last)
                                                    : NULL;
    if (place != NULL)
        *place = value;
    else if (node->type == YAML_MAPPING_NODE)
        add_key(document, at, last, value);
    else
        return no_place(setting, document, node, last, error);
    return ERR_OK;
}

static enum error_code set_in(yaml_document_t *document, const struct setting *setting,
                              struct error *error)
{
    int at = 1;
    for (size_t i = 0; i + 1 < setting->step_count; i++) {
        const struct step *step = &setting->steps[i];
        const yaml_node_t *node = yaml_document_get_node(document, at);
        char meant[KEY_BYTES_SHOWN];
        int next = follow(document, at, step);
        if (next == 0 &&
            (node->type != YAML_MAPPING_NODE || nearest_key(document, node, step, meant) != NULL))
            return no_place(setting, document, node, step, error);
        if (next == 0)
            next = add_key(document, at, step,
                           yaml_document_add_mapping(document, NULL, YAML_BLOCK_MAPPING_STYLE));
        at = next;
    }
    return put_value(document, at, setting, error);
}

/* ---- out again ---- */

static int write_out(void *context, unsigned char *bytes, size_t size)
{
    buffer_append(context, bytes, size);
    return 1;
}

static void dump(yaml_document_t *document, struct buffer *yaml)
{
    yaml_emitter_t emitter;
    buffer_clear(yaml);
    if (!yaml_emitter_initialize(&emitter))
        abort();
    yaml_emitter_set_output(&emitter, write_out, yaml);
    yaml_emitter_set_unicode(&emitter, 1);
    yaml_emitter_set_width(&emitter, -1);
    yaml_emitter_dump(&emitter, document); /* and deletes it */
    yaml_emitter_delete(&emitter);
}

enum error_code scenario_set(struct buffer *yaml, const char *name, const char *text,
                             struct error *error)
{
    struct setting setting;
    yaml_parser_t parser;
    yaml_document_t document;
    enum error_code code = split(text, &setting, error);
    if (code != ERR_OK)
        return code;
    if (!yaml_parser_initialize(&parser))
        abort();
    yaml_parser_set_input_string(&parser, yaml->data, yaml->size);
    bool loaded = yaml_parser_load(&parser, &document) == 1;
    if (!loaded || yaml_document_get_root_node(&document) == NULL) {
        if (loaded)
            yaml_document_delete(&document);
        yaml_parser_delete(&parser);
        return error_set(error, ERR_USAGE, name, "it is no YAML, so nothing can be set in it");
    }
    code = set_in(&document, &setting, error);
    if (code == ERR_OK)
        dump(&document, yaml);
    else
        yaml_document_delete(&document);
    yaml_parser_delete(&parser);
    return code;
}
