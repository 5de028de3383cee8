/* One table of numbers serves reading and writing, so that they can't differ. */
#include "node/author/config.h"

#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/yaml.h"
#include "node/author/file.h"
#include "node/author/keys.h"

struct number_key {
    const char *map, *name;
    uint32_t least, most;
    size_t offset;
};

/* Least and most: what the replica and the links can still work with; a day is as good as never.
 * The keys of one map stand together. */
static const struct number_key number_keys[] = {
#define KEY(map, name, least, most)                                                                \
    {                                                                                              \
#map, #name, least, most, offsetof(struct node_config, map.name)                           \
    }
    KEY(tuning, token_every_ms, 100, 86400000),
    KEY(tuning, statement_after_data_ms, 10, 86400000),
    KEY(tuning, statement_idle_ms, 100, 86400000),
    KEY(tuning, report_every_ms, 10, 86400000),
    KEY(tuning, stream_entries_max, 16, STREAM_ENTRIES_MAX),
    KEY(tuning, credit_bytes, 2 * MESSAGE_BYTES_MAX, 16 << 20),
    KEY(tuning, credit_entries, BLOCK_ENTRIES_MAX, 1 << 20),
    KEY(tuning, block_entries, 1, BLOCK_ENTRIES_USUAL),
    KEY(tuning, child_share_percent, 1, 100),
    KEY(links, handshake_ms, 100, 3600000),
    KEY(links, ping_ms, 100, 86400000),
    KEY(links, dead_ms, 300, 86400000),
    KEY(links, rate_kbit, 1, 100000000),
    KEY(sql, seconds, 1, 3600),
    KEY(sql, rows, 1, 1000000000),
    KEY(sql, memory_mib, 8, 4096),
    KEY(sql, growth_mib, 1, 1 << 20),
#undef KEY
};
enum { NUMBER_KEY_COUNT = sizeof number_keys / sizeof *number_keys };

static const char *const log_names[] = {"error", "info", "trace"};

void config_usual(struct node_config *config)
{
    *config = (struct node_config){.map_mib = MAP_MIB_USUAL,
                                   .log = LOG_INFO,
                                   .freshness_ms = (uint64_t)FRESHNESS_S_USUAL * 1000};
}

bool seat_id_acceptable(struct span text, struct error *error)
{
    bool right = text.size >= 1 && text.size <= SEAT_BYTES_MAX && utf8_printable(text) &&
                 text.data[0] != '-' && text.data[0] != '.';
    for (size_t i = 0; right && i < text.size; i++)
        right = strchr(" /\\\"'", text.data[i]) == NULL;
    if (!right)
        error_set(error, ERR_INVALID, "seat",
                  "a seat id has 1 to %d bytes, no spaces, quotes or slashes, and doesn't begin "
                  "with - or .",
                  SEAT_BYTES_MAX);
    return right;
}

static void read_seat(struct yaml_node *root, struct node_config *config)
{
    struct span text = SPAN_EMPTY;
    struct error error;
    if (!yaml_get_text(root, "seat", true, &text))
        return;
    if (seat_id_acceptable(text, &error))
        memcpy(config->seat, text.data, text.size);
    else
        yaml_complain(yaml_map_get(root, "seat"), "%s", error.why);
}

static void read_tree(struct yaml_node *root, struct node_config *config)
{
    struct span text = SPAN_EMPTY;
    if (!yaml_get_text(root, "tree", false, &text) || text.size == 0)
        return;
    if (!hex_read(text, config->tree_id.bytes, HASH_BYTES))
        yaml_complain(yaml_map_get(root, "tree"), "expected 64 hex digits, found %zu characters",
                      text.size);
}

static void read_listen(struct yaml_node *root, struct node_config *config)
{
    struct span text = SPAN_EMPTY;
    if (!yaml_get_text(root, "listen", false, &text) || text.size == 0)
        return;
    if (text.size > ENDPOINT_BYTES_MAX)
        yaml_complain(yaml_map_get(root, "listen"), "expected at most %d bytes, found %zu",
                      ENDPOINT_BYTES_MAX, text.size);
    else if (memmem(text.data, text.size, "://", 3) == NULL || !utf8_printable(text) ||
             memchr(text.data, '"', text.size) != NULL ||
             memchr(text.data, '\\', text.size) != NULL)
        yaml_complain(yaml_map_get(root, "listen"), "expected an address as tcp://0.0.0.0:41000");
    else
        memcpy(config->listen, text.data, text.size);
}

