/* Documents, the writing side: encode headers and rows, hash them, sign and check signatures.
 * A fields map is written into a scratch buffer while its pairs are counted, since absent
 * means default and the count stands in front. */
#include "topology/document.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/msgpack.h"

enum { KEY_STRIDE_PACKED = KEY_BYTES };

struct fields_writer {
    struct buffer body;
    uint32_t pairs;
};

static struct buffer *field(struct fields_writer *writer, uint64_t number)
{
    mp_write_uint(&writer->body, number);
    writer->pairs++;
    return &writer->body;
}

static void field_uint(struct fields_writer *writer, uint64_t number, uint64_t value)
{
    if (value != 0)
        mp_write_uint(field(writer, number), value);
}

static void field_hash(struct fields_writer *writer, uint64_t number, const struct hash *hash)
{
    mp_write_bin(field(writer, number), SPAN_OF_ARRAY(hash->bytes));
}

static void fields_finish(struct fields_writer *writer, struct buffer *out)
{
    mp_write_map(out, writer->pairs);
    buffer_append_span(out, span_of_buffer(&writer->body));
    buffer_free(&writer->body);
}

struct admin_keys admin_keys_of(uint8_t threshold, const uint8_t *keys, uint8_t count)
{
    assert(threshold <= count && count <= ADMIN_KEYS_MAX);
    return (struct admin_keys){
        .threshold = threshold, .count = count, .stride = KEY_STRIDE_PACKED, .keys = keys};
}

const uint8_t *admin_key(const struct admin_keys *admins, unsigned index)
{
    assert(index < admins->count);
    return admins->keys + (size_t)index * admins->stride;
}

static void admin_keys_write(const struct admin_keys *admins, struct buffer *out)
{
    assert(admins->threshold >= 1 && admins->threshold <= admins->count);
    assert(admins->count <= ADMIN_KEYS_MAX);
    mp_write_array(out, 2);
    mp_write_uint(out, admins->threshold);
    mp_write_array(out, admins->count);
    for (unsigned i = 0; i < admins->count; i++)
        mp_write_bin(out, SPAN(admin_key(admins, i), KEY_BYTES));
}

void text_list_encode(const struct span *texts, size_t count, struct buffer *out)
{
    assert(count <= UINT8_MAX);
    mp_write_array(out, (uint32_t)count);
    for (size_t i = 0; i < count; i++)
        mp_write_str(out, texts[i]);
}

struct text_list text_list_of(struct span encoded)
{
    struct mp_reader reader = mp_reader(encoded);
    uint32_t count = mp_read_array(&reader);
    for (uint32_t i = 0; i < count && !reader.failed; i++)
        (void)mp_read_str(&reader);
    mp_read_end(&reader);
    assert(!reader.failed && count <= UINT8_MAX);
    return (struct text_list){.encoded = encoded, .count = (uint8_t)count};
}

struct span text_list_at(const struct text_list *list, unsigned index)
{
    assert(index < list->count);
    struct mp_reader reader = mp_reader(list->encoded);
    (void)mp_read_array(&reader);
    struct span text = SPAN_EMPTY;
    for (unsigned i = 0; i <= index; i++)
        text = mp_read_str(&reader);
    assert(!reader.failed);
    return text;
}

void cut_off_encode(const struct cut_off *places, size_t count, struct buffer *out)
{
    assert(count <= CUT_OFF_MAX);
    mp_write_array(out, (uint32_t)count);
    for (size_t i = 0; i < count; i++) {
        mp_write_array(out, 4);
        mp_write_uint(out, places[i].epoch);
        mp_write_uint(out, places[i].stream);
        mp_write_uint(out, places[i].seq);
        mp_write_bin(out, SPAN(places[i].hash, HASH_BYTES));
    }
}

void trusted_notes_encode(const struct trusted_notes *notes, size_t count, struct buffer *out)
{
    assert(count <= CUT_OFF_MAX);
    mp_write_array(out, (uint32_t)count);
    for (size_t i = 0; i < count; i++) {
        mp_write_array(out, 3);
        mp_write_uint(out, notes[i].epoch);
        mp_write_uint(out, notes[i].statement);
        mp_write_uint(out, notes[i].report);
    }
}

/* A reader that stands inside item `index` of an encoded list of arrays; false past its end. */
static bool item_at(struct span encoded, unsigned index, struct mp_reader *reader)
{
    if (encoded.size == 0)
        return false;
    *reader = mp_reader(encoded);
    if (index >= mp_read_array(reader))
        return false;
    for (unsigned i = 0; i < index; i++)
        (void)mp_read_any(reader);
    (void)mp_read_array(reader);
    return !reader->failed;
}

bool cut_off_at(struct span encoded, unsigned index, struct cut_off *place)
{
    struct mp_reader reader;
    if (!item_at(encoded, index, &reader))
        return false;
    place->epoch = (uint32_t)mp_read_uint(&reader);
    place->stream = (uint16_t)mp_read_uint(&reader);
    place->seq = (uint32_t)mp_read_uint(&reader);
    place->hash = mp_read_bin_of(&reader, HASH_BYTES);
    return !reader.failed;
}

