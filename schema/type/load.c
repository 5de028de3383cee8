/* Types as every node holds them, loaded from the rows of the signed types document.
 *
 * A row may come from a newer version. What it adds as a field >= 0 is ignored. A field of a kind,
 * or with a negative option, that this program doesn't know is left out: what uses it waits. What
 * must be understood of the type itself and isn't (a negative row field, a class, a flag) makes
 * that type unknown here and leaves all others as they are. */
#include <assert.h>
#include <string.h>

#include "schema/type/row_read.h"

void row_fault(struct row_reader *reader, const char *why)
{
    if (reader->why == NULL)
        reader->why = why;
    mp_fail(&reader->mp);
}

void row_astray(struct row_reader *reader, const char *why)
{
    if (reader->left_out)
        reader->unknown = true;
    else
        row_fault(reader, why);
}

const char *row_name(struct row_reader *reader)
{
    struct span name = mp_read_str(&reader->mp);
    if (reader->mp.failed)
        return NULL;
    if (!schema_name_good(name)) {
        row_fault(reader, "a name is empty, too long, or has characters that names can't have");
        return NULL;
    }
    return schema_text(reader->memory, name);
}

unsigned row_kind(struct row_reader *reader, unsigned count)
{
    uint64_t kind = mp_read_uint(&reader->mp);
    if (kind < count)
        return (unsigned)kind;
    reader->unknown = true;
    return 0;
}

/* A text of 1 to `most` bytes in one line. */
static const char *read_line(struct row_reader *reader, size_t most)
{
    struct span text = mp_read_str(&reader->mp);
    if (reader->mp.failed)
        return NULL;
    if (text.size == 0 || text.size > most || !utf8_printable(text)) {
        row_fault(reader, "a text of a type is empty, too long, or not in one line");
        return NULL;
    }
    return schema_text(reader->memory, text);
}

void row_labels(struct row_reader *reader, struct type_labels *labels)
{
    if (!reader->labelled) {
        mp_read_any(&reader->mp);
        return;
    }
    uint32_t count = mp_read_array(&reader->mp);
    if (count > LABELS_MAX) {
        row_fault(reader, "a type has labels in too many languages");
        return;
    }
    labels->at = schema_alloc(reader->memory, count * sizeof labels->at[0]);
    for (uint32_t i = 0; i < count && !reader->mp.failed; i++) {
        struct type_label *label = &labels->at[i];
        if (mp_read_array(&reader->mp) != 3)
            row_fault(reader, "a label isn't a language, a text and a help");
        label->language = read_line(reader, LANGUAGE_BYTES_MAX);
        label->text = read_line(reader, LABEL_BYTES_MAX);
        if (mp_peek(&reader->mp) == MP_NIL)
            mp_read_nil(&reader->mp);
        else
            label->help = read_line(reader, HELP_BYTES_MAX);
    }
    labels->count = reader->mp.failed ? 0 : count;
}

bool field_has_choice(const struct field *field, struct span choice)
{
    for (size_t i = 0; i < field->choice_count; i++) {
        if (span_equal(span_of_text(field->choices[i]), choice))
            return true;
    }
    return false;
}

static void read_choices(struct row_reader *reader, struct field *field)
{
    uint32_t count = mp_read_array(&reader->mp);
    if (count > CHOICES_MAX) {
        row_fault(reader, "a field has too many choices");
        return;
    }
    field->choices = schema_alloc(reader->memory, (count + 1) * sizeof field->choices[0]);
    for (uint32_t i = 0; i < count && !reader->mp.failed; i++) {
        struct span choice = mp_read_str(&reader->mp);
        if (choice.size == 0 || choice.size > CHOICE_BYTES_MAX || !utf8_printable(choice) ||
            field_has_choice(field, choice)) {
            row_fault(reader, "a choice is empty, too long, not printable, or there twice");
            return;
        }
        field->choices[field->choice_count++] = schema_text(reader->memory, choice);
    }
}

