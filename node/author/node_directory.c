/* The order of writing makes init safe to be cut off: node.yaml, which makes it a node, is last. */
#include "node/author/node_directory.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "node/author/file.h"

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
    struct node_request request;
    request_of(config, keys, &request);
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
