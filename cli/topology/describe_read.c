/* From YAML to a description. The first fault wins, with its place. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/yaml.h"
#include "cli/topology/describe.h"
#include "node/author/admin_key.h"
#include "node/author/file.h"
#include "node/author/keys.h"

struct reading {
    struct description *description;
    const char *path;
    char folder[PATH_MAX];
    struct error inner; /* of a file that it names */
};

static bool path_beside(struct reading *reading, struct span name, char path[static PATH_MAX])
{
    char text[PATH_MAX];
    if (name.size == 0 || name.size >= sizeof text)
        return false;
    memcpy(text, name.data, name.size);
    text[name.size] = '\0';
    if (text[0] != '/')
        return path_join(path, reading->folder, text, NULL) == ERR_OK;
    memcpy(path, text, name.size + 1);
    return true;
}

static void complain_file(struct reading *reading, struct yaml_node *node)
{
    yaml_complain(node, "%s: %s", reading->inner.what, reading->inner.why);
}

/* A public key in hex, or the file that it stands in. */
static bool read_key(struct reading *reading, struct yaml_node *item, uint8_t *key,
                     struct span *name)
{
    struct span text = SPAN_EMPTY;
    struct admin_key file;
    char path[PATH_MAX];
    if (!yaml_get_text(item, "name", false, name) || !yaml_get_text(item, "key", true, &text))
        return false;
    if (hex_read(text, key, KEY_BYTES))
        return true;
    struct yaml_node *node = yaml_map_get(item, "key");
    if (!path_beside(reading, text, path) ||
        admin_key_load(path, &file, &reading->inner) != ERR_OK) {
        if (reading->inner.code == ERR_OK)
            yaml_complain(node, "expected %d hex digits, or a key file", 2 * KEY_BYTES);
        else if (reading->inner.code == ERR_NOT_FOUND)
            yaml_complain(node,
                          "%s: there is no such file; `terrace key new` makes one, or write "
                          "the key's 64 hex digits here",
                          reading->inner.what);
        else
            complain_file(reading, node);
        return false;
    }
    memcpy(key, file.public_key, KEY_BYTES);
    people_add(reading->description->people, span_of_text(file.name), key);
    admin_key_free(&file);
    return true;
}

static void read_admins(struct reading *reading, struct yaml_node *map,
                        struct described_admins *admins)
{
    struct yaml_node *list = NULL;
    uint64_t threshold = 0;
    admins->given = true;
    if (!yaml_get_list(map, "keys", true, &list) ||
        !yaml_get_uint(map, "threshold", false, 1, ADMIN_KEYS_MAX, &threshold))
        return;
    if (yaml_size(list) > ADMIN_KEYS_MAX) {
        yaml_complain(list, "expected at most %d keys, found %zu", ADMIN_KEYS_MAX, yaml_size(list));
        return;
    }
    for (size_t i = 0; i < yaml_size(list); i++) {
        struct yaml_node *item = yaml_list_at(list, i);
        struct span name = SPAN_EMPTY;
        if (!yaml_is_map(item)) {
            yaml_complain(item, "expected name and key");
            return;
        }
        if (!read_key(reading, item, admins->keys[i], &name))
            return;
        people_add(reading->description->people, name, admins->keys[i]);
        admins->count++;
    }
    admins->threshold = threshold != 0 ? (uint8_t)threshold : admins->count > 0;
    if (admins->threshold > admins->count)
        yaml_complain(map, "expected a threshold of at most %u, there are no more keys",
                      admins->count);
    else if (threshold == 0 && admins->count > 1)
        yaml_complain(map, "expected threshold: how many of the %u keys must sign", admins->count);
}