/* The keys below 0 stand behind the choices. */
static void read_ended(struct row_reader *reader, const struct field *field,
                       struct field_more *more)
{
    bool *ended = schema_alloc(reader->memory, field->choice_count + 1);
    uint32_t count = mp_read_array(&reader->mp);
    for (uint32_t i = 0; i < count && !reader->mp.failed; i++) {
        uint64_t place = mp_read_uint_max(&reader->mp, CHOICES_MAX);
        if (place >= field->choice_count || ended[place]) {
            row_fault(reader,
                      "a choice that has ended isn't one of the field's, or is there twice");
            return;
        }
        ended[place] = true;
    }
    more->choice_ended = ended;
}

static void read_choice_labels(struct row_reader *reader, const struct field *field,
                               struct field_more *more)
{
    if (!reader->labelled) {
        mp_read_any(&reader->mp);
        return;
    }
    uint32_t count = mp_read_array(&reader->mp);
    if (count != field->choice_count)
        row_fault(reader, "a field has labels for more or fewer choices than it has");
    more->choice_labels =
        schema_alloc(reader->memory, field->choice_count * sizeof more->choice_labels[0]);
    for (uint32_t i = 0; i < count && !reader->mp.failed; i++)
        row_labels(reader, &more->choice_labels[i]);
}

/* Checked against the field once it is whole. */
static void read_standard(struct row_reader *reader, struct field_more *more)
{
    struct span value = mp_read_any(&reader->mp);
    uint8_t *copy = schema_alloc(reader->memory, value.size);
    if (value.size > 0)
        memcpy(copy, value.data, value.size);
    more->standard = SPAN(copy, value.size);
}

/* What it names is looked up when a record is shown. */
static void read_derivation(struct row_reader *reader, struct field_more *more)
{
    struct mp_reader *mp = &reader->mp;
    struct derivation *derivation = schema_alloc(reader->memory, sizeof *derivation);
    bool whole = mp_read_array(mp) == 2;
    derivation->of = (int32_t)mp_read_uint_max(mp, FIELD_NUMBER_MAX);
    uint32_t count = mp_read_array(mp);
    if (mp->failed || !whole || count > CHOICES_MAX) {
        row_fault(reader, "what a field follows from can't be read");
        return;
    }
    derivation->at = schema_alloc(reader->memory, (count + 1) * sizeof *derivation->at);
    for (; derivation->count < count && whole && !mp->failed; derivation->count++) {
        struct derivation_part *part = &derivation->at[derivation->count];
        whole = mp_read_array(mp) == 2;
        part->what = (int32_t)mp_read_uint_max(mp, FIELD_NUMBER_MAX);
        part->number = mp_read_int(mp);
        whole = whole && (derivation->of != 0 ||
                          (part->number > 0 && part->number <= DERIVATION_WEIGHT_MAX));
    }
    if (!whole)
        row_fault(reader, "what a field follows from can't be read");
    more->derivation = derivation;
}

static void read_option(struct row_reader *reader, int32_t key, struct field *field,
                        struct field_more *more)
{
    struct mp_reader *mp = &reader->mp;
    switch (key) {
    case FIELD_OPTION_LENGTH:
        field->length_max = (uint32_t)mp_read_uint_max(mp, TEXT_BYTES_MAX);
        return;
    case FIELD_OPTION_MIN: field->min = mp_read_int(mp); return;
    case FIELD_OPTION_MAX: field->max = mp_read_int(mp); return;
    case FIELD_OPTION_CHOICES: read_choices(reader, field); return;
    case FIELD_OPTION_PATTERN: more->pattern = read_line(reader, PATTERN_BYTES_MAX); return;
    case FIELD_OPTION_UNIT: more->unit = read_line(reader, UNIT_BYTES_MAX); return;
    case FIELD_OPTION_DEFAULT: read_standard(reader, more); return;
    case FIELD_OPTION_LABELS: row_labels(reader, &more->labels); return;
    case FIELD_OPTION_SCALE: field->scale = (uint8_t)mp_read_uint_max(mp, SCALE_MAX); return;
    case FIELD_OPTION_REFERS: field->refers = (uint16_t)mp_read_uint_max(mp, UINT16_MAX); return;
    case FIELD_OPTION_CHOICE_LABELS: read_choice_labels(reader, field, more); return;
    case FIELD_OPTION_CHOICES_ENDED: read_ended(reader, field, more); return;
    case FIELD_OPTION_DERIVED: read_derivation(reader, more); return;
    case FIELD_OPTION_MERGE: {
        uint64_t merge = mp_read_uint(mp);
        reader->strange = reader->strange || merge >= MERGE_COUNT;
        field->merge = merge < MERGE_COUNT ? (enum merge_rule)merge : MERGE_LAST;
        return;
    }
    default: mp_read_any(mp);
    }
    reader->strange = reader->strange || key < 0;
}

