/* Rows that must only ever move on, and rows that say something of others: documents, notes,
 * marks. Looked at as they become durable. */
#include <stdlib.h>
#include <string.h>

#include "sim/check/check_parts.h"
#include "topology/document.h"

/* ---- I6: nothing goes back to something older ---- */

struct rank {
    uint64_t major, minor; /* term, version; epoch, k */
};

/* By node, life of its disk, table and key. */
static struct hash rank_name(const struct model *model, size_t node, enum table table,
                             struct span key)
{
    uint8_t head[17];
    write_u64(head, node);
    write_u64(head + 8, model->nodes[node].life);
    head[16] = (uint8_t)table;
    return hash_of_two(HASH_BODY, SPAN_OF_ARRAY(head), key);
}

/* An order of a term that is over counts no longer, and another one may, with a lower number. */
static bool order_may_be_over(const struct model *model, struct span key, uint64_t term)
{
    const struct tree *tree = model->county->tree;
    const struct seat *seat = tree_seat(tree, SPAN(key.data + 1, key.size - 6));
    struct order_signer signers[HOLDERS_MAX + 1];
    size_t count = seat == NULL ? 0 : tree_order_signers(tree, seat, signers);
    bool over = false;
    while (count-- > 0)
        over = over || signers[count].term > term;
    return over;
}

/* A note that its key's cut-off doesn't list goes (rules.md A27), and an older one may come. */
static bool has_left(const struct model *model, enum table table, struct span key,
                     const struct model_rank *known)
{
    struct key_id signer;
    if (table == TABLE_DOCS && key.data[0] == DOCUMENT_ORDER)
        return order_may_be_over(model, key, known->major);
    if (table != TABLE_NOTES || key.size < 1 + sizeof signer.bytes)
        return false;
    memcpy(signer.bytes, key.data + 1, sizeof signer.bytes);
    const struct tree *tree = model->county->tree;
    uint32_t epoch = (uint32_t)known->major;
    return (key.data[0] == HASH_HEADS &&
            tree_trust_statement(tree, signer, epoch, known->minor) == TRUST_CUT) ||
           (key.data[0] == HASH_CELLS &&
            tree_trust_report(tree, signer, epoch, known->minor) == TRUST_CUT);
}

static void check_rank(struct model *model, size_t node, enum table table, struct span key,
                       struct rank rank)
{
    struct hash name = rank_name(model, node, table, key);
    size_t place = places_find(&model->rank_names, &name);
    if (place == SIZE_MAX) {
        if (model->rank_count == model->rank_capacity) {
            model->rank_capacity = model->rank_capacity * 2 + 64;
            model->ranks = mem_resize(model->ranks, model->rank_capacity * sizeof *model->ranks);
        }
        places_set(&model->rank_names, &name, model->rank_count);
        model->ranks[model->rank_count++] = (struct model_rank){rank.major, rank.minor};
        return;
    }
    struct model_rank *known = &model->ranks[place];
    bool fell =
        rank.major < known->major || (rank.major == known->major && rank.minor < known->minor);
    if (fell && !has_left(model, table, key, known))
        findings_add(model->findings, FINDING_BACK,
                     "%s went back from %llu.%llu to %llu.%llu in %s", model_node_name(model, node),
                     (unsigned long long)known->major, (unsigned long long)known->minor,
                     (unsigned long long)rank.major, (unsigned long long)rank.minor,
                     table_name(table));
    *known = (struct model_rank){rank.major, rank.minor};
}

/* Rows of docs begin with the kind; place 0, the last four bytes of the key, is the header. Kind 0
 * holds former root documents, those above 16 pairs of one version. */
static void check_document(struct model *model, size_t node, struct span key, struct span value)
{
    struct document_envelope envelope;
    if (key.size < 6 || key.data[0] == 0 || key.data[0] > DOCUMENT_ORDER ||
        read_u32(key.data + key.size - 4) != 0)
        return;
    if (document_open(value, &envelope, NULL) != ERR_OK)
        findings_add(model->findings, FINDING_DAMAGED, "%s can't read a document",
                     model_node_name(model, node));
    else
        check_rank(model, node, TABLE_DOCS, key,
                   (struct rank){envelope.decoded.term, envelope.decoded.version});
}

