/* New machines in the tree of a drill: at a new seat, and at one whose machine is lost. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/drill/act.h"
#include "cli/drill/hand_out.h"
#include "cli/drill/make.h"
#include "cli/drill/ports.h"
#include "cli/drill/process.h"
#include "cli/drill/reshape_parts.h"
#include "cli/print.h"
#include "node/author/file.h"
#include "node/author/node_directory.h"

/* What stands in drill.json is not changed until the row is signed. */
struct entering {
    struct drill *drill;
    struct drill_seat seat;
    struct node_keys keys;
    struct node_config config;
    uint8_t admin_key[KEY_BYTES];
    bool has_admin;
    char path[PATH_MAX];
};

static void entering_wipe(struct entering *entering)
{
    node_keys_wipe(&entering->keys);
}

/* Keys of this tree, and a configuration like the parent's. */
static enum error_code prepare(struct entering *entering, size_t parent, struct error *error)
{
    struct drill *drill = entering->drill;
    struct node_keys theirs;
    char above[PATH_MAX];
    enum error_code code = drill_node_path(drill, parent, above, error);
    if (code == ERR_OK)
        code = path_join(entering->path, drill->directory, entering->seat.code, error);
    if (code == ERR_OK)
        code = config_load(above, &entering->config, error);
    if (code == ERR_OK)
        code = keys_load(above, &theirs, error);
    if (code != ERR_OK)
        return code;
    node_keys_make(&entering->keys, theirs.tree_secret);
    node_keys_wipe(&theirs);
    memcpy(entering->seat.key, entering->keys.signing_key, KEY_BYTES);
    memset(entering->config.seat, 0, sizeof entering->config.seat);
    memset(entering->config.listen, 0, sizeof entering->config.listen);
    memcpy(entering->config.seat, entering->seat.code, strlen(entering->seat.code));
    if (entering->seat.port != 0)
        snprintf(entering->config.listen, sizeof entering->config.listen, "tcp://127.0.0.1:%u",
                 (unsigned)entering->seat.port);
    return ERR_OK;
}

static enum error_code write_directory(struct entering *entering, struct error *error)
{
    char path[PATH_MAX];
    uint8_t seed[32], secret[SECRET_BYTES];
    enum error_code code =
        node_directory_init(entering->path, &entering->config, &entering->keys, error);
    if (code != ERR_OK || !entering->has_admin)
        return code;
    random_bytes(seed, sizeof seed);
    sign_key_pair(seed, entering->admin_key, secret);
    code = path_join(path, entering->path, "keys/admin.key", error);
    if (code == ERR_OK)
        code = secret_file_write(path, "terrace-admin-key", seed, sizeof seed, error);
    secret_wipe(seed, sizeof seed);
    secret_wipe(secret, sizeof secret);
    return code;
}

static void row_of(const struct entering *entering, struct buffer *endpoints, struct seat_row *row)
{
    *row = (struct seat_row){.tier = entering->seat.tier};
    memcpy(row->seat, entering->seat.code, sizeof row->seat);
    memcpy(row->name, entering->seat.name, sizeof row->name);
    memcpy(row->signing_key, entering->keys.signing_key, KEY_BYTES);
    memcpy(row->link_key, entering->keys.link_key, KEY_BYTES);
    memcpy(row->seal_key, entering->keys.seal_key, KEY_BYTES);
    row->has_seal_key = entering->keys.has_seal;
    if (entering->has_admin)
        row->admins = admin_keys_of(1, entering->admin_key, 1);
    if (entering->config.listen[0] == '\0')
        return;
    struct span url = span_of_text(entering->config.listen);
    text_list_encode(&url, 1, endpoints);
    row->endpoints = text_list_of(span_of_buffer(endpoints));
}

static enum error_code sign_row(const struct entering *entering, size_t parent, struct error *error)
{
    struct tree *tree = NULL;
    struct buffer endpoints = {0};
    struct amendment *amendment =
        reshape_begin(entering->drill, parent, DRILL_NO_SEAT, &tree, error);
    enum error_code code = ERR_OK;
    if (amendment != NULL) {
        struct seat_row row;
        row_of(entering, &endpoints, &row);
        code = amend_admit(amendment, &row, error);
    }
    code = reshape_finish(entering->drill, parent, code, amendment, tree, error);
    buffer_free(&endpoints);
    return code;
}

/* The new node gets its documents before it is started; then the seat above lets it in. */
static enum error_code begin_work(struct drill *drill, size_t seat, struct error *error)
{
    const size_t parent = drill->seats[seat].parent;
    bool *chosen = mem_alloc(drill->seat_count * sizeof *chosen);
    struct tree *tree = sign_known_at(drill, parent, DRILL_NO_SEAT, error);
    enum error_code code =
        tree == NULL ? error->code : sign_tell(drill, tree, seat, DRILL_NO_SEAT, error);
    tree_free(tree);
    if (code == ERR_OK)
        code = reshape_tell_signer(drill, parent, DRILL_NO_SEAT, error);
    code = reshape_done(drill, code, error);
    chosen[seat] = true;
    if (code == ERR_OK)
        code = act_start(drill, chosen, true, true, error);
    free(chosen);
    return code;
}