static void read_options(struct row_reader *reader, struct field *field)
{
    static const struct field_more nothing = {0};
    struct field_more more = {0};
    struct mp_fields options = mp_fields(&reader->mp);
    int32_t key;
    while (mp_field(&reader->mp, &options, &key))
        read_option(reader, key, field, &more);
    field->more = &nothing;
    if (more.pattern != NULL || more.unit != NULL || more.standard.size > 0 ||
        more.choice_ended != NULL || more.derivation != NULL || more.labels.count > 0 ||
        more.choice_labels != NULL) {
        struct field_more *kept = schema_alloc(reader->memory, sizeof *kept);
        *kept = more;
        field->more = kept;
    }
}

static void check_field(struct row_reader *reader, const struct record_type *type,
                        const struct field *field)
{
    if (reader->mp.failed || reader->unknown)
        return;
    if (type_field_named(type, span_of_text(field->name)) != field)
        row_fault(reader, "two fields have one name");
    else if (field->min > field->max)
        row_fault(reader, "a field's least value is above its greatest");
    else if (field->kind == FIELD_ENUM && field->choice_count == 0)
        row_fault(reader, "an enum has no choices");
    else if (field_has_length(field->kind) && field->length_max == 0)
        row_fault(reader, "a text can have no characters");
    else if (field->kind == FIELD_COUNTER && field->required)
        row_fault(reader, "a counter can't be required");
    else if (!merge_fits(field))
        row_fault(reader, "a field's kind doesn't go with its merge rule");
    else if (field->more->standard.size > 0 && !field_takes(field, field->more->standard))
        row_fault(reader, "a field's default isn't a value of it");
}

/* [number, name, kind, flags, options]; its number, 0 after a fault. */
static void read_field(struct row_reader *reader, struct record_type *type, int32_t *last)
{
    struct field *field = &type->fields[type->field_count];
    uint32_t elements = mp_read_array(&reader->mp);
    if (elements < 5) {
        row_fault(reader, "a field has fewer parts than it must");
        return;
    }
    *field = (struct field){.length_max = TEXT_BYTES_MAX, .min = INT64_MIN, .max = INT64_MAX};
    field->number = (int32_t)mp_read_uint_max(&reader->mp, FIELD_NUMBER_MAX);
    field->name = row_name(reader);
    if (field->name == NULL)
        return;
    if (field->number <= *last)
        row_fault(reader, "the fields are not in the order of their numbers, from 1");
    *last = field->number;
    uint64_t kind = mp_read_uint(&reader->mp), flags = mp_read_uint(&reader->mp);
    reader->strange = kind >= FIELD_KIND_COUNT;
    field->kind = reader->strange ? FIELD_TEXT : (enum field_kind)kind;
    field->required = (flags & FIELD_FLAG_REQUIRED) != 0;
    field->personal = (flags & FIELD_FLAG_PERSONAL) != 0;
    field->ended = (flags & FIELD_FLAG_ENDED) != 0;
    reader->unknown = reader->unknown || flags > FIELD_FLAG_ALL || elements > 5;
    read_options(reader, field);
    for (uint32_t i = 5; i < elements && !reader->mp.failed; i++)
        mp_read_any(&reader->mp);
    if (reader->strange) {
        reader->left_out = true;
        reader->unknown = reader->unknown || (field->required && !field->ended);
        return;
    }
    type->field_count++;
    check_field(reader, type, field);
}

