/* Documents, the reading side: everything here may come from anyone.
 *
 * The msgpack reader sticks at its first failure; the decoder beside it keeps the first reason
 * in words, so a fields map is read to its end and judged once. */
#include "topology/document.h"

#include <assert.h>
#include <string.h>

#include "base/msgpack.h"

enum {
    KEY_STRIDE_ENCODED = KEY_BYTES + 2, /* a bin of 32 bytes has two bytes in front */
};
static const uint64_t CLOCK_MAX = (UINT64_C(1) << 48) - 1;

struct decoder {
    struct mp_reader reader;
    const char *what;
    struct error *error;
    enum error_code code;
    bool unknown; /* a field that must be understood, and isn't */
};

static void refuse(struct decoder *decoder, enum error_code code, const char *why)
{
    if (decoder->code == ERR_OK)
        decoder->code = error_set(decoder->error, code, decoder->what, "%s", why);
    mp_fail(&decoder->reader);
}

static uint64_t decode_uint(struct decoder *decoder, uint64_t max, const char *why)
{
    uint64_t value = mp_read_uint(&decoder->reader);
    if (value > max) {
        refuse(decoder, ERR_MALFORMED, why);
        return 0;
    }
    return value;
}

static struct span decode_text(struct decoder *decoder, size_t size_max, const char *why)
{
    struct span text = mp_read_str(&decoder->reader);
    if (decoder->reader.failed)
        return SPAN_EMPTY;
    if (text.size == 0 || text.size > size_max || !utf8_printable(text)) {
        refuse(decoder, text.size > size_max ? ERR_OVERSIZE : ERR_MALFORMED, why);
        return SPAN_EMPTY;
    }
    return text;
}

static void decode_text_into(struct decoder *decoder, char *to, size_t size_max, const char *why)
{
    struct span text = decode_text(decoder, size_max, why);
    if (text.size > 0)
        memcpy(to, text.data, text.size);
    to[text.size] = '\0';
}

static void decode_bytes(struct decoder *decoder, uint8_t *to, size_t size)
{
    const uint8_t *bytes = mp_read_bin_of(&decoder->reader, size);
    if (bytes != NULL)
        memcpy(to, bytes, size);
}

static struct text_list decode_texts(struct decoder *decoder, size_t count_max, size_t size_max,
                                     const char *why)
{
    struct mp_reader *reader = &decoder->reader;
    size_t begin = reader->at;
    uint32_t count = mp_read_array(reader);
    if (count > count_max)
        refuse(decoder, ERR_OVERSIZE, why);
    for (uint32_t i = 0; i < count && !reader->failed; i++)
        (void)decode_text(decoder, size_max, why);
    if (reader->failed || count == 0)
        return (struct text_list){0};
    return (struct text_list){.encoded = SPAN(reader->input.data + begin, reader->at - begin),
                              .count = (uint8_t)count};
}

static bool admin_key_is_repeated(const struct admin_keys *admins, unsigned index)
{
    for (unsigned i = 0; i < index; i++) {
        if (memcmp(admin_key(admins, i), admin_key(admins, index), KEY_BYTES) == 0)
            return true;
    }
    return false;
}

static struct admin_keys decode_admins(struct decoder *decoder)
{
    struct mp_reader *reader = &decoder->reader;
    struct admin_keys admins = {.stride = KEY_STRIDE_ENCODED};
    if (mp_read_array(reader) != 2)
        mp_fail(reader);
    uint64_t threshold = mp_read_uint(reader);
    uint32_t count = mp_read_array(reader);
    if (!reader->failed && (threshold < 1 || threshold > count || count > ADMIN_KEYS_MAX))
        refuse(decoder, ERR_MALFORMED, "its threshold or its number of admin keys can't be");
    for (uint32_t i = 0; i < count && !reader->failed; i++) {
        const uint8_t *key = mp_read_bin_of(reader, KEY_BYTES);
        if (key == NULL)
            break;
        if (i == 0)
            admins.keys = key;
        admins.count = (uint8_t)(i + 1);
        assert(key == admin_key(&admins, i));
        if (admin_key_is_repeated(&admins, i))
            refuse(decoder, ERR_MALFORMED, "one admin key is listed twice");
    }
    if (reader->failed)
        return (struct admin_keys){0};
    admins.threshold = (uint8_t)threshold;
    return admins;
}

