/* The seats that extensions of a record's circle added: folded in, never taken back (rules.md A12).
 */
#include <assert.h>

#include "schema/extension.h"
#include "schema/record/state.h"

/* {1: [seat ...]}; what else stands there is for people. */
void record_fold_extension(struct record_state *record, const struct stored *by, struct span body)
{
    struct mp_reader reader = mp_reader_known(body);
    struct mp_fields fields = mp_fields(&reader);
    for (int32_t key; mp_field(&reader, &fields, &key);) {
        uint32_t count = key == EXTEND_SEATS ? mp_read_array(&reader) : 0;
        if (key != EXTEND_SEATS)
            mp_read_any(&reader);
        for (uint32_t place = 0; place < count && !reader.failed; place++) {
            struct held member = {.field = FIELD_CIRCLE, .place = place, .by = by};
            held_insert(&record->members, member, mp_read_any(&reader));
        }
    }
    assert(!reader.failed); /* the body was checked before */
}

bool record_has(const struct record_state *record, const struct operation *op)
{
    bool found;
    size_t place = record_author_place(record, op->dot.author, op->dot.epoch, &found);
    const struct stored *here = NULL;
    if (found && op->dot.n > 0 && op->dot.n <= record->authors[place].count)
        here = record->authors[place].operations[op->dot.n - 1];
    while (here != NULL && !hash_equal(&here->operation.digest, &op->digest))
        here = here->sibling;
    return here != NULL;
}

size_t record_member_count(const struct record_state *record)
{
    return record->members.count;
}

struct record_member record_member(const struct record_state *record, size_t index)
{
    assert(index < record->members.count);
    const struct held *held = &record->members.at[index];
    struct mp_reader reader = mp_reader(SPAN(held->value, held->value_size));
    return (struct record_member){mp_read_str(&reader), &held->by->operation};
}
