/* Invented records for a load. */
#include "cli/drill/sample.h"

#include <stdio.h>
#include <string.h>

#include "base/msgpack.h"

enum {
    DOWNWARD_ONE_IN = 200, /* a hundred directives among 20,000 records */
    STAYS_IN_FIVE = 3,     /* of five records of a seat without children, so many stay there */
    INTEGER_SPREAD = 9,
    PAST_DAYS = 30,
};

static const char *const groups[] = {"一组", "二组", "三组", "四组",
                                     "五组", "六组", "七组", "八组"};
static const char *const spots[] = {"村口",   "河堤",   "小学旁", "老桥头",   "水库下游",
                                    "卫生室", "晒谷场", "后山坡", "集镇路口", "文化广场"};
static const char *const matters[] = {
    "山体裂缝需要查看",   "邻里因宅基地界址争执", "路面塌陷影响通行", "自来水管破裂停水",
    "变压器异响反复跳闸", "务工工资拖欠协调",     "林地承包合同纠纷", "孤寡老人房屋漏雨",
    "桥面护栏松动",       "低洼处积水倒灌"};
static const char *const follow_ups[] = {"已电话通知值班人员",   "网格员到场拍照登记",
                                         "双方同意次日上午再谈", "设置警示标志并绕行",
                                         "联系供电所安排检修",   "三日内回访"};

/* SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014). */
static uint64_t draw(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

#define DRAW_FROM(state, list) ((list)[draw(state) % (sizeof(list) / sizeof *(list))])

struct sample_types sample_types_of(const struct schema *schema)
{
    struct sample_types types = {0};
    for (size_t i = 0; i < schema->type_count; i++) {
        const struct record_type *type = &schema->types[i];
        const struct record_type **place = type->circle == CIRCLE_ORIGIN    ? &types.origin
                                           : type->circle == CIRCLE_PATH    ? &types.path
                                           : type->circle == CIRCLE_SUBTREE ? &types.subtree
                                                                            : NULL;
        if (place != NULL && *place == NULL)
            *place = type;
    }
    return types;
}

static size_t count_chosen(const struct drill *drill, const bool *chosen, bool inner_only)
{
    size_t count = 0;
    for (size_t i = 0; i < drill->seat_count; i++)
        count += chosen[i] && (!inner_only || (i != 0 && drill->seats[i].child_count != 0)) ? 1 : 0;
    return count;
}

static uint64_t at_most_half(uint64_t wanted, uint64_t records)
{
    return wanted < records / 2 ? wanted : records / 2;
}

static void plan_downward(const struct drill *drill, const bool *chosen, uint64_t target,
                          struct sample_share *shares)
{
    size_t inner = count_chosen(drill, chosen, true), place = 0;
    if (chosen[0])
        shares[0].downward = at_most_half(inner == 0 ? target : target / 2, shares[0].records);
    uint64_t left = target - (chosen[0] ? shares[0].downward : 0);
    for (size_t i = 1; i < drill->seat_count; i++) {
        if (!chosen[i] || drill->seats[i].child_count == 0)
            continue;
        uint64_t share = left / inner + (place++ < left % inner ? 1 : 0);
        shares[i].downward = at_most_half(share, shares[i].records);
    }
}

void sample_plan(const struct drill *drill, const bool *chosen, uint64_t records,
                 struct sample_share *shares)
{
    size_t seats = count_chosen(drill, chosen, false), place = 0;
    for (size_t i = 0; i < drill->seat_count; i++) {
        shares[i] = (struct sample_share){0};
        if (chosen[i])
            shares[i].records = records / seats + (place++ < records % seats ? 1 : 0);
    }
    plan_downward(drill, chosen, records / DOWNWARD_ONE_IN, shares);
}

const struct record_type *sample_type(const struct sample_types *types,
                                      const struct drill_seat *seat,
                                      const struct sample_share *share, uint64_t number)
{
    bool downward = number * share->downward / share->records !=
                    (number + 1) * share->downward / share->records;
    bool stays = seat->child_count == 0 && number % 5 < STAYS_IN_FIVE;
    if (downward && types->subtree != NULL)
        return types->subtree;
    if (stays && types->origin != NULL)
        return types->origin;
    if (types->path != NULL)
        return types->path;
    return types->origin != NULL ? types->origin : types->subtree;
}

size_t sample_addressee(const struct drill *drill, size_t seat, uint64_t seed)
{
    uint64_t state = ~seed;
    if (drill->seat_count < 2)
        return seat;
    size_t to = draw(&state) % (drill->seat_count - 1);
    return to + (to >= seat ? 1 : 0);
}

static void write_text(struct buffer *out, uint32_t bytes_max, const char *text)
{
    struct span span = span_of_text(text);
    size_t size = 0, next = 0;
    uint32_t code = 0;
    while (size < span.size && (next = utf8_character(span, size, &code)) != 0 &&
           size + next <= bytes_max)
        size += next;
    mp_write_str(out, SPAN(span.data, size));
}

static void write_sentence(const struct field *field, const char *place, uint64_t *state,
                           struct buffer *out)
{
    char text[512];
    if (field->required)
        snprintf(text, sizeof text, "%s%s%s%s", place, DRAW_FROM(state, groups),
                 DRAW_FROM(state, spots), DRAW_FROM(state, matters));
    else
        snprintf(text, sizeof text, "%s，%s%llu", DRAW_FROM(state, spots),
                 DRAW_FROM(state, follow_ups), (unsigned long long)(draw(state) % 1000));
    write_text(out, field->length_max, text);
}

static void write_value(const struct field *field, const char *place, uint64_t now_ms,
                        uint64_t *state, struct buffer *out)
{
    uint64_t spread = (uint64_t)field->max - (uint64_t)field->min;
    switch (field->kind) {
    case FIELD_TEXT: write_sentence(field, place, state, out); return;
    case FIELD_INTEGER:
        spread = spread < INTEGER_SPREAD ? spread : INTEGER_SPREAD;
        mp_write_int(out, field->min + (int64_t)(draw(state) % (spread + 1)));
        return;
    case FIELD_BOOLEAN: mp_write_bool(out, draw(state) % 2 == 0); return;
    case FIELD_TIME:
        mp_write_uint(out, now_ms - draw(state) % (UINT64_C(86400000) * PAST_DAYS));
        return;
    case FIELD_ENUM: mp_write_text(out, field->choices[draw(state) % field->choice_count]); return;
    case FIELD_LIST:
        mp_write_array(out, 1);
        write_sentence(field, place, state, out);
        return;
    case FIELD_COUNTER: mp_write_uint(out, 1 + draw(state) % 3); return;
    case FIELD_DECIMAL: mp_write_uint(out, draw(state) % 10); return; /* whole ones */
    case FIELD_DATE:
        mp_write_uint(out, now_ms / UINT64_C(86400000) - draw(state) % PAST_DAYS);
        return;
    case FIELD_RECORD:
    case FIELD_SEAT:
    case FIELD_DIGEST:
    case FIELD_KIND_COUNT: break;
    }
    mp_write_nil(out);
}

/* Whether a value of it can be invented. */
static bool is_sampled(const struct record_type *type, const struct field *field)
{
    if (field->ended || field->more->pattern != NULL || field->more->choice_ended != NULL ||
        (type->workflow != NULL && type->workflow->field == field->number))
        return false;
    if ((field->kind == FIELD_DECIMAL || field->kind == FIELD_DATE || field->kind == FIELD_TIME) &&
        (field->min != INT64_MIN || field->max != INT64_MAX))
        return false;
    return field->kind != FIELD_RECORD && field->kind != FIELD_SEAT && field->kind != FIELD_DIGEST;
}

void sample_fields(const struct record_type *type, const char *place, uint64_t seed,
                   uint64_t now_ms, struct buffer *fields)
{
    uint64_t state = seed;
    uint64_t wanted = draw(&state); /* one bit a field: whether an optional one is written */
    struct buffer pairs = {0};
    uint32_t count = 0;
    for (size_t i = 0; i < type->field_count; i++) {
        const struct field *field = &type->fields[i];
        if ((!field->required && (wanted >> (i % 64)) % 2 != 0) || !is_sampled(type, field))
            continue;
        mp_write_text(&pairs, field->name);
        write_value(field, place, now_ms, &state, &pairs);
        count++;
    }
    mp_write_map(fields, count);
    buffer_append_span(fields, span_of_buffer(&pairs));
    buffer_free(&pairs);
}