static struct span decode_cut_off(struct decoder *decoder)
{
    struct mp_reader *reader = &decoder->reader;
    size_t begin = reader->at;
    uint32_t count = mp_read_array(reader);
    if (count > CUT_OFF_MAX)
        refuse(decoder, ERR_OVERSIZE, "its cut-off has more than 64 places");
    for (uint32_t i = 0; i < count && !reader->failed; i++) {
        if (mp_read_array(reader) != 4)
            mp_fail(reader);
        (void)mp_read_uint_max(reader, UINT32_MAX);
        (void)mp_read_uint_max(reader, STREAM_NUMBER_MAX);
        (void)mp_read_uint_max(reader, STREAM_ENTRIES_MAX);
        (void)mp_read_bin_of(reader, HASH_BYTES);
    }
    if (reader->failed || count == 0)
        return SPAN_EMPTY;
    return SPAN(reader->input.data + begin, reader->at - begin);
}

static struct span decode_notes(struct decoder *decoder)
{
    struct mp_reader *reader = &decoder->reader;
    size_t begin = reader->at;
    uint32_t count = mp_read_array(reader);
    if (count > CUT_OFF_MAX)
        refuse(decoder, ERR_OVERSIZE, "it lists trusted notes of more than 64 epochs");
    for (uint32_t i = 0; i < count && !reader->failed; i++) {
        if (mp_read_array(reader) != 3)
            mp_fail(reader);
        (void)mp_read_uint_max(reader, UINT32_MAX);
        (void)mp_read_uint(reader);
        (void)mp_read_uint(reader);
    }
    if (reader->failed || count == 0)
        return SPAN_EMPTY;
    return SPAN(reader->input.data + begin, reader->at - begin);
}

static struct span decode_decisions(struct decoder *decoder)
{
    static const char why[] = "one of the moves that it decides names no seat";
    struct mp_reader *reader = &decoder->reader;
    size_t begin = reader->at;
    uint32_t count = mp_read_array(reader);
    if (count > DECISIONS_MAX)
        refuse(decoder, ERR_OVERSIZE, "it decides more than 64 moves");
    for (uint32_t i = 0; i < count && !reader->failed; i++) {
        if (mp_read_array(reader) != 3)
            mp_fail(reader);
        (void)decode_text(decoder, SEAT_BYTES_MAX, why);
        (void)decode_text(decoder, SEAT_BYTES_MAX, why);
        (void)mp_read_uint(reader);
    }
    if (reader->failed || count == 0)
        return SPAN_EMPTY;
    return SPAN(reader->input.data + begin, reader->at - begin);
}

static void skip_unknown(struct decoder *decoder, int32_t key)
{
    if (key < 0)
        decoder->unknown = true;
    (void)mp_read_any(&decoder->reader);
}

static enum error_code decoder_finish(struct decoder *decoder)
{
    mp_read_end(&decoder->reader);
    if (decoder->code == ERR_OK && decoder->reader.failed)
        refuse(decoder, ERR_MALFORMED, "its bytes are not a canonical fields map of its kind");
    if (decoder->code == ERR_OK && decoder->unknown)
        refuse(decoder, ERR_PARKED, "it has a field that this version must understand and doesn't");
    return decoder->code;
}

static void order_field(struct decoder *decoder, int32_t key, struct document_header *header)
{
    switch (key) {
    case 16:
        header->order =
            (enum order_what)decode_uint(decoder, INT32_MAX, "what it orders is out of range");
        break;
    case 17:
        decode_text_into(decoder, header->seat, SEAT_BYTES_MAX, "its seat can't be a seat id");
        break;
    case 18:
        if (mp_read_uint(&decoder->reader) != header->version)
            refuse(decoder, ERR_MALFORMED, "its serial number isn't its version");
        break;
    case 19: header->since_ms = decode_uint(decoder, CLOCK_MAX, "its date can't be"); break;
    default: skip_unknown(decoder, key); break;
    }
}

