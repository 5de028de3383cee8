#include "schema/extension.h"

#include <assert.h>

#include "base/msgpack.h"
#include "schema/endorsement.h"
#include "schema/schema.h"

void extension_encode(const struct span *seats, size_t count, struct span reason,
                      struct buffer *body)
{
    assert(count >= 1 && count <= HOLDERS_MAX && reason.size <= EXTEND_REASON_BYTES_MAX);
    mp_write_map(body, reason.size > 0 ? 2 : 1);
    mp_write_uint(body, EXTEND_SEATS);
    mp_write_array(body, (uint32_t)count);
    for (size_t i = 0; i < count; i++)
        mp_write_str(body, seats[i]);
    if (reason.size > 0) {
        mp_write_uint(body, EXTEND_REASON);
        mp_write_str(body, reason);
    }
}

void extension_encode_overdue(struct span seat, uint16_t state, struct buffer *body)
{
    assert(seat.size > 0 && state > 0);
    mp_write_map(body, 3);
    mp_write_uint(body, EXTEND_SEATS);
    mp_write_array(body, 1);
    mp_write_str(body, seat);
    mp_write_uint(body, EXTEND_REASON);
    mp_write_text(body, "overdue");
    mp_write_uint(body, EXTEND_OVERDUE);
    mp_write_uint(body, state);
}

uint16_t extension_overdue(struct span body)
{
    struct mp_reader reader = mp_reader_known(body);
    struct mp_fields fields = mp_fields(&reader);
    for (int32_t key; mp_field(&reader, &fields, &key); mp_read_any(&reader)) {
        if (key == EXTEND_OVERDUE)
            return (uint16_t)mp_read_uint_max(&reader, WORKFLOW_NUMBER_MAX);
    }
    return 0;
}

static bool state_fits(struct mp_reader *reader)
{
    uint64_t state = mp_peek(reader) == MP_INT ? mp_read_uint_max(reader, WORKFLOW_NUMBER_MAX) : 0;
    return !reader->failed && state > 0;
}

static bool seats_fit(struct mp_reader *reader)
{
    struct span seats[HOLDERS_MAX];
    uint32_t count = mp_peek(reader) == MP_ARRAY ? mp_read_array(reader) : 0;
    if (count == 0 || count > HOLDERS_MAX)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        seats[i] = mp_peek(reader) == MP_STR ? mp_read_str(reader) : SPAN_EMPTY;
        if (reader->failed || seats[i].size == 0 || seats[i].size > SEAT_BYTES_MAX ||
            !utf8_printable(seats[i]))
            return false;
        for (uint32_t k = 0; k < i; k++) {
            if (span_equal(seats[k], seats[i]))
                return false;
        }
    }
    return true;
}

enum error_code extension_check(struct span body)
{
    struct mp_reader reader = mp_reader_known(body);
    bool named = false, fits = true;
    if (mp_peek(&reader) != MP_MAP)
        return ERR_INVALID;
    struct mp_fields fields = mp_fields(&reader);
    for (int32_t key; mp_field(&reader, &fields, &key);) {
        struct span whole = mp_read_any(&reader);
        struct mp_reader value = mp_reader_known(whole);
        if (key < 0 && key != FIELD_ENDORSES)
            return ERR_PARKED;
        if (key == EXTEND_SEATS)
            fits = named = seats_fit(&value);
        else if (key == FIELD_ENDORSES)
            fits = fits && endorsement_fits(whole);
        else if (key == EXTEND_OVERDUE)
            fits = fits && state_fits(&value);
        else if (key == EXTEND_REASON)
            fits = fits && mp_peek(&value) == MP_STR &&
                   mp_read_str(&value).size <= EXTEND_REASON_BYTES_MAX;
    }
    return fits && named && !reader.failed ? ERR_OK : ERR_INVALID;
}
