/* Who holds which key, as people.yaml beside the documents says. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/yaml.h"
#include "cli/topology/draft.h"
#include "node/author/admin_key.h"
#include "node/author/code_text.h"
#include "node/author/file.h"
#include "node/author/keys.h"

struct person {
    char name[ADMIN_NAME_BYTES_MAX + 1];
    uint8_t key[KEY_BYTES];
};

struct people {
    struct person *persons;
    size_t count;
};

static struct person *find(const struct people *people, const uint8_t *key)
{
    for (size_t i = 0; people != NULL && i < people->count; i++) {
        if (memcmp(people->persons[i].key, key, KEY_BYTES) == 0)
            return &people->persons[i];
    }
    return NULL;
}

void people_add(struct people *people, struct span name, const uint8_t key[static KEY_BYTES])
{
    struct person *person = find(people, key);
    if (name.size == 0 || !admin_name_acceptable(name))
        return;
    if (person == NULL) {
        people->count++;
        people->persons = mem_resize(people->persons, people->count * sizeof *people->persons);
        person = &people->persons[people->count - 1];
    }
    *person = (struct person){0};
    memcpy(person->name, name.data, name.size);
    memcpy(person->key, key, KEY_BYTES);
}

static void read_person(struct people *people, struct yaml_node *item)
{
    struct span name = SPAN_EMPTY, key = SPAN_EMPTY;
    uint8_t bytes[KEY_BYTES];
    if (!yaml_is_map(item)) {
        yaml_complain(item, "expected name and key");
        return;
    }
    if (!yaml_get_text(item, "name", true, &name) || !yaml_get_text(item, "key", true, &key))
        return;
    if (!hex_read(key, bytes, KEY_BYTES))
        yaml_complain(yaml_map_get(item, "key"), "expected %d hex digits", 2 * KEY_BYTES);
    else
        people_add(people, name, bytes);
}

static bool read_all(struct people *people, struct span text, const char *path, struct error *error)
{
    struct yaml *yaml = yaml_parse(text, path, error);
    struct yaml_node *list = NULL;
    if (yaml == NULL)
        return false;
    struct yaml_node *root = yaml_root(yaml);
    yaml_get_list(root, "people", true, &list);
    for (size_t i = 0; list != NULL && i < yaml_size(list); i++)
        read_person(people, yaml_list_at(list, i));
    bool read = yaml_finish(yaml, error);
    yaml_free(yaml);
    return read;
}

struct people *people_load(const char *directory, struct error *error)
{
    struct people *people = mem_alloc(sizeof *people);
    struct buffer text = {0};
    char path[PATH_MAX];
    struct error inner = {0};
    enum error_code code = ERR_NOT_FOUND;
    if (directory != NULL)
        code = path_join(path, directory, "people.yaml", &inner);
    if (code == ERR_OK)
        code = file_read(path, YAML_BYTES_MAX, &text, &inner);
    bool read = code == ERR_NOT_FOUND ||
                (code == ERR_OK && read_all(people, span_of_buffer(&text), path, &inner));
    buffer_free(&text);
    if (read)
        return people;
    if (error != NULL)
        *error = inner;
    people_free(people);
    return NULL;
}

void people_free(struct people *people)
{
    if (people == NULL)
        return;
    free(people->persons);
    free(people);
}

const char *people_name(const struct people *people, const uint8_t key[static KEY_BYTES])
{
    const struct person *person = find(people, key);
    return person == NULL ? NULL : person->name;
}

const uint8_t *people_key(const struct people *people, size_t index)
{
    return index < people->count ? people->persons[index].key : NULL;
}

enum error_code people_save(const struct people *people, const char *directory, struct error *error)
{
    char path[PATH_MAX], key[2 * KEY_BYTES + 1], line[256];
    struct people *all = people_load(directory, error);
    struct buffer text = {0};
    if (all == NULL)
        return error->code;
    for (size_t i = 0; i < people->count; i++)
        people_add(all, span_of_text(people->persons[i].name), people->persons[i].key);
    buffer_append_span(&text, span_of_text("# who holds which key; for people to read, signed "
                                           "nowhere\npeople:\n"));
    for (size_t i = 0; i < all->count; i++) {
        hex_write(key, all->persons[i].key, KEY_BYTES);
        int length = snprintf(line, sizeof line, "  - name: \"%s\"\n    key: %s\n",
                              all->persons[i].name, key);
        buffer_append(&text, line, (size_t)length);
    }
    enum error_code code = path_join(path, directory, "people.yaml", error);
    if (code == ERR_OK && all->count > 0)
        code = file_replace(path, span_of_buffer(&text), 0644, error);
    buffer_free(&text);
    people_free(all);
    return code;
}

void people_show(const struct people *people, const uint8_t key[static KEY_BYTES],
                 char text[static 256])
{
    char fingerprint[FINGERPRINT_TEXT_BYTES];
    struct hash print = admin_key_print(key);
    const char *name = people_name(people, key);
    fingerprint_write(&print, fingerprint);
    if (name == NULL)
        snprintf(text, 256, "%s", fingerprint);
    else
        snprintf(text, 256, "%s (%s)", name, fingerprint);
}
