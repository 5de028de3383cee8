/* Private fields stand in a companion: a type of their own, with records of the same ids. People
 * name them beside the others; here the two are told apart. */
#include "schema/schema.h"

const struct record_type *schema_companion(const struct schema *schema,
                                           const struct record_type *type)
{
    return type->companion == 0 ? NULL : schema_type(schema, type->companion);
}

static void add_pair(struct buffer *pairs, struct span name, struct span value)
{
    mp_write_str(pairs, name);
    buffer_append_span(pairs, value);
}

uint32_t schema_split_fields(const struct record_type *companion, struct span fields,
                             struct buffer *shared, struct buffer *private)
{
    struct buffer shared_pairs = {0}, private_pairs = {0};
    struct mp_reader reader = mp_reader(fields);
    uint32_t count = mp_read_map(&reader), private_count = 0, shared_count = 0;
    for (uint32_t i = 0; i < count && !reader.failed; i++) {
        struct span name = mp_read_str(&reader), value = mp_read_any(&reader);
        bool is_private = companion != NULL && type_field_named(companion, name) != NULL;
        add_pair(is_private ? &private_pairs : &shared_pairs, name, value);
        *(is_private ? &private_count : &shared_count) += 1;
    }
    mp_read_end(&reader);
    if (reader.failed) { /* whoever takes the shared ones says what is wrong */
        buffer_append_span(shared, fields);
        private_count = 0;
    } else {
        mp_write_map(shared, shared_count);
        buffer_append_span(shared, span_of_buffer(&shared_pairs));
    }
    mp_write_map(private, private_count);
    if (private_count > 0)
        buffer_append_span(private, span_of_buffer(&private_pairs));
    buffer_free(&shared_pairs);
    buffer_free(&private_pairs);
    return private_count;
}