bool trusted_notes_at(struct span encoded, unsigned index, struct trusted_notes *notes)
{
    struct mp_reader reader;
    if (!item_at(encoded, index, &reader))
        return false;
    notes->epoch = (uint32_t)mp_read_uint(&reader);
    notes->statement = mp_read_uint(&reader);
    notes->report = mp_read_uint(&reader);
    return !reader.failed;
}

void move_decisions_encode(const struct move_decision *decisions, size_t count, struct buffer *out)
{
    assert(count <= DECISIONS_MAX);
    mp_write_array(out, (uint32_t)count);
    for (size_t i = 0; i < count; i++) {
        mp_write_array(out, 3);
        mp_write_str(out, decisions[i].seat);
        mp_write_str(out, decisions[i].to);
        mp_write_uint(out, decisions[i].counter);
    }
}

bool move_decision_at(struct span encoded, unsigned index, struct move_decision *decision)
{
    struct mp_reader reader;
    if (!item_at(encoded, index, &reader))
        return false;
    decision->seat = mp_read_str(&reader);
    decision->to = mp_read_str(&reader);
    decision->counter = mp_read_uint(&reader);
    return !reader.failed;
}

static void header_write_by_kind(const struct document_header *header, struct fields_writer *writer)
{
    if (header->kind == DOCUMENT_ROOT) {
        assert(header->tiers.count >= 1 && header->tiers.count <= TIERS_MAX);
        buffer_append_span(field(writer, 16), header->tiers.encoded);
        admin_keys_write(&header->admins, field(writer, 17));
        field_uint(writer, 18, header->fold_tier);
        if (header->decisions.size > 0)
            buffer_append_span(field(writer, 19), header->decisions);
        if (header->types != NULL)
            mp_write_bin(field(writer, 20), SPAN(header->types, HASH_BYTES));
        if (header->by_hand) {
            mp_write_int(&writer->body, -1);
            mp_write_uint(&writer->body, 1);
            writer->pairs++;
        }
    }
    if (header->kind == DOCUMENT_BRANCH && header->decisions.size > 0)
        buffer_append_span(field(writer, 16), header->decisions);
    if (header->kind == DOCUMENT_TYPES)
        field_uint(writer, 16, header->schema_version);
    if (header->kind == DOCUMENT_ORDER) {
        mp_write_uint(field(writer, 16), (uint64_t)header->order);
        mp_write_text(field(writer, 17), header->seat);
        field_uint(writer, 18, header->version);
        field_uint(writer, 19, header->since_ms);
    }
}

void document_header_encode(const struct document_header *header, struct buffer *out)
{
    assert(header->kind >= DOCUMENT_ROOT && header->kind <= DOCUMENT_ORDER);
    assert(!header->first || header->kind == DOCUMENT_ROOT);
    struct fields_writer writer = {0};
    if (!header->first)
        field_hash(&writer, 1, &header->tree_id);
    mp_write_uint(field(&writer, 2), (uint64_t)header->kind);
    if (header->seat[0] != '\0' && header->kind != DOCUMENT_ORDER)
        mp_write_text(field(&writer, 3), header->seat);
    field_uint(&writer, 4, header->term);
    field_uint(&writer, 5, header->version);
    if (header->has_predecessor)
        field_hash(&writer, 6, &header->predecessor);
    field_uint(&writer, 7, header->issued_ms);
    field_uint(&writer, 8, header->expires_ms);
    field_uint(&writer, 9, header->row_count);
    field_uint(&writer, 10, header->row_bytes);
    if (header->row_count > 0)
        field_hash(&writer, 11, &header->row_root);
    header_write_by_kind(header, &writer);
    fields_finish(&writer, out);
}

static void seat_row_write_rest(const struct seat_row *row, struct fields_writer *writer)
{
    if (row->endpoints.count > 0)
        buffer_append_span(field(writer, 9), row->endpoints.encoded);
    if (row->fallbacks.count > 0)
        buffer_append_span(field(writer, 10), row->fallbacks.encoded);
    if (row->standby)
        mp_write_bool(field(writer, 11), true);
    field_uint(writer, 12, (uint64_t)row->status);
    field_uint(writer, 13, row->moves);
    if (row->cut_off.size > 0)
        buffer_append_span(field(writer, 14), row->cut_off);
    if (row->has_seal_key)
        mp_write_bin(field(writer, 15), SPAN_OF_ARRAY(row->seal_key));
    if (row->released_to.size > 0)
        mp_write_str(field(writer, 16), row->released_to);
    if (row->notes.size > 0)
        buffer_append_span(field(writer, 17), row->notes);
    if (row->escrow_key != NULL)
        mp_write_bin(field(writer, 18), SPAN(row->escrow_key, KEY_BYTES));
}

