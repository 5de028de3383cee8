/* All is checked before anything is written. */
#include "node/author/join.h"

#include <stdio.h>
#include <string.h>

#include "base/yaml.h"
#include "node/author/code_text.h"
#include "node/author/file.h"

static enum error_code refuse(struct error *error, const char *name, const char *why,
                              const char *next)
{
    error_set(error, ERR_NOT_ALLOWED, name, "%s", why);
    error_next(error, "%s", next);
    return ERR_NOT_ALLOWED;
}

static enum error_code check_tree(const struct node_config *config, const char *name,
                                  const struct pack *pack, const struct join_told *told,
                                  struct error *error)
{
    if (!hash_equal(&config->tree_id, &hash_zero) && !hash_equal(&config->tree_id, &pack->tree_id))
        return refuse(error, name, "it is of another tree than the one that node.yaml names",
                      "ask the people of the seat above which tree is right; a machine that was in "
                      "another tree joins from a new directory: terrace init");
    if (told->tree.size > 0 && !fingerprint_equal(&pack->tree_id, told->tree))
        return refuse(error, name, "its tree has another fingerprint than the one given",
                      "don't use this file before the people of the county have said which is "
                      "right");
    return ERR_OK;
}

/* The last one in a pack's list is the newest: they were confirmed one after the other. */
static enum error_code check_root(const char *name, const struct pack *pack,
                                  const struct join_told *told, struct error *error)
{
    if (pack->confirmed.count == 0 || (told->by_token && told->root.size == 0))
        return ERR_OK;
    const struct hash *newest = &pack->confirmed.hashes[pack->confirmed.count - 1];
    if (told->root.size == 0)
        return refuse(error, name, "the root of its tree was made anew by hand",
                      "ask the people of the root for the fingerprint of their root document, by "
                      "telephone, and give it: terrace join FILE --root FINGERPRINT");
    if (!fingerprint_equal(newest, told->root))
        return refuse(error, name, "its root document has another fingerprint than the one given",
                      "don't use this file before the people of the county have said which is "
                      "right");
    return ERR_OK;
}

static enum error_code check_seat(const struct node_config *config, const char *name,
                                  const struct pack *pack, const struct node_keys *keys,
                                  struct error *error)
{
    char why[160];
    if (strcmp(config->seat, pack->seat) != 0) {
        snprintf(why, sizeof why, "it is for seat %s, and this directory is for seat %s",
                 pack->seat, config->seat);
        return refuse(error, name, why,
                      "ask for the answer to this machine's own request: terrace request");
    }
    if (memcmp(keys->signing_key, pack->signing_key, KEY_BYTES) != 0)
        return refuse(error, name, "it answers the request of another machine for this seat",
                      "ask for the answer to this machine's own request: terrace request");
    return ERR_OK;
}

/* The seat is listed with these very keys, in force. */
static enum error_code check_row(const struct tree *tree, const char *name,
                                 const struct node_keys *keys, const char *seat,
                                 struct error *error)
{
    const struct seat *own = tree_seat(tree, span_of_text(seat));
    if (own != NULL && own->row.status == SEAT_ACTIVE &&
        memcmp(own->row.signing_key, keys->signing_key, KEY_BYTES) == 0 &&
        memcmp(own->row.link_key, keys->link_key, KEY_BYTES) == 0)
        return ERR_OK;
    return refuse(error, name, "its documents don't list this seat with this machine's keys",
                  "ask for the answer to this machine's own request: terrace request");
}

static enum error_code write_config(const char *dir, const struct pack *pack, struct error *error)
{
    struct buffer old = {0}, text = {0};
    char path[PATH_MAX], tree[2 * HASH_BYTES + 1];
    hex_write(tree, pack->tree_id.bytes, HASH_BYTES);
    enum error_code code = path_join(path, dir, "node.yaml", error);
    if (code == ERR_OK)
        code = file_read(path, YAML_BYTES_MAX, &old, error);
    if (code == ERR_OK) {
        buffer_append_span(&text, span_of_text("tree: "));
        buffer_append_span(&text, span_of_text(tree));
        buffer_append_byte(&text, '\n');
        buffer_append_span(&text, span_of_buffer(&old));
        code = file_replace(path, span_of_buffer(&text), 0644, error);
    }
    buffer_free(&old);
    buffer_free(&text);
    return code;
}

static enum error_code check(const struct node_config *config, const char *name,
                             const struct pack *pack, const struct join_told *told,
                             struct node_keys *keys, struct error *error)
{
    struct tree *tree = NULL;
    enum error_code code = check_tree(config, name, pack, told, error);
    if (code == ERR_OK)
        code = check_root(name, pack, told, error);
    if (code == ERR_OK)
        code = check_seat(config, name, pack, keys, error);
    if (code == ERR_OK)
        code = pack_tree(pack, name, &tree, error);
    if (code == ERR_OK)
        code = check_row(tree, name, keys, config->seat, error);
    tree_free(tree);
    return code == ERR_OK ? pack_open(pack, name, keys, keys->tree_secret, error) : code;
}

enum error_code join_take(const char *dir, const char *name, const struct pack *pack,
                          const struct join_told *told, struct error *error)
{
    struct node_config config;
    struct node_keys keys;
    enum error_code code = config_load(dir, &config, error);
    if (code == ERR_OK)
        code = keys_load_joining(dir, &keys, error);
    if (code != ERR_OK)
        return code;
    bool joined = !hash_equal(&config.tree_id, &hash_zero);
    code = check(&config, name, pack, told, &keys, error);
    if (code == ERR_OK && !joined)
        code = keys_write_tree_secret(dir, &keys, error);
    if (code == ERR_OK)
        code = pack_write_documents(pack, dir, error);
    if (code == ERR_OK && !joined)
        code = write_config(dir, pack, error);
    node_keys_wipe(&keys);
    return code;
}