static enum error_code choose_tier(const struct drill *drill, const struct reshape_admit *what,
                                   uint8_t *tier, struct error *error)
{
    size_t chosen = (size_t)drill->seats[what->parent].tier + 1;
    if (what->tier != NULL) {
        for (chosen = 0; chosen < drill->tier_count; chosen++) {
            if (strcmp(drill->tiers[chosen], what->tier) == 0)
                break;
        }
    }
    if (chosen >= drill->tier_count) {
        error_set(error, ERR_NOT_FOUND, what->tier == NULL ? what->code : what->tier,
                  what->tier == NULL ? "there is no tier below the parent's"
                                     : "this tree has no such tier");
        error_next(error, "its tiers stand in the tree's table, from %s to %s", drill->tiers[0],
                   drill->tiers[drill->tier_count - 1]);
        return ERR_NOT_FOUND;
    }
    *tier = (uint8_t)chosen;
    return reshape_check_parent(drill, what->parent, *tier, error);
}

static enum error_code check_new(const struct reshape_admit *what, struct error *error)
{
    if (make_is_reserved(what->code))
        return error_set(error, ERR_INVALID, what->code, "a file of the drill is named so");
    if (what->name != NULL && strlen(what->name) > SEAT_NAME_BYTES_MAX)
        return error_set(error, ERR_OVERSIZE, what->code, "its name has more than %d bytes",
                         SEAT_NAME_BYTES_MAX);
    return seat_id_acceptable(span_of_text(what->code), error) ? ERR_OK : ERR_INVALID;
}

static size_t add_seat(struct drill *drill, const struct drill_seat *seat)
{
    drill->seats = mem_resize(drill->seats, (drill->seat_count + 1) * sizeof *drill->seats);
    drill->seats[drill->seat_count] = *seat;
    drill->seats[seat->parent].child_count++;
    reshape_note(drill, CHANGE_ADMIT, drill->seat_count);
    return drill->seat_count++;
}

static bool is_listed(const struct drill *drill, size_t parent, const char *code, bool *listed,
                      struct error *error)
{
    struct tree *tree = sign_known_at(drill, parent, DRILL_NO_SEAT, error);
    if (tree == NULL)
        return false;
    const struct seat *found = tree_seat(tree, span_of_text(code));
    *listed = found != NULL && found->parent != NULL &&
              strcmp(found->parent->row.seat, drill->seats[parent].code) == 0;
    tree_free(tree);
    return true;
}

/* The row of a machine that works already. */
static enum error_code recall(struct entering *entering, size_t seat, struct error *error)
{
    const struct drill *drill = entering->drill;
    enum error_code code = drill_node_path(drill, seat, entering->path, error);
    entering->seat = drill->seats[seat];
    entering->has_admin = entering->seat.port != 0;
    if (code == ERR_OK)
        code = config_load(entering->path, &entering->config, error);
    if (code == ERR_OK)
        code = keys_load(entering->path, &entering->keys, error);
    if (code == ERR_OK && entering->has_admin)
        code = sign_admin_key(drill, seat, entering->admin_key, error);
    return code;
}

/* A seat that an overruling has left out is listed again, with the keys that it has. */
static enum error_code admit_again(struct entering *entering, size_t parent, size_t seat,
                                   struct error *error)
{
    struct drill *drill = entering->drill;
    bool listed = false;
    if (!is_listed(drill, parent, drill->seats[seat].code, &listed, error))
        return error->code;
    if (drill->seats[seat].parent != parent || listed) {
        error_set(error, ERR_STALE, drill->seats[seat].code, "this drill has that seat already");
        error_next(error, "`terrace drill move` gives it another parent");
        return ERR_STALE;
    }
    enum error_code code = recall(entering, seat, error);
    if (code == ERR_OK)
        code = sign_row(entering, parent, error);
    return code == ERR_OK ? begin_work(drill, seat, error) : code;
}

static enum error_code admit_new(struct entering *entering, const struct reshape_admit *what,
                                 size_t *seat, struct error *error)
{
    struct drill *drill = entering->drill;
    struct drill_seat *row = &entering->seat;
    *row = (struct drill_seat){.parent = what->parent, .generation = 1};
    enum error_code code = check_new(what, error);
    if (code == ERR_OK)
        code = choose_tier(drill, what, &row->tier, error);
    if (code != ERR_OK)
        return code;
    snprintf(row->code, sizeof row->code, "%s", what->code);
    snprintf(row->name, sizeof row->name, "%s", what->name == NULL ? what->code : what->name);
    entering->has_admin = (size_t)row->tier + 1 < drill->tier_count;
    if (entering->has_admin)
        code = ports_one(drill, &row->port, error);
    if (code == ERR_OK)
        code = prepare(entering, what->parent, error);
    if (code == ERR_OK)
        code = write_directory(entering, error);
    if (code == ERR_OK)
        code = sign_row(entering, what->parent, error);
    if (code != ERR_OK)
        return code;
    *seat = add_seat(drill, row);
    return begin_work(drill, *seat, error);
}

