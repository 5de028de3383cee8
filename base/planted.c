/* The one choice. A build without planted bugs has nothing here. */
#include "base/planted.h"

#ifdef TERRACE_PLANTED

#include <string.h>

enum planted planted_now = PLANTED_NONE;

static const struct {
    const char *name, *meaning;
} bugs[PLANTED_COUNT] = {{"none", "none is in force"},
#define X(name, text, meaning) {text, meaning},
                         PLANTED_LIST(X)
#undef X
};

bool planted_choose(const char *name)
{
    for (int i = 0; i < PLANTED_COUNT; i++) {
        if (strcmp(bugs[i].name, name) == 0) {
            planted_now = (enum planted)i;
            return true;
        }
    }
    return false;
}

const char *planted_name(enum planted planted)
{
    return bugs[planted].name;
}

const char *planted_meaning(enum planted planted)
{
    return bugs[planted].meaning;
}

#endif