static void read_type_fields(struct row_reader *reader, struct record_type *type)
{
    uint32_t count = mp_read_array(&reader->mp);
    int32_t last = 0;
    if (count > FIELDS_MAX) {
        row_fault(reader, "a type has too many fields");
        return;
    }
    type->fields = schema_alloc(reader->memory, (count + 1) * sizeof type->fields[0]);
    for (uint32_t i = 0; i < count && !reader->mp.failed; i++)
        read_field(reader, type, &last);
}

static void read_rollups(struct row_reader *reader, struct record_type *type)
{
    uint32_t count = mp_read_array(&reader->mp);
    for (uint32_t i = 0; i < count && !reader->mp.failed; i++) {
        if (mp_read_uint(&reader->mp) == ROLLUP_RECORDS)
            type->counted = true;
    }
}

/* Stands behind the fields: the one that it names is known. */
static void read_closed(struct row_reader *reader, struct record_type *type)
{
    uint32_t parts = mp_read_array(&reader->mp);
    int32_t number = (int32_t)mp_read_uint_max(&reader->mp, FIELD_NUMBER_MAX);
    struct span choice = parts == 2 ? mp_read_str(&reader->mp) : SPAN_EMPTY;
    const struct field *field = reader->mp.failed ? NULL : type_field(type, number);
    if (parts < 1 || parts > 2 || field == NULL || type->closed_by != 0 ||
        (parts == 1
             ? field->kind != FIELD_BOOLEAN
             : choice.size == 0 || (field->kind == FIELD_ENUM ? !field_has_choice(field, choice)
                                                              : field->kind != FIELD_TEXT))) {
        row_astray(reader, "what closes a record is no boolean field of its type, nor a value of "
                           "an enum or a text");
        return;
    }
    type->closed_by = number;
    type->closed_choice = parts == 2 ? schema_text(reader->memory, choice) : NULL;
}

static void read_indexes(struct row_reader *reader, struct record_type *type)
{
    uint32_t count = mp_read_array(&reader->mp);
    if (count > INDEXES_MAX) {
        row_fault(reader, "a type has too many indexes");
        return;
    }
    type->indexes = schema_alloc(reader->memory, count * sizeof type->indexes[0]);
    for (uint32_t i = 0; i < count && !reader->mp.failed; i++) {
        uint32_t fields = mp_read_array(&reader->mp);
        if (fields == 0 || fields > INDEX_FIELDS_MAX) {
            row_fault(reader, "an index has no fields, or too many");
            return;
        }
        type->indexes[i] = schema_alloc(reader->memory, (fields + 1) * sizeof(int32_t));
        for (uint32_t j = 0; j < fields && !reader->mp.failed; j++) {
            int32_t number = (int32_t)mp_read_uint_max(&reader->mp, FIELD_NUMBER_MAX);
            type->indexes[i][j] = number;
            if (!reader->mp.failed && type_field(type, number) == NULL)
                row_astray(reader, "an index is over a field that the type doesn't have");
        }
        type->index_count = i + 1;
    }
}

static int32_t read_field_of(struct row_reader *reader, const struct record_type *type,
                             enum field_kind kind)
{
    int32_t number = (int32_t)mp_read_uint_max(&reader->mp, FIELD_NUMBER_MAX);
    const struct field *field = number == 0 ? NULL : type_field(type, number);
    if (!reader->mp.failed && number != 0 && (field == NULL || field->kind != kind))
        row_astray(reader, "a calendar's fields aren't what they must be");
    return number;
}

