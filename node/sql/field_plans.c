/* Which of a type's declared indexes serves a query: equality on its first fields, then perhaps a
 * range, or the order of its rows. SQLite looks at every row again, so a bound that can't be said
 * in the index's terms is left out; an equality that can't be is none. */
#include <stdlib.h>
#include <string.h>

#include "node/sql/sql_parts.h"

/* idxNum above PLAN_INDEX: which index 4 bits, equalities 4, then bounds of the field behind. */
enum {
    WHICH_SHIFT = 10,
    EQUALS_SHIFT = 14,
    FOUR_BITS = 15,
    BOUND_LOW = 1 << 18,
    BOUND_ABOVE = 1 << 19,
    BOUND_HIGH = 1 << 20,
    BOUND_BELOW = 1 << 21,
    INDEXES_MAX = 16,
    EQUALS_MAX = 8,
    DAY_MS = 86400000,
};

static const struct record_type *type_of(const struct sql_table *table)
{
    const struct sql_source *source = table->engine->source;
    const struct schema *schema = source == NULL ? NULL : tree_schema(source->tree);
    return schema == NULL ? NULL : schema_type(schema, table->type);
}

/* The column of a field; -1: none. */
static int column_of(const struct sql_table *table, const struct record_type *type, int32_t number)
{
    const struct field *field = type_field(type, number);
    for (size_t i = RECORD_COLUMNS; field != NULL && i < table->column_count; i++) {
        if (!table->columns[i].private && strcmp(table->columns[i].field, field->name) == 0)
            return (int)i;
    }
    return -1;
}

/* ---- choosing ---- */

static bool collates(sqlite3_index_info *info, int i, enum column_kind kind)
{
    const char *wanted = kind == COLUMN_TIME      ? "time"
                         : kind == COLUMN_DECIMAL ? "decimal"
                                                  : "BINARY";
    return sqlite3_stricmp(sqlite3_vtab_collation(info, i), wanted) == 0;
}

/* A usable constraint on this column by one of these; -1: none. */
static int find(const struct sql_table *table, sqlite3_index_info *info, int column,
                unsigned char one, unsigned char other)
{
    for (int i = 0; i < info->nConstraint; i++) {
        unsigned char op = info->aConstraint[i].op;
        if (info->aConstraint[i].usable && info->aConstraint[i].iColumn == column &&
            (op == one || op == other) && collates(info, i, table->columns[column].kind))
            return i;
    }
    return -1;
}

/* Values whose order in the index is that of SQL: nothing is cut. */
static bool is_in_order(enum column_kind kind)
{
    return kind == COLUMN_INTEGER || kind == COLUMN_BOOLEAN || kind == COLUMN_TIME ||
           kind == COLUMN_DECIMAL || kind == COLUMN_DATE;
}

static void add_bounds(const struct sql_table *table, sqlite3_index_info *info, int column,
                       struct field_plan *plan)
{
    int low = find(table, info, column, SQLITE_INDEX_CONSTRAINT_GT, SQLITE_INDEX_CONSTRAINT_GE);
    int high = find(table, info, column, SQLITE_INDEX_CONSTRAINT_LT, SQLITE_INDEX_CONSTRAINT_LE);
    if (low >= 0) {
        plan->constraints[plan->count++] = low;
        plan->number |= BOUND_LOW;
        plan->number |= info->aConstraint[low].op == SQLITE_INDEX_CONSTRAINT_GT ? BOUND_ABOVE : 0;
    }
    if (high >= 0) {
        plan->constraints[plan->count++] = high;
        plan->number |= BOUND_HIGH;
        plan->number |= info->aConstraint[high].op == SQLITE_INDEX_CONSTRAINT_LT ? BOUND_BELOW : 0;
    }
    plan->rows /= low >= 0 && high >= 0 ? 40 : low >= 0 || high >= 0 ? 10 : 1;
}

/* Those of other kinds that are never cut: their bytes sort in the index as they do as texts. */
static bool is_grouped(enum column_kind kind)
{
    return is_in_order(kind) || kind == COLUMN_ENUM || kind == COLUMN_RECORD;
}

/* Whether the rows come in the order that is wanted, or all backward: by the fields behind those
 * that are equal, then by creation. */
static bool is_ordered(const struct sql_table *table, const sqlite3_index_info *info,
                       const struct record_type *type, const int32_t *fields)
{
    bool sorted = info->nOrderBy > 0;
    for (int i = 0; sorted && i < info->nOrderBy; i++, fields += *fields != 0) {
        bool last = i + 1 == info->nOrderBy;
        int column = *fields == 0 ? RECORD_CREATED : column_of(table, type, *fields);
        sorted = column >= 0 && info->aOrderBy[i].iColumn == column &&
                 info->aOrderBy[i].desc == info->aOrderBy[0].desc &&
                 (*fields == 0 ? last : is_grouped(table->columns[column].kind));
    }
    return sorted;
}