enum error_code reshape_admit(struct drill *drill, const struct reshape_admit *what, size_t *seat,
                              struct error *error)
{
    struct error other;
    struct entering *entering = mem_alloc(sizeof *entering);
    entering->drill = drill;
    enum error_code code = drill_find(drill, what->code, seat, &other) == ERR_OK
                               ? admit_again(entering, what->parent, *seat, error)
                               : admit_new(entering, what, seat, error);
    entering_wipe(entering);
    free(entering);
    return code;
}

/* The disk of the machine that is lost is kept beside, so that `drill check` can tell what was on
 * it alone. */
static enum error_code put_aside(const struct drill *drill, size_t seat, const char *path,
                                 char aside[static PATH_MAX], struct error *error)
{
    int size = snprintf(aside, PATH_MAX, "%s.g%u", path, (unsigned)drill->seats[seat].generation);
    if (size < 0 || size >= PATH_MAX)
        return error_set(error, ERR_OVERSIZE, path, "the path is too long");
    return rename(path, aside) == 0 ? ERR_OK : file_error(error, path, "renaming");
}

/* The admin key is a person's, not the machine's. */
static enum error_code keep_admin(const char *aside, const char *path, struct error *error)
{
    char from[PATH_MAX], to[PATH_MAX];
    struct buffer bytes = {0};
    enum error_code code = path_join(from, aside, "keys/admin.key", error);
    if (code == ERR_OK)
        code = path_join(to, path, "keys/admin.key", error);
    if (code == ERR_OK)
        code = file_read(from, 4096, &bytes, error);
    if (code == ERR_NOT_FOUND) {
        error_clear(error);
        return ERR_OK;
    }
    if (code == ERR_OK)
        code = file_create(to, span_of_buffer(&bytes), 0600, error);
    buffer_free(&bytes);
    return code;
}

static enum error_code sign_new_keys(const struct entering *entering, size_t seat,
                                     struct error *error)
{
    const struct drill *drill = entering->drill;
    const size_t parent = drill->seats[seat].parent;
    size_t *holders = mem_alloc((drill->seat_count + 1) * sizeof *holders), count = 0;
    struct tree *tree = NULL;
    struct sign_heads heads = {0};
    struct amend_keys keys = {0};
    holders[count++] = parent;
    for (size_t i = 0; i < drill->seat_count; i++) {
        if (drill->seats[i].parent == seat && !drill->seats[i].revoked)
            holders[count++] = i;
    }
    enum error_code code = sign_heads(drill, holders, count, seat, &heads, error);
    memcpy(keys.signing_key, entering->keys.signing_key, KEY_BYTES);
    memcpy(keys.link_key, entering->keys.link_key, KEY_BYTES);
    memcpy(keys.seal_key, entering->keys.seal_key, KEY_BYTES);
    keys.has_seal_key = entering->keys.has_seal;
    struct amendment *amendment =
        code == ERR_OK ? reshape_begin(drill, parent, DRILL_NO_SEAT, &tree, error) : NULL;
    if (amendment != NULL) {
        struct amend_cut_off cut_off = {span_of_buffer(&heads.places),
                                        span_of_buffer(&heads.notes)};
        code = amend_replace(amendment, span_of_text(drill->seats[seat].code), &keys, false,
                             &cut_off, error);
    }
    code = reshape_finish(drill, parent, code, amendment, tree, error);
    sign_heads_free(&heads);
    free(holders);
    return code;
}

static enum error_code replace(struct entering *entering, size_t seat, struct error *error)
{
    struct drill *drill = entering->drill;
    char aside[PATH_MAX];
    enum error_code code = prepare(entering, drill->seats[seat].parent, error);
    if (code == ERR_OK)
        code = process_end(drill, seat, SIGKILL, ACT_END_WAIT_MS, error);
    if (code == ERR_OK)
        code = sign_new_keys(entering, seat, error);
    if (code == ERR_OK)
        code = put_aside(drill, seat, entering->path, aside, error);
    if (code == ERR_OK)
        code = write_directory(entering, error);
    if (code == ERR_OK)
        code = keep_admin(aside, entering->path, error);
    if (code != ERR_OK)
        return code;
    bool revoked = drill->seats[seat].revoked;
    reshape_note(drill, CHANGE_REPLACE, seat);
    memcpy(drill->seats[seat].key, entering->keys.signing_key, KEY_BYTES);
    drill->seats[seat].generation++;
    drill->seats[seat].revoked = false;
    drill->seats[drill->seats[seat].parent].child_count += revoked ? 1 : 0;
    return begin_work(drill, seat, error);
}

enum error_code reshape_replace(struct drill *drill, size_t seat, struct error *error)
{
    if (seat == 0)
        return error_set(error, ERR_NOT_ALLOWED, drill->seats[0].code,
                         "the root's machine is listed by the root document alone");
    struct entering *entering = mem_alloc(sizeof *entering);
    entering->drill = drill;
    entering->seat = drill->seats[seat];
    enum error_code code = replace(entering, seat, error);
    entering_wipe(entering);
    free(entering);
    return code;
}
