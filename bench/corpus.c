/* Drawn so that a compressor finds what it would find in a county's own records: set phrases that
 * return, and between them what never returns. */
#include "bench/corpus.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/msgpack.h"

enum {
    REFERENCE_BYTES = 22, /* of a 64-letter alphabet: 16 random bytes' worth */
    TEXT_BYTES = 400,
    RECORD_BYTES_USUAL = 256,
    VILLAGE_FIRST = 433127100,
    VILLAGE_COUNT = 303,
    TICK_MS = 977,
};
#define CLOCK_FIRST_MS UINT64_C(1789000000000)

static const char *const families[] = {"王", "李", "张", "刘", "陈", "杨", "黄", "赵",
                                       "吴", "周", "徐", "孙", "马", "朱", "胡", "郭"};
static const char *const given[] = {"建国", "秀英", "伟", "芳",   "志强", "丽娟", "海燕", "明",
                                    "桂花", "军",   "文", "小红", "国庆", "玉兰", "大勇", "春梅"};
static const char *const kinds[] = {"邻里纠纷", "土地承包", "宅基地",   "劳动报酬",
                                    "婚姻家庭", "交通事故", "环境卫生", "低保申请"};
static const char *const states[] = {"受理", "调解中", "已结案", "上报"};
static const char *const verbs[] = {"反映", "要求", "投诉", "申请", "咨询", "请求协调"};
static const char *const objects[] = {"水沟堵塞",     "田界不清", "拖欠工资", "院墙占道",
                                      "噪音扰民",     "老人赡养", "灌溉用水", "道路损坏",
                                      "房屋漏水严重", "补贴未到"};
static const char *const endings[] = {"，已现场查看", "，待双方到场", "，约定本周五调解",
                                      "，双方初步一致", "，请镇里派人"};

/* SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014). */
static uint64_t draw(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

#define DRAW_FROM(state, list) ((list)[draw(state) % (sizeof(list) / sizeof *(list))])

static void put_text(struct buffer *out, const char *name, const char *text)
{
    mp_write_text(out, name);
    mp_write_text(out, text);
}

static void put_number(struct buffer *out, const char *name, uint64_t number)
{
    mp_write_text(out, name);
    mp_write_uint(out, number);
}

static void put_reference(uint64_t *state, struct buffer *out)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    char text[REFERENCE_BYTES + 1] = {0};
    for (size_t i = 0; i < REFERENCE_BYTES; i++)
        text[i] = letters[draw(state) % 64];
    put_text(out, "ref", text);
}

static void put_person(uint64_t *state, const char *name, struct buffer *out)
{
    char text[TEXT_BYTES];
    snprintf(text, sizeof text, "%s%s", DRAW_FROM(state, families), DRAW_FROM(state, given));
    put_text(out, name, text);
}

static void put_telephone(uint64_t *state, struct buffer *out)
{
    char text[TEXT_BYTES];
    snprintf(text, sizeof text, "1%010llu",
             (unsigned long long)(draw(state) % UINT64_C(10000000000)));
    put_text(out, "tel", text);
}

static void put_note(uint64_t *state, struct buffer *out)
{
    char text[TEXT_BYTES];
    const char *verb = DRAW_FROM(state, verbs), *object = DRAW_FROM(state, objects);
    const char *first = DRAW_FROM(state, endings), *second = DRAW_FROM(state, endings);
    snprintf(text, sizeof text, "%s%s%s%s，联系%s家%u号院", verb, object, first, second,
             DRAW_FROM(state, families), (unsigned)(draw(state) % 100000));
    put_text(out, "note", text);
}

static void put_record(uint64_t number, struct buffer *out)
{
    uint64_t state = number * UINT64_C(0xd1342543de82ef95) + 1;
    mp_write_map(out, 12);
    put_reference(&state, out);
    put_number(out, "seq", 1000000 + number);
    put_number(out, "ts", CLOCK_FIRST_MS + number * TICK_MS + draw(&state) % TICK_MS);
    put_text(out, "kind", DRAW_FROM(&state, kinds));
    put_number(out, "vill", VILLAGE_FIRST + draw(&state) % VILLAGE_COUNT);
    put_text(out, "state", DRAW_FROM(&state, states));
    put_person(&state, "a", out);
    put_person(&state, "b", out);
    put_telephone(&state, out);
    put_text(out, "by", "village-clerk-303");
    put_number(out, "rev", draw(&state) % 9);
    put_note(&state, out);
}

void corpus_make(struct corpus *corpus, uint64_t first, size_t count)
{
    *corpus = (struct corpus){.count = count};
    corpus->ends = mem_alloc((count + 1) * sizeof *corpus->ends);
    buffer_reserve(&corpus->bytes, count * RECORD_BYTES_USUAL);
    for (size_t i = 0; i < count; i++) {
        put_record(first + i, &corpus->bytes);
        corpus->ends[i] = corpus->bytes.size;
    }
}

void corpus_free(struct corpus *corpus)
{
    buffer_free(&corpus->bytes);
    free(corpus->ends);
    *corpus = (struct corpus){0};
}

struct span corpus_record(const struct corpus *corpus, size_t index)
{
    assert(index < corpus->count);
    size_t begin = index == 0 ? 0 : corpus->ends[index - 1];
    return SPAN(corpus->bytes.data + begin, corpus->ends[index] - begin);
}
