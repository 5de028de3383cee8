/* Where a record may stand, where it must, and where it was found.
 *
 * Its author wrote it into the circle of the tree that it knew: any shape from the first to the
 * last one signed before. Afterwards circles only grow: a seat that moves extends what its former
 * parent holds with it by the new one, and a directive goes to whoever stands below by now. */
#include <string.h>

#include "cli/drill/check_table.h"

enum { BITS = 64 };

static size_t words_of(const struct check_table *table)
{
    return (table->drill->seat_count + BITS - 1) / BITS;
}

size_t check_bits_size(const struct check_table *table)
{
    return PLACE_COUNT * words_of(table) * sizeof(uint64_t);
}

void check_mark(const struct check_table *table, struct check_record *record,
                enum check_place place, size_t seat)
{
    if (record->bits != NULL)
        record->bits[(size_t)place * words_of(table) + seat / BITS] |= UINT64_C(1) << seat % BITS;
}

bool check_marked(const struct check_table *table, const struct check_record *record,
                  enum check_place place, size_t seat)
{
    return (record->bits[(size_t)place * words_of(table) + seat / BITS] >> seat % BITS & 1) != 0;
}

static bool in_circle(const struct check_table *table, const struct check_record *record,
                      enum circle_rule circle, size_t shape, size_t seat)
{
    const struct check_shapes *shapes = &table->shapes;
    switch (circle) {
    case CIRCLE_ORIGIN: return seat == record->origin;
    case CIRCLE_PATH: return check_shape_above_or_same(shapes, shape, seat, record->origin);
    case CIRCLE_SUBTREE: return check_shape_above_or_same(shapes, shape, record->origin, seat);
    case CIRCLE_ADDRESSED:
        return record->to == DRILL_NO_SEAT ||
               check_shape_on_path(shapes, shape, record->origin, record->to, seat);
    case CIRCLE_COUNT: break;
    }
    return false;
}

static const struct drill_type *type_of(const struct check_table *table,
                                        const struct check_record *record)
{
    return record->origin == DRILL_NO_SEAT ? NULL
                                           : drill_type_numbered(table->drill, record->key.type);
}

/* Its author knew nothing of later shapes; a directive goes to whoever comes. */
static size_t last_shape(const struct check_table *table, const struct check_record *record,
                         enum circle_rule circle)
{
    return circle == CIRCLE_SUBTREE ? table->shapes.count - 1
                                    : check_shape_at(&table->shapes, record->clock_ms);
}

/* Whether a move has brought it to this seat. */
static bool is_moved_to(const struct check_table *table, const struct check_record *record,
                        enum circle_rule circle, size_t seat)
{
    const struct check_shapes *shapes = &table->shapes;
    if (circle != CIRCLE_PATH && circle != CIRCLE_ADDRESSED)
        return false;
    for (size_t i = 1; i < shapes->count; i++) {
        const struct drill_change *move = shapes->moves[i - 1];
        uint32_t to = shapes->parents[i * table->drill->seat_count + move->seat];
        if (to != seat)
            continue;
        for (size_t shape = 0; shape < i; shape++) {
            if (in_circle(table, record, circle, shape, move->seat) &&
                in_circle(table, record, circle, shape, move->former))
                return true;
        }
    }
    return false;
}

/* A machine that was revoked learns nothing more, and has what it has. */
static bool knew_before(const struct check_table *table, const struct check_record *record,
                        size_t seat)
{
    const struct drill_change *revoked = table->shapes.revoked[seat];
    struct key_id author;
    memcpy(author.bytes, record->key.id.bytes, KEY_ID_BYTES);
    return revoked == NULL || record->clock_ms == 0 || record->clock_ms <= revoked->told_ms ||
           key_id_equal(author, key_id_of(table->drill->seats[seat].key));
}

bool check_belongs(const struct check_table *table, const struct check_record *record, size_t seat)
{
    const struct drill_type *type = type_of(table, record);
    if (type == NULL || !knew_before(table, record, seat))
        return false;
    for (size_t shape = last_shape(table, record, type->circle) + 1; shape > 0; shape--) {
        if (in_circle(table, record, type->circle, shape - 1, seat))
            return true;
    }
    return is_moved_to(table, record, type->circle, seat);
}

bool check_must_hold(const struct check_table *table, const struct check_record *record,
                     size_t shape, size_t seat)
{
    const struct drill_type *type = type_of(table, record);
    return type != NULL && !table->outside[seat] &&
           in_circle(table, record, type->circle, shape, seat);
}

static bool is_complete_in(const struct check_table *table, const struct check_record *record,
                           size_t shape)
{
    for (size_t seat = 0; seat < table->drill->seat_count; seat++) {
        if (!check_must_hold(table, record, shape, seat))
            continue;
        for (size_t place = 0; place < PLACE_COUNT; place++) {
            if (!check_marked(table, record, (enum check_place)place, seat))
                return false;
        }
    }
    return true;
}

bool check_is_complete(const struct check_table *table, const struct check_record *record,
                       size_t *shape)
{
    const struct drill_type *type = type_of(table, record);
    *shape = table->shapes.count - 1;
    if (type == NULL)
        return false;
    if (type->circle == CIRCLE_SUBTREE)
        return is_complete_in(table, record, *shape);
    *shape = last_shape(table, record, type->circle);
    for (size_t known = *shape + 1; known > 0; known--) {
        if (!is_complete_in(table, record, known - 1))
            continue;
        *shape = known - 1;
        return true;
    }
    return false;
}

bool check_has_moved(const struct check_table *table, size_t seat)
{
    for (size_t i = 1; i < table->shapes.count; i++) {
        if (table->shapes.moves[i - 1]->seat == seat)
            return true;
    }
    return false;
}

bool check_follows(const struct check_table *table, const struct check_record *record,
                   size_t *parent)
{
    const struct check_shapes *shapes = &table->shapes;
    const struct drill_type *type = type_of(table, record);
    size_t seats = table->drill->seat_count;
    if (type == NULL || !record->at_origin || record->deleted || record->closed ||
        (type->circle != CIRCLE_PATH && type->circle != CIRCLE_ADDRESSED) ||
        table->outside[record->origin] || !check_has_moved(table, record->origin) ||
        (type->circle == CIRCLE_ADDRESSED && record->to == DRILL_NO_SEAT))
        return false;
    for (size_t shape = last_shape(table, record, type->circle) + 1; shape > 0; shape--) {
        if (!in_circle(table, record, type->circle, shape - 1,
                       shapes->parents[(shape - 1) * seats + record->origin]))
            return false;
    }
    *parent = shapes->parents[(shapes->count - 1) * seats + record->origin];
    return !table->outside[*parent];
}

bool check_is_cut(const struct check_table *table, const struct check_record *record)
{
    struct key_id author;
    memcpy(author.bytes, record->key.id.bytes, KEY_ID_BYTES);
    return !record->trusted && check_table_cut_off(table, author);
}
