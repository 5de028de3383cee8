/* `publish` and `confirm`: the bytes of a document file go to the core; it answers whether the tree
 * took them. */
#include <stdlib.h>
#include <string.h>

#include "node/author/code_text.h"
#include "node/node_parts.h"

/* Only what a person has compared, letter by letter, is confirmed. */
static bool fingerprint_fits(const struct document_file *file, struct span fingerprint,
                             struct error *error)
{
    struct document_envelope opened;
    if (document_open(file->envelope, &opened, error) != ERR_OK)
        return false;
    struct hash hash = document_hash(opened.header);
    if (fingerprint_equal(&hash, fingerprint))
        return true;
    error_set(error, ERR_NOT_ALLOWED, file->name, "it has another fingerprint than the one given");
    error_next(error, "ask the people of the root again, by telephone, and confirm nothing else");
    return false;
}

/* `confirm` is `publish` with a fingerprint. */
static bool read_document(struct span args, bool confirms, struct document_file *file,
                          struct error *error)
{
    struct argument all[] = {{.name = "document"}, {.name = "name"}, {.name = "fingerprint"}};
    struct span bytes, name, fingerprint;
    char shown[128] = "the document";
    error_clear(error);
    if (!arguments_read(args, all, confirms ? 3 : 2, error) ||
        !argument_bin(&all[0], &bytes, error) || !argument_text(&all[1], false, &name, error) ||
        (confirms && !argument_text(&all[2], true, &fingerprint, error)))
        return false;
    if (name.size > 0 && name.size < sizeof shown) {
        memcpy(shown, name.data, name.size);
        shown[name.size] = '\0';
    }
    if (document_file_decode(bytes, shown, file, error) != ERR_OK)
        return false;
    file->confirmed = confirms;
    if (!confirms || fingerprint_fits(file, fingerprint, error))
        return true;
    document_file_free(file);
    return false;
}

void node_publish_begin(struct node *node, struct api_call call, struct span args, bool confirms)
{
    struct document_file file;
    struct error error;
    if (!read_document(args, confirms, &file, &error)) {
        node_api_refuse(node, call, &error);
        return;
    }
    struct core_item *item = core_item_new(CORE_DOCUMENT, SPAN_EMPTY);
    item->document = mem_alloc(sizeof *item->document);
    item->document->call = call;
    item->document->file = file;
    node_push(node, item, 0);
}

static void answer(struct node *node, const struct core_document *document)
{
    struct document_envelope envelope;
    struct buffer value = {0};
    if ((!document->held && !document->waits) ||
        document_open(document->file.envelope, &envelope, NULL) != ERR_OK) {
        node_api_refuse(node, document->call, &document->error);
        return;
    }
    mp_write_map(&value, 4);
    mp_write_text(&value, "seat");
    mp_write_text(&value, envelope.decoded.seat);
    mp_write_text(&value, "term");
    mp_write_uint(&value, envelope.decoded.term);
    mp_write_text(&value, "version");
    mp_write_uint(&value, envelope.decoded.version);
    mp_write_text(&value, "waits");
    mp_write_bool(&value, document->waits);
    api_answer(node->api, document->call, API_DONE, span_of_buffer(&value), NULL);
    buffer_free(&value);
}

void node_publish_take(struct node *node, struct core_item *first)
{
    for (struct core_item *item = first; item != NULL;
         item = (struct core_item *)item->event.next) {
        if (item->document->join != NULL)
            node_join_published(item->document);
        else if (node->api != NULL)
            answer(node, item->document);
    }
}