static void header_by_kind(struct decoder *decoder, int32_t key, struct document_header *header)
{
    if (header->kind == DOCUMENT_ROOT && key == 16) {
        header->tiers = decode_texts(decoder, TIERS_MAX, SEAT_BYTES_MAX,
                                     "it names more than 16 tiers, or one in a way that can't be");
    } else if (header->kind == DOCUMENT_ROOT && key == 17) {
        header->admins = decode_admins(decoder);
    } else if (header->kind == DOCUMENT_ROOT && key == 18) {
        header->fold_tier =
            (uint8_t)decode_uint(decoder, TIERS_MAX - 1, "its tier of folds can't be");
    } else if ((header->kind == DOCUMENT_ROOT && key == 19) ||
               (header->kind == DOCUMENT_BRANCH && key == 16)) {
        header->decisions = decode_decisions(decoder);
    } else if (header->kind == DOCUMENT_ROOT && key == 20) {
        header->types = mp_read_bin_of(&decoder->reader, HASH_BYTES);
    } else if (header->kind == DOCUMENT_ROOT && key == -1) {
        header->by_hand = mp_read_uint(&decoder->reader) == 1;
        if (!header->by_hand)
            refuse(decoder, ERR_PARKED, "it was made in a way that this version doesn't know");
    } else if (header->kind == DOCUMENT_TYPES && key == 16) {
        header->schema_version =
            (uint32_t)decode_uint(decoder, UINT32_MAX, "its schema version is out of range");
    } else if (header->kind == DOCUMENT_ORDER) {
        order_field(decoder, key, header);
    } else {
        skip_unknown(decoder, key);
    }
}

static void header_rows_field(struct decoder *decoder, int32_t key, struct document_header *header)
{
    if (key == 11) {
        decode_bytes(decoder, header->row_root.bytes, HASH_BYTES);
        return;
    }
    uint64_t value = mp_read_uint(&decoder->reader);
    uint64_t max = key == 9 ? DOCUMENT_ROWS_MAX : DOCUMENT_BYTES_MAX;
    if (value > max)
        refuse(decoder, ERR_OVERSIZE,
               key == 9 ? "it announces more than 4096 rows"
                        : "it announces more than 1 MiB of rows");
    else if (key == 9)
        header->row_count = (uint32_t)value;
    else
        header->row_bytes = (uint32_t)value;
}

static void header_field(struct decoder *decoder, int32_t key, struct document_header *header)
{
    struct mp_reader *reader = &decoder->reader;
    switch (key) {
    case 1:
        header->first = false;
        decode_bytes(decoder, header->tree_id.bytes, HASH_BYTES);
        break;
    case 2: header->kind = (enum document_kind)mp_read_uint_max(reader, INT32_MAX); break;
    case 3:
        decode_text_into(decoder, header->seat, SEAT_BYTES_MAX, "its seat can't be a seat id");
        break;
    case 4: header->term = mp_read_uint(reader); break;
    case 5: header->version = mp_read_uint(reader); break;
    case 6:
        header->has_predecessor = true;
        decode_bytes(decoder, header->predecessor.bytes, HASH_BYTES);
        break;
    case 7: header->issued_ms = decode_uint(decoder, CLOCK_MAX, "its date can't be"); break;
    case 8: header->expires_ms = decode_uint(decoder, CLOCK_MAX, "its expiry can't be"); break;
    case 9:
    case 10:
    case 11: header_rows_field(decoder, key, header); break;
    default: header_by_kind(decoder, key, header); break;
    }
}