/* Whether index rows hold all that the query wants. */
static bool is_covered(const struct sql_table *table, const sqlite3_index_info *info,
                       const struct record_type *type, const int32_t *fields)
{
    enum { BITS = 64 };
    sqlite3_uint64 held = (sqlite3_uint64)1 << RECORD_ID | (sqlite3_uint64)1 << RECORD_ORIGIN |
                          (sqlite3_uint64)1 << RECORD_AUTHOR | (sqlite3_uint64)1 << RECORD_CREATED;
    for (; *fields != 0; fields++) {
        int column = column_of(table, type, *fields);
        if (column >= 0 && column < BITS - 1)
            held |= (sqlite3_uint64)1 << column;
    }
    return (info->colUsed & ~held) == 0;
}

/* What an index can do; false: nothing. */
static bool consider(const struct sql_table *table, sqlite3_index_info *info,
                     const struct record_type *type, size_t which, struct field_plan *plan)
{
    const int32_t *fields = type->indexes[which];
    struct field_index index;
    int equals = 0, column = -1;
    bool covered = is_covered(table, info, type, fields), used;
    *plan = (struct field_plan){.rows = 200000};
    for (; fields[equals] != 0 && equals < EQUALS_MAX; equals++) {
        column = column_of(table, type, fields[equals]);
        int equal = column < 0 ? -1
                               : find(table, info, column, SQLITE_INDEX_CONSTRAINT_EQ,
                                      SQLITE_INDEX_CONSTRAINT_EQ);
        if (equal < 0)
            break;
        plan->constraints[plan->count++] = equal;
        plan->rows /= 50;
    }
    plan->number = PLAN_INDEX | (int)which << WHICH_SHIFT | equals << EQUALS_SHIFT;
    if (fields[equals] != 0 && column >= 0)
        add_bounds(table, info, column, plan);
    plan->ordered = is_ordered(table, info, type, fields + equals) &&
                    field_index_find(table->engine->source->view, type, which, &index);
    used = plan->count > 0;
    plan->rows = plan->rows < 2 ? 2 : !used && !plan->ordered ? ROWS_ALL : plan->rows;
    plan->cost = plan->rows * (covered ? 1 : ROW_COST);
    plan->number |= covered ? PLAN_COVERED : 0;
    return used || plan->ordered || covered;
}

bool field_plan_choose(const struct sql_table *table, sqlite3_index_info *info,
                       struct field_plan *plan)
{
    const struct record_type *type = type_of(table);
    bool found = false;
    for (size_t which = 0; type != NULL && which < type->index_count && which < INDEXES_MAX;
         which++) {
        struct field_plan one;
        if (consider(table, info, type, which, &one) && (!found || one.cost < plan->cost)) {
            *plan = one;
            found = true;
        }
    }
    return found;
}

char *field_plan_text(const struct sql_table *table, int number)
{
    const struct record_type *type = type_of(table);
    size_t which = (size_t)(number >> WHICH_SHIFT & FOUR_BITS);
    int equals = number >> EQUALS_SHIFT & FOUR_BITS;
    sqlite3_str *text = sqlite3_str_new(NULL);
    if (type == NULL || which >= type->index_count)
        return sqlite3_str_finish(text);
    sqlite3_str_appendf(text, "index [");
    for (const int32_t *at = type->indexes[which]; *at != 0; at++) {
        const struct field *field = type_field(type, *at);
        sqlite3_str_appendf(text, "%s%s", at == type->indexes[which] ? "" : ", ",
                            field == NULL ? "?" : field->name);
    }
    sqlite3_str_appendf(text, "]");
    for (int i = 0; i <= equals; i++) {
        const struct field *field = type_field(type, type->indexes[which][i]);
        const char *sign = i < equals                                      ? " ="
                           : (number & BOUND_LOW) && (number & BOUND_HIGH) ? " between"
                           : number & BOUND_LOW                            ? " from"
                           : number & BOUND_HIGH                           ? " until"
                                                                           : NULL;
        if (field != NULL && sign != NULL)
            sqlite3_str_appendf(text, ", %s%s", field->name, sign);
    }
    if (number & PLAN_COVERED)
        sqlite3_str_appendf(text, ", no record is opened");
    return sqlite3_str_finish(text);
}

int field_plan_place(const struct field_range *range, const struct record_type *type,
                     const struct sql_column *columns, int column)
{
    for (int i = 0; range->index.fields[i] != 0; i++) {
        const struct field *field = type_field(type, range->index.fields[i]);
        if (field != NULL && !columns[column].private &&
            strcmp(columns[column].field, field->name) == 0)
            return i;
    }
    return -1;
}

/* ---- values ---- */

static struct span text_of(sqlite3_value *value)
{
    const unsigned char *text = sqlite3_value_text(value);
    return text == NULL ? SPAN_EMPTY : SPAN(text, (size_t)sqlite3_value_bytes(value));
}

