/* The phases in turn, and what all of them use. */
#include "replication/verify/verify.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replication/verify/verify_parts.h"

static const struct phase {
    const char *place;
    bool (*step)(struct verify *verify);
} phases[] = {
    {"documents", verify_documents}, {"authors", verify_who},     {"numbers", verify_meta},
    {"blocks", verify_log},          {"streams", verify_streams}, {"records", verify_records},
    {"index", verify_tally},         {"fields", verify_fields},   {"totals", verify_cells},
    {"notes", verify_notes},         {"parked", verify_parked},   {"quarantine", verify_quarantine},
};
enum { PHASE_COUNT = sizeof phases / sizeof *phases };

struct verify *verify_new(const struct verify_options *options)
{
    struct verify *verify = mem_alloc(sizeof *verify);
    assert(options->finding != NULL);
    verify->options = *options;
    return verify;
}

void verify_free(struct verify *verify)
{
    if (verify == NULL)
        return;
    for (size_t i = 0; i < VERIFY_CACHES; i++)
        block_cache_free(&verify->caches[i]);
    tree_free(verify->tree);
    free(verify);
}

const struct verify_counts *verify_counts(const struct verify *verify)
{
    return &verify->counts;
}

uint64_t verify_finding_count(const struct verify *verify)
{
    return verify->findings;
}

const char *verify_place(const struct verify *verify)
{
    return verify->phase < PHASE_COUNT ? phases[verify->phase].place : "the end";
}

/* Documents come while a node is verified: the tree is read again when they have. */
static void read_tree(struct verify *verify)
{
    uint64_t stamp = query_tree_stamp(verify->view);
    if (verify->tree != NULL && stamp == verify->tree_stamp)
        return;
    tree_free(verify->tree);
    verify->tree = query_tree(verify->view, &verify->options.tree_id, NULL);
    if (verify->tree != NULL)
        tree_set_seal_key(verify->tree, &verify->options.seal);
    verify->tree_stamp = stamp;
}

bool verify_step(struct verify *verify, const struct view *view)
{
    verify->view = view;
    if (verify->phase < PHASE_COUNT) {
        read_tree(verify);
        if (!phases[verify->phase].step(verify)) {
            verify->phase++;
            verify->from_size = 0;
        }
    }
    verify->view = NULL;
    return verify->phase < PHASE_COUNT;
}

static void tell(struct verify *verify, const struct verify_finding *finding)
{
    verify->findings++;
    verify->options.finding(verify->options.context, finding);
}

void verify_say(struct verify *verify, enum table table, const char *what, const char *key, ...)
{
    struct verify_finding finding = {.table = table};
    va_list arguments;
    va_start(arguments, key);
    vsnprintf(finding.key, sizeof finding.key, key, arguments);
    va_end(arguments);
    snprintf(finding.what, sizeof finding.what, "%s", what);
    tell(verify, &finding);
}

void verify_say_row(struct verify *verify, enum table table, const char *what, struct span key)
{
    enum { SHOWN_MAX = 48 };
    struct verify_finding finding = {.table = table};
    size_t shown = key.size < SHOWN_MAX ? key.size : SHOWN_MAX;
    size_t at = (size_t)snprintf(finding.key, sizeof finding.key, "row ");
    for (size_t i = 0; i < shown; i++)
        at += (size_t)snprintf(finding.key + at, sizeof finding.key - at, "%02x", key.data[i]);
    snprintf(finding.what, sizeof finding.what, "%s", what);
    tell(verify, &finding);
}

bool verify_next(struct verify *verify, enum table table, struct span *key, struct span *value)
{
    struct span from = SPAN(verify->from, verify->from_size);
    if (verify->from_size > STORE_KEY_BYTES_MAX)
        return false;
    enum read_answer answer = verify->view->next(verify->view->context, table, from, key, value);
    if (answer == READ_UNREADABLE)
        verify_say_row(verify, table, "the table can't be read on from here", from);
    if (answer != READ_FOUND)
        return false;
    assert(key->size >= 1 && key->size <= STORE_KEY_BYTES_MAX);
    memcpy(verify->from, key->data, key->size);
    verify->from[key->size] = 0;
    verify->from_size = key->size + 1;
    return true;
}

struct label verify_record_name(const struct verify *verify, uint16_t type,
                                const struct record_id *id)
{
    const struct schema *schema = verify->tree == NULL ? NULL : tree_schema(verify->tree);
    const struct record_type *known = schema == NULL ? NULL : schema_type(schema, type);
    struct label label;
    char text[33];
    record_id_text(id, text);
    if (known != NULL)
        snprintf(label.text, sizeof label.text, "%.48s %s", known->name, text);
    else
        snprintf(label.text, sizeof label.text, "type %u %s", (unsigned)type, text);
    return label;
}

const struct prepared_block *verify_block_at(struct verify *verify, const struct stream_id *stream,
                                             uint32_t seq)
{
    size_t slot = (stream->author.bytes[0] + stream->epoch + stream->number) % VERIFY_CACHES;
    if (verify->tree == NULL)
        return NULL;
    const struct prepared_block *block =
        block_cache_open(&verify->caches[slot], verify->view, verify->tree, stream, seq);
    return block == NULL || block->opaque ? NULL : block;
}

bool verify_entry_at(struct verify *verify, const struct entry_place *place,
                     struct located_entry *located)
{
    const struct stream_id *stream = &place->stream;
    size_t slot = (stream->author.bytes[0] + stream->epoch + stream->number) % VERIFY_CACHES;
    return verify->tree != NULL &&
           entry_open(&verify->caches[slot], verify->view, verify->tree, place, located);
}

bool verify_aside(const struct verify *verify, const struct entry_place *place)
{
    uint8_t key[1 + LOCATOR_BYTES_MAX] = {'e'};
    struct span value;
    size_t size = entry_place_locator(verify->view, place, key + 1);
    return size > 0 && verify->view->get(verify->view->context, TABLE_QUARANTINE,
                                         SPAN(key, 1 + size), &value) == READ_FOUND;
}

bool verify_locator(const struct verify *verify, const uint8_t locator[static LOCATOR_BYTES],
                    struct stream_id *stream, uint32_t *seq)
{
    struct author_epoch author;
    if (!who_author(verify->view, read_u32(locator) >> 8, &author))
        return false;
    *stream = (struct stream_id){author.author, author.epoch, read_u16(locator + 3), author.branch};
    *seq = read_u32(locator + 5);
    return true;
}

bool verify_quarantined(const struct verify *verify, char what, const struct stream_id *stream,
                        uint32_t seq)
{
    struct author_epoch author = stream_author(stream);
    uint8_t key[1 + LOCATOR_BYTES] = {(uint8_t)what};
    uint32_t who;
    struct span value;
    if (!who_find(verify->view, &author, &who))
        return false;
    write_u32(key + 1, who << 8);
    write_u16(key + 4, stream->number);
    write_u32(key + 6, seq);
    return verify->view->get(verify->view->context, TABLE_QUARANTINE, SPAN_OF_ARRAY(key), &value) ==
           READ_FOUND;
}

bool verify_quarantine_full(const struct verify *verify, struct key_id author)
{
    uint8_t key[1 + KEY_ID_BYTES] = {'q'};
    struct span value;
    memcpy(key + 1, author.bytes, KEY_ID_BYTES);
    return verify->view->get(verify->view->context, TABLE_META, SPAN_OF_ARRAY(key), &value) ==
               READ_FOUND &&
           value.size == 4 && read_u32(value.data) >= QUARANTINE_AN_AUTHOR_MAX;
}