static void read_calendar(struct row_reader *reader, struct record_type *type)
{
    struct calendar_fields *fields = schema_alloc(reader->memory, sizeof *fields);
    uint32_t parts = mp_read_array(&reader->mp);
    if (parts < 5) {
        row_fault(reader, "a calendar has fewer parts than it must");
        return;
    }
    fields->year = read_field_of(reader, type, FIELD_INTEGER);
    fields->offset = read_field_of(reader, type, FIELD_INTEGER);
    fields->weekdays = read_field_of(reader, type, FIELD_TEXT);
    fields->holidays = read_field_of(reader, type, FIELD_LIST);
    fields->workdays = read_field_of(reader, type, FIELD_LIST);
    for (uint32_t i = 5; i < parts && !reader->mp.failed; i++)
        mp_read_any(&reader->mp);
    type->calendar = fields;
}

/* Read when an entry of that time comes (schema_type_at). */
static void read_former(struct row_reader *reader, struct record_type *type)
{
    uint32_t count = mp_read_array(&reader->mp);
    if (reader->former || count > FORMER_MAX) {
        row_fault(reader, "a type has too many former versions, or one has some itself");
        return;
    }
    type->former = schema_alloc(reader->memory, count * sizeof type->former[0]);
    for (uint32_t i = 0; i < count && !reader->mp.failed; i++) {
        struct former_type *former = &type->former[i];
        bool whole = mp_read_array(&reader->mp) == 2;
        former->last_version = (uint32_t)mp_read_uint_max(&reader->mp, UINT32_MAX);
        struct span row = mp_read_bin(&reader->mp);
        uint32_t below = i > 0 ? former[-1].last_version : reader->version;
        if (!whole || former->last_version >= below) {
            row_fault(reader, "a type's former versions aren't in their order, the newest first");
            return;
        }
        uint8_t *copy = schema_alloc(reader->memory, row.size);
        if (row.size > 0)
            memcpy(copy, row.data, row.size);
        former->row = SPAN(copy, row.size);
        type->former_count = i + 1;
    }
}

static void read_private(struct row_reader *reader, const struct record_type *type)
{
    if (!mp_read_bool(&reader->mp) || type->companion_of == 0)
        row_fault(reader, "a companion doesn't say whose it is");
}

static void read_type_part(struct row_reader *reader, struct record_type *type, int32_t key)
{
    struct mp_reader *mp = &reader->mp;
    switch (key) {
    case TYPE_ROW_NUMBER: type->number = (uint16_t)mp_read_uint_max(mp, UINT16_MAX); return;
    case TYPE_ROW_NAME: type->name = row_name(reader); return;
    case TYPE_ROW_CLASS: type->class = (enum record_class)row_kind(reader, CLASS_COUNT); return;
    case TYPE_ROW_CIRCLE: type->circle = (enum circle_rule)row_kind(reader, CIRCLE_COUNT); return;
    case TYPE_ROW_FIELDS: read_type_fields(reader, type); return;
    case TYPE_ROW_COMPANION_OF:
        type->companion_of = (uint16_t)mp_read_uint_max(mp, UINT16_MAX);
        return;
    case TYPE_ROW_ROLLUPS: read_rollups(reader, type); return;
    case TYPE_ROW_CLOSED: read_closed(reader, type); return;
    case TYPE_ROW_LABELS: row_labels(reader, &type->labels); return;
    case TYPE_ROW_RETENTION:
        type->retention_days = (uint32_t)mp_read_uint_max(mp, RETENTION_DAYS_MAX);
        return;
    case TYPE_ROW_INDEXES: read_indexes(reader, type); return;
    case TYPE_ROW_FORMER: read_former(reader, type); return;
    case TYPE_ROW_BACKUP: type->sealed_backup = mp_read_uint(mp) == 1; return;
    case TYPE_ROW_CALENDAR: read_calendar(reader, type); return;
    case TYPE_ROW_COMPANION: type->companion = (uint16_t)mp_read_uint_max(mp, UINT16_MAX); return;
    case TYPE_ROW_WORKFLOW: row_workflow(reader, type); return;
    case TYPE_ROW_PRIVATE: read_private(reader, type); return;
    case TYPE_ROW_ALARM: type->alarm = mp_read_bool(mp); return;
    case TYPE_ROW_TALLIES: row_tallies(reader, type); return;
    case TYPE_ROW_ENDED: type->ended = mp_read_bool(mp); return;
    default: mp_read_any(mp);
    }
    reader->unknown = reader->unknown || key < 0;
}