static void read_texts(struct yaml_node *map, const char *key, size_t most,
                       struct described_texts *texts)
{
    struct yaml_node *list = NULL;
    if (!yaml_get_list(map, key, false, &list) || list == NULL)
        return;
    texts->given = true;
    if (yaml_size(list) > most) {
        yaml_complain(list, "expected at most %zu, found %zu", most, yaml_size(list));
        return;
    }
    for (size_t i = 0; i < yaml_size(list); i++) {
        struct yaml_node *item = yaml_list_at(list, i);
        if (!yaml_is_text(item)) {
            yaml_complain(item, "expected a text");
            return;
        }
        texts->texts[texts->count++] = yaml_text(item);
    }
}

/* The public half of a machine: its request, or the keys themselves. */
static void read_keys(struct reading *reading, struct yaml_node *map, struct described_seat *seat)
{
    struct span file = SPAN_EMPTY;
    struct node_request request;
    char path[PATH_MAX];
    if (!yaml_get_text(map, "request", false, &file) || file.size == 0)
        return;
    struct yaml_node *node = yaml_map_get(map, "request");
    if (!path_beside(reading, file, path) ||
        request_take(path, &request, &reading->inner) != ERR_OK) {
        complain_file(reading, node);
        return;
    }
    if (!span_equal(span_of_text(request.seat), seat->code)) {
        yaml_complain(node, "this request is for seat %s", request.seat);
        return;
    }
    seat->has_keys = true;
    memcpy(seat->keys.signing_key, request.signing_key, KEY_BYTES);
    memcpy(seat->keys.link_key, request.link_key, KEY_BYTES);
    memcpy(seat->keys.seal_key, request.seal_key, KEY_BYTES);
    seat->keys.has_seal_key = request.has_seal_key;
    memcpy(seat->endpoint, request.endpoint, sizeof seat->endpoint);
}

/* A key's hex digits, or none. */
static void read_escrow(struct yaml_node *map, struct described_seat *seat)
{
    struct span text = SPAN_EMPTY;
    if (!yaml_get_text(map, "escrow", false, &text) || text.size == 0)
        return;
    seat->has_escrow = true;
    if (!span_equal(text, span_of_text("none")) && !hex_read(text, seat->escrow, KEY_BYTES))
        yaml_complain(yaml_map_get(map, "escrow"),
                      "expected the %d hex digits of an escrow key (terrace key show), or none",
                      2 * KEY_BYTES);
}

static void read_seat(struct reading *reading, struct yaml_node *map, struct described_seat *seat)
{
    struct yaml_node *admins = NULL;
    struct error why;
    seat->line = yaml_line(map);
    seat->column = yaml_column(map);
    if (!yaml_is_map(map)) {
        yaml_complain(map, "expected code, name and tier of a seat");
        return;
    }
    if (!yaml_get_text(map, "code", true, &seat->code))
        return;
    if (!seat_id_acceptable(seat->code, &why)) {
        yaml_complain(yaml_map_get(map, "code"), "%s", why.why);
        return;
    }
    yaml_get_text(map, "name", false, &seat->name);
    yaml_get_text(map, "tier", true, &seat->tier);
    yaml_get_text(map, "parent", false, &seat->parent);
    yaml_get_text(map, "released_to", false, &seat->released_to);
    seat->released = seat->released_to.size > 0;
    if (seat->name.size > SEAT_NAME_BYTES_MAX)
        yaml_complain(yaml_map_get(map, "name"), "expected at most %d bytes", SEAT_NAME_BYTES_MAX);
    read_keys(reading, map, seat);
    read_escrow(map, seat);
    read_texts(map, "endpoints", ENDPOINTS_MAX, &seat->endpoints);
    read_texts(map, "fallbacks", FALLBACKS_MAX, &seat->fallbacks);
    if (yaml_get_map(map, "admins", false, &admins) && admins != NULL)
        read_admins(reading, admins, &seat->admins);
}