/* ---- statements: an author announces what it holds ---- */

static void check_statement(struct model *model, size_t node, struct span note)
{
    struct heads_statement statement;
    if (statement_decode(note, &statement, NULL) != ERR_OK)
        return;
    for (size_t i = 0; i < statement.stream_count; i++) {
        struct stream_id id = {statement.head.signer, statement.head.epoch,
                               statement.streams[i].number, 0};
        const struct model_stream *stream = model_stream_of(model, &id);
        uint32_t signed_to = stream == NULL ? 0 : stream->signed_to;
        if (statement.streams[i].seq > signed_to)
            findings_add(
                model->findings, FINDING_CLAIMED,
                "%s has a statement that lists %u entries of stream %u, and %u were signed",
                model_node_name(model, node), statement.streams[i].seq, id.number, signed_to);
    }
    statement_free(&statement);
}

static void check_note(struct model *model, size_t node, struct span key, struct span value)
{
    enum hash_context context = (enum hash_context)key.data[0];
    struct note_head head;
    if (note_read_head(value, context, &head, NULL) != ERR_OK)
        return; /* told by the verifier */
    check_rank(model, node, TABLE_NOTES, key, (struct rank){head.epoch, head.k});
    if (context == HASH_HEADS)
        check_statement(model, node, value);
    if (context == HASH_TOKEN)
        claims_token(model, &head);
}

/* ---- marks: what another is known to hold ---- */

static void check_mark(struct model *model, size_t node, struct span key, struct span value)
{
    const uint8_t *end = memchr(key.data, 0, key.size);
    if (end == NULL || value.size != 8 || (size_t)(key.data + key.size - end) != 6)
        return;
    size_t peer = model_seat_of_code(model, SPAN(key.data, (size_t)(end - key.data)));
    const struct model_stream *stream = holdings_row_stream(model, node, end + 1);
    if (peer == SIZE_MAX || stream == NULL || stream->forked || model->nodes[peer].restored ||
        model->nodes[peer].forks)
        return;
    size_t holder = model_stream_holder(stream, peer);
    uint32_t held = holder == SIZE_MAX ? 0 : stream->heads[holder];
    if (read_u32(value.data) > held)
        findings_add(model->findings, FINDING_CLAIMED,
                     "%s says that %s holds %u entries of stream %u of %s, and it holds %u",
                     model_node_name(model, node), model->county->seats[peer].code,
                     read_u32(value.data), stream->id.number,
                     model->county->seats[stream->author].code, held);
}

void rows_check(struct model *model, size_t node, enum table table, struct span key,
                struct span value)
{
    if (table == TABLE_DOCS)
        check_document(model, node, key, value);
    else if (table == TABLE_NOTES && key.size > 0)
        check_note(model, node, key, value);
    else if (table == TABLE_MARKS)
        check_mark(model, node, key, value);
}

/* ---- I8: what anybody can push into a store is bounded ---- */

enum { PARKED_AN_AUTHOR = 256, QUARANTINE_AN_AUTHOR = 1024 }; /* rules.md B12 */

void check_bounds(struct model *model)
{
    static const struct {
        enum table table;
        size_t an_author;
    } bounds[] = {{TABLE_PARKED, PARKED_AN_AUTHOR}, {TABLE_QUARANTINE, QUARANTINE_AN_AUTHOR}};
    for (size_t node = 0; node < model->node_count; node++) {
        struct memory_store *store = world_store(model->world, node);
        if (store == NULL)
            continue;
        for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++) {
            size_t rows = memory_store_row_count(store, bounds[i].table);
            if (rows > bounds[i].an_author * model->county->seat_count)
                findings_add(model->findings, FINDING_UNBOUNDED, "%s has %zu rows in %s",
                             model_node_name(model, node), rows, table_name(bounds[i].table));
        }
        if (memory_store_row_count(store, TABLE_ARRIVALS) > ARRIVALS_MAX)
            findings_add(model->findings, FINDING_UNBOUNDED, "%s remembers %zu arrivals",
                         model_node_name(model, node),
                         memory_store_row_count(store, TABLE_ARRIVALS));
    }
}
