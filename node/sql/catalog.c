/* Which tables there are, and which columns they have. Two tables never have one name, nor two
 * columns of a table: who comes later gets an underscore in front, fields before what every record
 * has, the tables of this file before types, types before lists. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/nearest.h"
#include "node/sql/sql_parts.h"

static const char *const declared[COLUMN_KINDS] = {
    [COLUMN_TEXT] = "TEXT",
    [COLUMN_INTEGER] = "INTEGER",
    [COLUMN_BOOLEAN] = "BOOLEAN INTEGER",
    [COLUMN_TIME] = "TIME TEXT",
    [COLUMN_ENUM] = "ENUM TEXT",
    [COLUMN_DECIMAL] = "DECIMAL TEXT",
    [COLUMN_DATE] = "DATE TEXT",
    [COLUMN_RECORD] = "RECORD TEXT",
    [COLUMN_SEAT] = "SEAT TEXT",
    [COLUMN_DIGEST] = "DIGEST TEXT",
};

const char *column_declared(enum column_kind kind)
{
    return declared[kind];
}

static enum column_kind kind_of(enum field_kind kind)
{
    switch (kind) {
    case FIELD_INTEGER:
    case FIELD_COUNTER: return COLUMN_INTEGER;
    case FIELD_BOOLEAN: return COLUMN_BOOLEAN;
    case FIELD_TIME: return COLUMN_TIME;
    case FIELD_ENUM: return COLUMN_ENUM;
    case FIELD_DECIMAL: return COLUMN_DECIMAL;
    case FIELD_DATE: return COLUMN_DATE;
    case FIELD_RECORD: return COLUMN_RECORD;
    case FIELD_SEAT: return COLUMN_SEAT;
    case FIELD_DIGEST: return COLUMN_DIGEST;
    case FIELD_TEXT:
    case FIELD_LIST:
    case FIELD_KIND_COUNT: break;
    }
    return COLUMN_TEXT;
}

static bool table_has(const struct sql_engine *engine, const char *name)
{
    for (size_t i = 0; i < engine->table_count; i++) {
        if (strcasecmp(engine->tables[i]->name, name) == 0)
            return true;
    }
    return strncasecmp(name, "sqlite_", 7) == 0;
}

static bool column_has(const struct sql_table *table, const char *name)
{
    for (size_t i = 0; i < table->column_count; i++) {
        if (table->columns[i].name != NULL && strcasecmp(table->columns[i].name, name) == 0)
            return true;
    }
    return false;
}

/* `name`, with so many underscores in front. */
static char *underscored(const char *name, size_t count)
{
    size_t size = strlen(name);
    char *text = mem_alloc(count + size + 1);
    memset(text, '_', count);
    memcpy(text + count, name, size);
    return text;
}

static struct sql_table *add_table(struct sql_engine *engine, const char *name,
                                   enum sql_table_kind kind)
{
    struct sql_table *table = mem_alloc(sizeof *table);
    table->engine = engine;
    table->kind = kind;
    for (size_t count = 0; table->name == NULL || table_has(engine, table->name); count++) {
        free(table->name);
        table->name = underscored(name, count);
    }
    engine->tables = mem_resize(engine->tables, (engine->table_count + 1) * sizeof *engine->tables);
    engine->tables[engine->table_count++] = table;
    return table;
}

static void set_column(struct sql_table *table, size_t place, const char *name,
                       enum column_kind kind)
{
    char *own = NULL;
    size_t count = 0;
    for (; own == NULL || column_has(table, own); count++) {
        free(own);
        own = underscored(name, count);
    }
    table->columns[place].name = own;
    table->columns[place].field = own + count - 1;
    table->columns[place].kind = kind;
}

static void make_columns(struct sql_table *table, size_t count)
{
    table->columns = mem_alloc(count * sizeof *table->columns);
    table->column_count = count;
}

/* ---- types ---- */

static const struct fixed_column record_columns[RECORD_COLUMNS] = {
    [RECORD_ID] = {"id", COLUMN_RECORD},
    [RECORD_ORIGIN] = {"origin", COLUMN_SEAT},
    [RECORD_AUTHOR] = {"author", COLUMN_TEXT},
    [RECORD_CREATED] = {"created", COLUMN_TIME},
    [RECORD_CHANGED] = {"changed", COLUMN_TIME},
    [RECORD_STATE] = {"state", COLUMN_ENUM},
    [RECORD_CIRCLE] = {"circle", COLUMN_TEXT},
    [RECORD_CONFLICTS] = {"conflicts", COLUMN_INTEGER},
    [RECORD_DEADLINE] = {"deadline", COLUMN_TIME},
    [RECORD_OVERDUE] = {"overdue", COLUMN_BOOLEAN},
    [RECORD_PAST] = {"past", COLUMN_BOOLEAN},
};

static size_t fields_counted(const struct record_type *type)
{
    size_t count = 0;
    for (size_t i = 0; type != NULL && i < type->field_count; i++)
        count += type->fields[i].kind != FIELD_LIST;
    return count;
}

static void add_fields(struct sql_table *table, size_t place, const struct record_type *type,
                       bool private)
{
    for (size_t i = 0; type != NULL && i < type->field_count; i++) {
        const struct field *field = &type->fields[i];
        if (field->kind == FIELD_LIST)
            continue;
        set_column(table, place, field->name, kind_of(field->kind));
        table->columns[place].private = private;
        table->columns[place++].required = field->required;
    }
}