/* What must hold between the fields. NULL: all does. */
static const char *header_contradiction(const struct document_header *header, bool has_row_root)
{
    bool is_root = header->kind == DOCUMENT_ROOT;
    if (header->kind < DOCUMENT_ROOT)
        return "it doesn't say what kind of document it is";
    if (header->version == 0)
        return "it has no version";
    if (header->first && !is_root)
        return "it names no tree";
    if (header->first && (header->version != 1 || header->has_predecessor))
        return "a first root document is version 1 and has no predecessor";
    if (header->first && header->by_hand)
        return "a first root document replaces none";
    if (is_root && !header->first && !header->has_predecessor)
        return "a later root document names its predecessor";
    if (is_root && (header->tiers.count == 0 || header->admins.threshold == 0))
        return "a root document names tiers and admin keys";
    if (is_root && header->fold_tier >= header->tiers.count)
        return "the tier that it names for folds isn't one of its tiers";
    if ((header->kind == DOCUMENT_BRANCH) != (header->seat[0] != '\0') &&
        header->kind <= DOCUMENT_TYPES)
        return "a branch document names its seat, root and types name none";
    if (header->kind == DOCUMENT_ORDER && (header->seat[0] == '\0' || header->row_count > 0))
        return "an order names the head of its subtree, and has no rows";
    if (header->expires_ms != 0 && header->expires_ms < header->issued_ms)
        return "it expires before it was issued";
    if ((header->row_count > 0) != has_row_root || header->row_bytes < header->row_count ||
        (header->row_count == 0 && header->row_bytes > 0))
        return "count, size and root of its rows contradict each other";
    return NULL;
}

enum error_code document_header_decode(struct span bytes, struct document_header *header,
                                       struct error *error)
{
    *header = (struct document_header){.first = true};
    struct decoder decoder = {
        .reader = mp_reader(bytes), .what = "the header of a document was refused", .error = error};
    if (bytes.size > DOCUMENT_HEADER_BYTES_MAX)
        return error_set(error, ERR_OVERSIZE, decoder.what, "it has %zu bytes, the most is %d",
                         bytes.size, DOCUMENT_HEADER_BYTES_MAX);
    struct mp_fields fields = mp_fields(&decoder.reader);
    bool has_row_root = false;
    int32_t key;
    while (mp_field(&decoder.reader, &fields, &key)) {
        has_row_root = has_row_root || key == 11;
        header_field(&decoder, key, header);
    }
    enum error_code code = decoder_finish(&decoder);
    if (code != ERR_OK)
        return code;
    if (header->kind > DOCUMENT_ORDER ||
        (header->kind == DOCUMENT_ORDER &&
         (header->order < ORDER_EMERGENCY || header->order > ORDER_ROLL_CALL)))
        return error_set(error, ERR_PARKED, decoder.what,
                         "this version doesn't know its kind, or what it orders");
    const char *why = header_contradiction(header, has_row_root);
    return why == NULL ? ERR_OK : error_set(error, ERR_MALFORMED, decoder.what, "%s", why);
}

struct row_needs {
    bool signing_key, link_key;
};

static void row_identity_field(struct decoder *decoder, int32_t key, struct seat_row *row,
                               struct row_needs *seen)
{
    switch (key) {
    case 1: decode_text_into(decoder, row->seat, SEAT_BYTES_MAX, "its seat id can't be"); break;
    case 2: decode_text_into(decoder, row->name, SEAT_NAME_BYTES_MAX, "its name can't be"); break;
    case 3: row->tier = (uint8_t)decode_uint(decoder, TIERS_MAX - 1, "its tier can't be"); break;
    case 4:
        row->generation = (uint32_t)decode_uint(decoder, UINT32_MAX, "its generation can't be");
        break;
    case 5:
        seen->signing_key = true;
        decode_bytes(decoder, row->signing_key, KEY_BYTES);
        break;
    case 6:
        seen->link_key = true;
        decode_bytes(decoder, row->link_key, KEY_BYTES);
        break;
    case 7: row->term = mp_read_uint(&decoder->reader); break;
    case 8: row->admins = decode_admins(decoder); break;
    default: skip_unknown(decoder, key); break;
    }
}