/* A number with a fraction, or one too large, is no value of an integer field. */
static bool write_number(sqlite3_value *value, bool boolean, struct buffer *out)
{
    int kind = sqlite3_value_numeric_type(value);
    if (kind != SQLITE_INTEGER && kind != SQLITE_FLOAT)
        return false;
    int64_t number = sqlite3_value_int64(value);
    double real = sqlite3_value_double(value);
    bool whole = kind == SQLITE_INTEGER || (real > -9e15 && real < 9e15 &&
                                            !((double)number < real) && !((double)number > real));
    if (!whole || (boolean && (number < 0 || number > 1)))
        return false;
    if (boolean)
        mp_write_bool(out, number == 1);
    else
        mp_write_int(out, number);
    return true;
}

static bool write_time(struct span text, bool date, struct buffer *out)
{
    enum { DATE_CHARACTERS = 10 };
    char again[TIME_TEXT_BYTES];
    int64_t ms;
    if (!value_time_parse(text, &ms))
        return false;
    value_time_text(ms, again);
    if (date && !span_equal(text, SPAN(again, DATE_CHARACTERS))) /* 2026-02-31 is none */
        return false;
    int64_t days = ms / DAY_MS - (ms % DAY_MS < 0);
    mp_write_int(out, date ? days : ms);
    return true;
}

static bool write_decimal(struct span text, unsigned scale, struct buffer *out)
{
    struct decimal number, exact;
    if (!decimal_parse(text, &number))
        return false;
    exact = number;
    if (!decimal_rescale(&number, scale) || decimal_compare(&number, &exact) != 0 ||
        number.digits > INT64_MAX || number.digits < INT64_MIN)
        return false;
    mp_write_int(out, (int64_t)number.digits);
    return true;
}

static int digit(uint8_t character)
{
    return character >= '0' && character <= '9'   ? character - '0'
           : character >= 'a' && character <= 'f' ? character - 'a' + 10
                                                  : -1;
}

/* Lower-case hex of so many bytes. */
static bool write_bytes(struct span text, size_t size, struct buffer *out)
{
    uint8_t bytes[HASH_BYTES];
    if (text.size != 2 * size || size > sizeof bytes)
        return false;
    for (size_t i = 0; i < size; i++) {
        int high = digit(text.data[2 * i]), low = digit(text.data[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        bytes[i] = (uint8_t)(high << 4 | low);
    }
    mp_write_bin(out, SPAN(bytes, size));
    return true;
}

/* As it stands in a body; false: no value of the field is so. */
static bool write_value(const struct field *field, sqlite3_value *value, struct buffer *out)
{
    struct span text = text_of(value);
    int kind = sqlite3_value_type(value);
    if (kind == SQLITE_NULL || kind == SQLITE_BLOB)
        return false;
    switch (field->kind) {
    case FIELD_INTEGER: return write_number(value, false, out);
    case FIELD_BOOLEAN: return write_number(value, true, out);
    case FIELD_TIME: return write_time(text, false, out);
    case FIELD_DATE: return write_time(text, true, out);
    case FIELD_DECIMAL: return write_decimal(text, field->scale, out);
    case FIELD_RECORD: return write_bytes(text, sizeof(struct record_id), out);
    case FIELD_DIGEST: return write_bytes(text, HASH_BYTES, out);
    case FIELD_TEXT:
    case FIELD_ENUM:
    case FIELD_SEAT:
        if (utf8_valid(text))
            mp_write_str(out, text);
        return out->size > 0;
    case FIELD_LIST:
    case FIELD_COUNTER:
    case FIELD_KIND_COUNT: break;
    }
    return false;
}

enum field_plan_answer field_plan_range(const struct sql_table *table, int number,
                                        sqlite3_value **values, struct field_range *range)
{
    const struct record_type *type = type_of(table);
    size_t which = (size_t)(number >> WHICH_SHIFT & FOUR_BITS);
    int equals = number >> EQUALS_SHIFT & FOUR_BITS, place = 0;
    struct field_index index;
    struct buffer low = {0}, high = {0};
    if (type == NULL || which >= type->index_count ||
        !field_index_find(table->engine->source->view, type, which, &index))
        return FIELD_PLAN_NONE;
    field_range_all(range, &index);
    for (; place < equals; place++) {
        buffer_clear(&low);
        if (!write_value(type_field(type, index.fields[place]), values[place], &low)) {
            buffer_free(&low);
            return FIELD_PLAN_EMPTY;
        }
        field_range_equal(range, span_of_buffer(&low));
    }
    buffer_clear(&low);
    const struct field *behind = type_field(type, index.fields[equals]);
    bool above = (number & BOUND_ABOVE) != 0, below = (number & BOUND_BELOW) != 0;
    if (number & BOUND_LOW)
        (void)write_value(behind, values[place++], &low);
    if (number & BOUND_HIGH)
        (void)write_value(behind, values[place++], &high);
    if (low.size > 0 || high.size > 0)
        field_range_between(range, span_of_buffer(&low), above, span_of_buffer(&high), below);
    buffer_free(&low);
    buffer_free(&high);
    return FIELD_PLAN_RANGE;
}
