/* One value of a map that the API would answer. */
#ifndef TERRACE_TESTS_SIM_NAMED_H
#define TERRACE_TESTS_SIM_NAMED_H

#include "base/msgpack.h"

/* Of the map's pairs the value of this name; empty when there is none. */
static inline struct span named(struct span map, const char *name)
{
    struct mp_reader reader = mp_reader(map);
    struct span found = SPAN_EMPTY;
    reader.text_keys = true;
    reader.items_max = UINT32_MAX;
    for (uint32_t pairs = mp_read_map(&reader); pairs > 0 && !reader.failed; pairs--) {
        bool is = span_equal(mp_read_str(&reader), span_of_text(name));
        struct span value = mp_read_any(&reader);
        found = is ? value : found;
    }
    return found;
}

#endif
