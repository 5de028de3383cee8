/* A drill under attack. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include "tests/process/drill_world.h"
#include "tests/process/hostile_county.h"
#include "tests/process/run_terrace.h"

static const char table[] = "code,name,tier,parent\n"
                            "C,永顺县,county,\n"
                            "T1,石堤镇,township,C\n"
                            "V1,大明村,village,T1\n"
                            "V2,二村,village,T1\n";

long long refused(const char *node, const char *counter)
{
    char path[64];
    snprintf(path, sizeof path, "refused.%s", counter);
    return status_number(node, path);
}

void refused_since(const char *node, const char *counter, long long before, long long least)
{
    char path[64];
    snprintf(path, sizeof path, "refused.%s", counter);
    status_reaches(node, path, before + least);
}

static void add_links(const char *node, const char *links)
{
    char path[4200];
    snprintf(path, sizeof path, "%s/node.yaml", node);
    FILE *file = fopen(path, "ae");
    assert_non_null(file);
    fprintf(file, "links:\n%s", links);
    assert_int_equal(fclose(file), 0);
}

void county_begin(struct hostile_county *county, const char *name, unsigned records,
                  const char *links)
{
    char number[16];
    /* what the sanitizer holds back from use again would count as memory of the node's */
    setenv("ASAN_OPTIONS", "quarantine_size_mb=8:detect_leaks=1:abort_on_error=0", 0);
    *county = (struct hostile_county){.directory = drill_up(name, table)};
    snprintf(county->county, sizeof county->county, "%s/C", county->directory);
    snprintf(county->attacked, sizeof county->attacked, "%s/T1", county->directory);
    snprintf(county->honest, sizeof county->honest, "%s/V1", county->directory);
    snprintf(county->stolen, sizeof county->stolen, "%s/V2", county->directory);
    drill_act(county->directory, "kill", "V2");
    for (unsigned i = 0; links != NULL && i < 2; i++) {
        drill_act(county->directory, "kill", i == 0 ? "T1" : "V1");
        add_links(i == 0 ? county->attacked : county->honest, links);
        drill_act(county->directory, "start", i == 0 ? "T1" : "V1");
    }
    thief_take(&county->thief, county->stolen);
    status_reaches(county->attacked, "children.live", 1);
    county->memory_before = status_number(county->attacked, "memory_bytes");
    snprintf(number, sizeof number, "%u", records);
    county->load = background("drill", "load", "--dir", county->directory, "--records", number,
                              "--at", "V1", "--type", "incident", "--rate", "60", NULL);
}

/* How many of the acknowledged ids stand in the last output. */
static size_t count_present(const char *directory, size_t *acknowledged)
{
    char path[4200], line[1024];
    size_t present = 0;
    snprintf(path, sizeof path, "%s/acknowledged.ndjson", directory);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    *acknowledged = 0;
    while (fgets(line, sizeof line, file) != NULL) {
        json_t *object = json_loads(line, 0, NULL);
        const char *id = json_string_value(json_object_get(object, "id"));
        const char *type = json_string_value(json_object_get(object, "type"));
        assert_true(id != NULL && type != NULL);
        if (strcmp(type, "incident") == 0) {
            *acknowledged += 1;
            present += strstr(terrace_output(), id) != NULL;
        }
        json_decref(object);
    }
    fclose(file);
    return present;
}

static bool all_are_at_the_county(const void *context)
{
    const struct hostile_county *county = context;
    size_t acknowledged = 0;
    assert_int_equal(
        terrace_run("-d", county->county, "--json", "list", "incident", "--limit", "100000", NULL),
        0);
    size_t present = count_present(county->directory, &acknowledged);
    assert_true(acknowledged > 0);
    return present == acknowledged;
}

void county_holds(struct hostile_county *county)
{
    assert_int_equal(background_wait(county->load), 0);
    until(all_are_at_the_county, county, "all acknowledged records are at the county");
    long long memory = status_number(county->attacked, "memory_bytes");
    if (memory > county->memory_before + MEMORY_GROWTH_MAX)
        fail_msg("from %lld bytes to %lld", county->memory_before, memory);
}

void county_end(struct hostile_county *county)
{
    thief_free(&county->thief);
    drill_down(county->directory);
}
