/* Formulas of indicators: names of roll-ups and whole numbers with + - * / ( ), worked out as exact
 * fractions, so that the same figures give the same verdict on every machine. */
#ifndef TERRACE_NODE_SQL_FORMULA_H
#define TERRACE_NODE_SQL_FORMULA_H

#include "base/error.h"

enum { FORMULA_BYTES_MAX = 500, FORMULA_DEPTH_MAX = 16 };

/* over / under, in lowest terms, under > 0. under == 0: there is no value: something was divided by
 * zero, a figure is missing, or a number grew beyond 63 bits. */
struct fraction {
    int64_t over, under;
};

/* A roll-up's value: false, there is none of this name; `value` may be without a value. */
typedef bool formula_figure(void *context, struct span name, struct fraction *value);

/* ERR_MALFORMED with the column of what was not understood, ERR_NOT_FOUND with that of a name that
 * no roll-up has. */
enum error_code formula_work_out(const char *text, formula_figure *figure, void *context,
                                 struct fraction *value, struct error *error);

struct fraction fraction_of(int64_t over, int64_t under); /* under 0: without a value */
struct fraction fraction_divide(struct fraction value, int64_t by);
/* Times 10^scale, rounded half away from zero; false: no value, or beyond 63 bits. */
bool fraction_round(struct fraction value, uint8_t scale, int64_t *rounded);
/* < 0, 0, > 0; both have values. */
int fraction_compare(struct fraction a, struct fraction b);

#endif
