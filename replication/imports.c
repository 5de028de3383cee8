/* Rows of an import, each taken once: the node keeps the last row that was decided, and takes the
 * next one only after it. So an import that was killed anywhere goes on where it stopped, at the
 * price of one small row however long its file is.
 *
 * A row that names the record it was exported from gives back nothing that was erased there. */
#include <assert.h>
#include <string.h>

#include "replication/core.h"
#include "schema/erasure.h"
#include "schema/index.h"

static bool is_next(struct step *step, const struct event *event, struct error *error)
{
    uint64_t last = import_row_read(step->view, event->write.import);
    if (event->write.import_row <= last) {
        error_set(error, ERR_STALE, "import", "row %llu was taken before",
                  (unsigned long long)event->write.import_row);
        return false;
    }
    if (event->write.import_after == last)
        return true;
    error_set(error, ERR_PARKED, "import", "row %llu follows on %llu, and %llu is the last here",
              (unsigned long long)event->write.import_row,
              (unsigned long long)event->write.import_after, (unsigned long long)last);
    error_next(error, "import from row %llu on", (unsigned long long)last + 1);
    return false;
}

/* ---- what was erased ---- */

/* Whether a write to this record that set the field has lost its body. */
static bool was_erased(struct step *step, const struct record_type *type,
                       const struct record_id *id, const struct record_state *record, int32_t field)
{
    struct entry entry = {
        .kind = ENTRY_WRITE, .type = type->number, .has_record = true, .record = *id};
    struct span rest;
    for (size_t i = 0; i < record_operation_count(record); i++) {
        if (erased_row_read(step->view, &entry, &record_operation(record, i)->digest, &rest) &&
            erasure_touches(rest, &field, 1))
            return true;
    }
    return false;
}

/* Whether the record says this of the field today, so that nothing comes back by it. */
static bool is_said(const struct record_state *record, const struct record_type *type,
                    const struct field *field, struct span value)
{
    struct buffer scratch = {0};
    struct span shown = record_shown_value(record, type, field, &scratch);
    bool same = shown.size > 0 && index_value_compare(field, shown, value) == 0;
    buffer_free(&scratch);
    return same;
}

/* The first field of a body whose value was erased in the record; NULL: none. */
static const struct field *first_erased(struct step *step, const struct record_type *type,
                                        const struct record_id *id, struct span body)
{
    const struct field *found = NULL;
    struct record_state *record = load_record(step, type, id);
    struct mp_reader reader = mp_reader_known(body);
    struct mp_fields fields = mp_fields(&reader);
    for (int32_t number; record != NULL && found == NULL && mp_field(&reader, &fields, &number);) {
        struct span value = mp_read_any(&reader);
        const struct field *field = type_field(type, number);
        if (field != NULL && was_erased(step, type, id, record, number) &&
            !is_said(record, type, field, value))
            found = field;
    }
    record_free(record);
    return found;
}

static const struct field *first_erased_of(struct step *step, const struct record_type *type,
                                           const struct record_id *id, struct span fields)
{
    struct buffer body = {0};
    struct error ignored;
    const struct field *found = NULL;
    if (schema_encode_body(type, fields, false, &body, &ignored) == ERR_OK)
        found = first_erased(step, type, id, span_of_buffer(&body));
    buffer_free(&body);
    return found;
}

static bool names_record(const struct record_id *id)
{
    static const struct record_id none;
    return memcmp(id->bytes, none.bytes, sizeof id->bytes) != 0;
}

/* What a row says of a record that is held here must not be what was taken out of it. */
static bool gives_nothing_back(struct step *step, const struct event *event, struct error *error)
{
    const struct record_id *id = &event->write.record;
    const struct schema *schema = tree_schema(step->replica->tree);
    struct error ignored;
    const struct record_type *type = schema_find_type(schema, event->write.type, &ignored);
    if (type == NULL || !names_record(id) || !step->replica->erased)
        return true;
    const struct record_type *companion = schema_companion(schema, type);
    struct buffer shared = {0}, private = {0};
    schema_split_fields(companion, event->write.fields, &shared, &private);
    const struct field *field = first_erased_of(step, type, id, span_of_buffer(&shared));
    if (field == NULL && companion != NULL)
        field = first_erased_of(step, companion, id, span_of_buffer(&private));
    if (field != NULL) {
        error_set(error, ERR_INVALID, field->name, "what %s said of it was erased",
                  label_record(step->replica->tree, id).text);
        error_next(error,
                   "take the value out of the file; what is said anew goes in by `terrace set`");
    }
    buffer_free(&shared);
    buffer_free(&private);
    return field == NULL;
}

bool import_may_write(struct step *step, const struct event *event, struct error *error)
{
    if (event->write.import.size == 0)
        return true;
    assert(event->write.kind == WRITE_PUT);
    return (event->write.only_check || is_next(step, event, error)) &&
           gives_nothing_back(step, event, error);
}

/* What is wrong with the record itself stays wrong: that row is decided too. */
void import_decided(struct step *step, const struct event *event, enum error_code code)
{
    bool decided =
        code == ERR_OK || code == ERR_INVALID || code == ERR_UNKNOWN_FIELD || code == ERR_OVERSIZE;
    if (event->write.import.size > 0 && decided && !event->write.only_check)
        import_row_write(step->updates, event->write.import, event->write.import_row);
}