void seat_row_encode(const struct seat_row *row, struct buffer *out)
{
    assert(row->seat[0] != '\0');
    struct fields_writer writer = {0};
    mp_write_text(field(&writer, 1), row->seat);
    if (row->name[0] != '\0')
        mp_write_text(field(&writer, 2), row->name);
    field_uint(&writer, 3, row->tier);
    field_uint(&writer, 4, row->generation);
    mp_write_bin(field(&writer, 5), SPAN_OF_ARRAY(row->signing_key));
    mp_write_bin(field(&writer, 6), SPAN_OF_ARRAY(row->link_key));
    field_uint(&writer, 7, row->term);
    if (row->admins.threshold > 0)
        admin_keys_write(&row->admins, field(&writer, 8));
    seat_row_write_rest(row, &writer);
    fields_finish(&writer, out);
}

int seat_row_compare(const struct seat_row *a, const struct seat_row *b)
{
    int order = span_compare(span_of_text(a->seat), span_of_text(b->seat));
    if (order != 0)
        return order;
    if (a->generation != b->generation)
        return a->generation < b->generation ? -1 : 1;
    return (int)a->standby - (int)b->standby;
}

struct hash document_hash(struct span header_bytes)
{
    return hash_of(HASH_DOCUMENT, header_bytes);
}

struct hash document_tree_id(struct span header_bytes)
{
    return hash_of(HASH_TREE, header_bytes);
}

struct hash document_row_hash(struct span row)
{
    return hash_of(HASH_ROW, row);
}

struct hash document_rows_root(const struct span *rows, size_t count)
{
    if (count == 0)
        return hash_zero;
    struct hash *leaves = mem_alloc(count * sizeof *leaves);
    for (size_t i = 0; i < count; i++)
        leaves[i] = document_row_hash(rows[i]);
    struct hash root = merkle_root(leaves, count);
    free(leaves);
    return root;
}

/* Places of `secrets` sorted by key id, without repetitions. */
static size_t signers_sort(const uint8_t (*secrets)[SECRET_BYTES], size_t count,
                           struct key_id ids[static DOCUMENT_SIGNATURES_MAX],
                           size_t places[static DOCUMENT_SIGNATURES_MAX])
{
    size_t signer_count = 0;
    for (size_t i = 0; i < count; i++) {
        struct key_id id = key_id_of(secrets[i] + SECRET_BYTES - KEY_BYTES);
        size_t at = 0;
        while (at < signer_count && key_id_compare(ids[at], id) < 0)
            at++;
        if (at < signer_count && key_id_equal(ids[at], id))
            continue;
        memmove(ids + at + 1, ids + at, (signer_count - at) * sizeof *ids);
        memmove(places + at + 1, places + at, (signer_count - at) * sizeof *places);
        ids[at] = id;
        places[at] = i;
        signer_count++;
    }
    return signer_count;
}

void document_sign(struct span header_bytes, const uint8_t (*secrets)[SECRET_BYTES], size_t count,
                   struct buffer *envelope)
{
    assert(count <= DOCUMENT_SIGNATURES_MAX);
    struct key_id ids[DOCUMENT_SIGNATURES_MAX];
    size_t places[DOCUMENT_SIGNATURES_MAX];
    size_t signer_count = signers_sort(secrets, count, ids, places);
    struct hash hash = document_hash(header_bytes);
    mp_write_array(envelope, 2);
    mp_write_bin(envelope, header_bytes);
    mp_write_array(envelope, (uint32_t)signer_count);
    for (size_t i = 0; i < signer_count; i++) {
        uint8_t signature[SIGNATURE_BYTES];
        sign_hash(&hash, secrets[places[i]], signature);
        mp_write_array(envelope, 2);
        mp_write_bin(envelope, SPAN_OF_ARRAY(ids[i].bytes));
        mp_write_bin(envelope, SPAN_OF_ARRAY(signature));
    }
}

static bool key_id_is_shared(const struct admin_keys *admins, unsigned index, struct key_id id)
{
    for (unsigned i = 0; i < admins->count; i++) {
        if (i != index && key_id_equal(key_id_of(admin_key(admins, i)), id))
            return true;
    }
    return false;
}

static const uint8_t *signature_of(const struct document_envelope *envelope, struct key_id id)
{
    for (unsigned i = 0; i < envelope->signature_count; i++) {
        if (key_id_equal(envelope->signers[i], id))
            return envelope->signatures[i];
    }
    return NULL;
}

bool document_signed_by(const struct document_envelope *envelope, const struct admin_keys *admins,
                        const struct verifier *verifier)
{
    if (admins->threshold == 0)
        return false;
    struct hash hash = document_hash(envelope->header);
    unsigned good = 0;
    for (unsigned i = 0; i < admins->count && good < admins->threshold; i++) {
        const uint8_t *key = admin_key(admins, i);
        struct key_id id = key_id_of(key);
        const uint8_t *signature = signature_of(envelope, id);
        if (signature != NULL && !key_id_is_shared(admins, i, id) &&
            verifier_holds(verifier, &hash, signature, key))
            good++;
    }
    return good >= admins->threshold;
}
