/* The order of writing makes init safe to be cut off: node.yaml, which makes it a node, is last. */
#include "node/author/node_directory.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/yaml.h"
#include "node/author/file.h"

void request_write(const struct node_request *request, struct buffer *text)
{
    char tree[2 * HASH_BYTES + 1], signing[2 * KEY_BYTES + 1], link[2 * KEY_BYTES + 1], all[768];
    hex_write(tree, request->tree_id.bytes, HASH_BYTES);
    hex_write(signing, request->signing_key, KEY_BYTES);
    hex_write(link, request->link_key, KEY_BYTES);
    int length = snprintf(all, sizeof all,
                          "# for the admin of the seat above; nothing in here is secret\n"
                          "seat: \"%s\"\ntree: %s\nsigning_key: %s\nlink_key: %s\n",
                          request->seat, tree, signing, link);
    buffer_append(text, all, (size_t)length);
    if (request->has_seal_key) {
        hex_write(signing, request->seal_key, KEY_BYTES);
        length = snprintf(all, sizeof all, "seal_key: %s\n", signing);
        buffer_append(text, all, (size_t)length);
    }
    if (request->endpoint[0] == '\0')
        return;
    length = snprintf(all, sizeof all, "endpoint: \"%s\"\n", request->endpoint);
    buffer_append(text, all, (size_t)length);
}

/* False: it isn't there, or isn't what it should be. */
static bool read_hex(struct yaml_node *root, const char *key, bool required, uint8_t *bytes,
                     size_t size)
{
    struct span text = SPAN_EMPTY;
    if (!yaml_get_text(root, key, required, &text))
        return false;
    if (hex_read(text, bytes, size))
        return true;
    yaml_complain(yaml_map_get(root, key), "expected %zu hex digits", 2 * size);
    return false;
}

static void read_text(struct yaml_node *root, const char *key, bool required, char *to,
                      size_t bytes_max)
{
    struct span text = SPAN_EMPTY;
    if (!yaml_get_text(root, key, required, &text))
        return;
    if (text.size > bytes_max)
        yaml_complain(yaml_map_get(root, key), "expected at most %zu bytes, found %zu", bytes_max,
                      text.size);
    else if (text.size > 0)
        memcpy(to, text.data, text.size);
}

enum error_code request_load(const char *path, struct node_request *request, struct error *error)
{
    *request = (struct node_request){0};
    struct buffer text = {0};
    enum error_code code = file_read(path, YAML_BYTES_MAX, &text, error);
    struct yaml *yaml = code == ERR_OK ? yaml_parse(span_of_buffer(&text), path, error) : NULL;
    if (yaml != NULL) {
        struct yaml_node *root = yaml_root(yaml);
        read_text(root, "seat", true, request->seat, SEAT_BYTES_MAX);
        read_hex(root, "tree", true, request->tree_id.bytes, HASH_BYTES);
        read_hex(root, "signing_key", true, request->signing_key, KEY_BYTES);
        read_hex(root, "link_key", true, request->link_key, KEY_BYTES);
        request->has_seal_key = read_hex(root, "seal_key", false, request->seal_key, KEY_BYTES);
        read_text(root, "endpoint", false, request->endpoint, ENDPOINT_BYTES_MAX);
        code = yaml_finish(yaml, error) ? ERR_OK : error->code;
        yaml_free(yaml);
    } else if (code == ERR_OK) {
        code = error->code;
    }
    buffer_free(&text);
    return code;
}

/* The files of a node, in the order in which they are written. */
static const char *const node_files[] = {"keys/signing.key", "keys/link.key", "keys/tree.secret",
                                         "keys/seal.key",    "request.yaml",  "node.yaml"};
enum { NODE_FILE_COUNT = sizeof node_files / sizeof *node_files };

static enum error_code check_empty(const char *dir, struct error *error)
{
    char path[PATH_MAX];
    for (size_t i = 0; i < NODE_FILE_COUNT; i++) {
        enum error_code code = path_join(path, dir, node_files[i], error);
        if (code != ERR_OK)
            return code;
        if (access(path, F_OK) != 0)
            continue;
        error_set(error, ERR_STALE, path, "it is there already and is not overwritten");
        error_next(error, "choose another directory; keys that were used must never be made anew");
        return ERR_STALE;
    }
    return ERR_OK;
}

static void remove_begun(const char *dir)
{
    char path[PATH_MAX];
    for (size_t i = 0; i < NODE_FILE_COUNT; i++) {
        if (path_join(path, dir, node_files[i], NULL) == ERR_OK)
            unlink(path);
    }
    if (path_join(path, dir, "keys", NULL) == ERR_OK)
        rmdir(path);
}

static enum error_code write_text(const char *dir, const char *name, struct buffer *text,
                                  struct error *error)
{
    char path[PATH_MAX];
    enum error_code code = path_join(path, dir, name, error);
    if (code == ERR_OK)
        code = file_create(path, span_of_buffer(text), 0644, error);
    buffer_free(text);
    return code;
}

static enum error_code write_files(const char *dir, const struct node_config *config,
                                   const struct node_keys *keys, struct error *error)
{
    struct node_request request = {.tree_id = config->tree_id};
    memcpy(request.seat, config->seat, sizeof request.seat);
    memcpy(request.endpoint, config->listen, sizeof request.endpoint);
    memcpy(request.signing_key, keys->signing_key, KEY_BYTES);
    memcpy(request.link_key, keys->link_key, KEY_BYTES);
    memcpy(request.seal_key, keys->seal_key, KEY_BYTES);
    request.has_seal_key = keys->has_seal;
    struct buffer text = {0};
    enum error_code code = keys_write(dir, keys, error);
    if (code == ERR_OK) {
        request_write(&request, &text);
        code = write_text(dir, "request.yaml", &text, error);
    }
    if (code == ERR_OK) {
        config_write(config, &text);
        code = write_text(dir, "node.yaml", &text, error);
    }
    return code;
}

enum error_code node_directory_init(const char *dir, const struct node_config *config,
                                    const struct node_keys *keys, struct error *error)
{
    if (!seat_id_acceptable(span_of_text(config->seat), error))
        return ERR_INVALID;
    enum error_code code = check_empty(dir, error);
    if (code == ERR_OK)
        code = directory_make(dir, 0700, error);
    if (code != ERR_OK)
        return code;
    code = write_files(dir, config, keys, error);
    if (code != ERR_OK && code != ERR_STALE) /* stale: another init was faster; the files are its */
        remove_begun(dir);
    return code;
}