/* NULL, or what is wrong with the row. */
static const char *read_type(struct row_reader *reader, struct record_type *type)
{
    struct mp_fields parts = mp_fields(&reader->mp);
    int32_t key;
    while (mp_field(&reader->mp, &parts, &key))
        read_type_part(reader, type, key);
    mp_read_end(&reader->mp);
    if (reader->mp.failed)
        return reader->why != NULL ? reader->why : "the bytes are not in the form of a type";
    if (reader->unknown)
        return NULL;
    if (type->number == 0 || type->name == NULL)
        return "the type has no number or no name";
    if ((type->companion_of != 0 && type->companion != 0) || type->companion == type->number)
        return "a companion has a companion";
    return NULL;
}

static const char *load_row(struct schema *schema, struct span row, bool labelled)
{
    struct record_type type = {0};
    struct row_reader reader = {.mp = mp_reader(row),
                                .memory = schema->memory,
                                .version = schema->version,
                                .labelled = labelled};
    const char *why = read_type(&reader, &type);
    if (why == NULL && !reader.unknown) {
        const struct record_type *last =
            schema->type_count > 0 ? &schema->types[schema->type_count - 1] : NULL;
        if (last != NULL && type.number <= last->number)
            why = "the types are not in the order of their numbers";
        else if (schema_type_named(schema, span_of_text(type.name)) != NULL)
            why = "two types have one name";
    }
    if (why == NULL && !reader.unknown)
        schema->types[schema->type_count++] = type;
    return why;
}

static struct schema *load(uint32_t version, const struct span *rows, size_t row_count,
                           bool labelled, struct error *error)
{
    if (row_count > TYPES_MAX) {
        error_set(error, ERR_OVERSIZE, "the types document", "it has %zu types, the most is %d",
                  row_count, TYPES_MAX);
        return NULL;
    }
    struct schema *schema = schema_new();
    schema->version = version;
    schema->types = schema_alloc(schema->memory, (row_count + 1) * sizeof schema->types[0]);
    for (size_t i = 0; i < row_count; i++) {
        const char *why = load_row(schema, rows[i], labelled);
        if (why == NULL)
            continue;
        error_set(error, ERR_MALFORMED, "the types document", "row %zu of %zu: %s", i + 1,
                  row_count, why);
        error_next(error, "compile the types again from their YAML file, then sign them again");
        schema_free(schema);
        return NULL;
    }
    return schema;
}

struct schema *schema_load(uint32_t version, const struct span *rows, size_t row_count,
                           struct error *error)
{
    return load(version, rows, row_count, false, error);
}

struct schema *schema_load_labelled(uint32_t version, const struct span *rows, size_t row_count,
                                    struct error *error)
{
    return load(version, rows, row_count, true, error);
}

/* ---- former versions ---- */

/* One that can't be read says nothing: its entries wait, as those of an unknown type. */
static void read_former_type(const struct schema *schema, uint16_t number,
                             struct former_type *former)
{
    struct schema_memory *memory = schema->memory;
    struct row_reader reader = {.mp = mp_reader(former->row), .memory = memory, .former = true};
    struct record_type *type = schema_alloc(memory, sizeof *type);
    const char *why = read_type(&reader, type);
    former->unknown = why != NULL || reader.unknown || type->number != number;
    row_resolve_tiers(type, schema->tiers, schema->tier_count);
    former->type = type;
}

const struct record_type *schema_type_at(const struct schema *schema, uint16_t number,
                                         uint32_t version)
{
    const struct record_type *type = version > schema->version ? NULL : schema_type(schema, number);
    struct former_type *former = NULL;
    for (size_t i = 0; type != NULL && i < type->former_count; i++) {
        if (type->former[i].last_version >= version)
            former = &type->former[i];
    }
    if (former == NULL)
        return type;
    if (former->type == NULL)
        read_former_type(schema, number, former);
    return former->unknown ? NULL : former->type;
}