static void read_expiry(struct yaml_node *root, struct description *description)
{
    struct span text = SPAN_EMPTY;
    struct tm day = {0};
    char date[16];
    if (!yaml_get_text(root, "expires", false, &text) || text.size == 0)
        return;
    description->expires_given = true;
    if (span_equal(text, span_of_text("never")))
        return;
    const char *end = NULL;
    if (text.size == 10) {
        memcpy(date, text.data, 10);
        date[10] = '\0';
        end = strptime(date, "%Y-%m-%d", &day);
    }
    if (end == NULL || *end != '\0')
        yaml_complain(yaml_map_get(root, "expires"), "expected never, or a day as 2027-12-31");
    else
        description->expires_ms = (uint64_t)timegm(&day) * 1000;
}

static void read_all(struct reading *reading, struct yaml_node *root)
{
    struct description *description = reading->description;
    struct yaml_node *seats = NULL, *admins = NULL;
    yaml_get_text(root, "seat", false, &description->seat);
    yaml_get_text(root, "types", false, &description->types);
    read_expiry(root, description);
    read_texts(root, "tiers", TIERS_MAX, &description->tiers);
    if (yaml_get_text(root, "fold_tier", false, &description->fold_tier) &&
        description->fold_tier.size > 0) {
        description->fold_line = yaml_line(yaml_map_get(root, "fold_tier"));
        description->fold_column = yaml_column(yaml_map_get(root, "fold_tier"));
    }
    if (yaml_get_map(root, "root", false, &admins) && admins != NULL) {
        description->is_root = true;
        read_admins(reading, admins, &description->root);
    }
    if (!yaml_get_list(root, "seats", false, &seats) || seats == NULL)
        return;
    description->seats = mem_alloc((yaml_size(seats) + 1) * sizeof *description->seats);
    for (size_t i = 0; i < yaml_size(seats); i++)
        read_seat(reading, yaml_list_at(seats, i), &description->seats[description->seat_count++]);
}

enum error_code description_read(const char *path, struct description *description,
                                 struct error *error)
{
    struct reading reading = {.description = description, .path = path};
    const char *slash = strrchr(path, '/');
    *description = (struct description){0};
    snprintf(reading.folder, sizeof reading.folder, "%.*s",
             slash == NULL ? 1 : (int)(slash - path + 1), slash == NULL ? "." : path);
    enum error_code code = file_read(path, YAML_BYTES_MAX, &description->text, error);
    if (code == ERR_OK) {
        description->people = people_load(NULL, error);
        description->yaml = yaml_parse(span_of_buffer(&description->text), path, error);
        code = description->yaml == NULL ? error->code : ERR_OK;
    }
    struct yaml_node *root = code == ERR_OK ? yaml_root(description->yaml) : NULL;
    if (code == ERR_OK && (root == NULL || !yaml_is_map(root))) {
        code = error_set(error, ERR_INVALID, path, "expected keys and values, as seats:");
    } else if (code == ERR_OK) {
        read_all(&reading, root);
        code = yaml_finish(description->yaml, error) ? ERR_OK : error->code;
    }
    if (code != ERR_OK)
        description_free(description);
    return code;
}

void description_free(struct description *description)
{
    yaml_free(description->yaml);
    people_free(description->people);
    free(description->seats);
    buffer_free(&description->text);
    *description = (struct description){0};
}

static enum error_code refuse_at(const char *path, unsigned line, unsigned column,
                                 const struct error *why, struct error *error)
{
    struct error told = *why;
    char place[sizeof told.what];
    snprintf(place, sizeof place, "%.120s:%u:%u", path, line, column);
    error_set(error, told.code, place, "%s", told.why);
    error_at(error, line, column);
    if (told.next[0] != '\0')
        error_next(error, "%s", told.next);
    return told.code;
}

enum error_code description_refuse(const char *path, const struct described_seat *seat,
                                   const struct error *why, struct error *error)
{
    return refuse_at(path, seat->line, seat->column, why, error);
}

enum error_code description_refuse_fold(const char *path, const struct description *description,
                                        const struct error *why, struct error *error)
{
    return refuse_at(path, description->fold_line, description->fold_column, why, error);
}