static void read_log(struct yaml_node *root, struct node_config *config)
{
    struct span text = SPAN_EMPTY;
    if (!yaml_get_text(root, "log", false, &text) || text.size == 0)
        return;
    for (enum log_level level = LOG_ERROR; level <= LOG_TRACE; level++) {
        if (span_equal(text, span_of_text(log_names[level]))) {
            config->log = level;
            return;
        }
    }
    yaml_complain(yaml_map_get(root, "log"), "expected error, info or trace, found %.*s",
                  (int)text.size, (const char *)text.data);
}

static void read_numbers(struct yaml_node *root, struct node_config *config)
{
    struct yaml_node *store = NULL;
    uint64_t map_mib = MAP_MIB_USUAL, freshness_s = FRESHNESS_S_USUAL;
    yaml_get_map(root, "store", false, &store);
    yaml_get_uint(store, "map_mib", false, MAP_MIB_MIN, MAP_MIB_MAX, &map_mib);
    config->map_mib = (uint32_t)map_mib;
    yaml_get_uint(root, "freshness_s", false, 1, 31536000, &freshness_s);
    config->freshness_ms = freshness_s * 1000;
    for (size_t i = 0; i < NUMBER_KEY_COUNT; i++) {
        const struct number_key *key = &number_keys[i];
        struct yaml_node *map = NULL;
        uint64_t value = 0;
        yaml_get_map(root, key->map, false, &map);
        yaml_get_uint(map, key->name, false, key->least, key->most, &value);
        uint32_t narrow = (uint32_t)value;
        memcpy((uint8_t *)config + key->offset, &narrow, sizeof narrow);
    }
}

enum error_code config_parse(struct span text, const char *name, struct node_config *config,
                             struct error *error)
{
    config_usual(config);
    struct yaml *yaml = yaml_parse(text, name, error);
    if (yaml == NULL)
        return error->code;
    struct yaml_node *root = yaml_root(yaml);
    if (root == NULL || !yaml_is_map(root)) {
        error_set(error, ERR_INVALID, name, "expected keys and values, as seat: and tree:");
        yaml_free(yaml);
        return ERR_INVALID;
    }
    read_seat(root, config);
    read_tree(root, config);
    read_listen(root, config);
    read_log(root, config);
    read_numbers(root, config);
    enum error_code code = yaml_finish(yaml, error) ? ERR_OK : error->code;
    yaml_free(yaml);
    return code;
}

enum error_code config_load(const char *dir, struct node_config *config, struct error *error)
{
    char path[PATH_MAX];
    struct buffer text = {0};
    enum error_code code = path_join(path, dir, "node.yaml", error);
    if (code == ERR_OK)
        code = file_read(path, YAML_BYTES_MAX, &text, error);
    if (code == ERR_NOT_FOUND)
        error_next(error, "make a node directory first: terrace init");
    if (code == ERR_OK)
        code = config_parse(span_of_buffer(&text), path, config, error);
    buffer_free(&text);
    return code;
}

static void append_line(struct buffer *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void append_line(struct buffer *text, const char *format, ...)
{
    char line[512]; /* the longest is a listen address */
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    buffer_append(text, line, length < 0 ? 0 : (size_t)length);
}

void config_write(const struct node_config *config, struct buffer *text)
{
    char tree[2 * HASH_BYTES + 1];
    hex_write(tree, config->tree_id.bytes, HASH_BYTES);
    append_line(text, "seat: \"%s\"\n", config->seat);
    if (!hash_equal(&config->tree_id, &hash_zero))
        append_line(text, "tree: %s\n", tree);
    if (config->listen[0] != '\0')
        append_line(text, "listen: \"%s\"\n", config->listen);
    append_line(text, "store:\n  map_mib: %" PRIu32 "\nlog: %s\nfreshness_s: %" PRIu64 "\n",
                config->map_mib, log_names[config->log], config->freshness_ms / 1000);
    const char *map = "";
    for (size_t i = 0; i < NUMBER_KEY_COUNT; i++) {
        const struct number_key *key = &number_keys[i];
        uint32_t value;
        memcpy(&value, (const uint8_t *)config + key->offset, sizeof value);
        if (value == 0)
            continue;
        if (strcmp(map, key->map) != 0)
            append_line(text, "%s:\n", key->map);
        append_line(text, "  %s: %" PRIu32 "\n", key->name, value);
        map = key->map;
    }
}
