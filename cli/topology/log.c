/* terrace topology log: every version that is known here, and who signed it. */
#include <stdlib.h>
#include <string.h>

#include "cli/print.h"
#include "cli/topology/draft.h"
#include "cli/topology/topology.h"
#include "node/author/document_log.h"

enum { SIGNERS_TEXT_BYTES = 512 };

struct version {
    struct buffer envelope;
    uint64_t replaced_ms; /* 0: in force, or not known when */
    bool in_force;
};

struct logging {
    const struct tree *tree;
    const struct people *people;
    const char *seat; /* NULL: all */
    struct version *versions;
    size_t count;
    uint8_t (*keys)[KEY_BYTES]; /* of all who may have signed something */
    size_t key_count;
};

static void add_version(struct logging *logging, struct span envelope, uint64_t replaced_ms,
                        bool in_force)
{
    struct document_envelope opened;
    if (document_open(envelope, &opened, NULL) != ERR_OK)
        return;
    if (logging->seat != NULL && strcmp(logging->seat, opened.decoded.seat) != 0)
        return;
    logging->count++;
    logging->versions = mem_resize(logging->versions, logging->count * sizeof *logging->versions);
    struct version *version = &logging->versions[logging->count - 1];
    *version = (struct version){.replaced_ms = replaced_ms, .in_force = in_force};
    buffer_append_span(&version->envelope, envelope);
}

static void add_replaced(void *context, uint64_t replaced_ms, struct span envelope)
{
    add_version(context, envelope, replaced_ms, false);
}

static void add_keys(struct logging *logging, const struct admin_keys *admins)
{
    for (unsigned i = 0; i < admins->count; i++) {
        logging->key_count++;
        logging->keys = mem_resize(logging->keys, logging->key_count * sizeof *logging->keys);
        memcpy(logging->keys[logging->key_count - 1], admin_key(admins, i), KEY_BYTES);
    }
}

static void add_root_keys(struct logging *logging, struct span envelope)
{
    struct document_envelope opened;
    if (document_open(envelope, &opened, NULL) == ERR_OK)
        add_keys(logging, &opened.decoded.admins);
}

/* Keys of the root's people, of those whom rows name, and of those who have a name here. */
static void collect(struct logging *logging)
{
    const struct tree *tree = logging->tree;
    const uint8_t *key;
    for (size_t i = 0; (key = people_key(logging->people, i)) != NULL; i++) {
        struct admin_keys one = admin_keys_of(1, key, 1);
        add_keys(logging, &one);
    }
    for (size_t i = 0; i < tree_former_root_count(tree); i++) {
        add_version(logging, tree_former_root(tree, i), 0, false);
        add_root_keys(logging, tree_former_root(tree, i));
    }
    for (size_t i = 0; i < tree_document_count(tree); i++) {
        const struct held_document *held = tree_document(tree, i);
        add_version(logging, held->envelope, 0, true);
        if (held->kind == DOCUMENT_ROOT)
            add_keys(logging, &held->header.admins);
        for (size_t k = 0; held->kind != DOCUMENT_TYPES && k < held->row_count; k++) {
            struct seat_row row;
            if (seat_row_decode(held->rows[k], &row, NULL) == ERR_OK)
                add_keys(logging, &row.admins);
        }
    }
}

static int version_compare(const void *a, const void *b)
{
    struct document_envelope one, other;
    if (document_open(span_of_buffer(&((const struct version *)a)->envelope), &one, NULL) !=
            ERR_OK ||
        document_open(span_of_buffer(&((const struct version *)b)->envelope), &other, NULL) !=
            ERR_OK)
        return 0;
    const struct document_header *first = &one.decoded, *second = &other.decoded;
    if (first->kind != second->kind)
        return first->kind < second->kind ? -1 : 1;
    int order = strcmp(first->seat, second->seat);
    if (order != 0)
        return order;
    if (first->term != second->term)
        return first->term < second->term ? -1 : 1;
    return first->version < second->version ? -1 : first->version > second->version;
}

/* A signature that holds under a key known here; else the key's id alone. */
static void signer_text(const struct logging *logging, const struct document_envelope *opened,
                        unsigned index, char text[static 256])
{
    struct hash hash = document_hash(opened->header);
    for (size_t i = 0; i < logging->key_count; i++) {
        const uint8_t *key = logging->keys[i];
        if (key_id_equal(key_id_of(key), opened->signers[index]) &&
            verify_hash(&hash, opened->signatures[index], key)) {
            people_show(logging->people, key, text);
            return;
        }
    }
    size_t used = (size_t)snprintf(text, 256, "a key not known here, id ");
    for (unsigned i = 0; i < KEY_ID_BYTES; i++)
        used += (size_t)snprintf(text + used, 256 - used, "%02x", opened->signers[index].bytes[i]);
}