static void add_type(struct sql_engine *engine, const struct schema *schema,
                     const struct record_type *type)
{
    const struct record_type *companion = schema_companion(schema, type);
    struct sql_table *table = add_table(engine, type->name, TABLE_OF_TYPE);
    size_t shared = fields_counted(type);
    table->type = type->number;
    make_columns(table, RECORD_COLUMNS + shared + fields_counted(companion));
    add_fields(table, RECORD_COLUMNS, type, false);
    add_fields(table, RECORD_COLUMNS + shared, companion, true);
    for (size_t i = 0; i < RECORD_COLUMNS; i++)
        set_column(table, i, record_columns[i].name, record_columns[i].kind);
    table->columns[RECORD_PAST].hidden = true;
}

static void add_lists(struct sql_engine *engine, const struct record_type *type,
                      const struct record_type *holder)
{
    for (size_t i = 0; holder != NULL && i < holder->field_count; i++) {
        const struct field *field = &holder->fields[i];
        char name[256];
        if (field->kind != FIELD_LIST)
            continue;
        snprintf(name, sizeof name, "%s_%s", type->name, field->name);
        struct sql_table *table = add_table(engine, name, TABLE_OF_LIST);
        table->type = type->number;
        table->list_field = mem_text(field->name);
        table->list_private = holder != type;
        make_columns(table, LIST_COLUMNS);
        set_column(table, LIST_ID, "id", COLUMN_RECORD);
        set_column(table, LIST_PLACE, "place", COLUMN_INTEGER);
        set_column(table, LIST_VALUE, "value", COLUMN_TEXT);
        table->columns[LIST_VALUE].private = table->list_private;
    }
}

static void add_fixed(struct sql_engine *engine, const struct fixed_table *fixed)
{
    struct sql_table *table = add_table(engine, fixed->name, TABLE_FIXED);
    table->fixed = fixed;
    make_columns(table, fixed->column_count);
    for (size_t i = 0; i < fixed->column_count; i++)
        set_column(table, i, fixed->columns[i].name, fixed->columns[i].kind);
}

void catalog_make(struct sql_engine *engine, const struct schema *schema)
{
    for (size_t i = 0; i < fixed_table_count; i++)
        add_fixed(engine, fixed_tables[i]);
    for (size_t i = 0; schema != NULL && i < schema->type_count; i++) {
        if (schema->types[i].companion_of == 0)
            add_type(engine, schema, &schema->types[i]);
    }
    for (size_t i = 0; schema != NULL && i < schema->type_count; i++) {
        const struct record_type *type = &schema->types[i];
        if (type->companion_of != 0)
            continue;
        add_lists(engine, type, type);
        add_lists(engine, type, schema_companion(schema, type));
    }
}

void catalog_free(struct sql_engine *engine)
{
    for (size_t i = 0; i < engine->table_count; i++) {
        struct sql_table *table = engine->tables[i];
        for (size_t k = 0; k < table->column_count; k++)
            free(table->columns[k].name);
        free(table->columns);
        free(table->list_field);
        free(table->name);
        free(table);
    }
    free(engine->tables);
}

static char *declaration_of(const struct sql_table *table)
{
    struct buffer text = {0};
    buffer_append_span(&text, span_of_text("CREATE TABLE x("));
    for (size_t i = 0; i < table->column_count; i++) {
        const struct sql_column *column = &table->columns[i];
        const char *collation = column->kind == COLUMN_TIME      ? " COLLATE time"
                                : column->kind == COLUMN_DECIMAL ? " COLLATE decimal"
                                                                 : "";
        char line[256];
        snprintf(line, sizeof line, "%s\"%.100s\" %s%s%s", i == 0 ? "" : ", ", column->name,
                 column_declared(column->kind), column->hidden ? " HIDDEN" : "", collation);
        buffer_append_span(&text, span_of_text(line));
    }
    buffer_append(&text, ")", 2);
    return (char *)text.data;
}

static int declare(sqlite3 *db, const struct sql_table *table)
{
    char *declaration = declaration_of(table);
    table->engine->declaring = true;
    int code = sqlite3_declare_vtab(db, declaration);
    table->engine->declaring = false;
    free(declaration);
    return code;
}

int catalog_connect(sqlite3 *db, void *context, int count, const char *const *arguments,
                    sqlite3_vtab **made, char **message)
{
    (void)count;
    (void)arguments;
    (void)message;
    int code = declare(db, context);
    if (code != SQLITE_OK)
        return code;
    struct sql_vtab *vtab = mem_alloc(sizeof *vtab);
    vtab->table = context;
    *made = &vtab->base;
    return SQLITE_OK;
}

int catalog_disconnect(sqlite3_vtab *base)
{
    free(base);
    return SQLITE_OK;
}

/* ---- what somebody may have meant ---- */

const char *catalog_nearest_table(const struct sql_engine *engine, struct span name)
{
    const char **names = mem_alloc((engine->table_count + 1) * sizeof *names);
    for (size_t i = 0; i < engine->table_count; i++)
        names[i] = engine->tables[i]->name;
    const char *nearest = nearest_word(name, names, engine->table_count);
    free(names);
    return nearest;
}

const char *catalog_nearest_column(const struct sql_engine *engine, struct span name)
{
    size_t count = 0, all = 0;
    for (size_t i = 0; i < engine->table_count; i++)
        all += engine->tables[i]->column_count;
    const char **names = mem_alloc((all + 1) * sizeof *names);
    for (size_t i = 0; i < engine->table_count; i++) {
        for (size_t k = 0; k < engine->tables[i]->column_count; k++)
            names[count++] = engine->tables[i]->columns[k].name;
    }
    const char *nearest = nearest_word(name, names, count);
    free(names);
    return nearest;
}
