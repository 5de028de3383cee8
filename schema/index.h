/* Keys by which records are found by their fields (formats.md 8): the values of an index's fields
 * one after the other, in bytes whose order is the values'.
 *
 *      nothing shown       00
 *      number, date, time  01 ‖ 8 bytes, big-endian, the sign bit flipped
 *      boolean             01 ‖ 00 or 01
 *      text, bytes         01 ‖ the bytes, 00 as 00 ff ‖ 00 00; or, of what is longer than
 *                          INDEX_TEXT_BYTES so, ... ‖ 00 01: cut, so the record must be asked
 *
 * A choice and a workflow's state are texts: their names. An erased value is nothing. */
#ifndef TERRACE_SCHEMA_INDEX_H
#define TERRACE_SCHEMA_INDEX_H

#include "schema/record.h"

enum {
    INDEX_TEXT_BYTES = 64,
    INDEX_NUMBER_WIDTH = 9,
    INDEX_TEXT_WIDTH = 1 + INDEX_TEXT_BYTES + 2,
    INDEX_VALUES_BYTES_MAX = 7 * INDEX_TEXT_WIDTH, /* so that a row's key is at most 511 bytes */
};

/* Bytes that values of these fields (a list that ends in 0) take at most; 0: the type has not all
 * of them, or one that has no order (a list, a counter), or they are too long together. */
size_t index_width(const struct record_type *type, const int32_t *fields);
/* Changes whenever rows of the former definition are no longer those of this one: other fields, or
 * other names of a workflow's states. */
uint64_t index_mark(const struct record_type *type, const int32_t *fields);

/* A value as it stands in a body (of a state its name), appended to `key`; empty: nothing is shown.
 * False: it was cut. */
bool index_key_encode(const struct field *field, struct span value, struct buffer *key);
/* Back: the value that `key` begins with, as in a body, appended to `out`, nothing where nothing is
 * shown; `key` goes on behind it. False: it was cut, or is no value of this field. */
bool index_key_decode(const struct field *field, struct span *key, struct buffer *out);
/* What a record shows of these fields. */
void index_key_of_record(const struct record_state *record, const struct record_type *type,
                         const int32_t *fields, struct buffer *key);
/* Below, equal to or above 0 as a value is less than, equal to or greater than another, both as in
 * bodies and not empty; without a cut. */
int index_value_compare(const struct field *field, struct span a, struct span b);

/* The value that a record shows of a field, as in a body, of a state its name; empty: none, or it
 * is erased. A counter's and a list's are none. It is borrowed from `record`, or lies in `scratch`,
 * which is emptied. */
struct span record_shown_value(const struct record_state *record, const struct record_type *type,
                               const struct field *field, struct buffer *scratch);

/* What a field follows from, appended in one form; nothing where it is written. Equal bytes: it
 * shows the same of the same record. */
void field_put_derivation(const struct record_type *type, const struct field *field,
                          struct buffer *definition);

/* The same of a field that follows from others: appended to `out`, nothing where none does. */
void record_derived(const struct record_state *record, const struct record_type *type,
                    const struct field *field, struct buffer *out);

#endif