static void until_text(const struct version *version, char text[static 32])
{
    if (version->in_force)
        snprintf(text, 32, "in force");
    else if (version->replaced_ms == 0)
        snprintf(text, 32, "replaced");
    else
        time_text(version->replaced_ms, text);
}

static void show_json(const struct logging *logging, const struct version *version,
                      const struct document_envelope *opened)
{
    const struct document_header *header = &opened->decoded;
    json_t *signers = json_array();
    char title[96], who[256];
    draft_title(header, title);
    for (unsigned i = 0; i < opened->signature_count; i++) {
        signer_text(logging, opened, i, who);
        json_array_append_new(signers, json_string(who));
    }
    print_json(json_pack("{s:s,s:s,s:I,s:I,s:I,s:I,s:b,s:o}", "document", title, "seat",
                         header->seat, "term", (json_int_t)header->term, "version",
                         (json_int_t)header->version, "issued_ms", (json_int_t)header->issued_ms,
                         "replaced_ms", (json_int_t)version->replaced_ms, "in_force",
                         version->in_force, "signed_by", signers));
}

static void show_row(const struct logging *logging, struct table_rows *table,
                     const struct version *version, const struct document_envelope *opened)
{
    const struct document_header *header = &opened->decoded;
    char title[96], issued[32], until[32], who[256], all[SIGNERS_TEXT_BYTES] = "";
    size_t used = 0;
    draft_title(header, title);
    time_text(header->issued_ms, issued);
    until_text(version, until);
    for (unsigned i = 0; i < opened->signature_count && used < sizeof all; i++) {
        signer_text(logging, opened, i, who);
        used += (size_t)snprintf(all + used, sizeof all - used, "%s%s", i == 0 ? "" : ", ", who);
    }
    table_cell(table, "%s", title);
    table_cell(table, "%llu", (unsigned long long)header->term);
    table_cell(table, "%llu", (unsigned long long)header->version);
    table_cell(table, "%s", issued);
    table_cell(table, "%s", until);
    table_cell(table, "%s", all);
}

static void show(const struct arguments *arguments, struct logging *logging)
{
    static const struct table_column columns[] = {{"document", false}, {"term", true},
                                                  {"version", true},   {"issued", false},
                                                  {"until", false},    {"signed by", false}};
    struct table_rows *table = table_new(columns, 6);
    if (logging->count > 1)
        qsort(logging->versions, logging->count, sizeof *logging->versions, version_compare);
    for (size_t i = 0; i < logging->count; i++) {
        struct document_envelope opened;
        const struct version *version = &logging->versions[i];
        if (document_open(span_of_buffer(&version->envelope), &opened, NULL) != ERR_OK)
            continue;
        if (arguments->json)
            show_json(logging, version, &opened);
        else
            show_row(logging, table, version, &opened);
    }
    if (arguments->json)
        table_free(table);
    else
        table_print(table, stdout);
}

static int run(const struct arguments *arguments, struct error *error)
{
    struct logging logging = {.seat = arguments->word_count > 0 ? arguments->words[0] : NULL};
    const char *directory = NULL;
    struct people *people = NULL;
    struct tree *tree = NULL;
    enum error_code code = arguments_directory(arguments, &directory, error);
    if (code == ERR_OK)
        code = held_tree(directory, &tree, error);
    if (code == ERR_OK) {
        people = people_load(directory, error);
        code = people == NULL ? error->code : ERR_OK;
    }
    logging.tree = tree;
    logging.people = people;
    if (code == ERR_OK)
        code = document_log_read(directory, add_replaced, &logging, error);
    if (code == ERR_OK) {
        collect(&logging);
        show(arguments, &logging);
    }
    for (size_t i = 0; i < logging.count; i++)
        buffer_free(&logging.versions[i].envelope);
    free(logging.versions);
    free(logging.keys);
    people_free(people);
    tree_free(tree);
    return code == ERR_OK ? EXIT_DONE : EXIT_FAILED;
}

const struct command topology_log = {
    .name = "log",
    .usage = "[SEAT]",
    .summary = "every version of the documents that is known here, and who signed it",
    .detail = "All root documents since the first; of other documents what was in force while the\n"
              "node ran here. With SEAT: that seat's alone.",
    .words_min = 0,
    .words_max = 1,
    .run = run,
};
