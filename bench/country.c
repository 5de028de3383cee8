/* From the villages of each township to a table of seats. */
#include "bench/country.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/span.h"

enum { LINE_BYTES_MAX = 4096, SEATS_MOST = 1000 * 1000 };

static bool is_full(const struct country *country)
{
    return country->count == country->most;
}

/* The code that the row keeps. */
static const char *add(struct country *country, const char *code, const char *tier,
                       const char *parent)
{
    if (is_full(country))
        return parent;
    snprintf(country->codes[country->count], COUNTRY_CODE_BYTES, "%s", code);
    country->rows[country->count] =
        (struct country_row){country->codes[country->count], tier, parent};
    return country->codes[country->count++];
}

/* As "110101,10 8 7": a county and the villages of each of its townships. */
static void add_county(struct country *country, const char *line, const char **province)
{
    char code[COUNTRY_CODE_BYTES];
    int at;
    snprintf(code, sizeof code, "P%.2s", line);
    if (*province == NULL || strcmp(*province, code) != 0)
        *province = add(country, code, "province", country->codes[0]);
    snprintf(code, sizeof code, "%.6s", line);
    const char *county = add(country, code, "county", *province);
    unsigned villages, township = 0;
    for (const char *rest = line + 7; sscanf(rest, "%u%n", &villages, &at) == 1; rest += at) {
        snprintf(code, sizeof code, "%.6sT%u", line, ++township);
        if (is_full(country))
            return;
        const char *parent = add(country, code, "township", county);
        for (unsigned village = 1; village <= villages && !is_full(country); village++) {
            char name[COUNTRY_CODE_BYTES];
            snprintf(name, sizeof name, "%.12sV%u", parent, village);
            add(country, name, "village", parent);
        }
    }
}

bool country_read(struct country *country, const char *path, size_t most)
{
    char line[LINE_BYTES_MAX];
    const char *province = NULL;
    FILE *file = fopen(path, "r");
    *country = (struct country){.most = most == 0 ? SEATS_MOST : most};
    if (file == NULL || fgets(line, sizeof line, file) == NULL) {
        fprintf(stderr, "%s can't be read; it is the shape of a country\n", path);
        if (file != NULL)
            fclose(file);
        return false;
    }
    country->rows = mem_alloc(country->most * sizeof *country->rows);
    country->codes = mem_alloc(country->most * sizeof *country->codes);
    add(country, "N", "nation", NULL);
    while (!is_full(country) && fgets(line, sizeof line, file) != NULL)
        add_county(country, line, &province);
    fclose(file);
    return most == 0 || is_full(country);
}

void country_free(struct country *country)
{
    free(country->rows);
    free(country->codes);
}
