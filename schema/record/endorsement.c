#include "schema/endorsement.h"

#include <assert.h>
#include <string.h>

#include "base/msgpack.h"
#include "schema/schema.h"

static bool digests_fit(struct span value, uint32_t *count)
{
    struct mp_reader reader = mp_reader(value);
    *count = mp_peek(&reader) == MP_ARRAY ? mp_read_array(&reader) : 0;
    if (*count == 0 || *count > ENDORSE_DIGESTS_MAX)
        return false;
    for (uint32_t i = 0; i < *count; i++)
        mp_read_bin_of(&reader, HASH_BYTES);
    mp_read_end(&reader);
    return !reader.failed;
}

enum error_code endorsement_put(struct buffer *body, struct span digests, struct span reason,
                                struct error *error)
{
    struct buffer value = {0};
    uint32_t count;
    if (!digests_fit(digests, &count))
        return error_set(error, ERR_INVALID, "endorses", "expected a list of 1 to %d digests",
                         ENDORSE_DIGESTS_MAX);
    if (reason.size > ENDORSE_REASON_BYTES_MAX || !utf8_writable(reason))
        return error_set(error, ERR_INVALID, "reason",
                         "expected a text of at most %d bytes without control characters",
                         ENDORSE_REASON_BYTES_MAX);
    mp_write_map(&value, 1U + (reason.size > 0));
    if (reason.size > 0) {
        mp_write_uint(&value, ENDORSE_REASON);
        mp_write_str(&value, reason);
    }
    mp_write_uint(&value, ENDORSE_DIGESTS);
    buffer_append_span(&value, digests);
    schema_put_system_field(body, FIELD_ENDORSES, span_of_buffer(&value));
    buffer_free(&value);
    return ERR_OK;
}

static bool read_endorsement(struct span value, struct endorsement *endorsement)
{
    struct mp_reader reader = mp_reader_known(value);
    bool fits = mp_peek(&reader) == MP_MAP;
    *endorsement = (struct endorsement){0};
    if (!fits)
        return false;
    struct mp_fields fields = mp_fields(&reader);
    for (int32_t key; mp_field(&reader, &fields, &key);) {
        struct span part = mp_read_any(&reader);
        struct mp_reader text = mp_reader_known(part);
        if (key == ENDORSE_DIGESTS) {
            endorsement->digests = part;
            fits = fits && digests_fit(part, &endorsement->count);
        } else if (key == ENDORSE_REASON) {
            fits = fits && mp_peek(&text) == MP_STR;
            endorsement->reason = mp_peek(&text) == MP_STR ? mp_read_str(&text) : SPAN_EMPTY;
        }
    }
    return fits && endorsement->count > 0 && !reader.failed &&
           endorsement->reason.size <= ENDORSE_REASON_BYTES_MAX;
}

bool endorsement_fits(struct span value)
{
    struct endorsement endorsement;
    return read_endorsement(value, &endorsement);
}

struct endorsement endorsement_of(struct span body)
{
    struct endorsement endorsement = {0};
    struct mp_reader reader = mp_reader_known(body);
    if (mp_peek(&reader) != MP_MAP)
        return endorsement;
    struct mp_fields fields = mp_fields(&reader);
    for (int32_t key; mp_field(&reader, &fields, &key);) {
        struct span value = mp_read_any(&reader);
        if (key == FIELD_ENDORSES && !read_endorsement(value, &endorsement))
            return (struct endorsement){0};
    }
    return endorsement;
}

struct hash endorsement_digest(const struct endorsement *endorsement, uint32_t index)
{
    struct mp_reader reader = mp_reader_known(endorsement->digests);
    struct hash digest = {{0}};
    assert(index < endorsement->count);
    mp_read_array(&reader);
    for (uint32_t i = 0; i < index; i++)
        mp_read_any(&reader);
    const uint8_t *bytes = mp_read_bin_of(&reader, HASH_BYTES);
    assert(bytes != NULL);
    memcpy(digest.bytes, bytes, HASH_BYTES);
    return digest;
}