static void row_field(struct decoder *decoder, int32_t key, struct seat_row *row,
                      struct row_needs *seen)
{
    struct mp_reader *reader = &decoder->reader;
    switch (key) {
    case 9:
        row->endpoints = decode_texts(decoder, ENDPOINTS_MAX, ENDPOINT_BYTES_MAX,
                                      "its endpoints are too many, too long or unprintable");
        break;
    case 10:
        row->fallbacks = decode_texts(decoder, FALLBACKS_MAX, SEAT_BYTES_MAX,
                                      "its fallbacks are too many or no seat ids");
        break;
    case 11: row->standby = mp_read_bool(reader); break;
    case 12: row->status = (enum seat_status)mp_read_uint_max(reader, SEAT_RELEASED); break;
    case 13: row->moves = mp_read_uint(reader); break;
    case 14: row->cut_off = decode_cut_off(decoder); break;
    case 15:
        row->has_seal_key = true;
        decode_bytes(decoder, row->seal_key, KEY_BYTES);
        break;
    case 16:
        row->released_to = decode_text(decoder, SEAT_BYTES_MAX, "it is released to no seat id");
        break;
    case 17: row->notes = decode_notes(decoder); break;
    case 18: row->escrow_key = mp_read_bin_of(reader, KEY_BYTES); break;
    default: row_identity_field(decoder, key, row, seen); break;
    }
}

enum error_code seat_row_decode(struct span bytes, struct seat_row *row, struct error *error)
{
    *row = (struct seat_row){0};
    struct decoder decoder = {
        .reader = mp_reader(bytes), .what = "a row of a document was refused", .error = error};
    if (bytes.size > DOCUMENT_ROW_BYTES_MAX)
        return error_set(error, ERR_OVERSIZE, decoder.what, "it has %zu bytes, the most is %d",
                         bytes.size, DOCUMENT_ROW_BYTES_MAX);
    struct row_needs seen = {0};
    struct mp_fields fields = mp_fields(&decoder.reader);
    int32_t key;
    while (mp_field(&decoder.reader, &fields, &key))
        row_field(&decoder, key, row, &seen);
    enum error_code code = decoder_finish(&decoder);
    if (code != ERR_OK)
        return code;
    if (row->seat[0] == '\0' || !seen.signing_key || !seen.link_key)
        return error_set(error, ERR_MALFORMED, decoder.what,
                         "it lacks a seat, a signing key or a link key");
    return ERR_OK;
}

static void envelope_signatures(struct decoder *decoder, struct document_envelope *envelope)
{
    struct mp_reader *reader = &decoder->reader;
    uint32_t count = mp_read_array(reader);
    if (count > DOCUMENT_SIGNATURES_MAX)
        refuse(decoder, ERR_OVERSIZE, "it has more than 16 signatures");
    for (uint32_t i = 0; i < count && !reader->failed; i++) {
        if (mp_read_array(reader) != 2)
            mp_fail(reader);
        const uint8_t *id = mp_read_bin_of(reader, KEY_ID_BYTES);
        const uint8_t *signature = mp_read_bin_of(reader, SIGNATURE_BYTES);
        if (reader->failed)
            return;
        memcpy(envelope->signers[i].bytes, id, KEY_ID_BYTES);
        envelope->signatures[i] = signature;
        envelope->signature_count = (uint8_t)(i + 1);
        if (i > 0 && key_id_compare(envelope->signers[i - 1], envelope->signers[i]) >= 0)
            refuse(decoder, ERR_MALFORMED, "its signatures are not sorted, or one key signs twice");
    }
}

enum error_code document_open(struct span bytes, struct document_envelope *envelope,
                              struct error *error)
{
    *envelope = (struct document_envelope){0};
    struct decoder decoder = {
        .reader = mp_reader(bytes), .what = "a document was refused", .error = error};
    if (mp_read_array(&decoder.reader) != 2)
        mp_fail(&decoder.reader);
    envelope->header = mp_read_bin(&decoder.reader);
    if (!decoder.reader.failed && envelope->header.size > DOCUMENT_HEADER_BYTES_MAX)
        refuse(&decoder, ERR_OVERSIZE, "its header is larger than 4 KiB");
    envelope_signatures(&decoder, envelope);
    mp_read_end(&decoder.reader);
    if (decoder.reader.failed)
        refuse(&decoder, ERR_MALFORMED, "its bytes are not [header, signatures]");
    if (decoder.code != ERR_OK)
        return decoder.code;
    return document_header_decode(envelope->header, &envelope->decoded, error);
}
