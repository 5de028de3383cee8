/* Recursive descent over: sum = product {(+|-) product}; product = factor {(*|/) factor};
 * factor = number | name | ( sum ) | - factor. */
#include "node/sql/formula.h"

#include <string.h>

struct working {
    const char *text;
    size_t at;
    unsigned depth;
    formula_figure *figure;
    void *context;
    struct error *error;
};

__extension__ typedef __int128 wide; /* the product of two numbers of 63 bits */

static const struct fraction no_value;

static wide common_divisor(wide a, wide b)
{
    while (b != 0) {
        wide rest = a % b;
        a = b;
        b = rest;
    }
    return a < 0 ? -a : a;
}

static struct fraction reduce(wide over, wide under)
{
    if (under == 0)
        return no_value;
    wide divisor = common_divisor(over, under);
    over /= under < 0 ? -divisor : divisor;
    under /= under < 0 ? -divisor : divisor;
    if (over > INT64_MAX || over < -INT64_MAX || under > INT64_MAX)
        return no_value;
    return (struct fraction){(int64_t)over, (int64_t)under};
}

struct fraction fraction_of(int64_t over, int64_t under)
{
    return reduce(over, under);
}

/* Each product of two 63-bit numbers fits, and so does the sum of two. */
static struct fraction apply(char sign, struct fraction a, struct fraction b)
{
    if (a.under == 0 || b.under == 0)
        return no_value;
    switch (sign) {
    case '+':
        return reduce((wide)a.over * b.under + (wide)b.over * a.under, (wide)a.under * b.under);
    case '-':
        return reduce((wide)a.over * b.under - (wide)b.over * a.under, (wide)a.under * b.under);
    case '*': return reduce((wide)a.over * b.over, (wide)a.under * b.under);
    default: return reduce((wide)a.over * b.under, (wide)a.under * b.over);
    }
}

struct fraction fraction_divide(struct fraction value, int64_t by)
{
    return apply('/', value, fraction_of(by, 1));
}

int fraction_compare(struct fraction a, struct fraction b)
{
    wide left = (wide)a.over * b.under, right = (wide)b.over * a.under;
    return (left > right) - (left < right);
}

bool fraction_round(struct fraction value, uint8_t scale, int64_t *rounded)
{
    wide over = value.over;
    if (value.under == 0 || scale > 18)
        return false;
    for (uint8_t i = 0; i < scale; i++)
        over *= 10; /* at most 63 bits and 60 */
    wide half = value.under / 2 + value.under % 2, rest = over % value.under;
    over /= value.under;
    if ((rest < 0 ? -rest : rest) >= half)
        over += value.over < 0 ? -1 : 1;
    if (over > INT64_MAX || over < INT64_MIN)
        return false;
    *rounded = (int64_t)over;
    return true;
}

static char next_of(struct working *working)
{
    while (working->text[working->at] == ' ')
        working->at++;
    return working->text[working->at];
}

static struct fraction not_understood(struct working *working, const char *why)
{
    if (working->error->code == ERR_OK) {
        error_set(working->error, ERR_MALFORMED, working->text, "%s", why);
        error_next(working->error, "names of roll-ups and whole numbers with + - * / ( )");
        working->error->line = 1;
        working->error->column = (unsigned)working->at + 1;
    }
    return no_value;
}

static struct fraction sum(struct working *working);

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static struct fraction number(struct working *working)
{
    int64_t value = 0;
    bool fits = true;
    while (is_digit(working->text[working->at])) {
        int digit = working->text[working->at++] - '0';
        fits = fits && !__builtin_mul_overflow(value, 10, &value) &&
               !__builtin_add_overflow(value, digit, &value);
    }
    return fits ? fraction_of(value, 1) : not_understood(working, "the number is too large");
}

static struct fraction named(struct working *working)
{
    struct fraction value = no_value;
    size_t begin = working->at;
    while (is_letter(working->text[working->at]) || is_digit(working->text[working->at]))
        working->at++;
    struct span name = SPAN((const uint8_t *)working->text + begin, working->at - begin);
    if (working->error->code == ERR_OK && !working->figure(working->context, name, &value)) {
        error_set(working->error, ERR_NOT_FOUND, working->text, "no roll-up is called %.*s",
                  (int)name.size, (const char *)name.data);
        error_next(working->error, "`terrace rollup` lists them");
        working->error->line = 1;
        working->error->column = (unsigned)begin + 1;
    }
    return value;
}

static struct fraction factor(struct working *working)
{
    struct fraction value = no_value;
    char c = next_of(working);
    if (++working->depth > FORMULA_DEPTH_MAX)
        value = not_understood(working, "it is nested too deep");
    else if (is_digit(c))
        value = number(working);
    else if (is_letter(c))
        value = named(working);
    else if (c == '-') {
        working->at++;
        value = factor(working);
        value.over = -value.over;
    } else if (c == '(') {
        working->at++;
        value = sum(working);
        if (next_of(working) == ')')
            working->at++;
        else
            value = not_understood(working, "a ) is missing");
    } else {
        value = not_understood(working, "a name, a number or ( should stand here");
    }
    working->depth--;
    return value;
}

static struct fraction product(struct working *working)
{
    struct fraction value = factor(working);
    for (char sign = next_of(working); sign == '*' || sign == '/'; sign = next_of(working)) {
        working->at++;
        value = apply(sign, value, factor(working));
    }
    return value;
}

static struct fraction sum(struct working *working)
{
    struct fraction value = product(working);
    for (char sign = next_of(working); sign == '+' || sign == '-'; sign = next_of(working)) {
        working->at++;
        value = apply(sign, value, product(working));
    }
    return value;
}

enum error_code formula_work_out(const char *text, formula_figure *figure, void *context,
                                 struct fraction *value, struct error *error)
{
    struct working working = {text, 0, 0, figure, context, error};
    error_clear(error);
    *value = no_value;
    if (strlen(text) > FORMULA_BYTES_MAX)
        not_understood(&working, "it is too long");
    else
        *value = sum(&working);
    if (error->code == ERR_OK && next_of(&working) != '\0')
        not_understood(&working, "+ - * / or the end should stand here");
    if (error->code != ERR_OK)
        *value = no_value;
    return error->code;
}
