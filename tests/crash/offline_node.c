#include "tests/crash/offline_node.h"

#include <string.h>

#include "base/msgpack.h"
#include "node/author/config.h"
#include "node/author/keys.h"

enum { MAP_BYTES = 64 << 20, SEED_STEP = 0x9e37 };

enum error_code node_identity_load(struct node_identity *identity, const char *dir,
                                   struct error *error)
{
    struct replica_options *options = &identity->options;
    struct node_config config;
    struct node_keys keys;
    *identity = (struct node_identity){0};
    enum error_code code = config_load(dir, &config, error);
    if (code == ERR_OK)
        code = keys_load(dir, &keys, error);
    if (code == ERR_OK)
        code = store_instance(dir, options->instance, error);
    if (code != ERR_OK && code != ERR_NOT_FOUND)
        return code;
    options->tree_id = config.tree_id;
    options->tuning = config.tuning;
    memcpy(options->seat, config.seat, sizeof options->seat);
    memcpy(options->signing_key, keys.signing_key, sizeof options->signing_key);
    memcpy(options->signing_secret, keys.signing_secret, sizeof options->signing_secret);
    seal_key_from(keys.seal_secret, &options->seal);
    return document_files_load(dir, &identity->documents, error);
}

void node_identity_free(struct node_identity *identity)
{
    document_files_free(&identity->documents);
}

static void take_answer(void *context, const struct answer *answer)
{
    struct offline_node *node = context;
    node->answer = *answer;
}

static void send_nowhere(void *context, uint32_t link, enum channel channel, uint8_t type,
                         struct span body)
{
    (void)context, (void)link, (void)channel, (void)type, (void)body;
}

static void close_nowhere(void *context, uint32_t link)
{
    (void)context, (void)link;
}

static enum error_code run(struct offline_node *node, struct event *event, struct error *error)
{
    event->wall_ms = UINT64_C(2000000000000);
    event->tick_ms = 1;
    enum error_code code = drive_batch(node->drive, event, 1);
    return code == ERR_OK ? ERR_OK : error_set(error, code, "a batch", "%s", error_sentence(code));
}

/* As a node's start does: what stands in its documents/ is offered. */
static enum error_code take_documents(struct offline_node *node, const struct document_files *files,
                                      struct error *error)
{
    enum error_code code = ERR_OK;
    for (size_t i = 0; i < files->count && code == ERR_OK; i++) {
        const struct document_file *file = &files->files[i];
        struct event event = {.kind = EVENT_DOCUMENT,
                              .document = {.envelope = file->envelope,
                                           .rows = file->rows,
                                           .row_count = file->row_count,
                                           .places = file->places,
                                           .proofs = file->proofs}};
        code = run(node, &event, error);
    }
    return code;
}

static enum error_code open_drive(struct offline_node *node, struct replica_options *options,
                                  struct error *error)
{
    struct drive_ports ports = {.store = node->port,
                                .link = {.send = send_nowhere, .close = close_nowhere},
                                .context = node,
                                .answer = take_answer};
    options->high_water_readable =
        store_high_water_read(node->store, &options->high_water) == HIGH_WATER_FOUND;
    return drive_open(options, &ports, &node->drive, error);
}

enum error_code offline_node_open(struct offline_node *node, const struct node_identity *identity,
                                  const char *dir, uint64_t *random, struct error *error)
{
    struct store_options place = {.dir = dir, .map_bytes = MAP_BYTES};
    struct replica_options options = identity->options;
    *node = (struct offline_node){0};
    *random += SEED_STEP;
    write_u64(options.random, *random);
    enum error_code code = store_open(&place, &node->store, error);
    if (code != ERR_OK)
        return code;
    store_port(node->store, &node->port);
    code = open_drive(node, &options, error);
    return code == ERR_OK ? take_documents(node, &identity->documents, error) : code;
}

void offline_node_close(struct offline_node *node)
{
    drive_close(node->drive);
    store_close(node->store);
    *node = (struct offline_node){.answer = node->answer};
}

enum error_code offline_node_put(struct offline_node *node, const char *title, struct error *error)
{
    struct buffer fields = {0};
    struct event event = {
        .kind = EVENT_WRITE,
        .write = {.request = 1, .kind = WRITE_PUT, .type = span_of_text("incident")}};
    mp_write_map(&fields, 1);
    mp_write_text(&fields, "title");
    mp_write_text(&fields, title);
    event.write.fields = span_of_buffer(&fields);
    enum error_code code = run(node, &event, error);
    buffer_free(&fields);
    if (code == ERR_OK && node->answer.error.code != ERR_OK) {
        *error = node->answer.error;
        code = error->code;
    }
    return code;
}
