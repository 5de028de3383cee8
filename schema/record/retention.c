/* Records that have been closed for so long that lists leave them out. */
#include "schema/retention.h"

#define DAY_MS UINT64_C(86400000)

bool record_past_retention(const struct record_state *record, const struct record_type *type,
                           uint64_t time_ms)
{
    uint64_t changed_ms = 0;
    if (type->retention_days == 0 || !record_closed(record, type))
        return false;
    for (size_t i = 0; i < record_operation_count(record); i++) {
        uint64_t clock = record_operation(record, i)->clock;
        if (clock < RETENTION_SINCE_MS || clock > time_ms)
            return false;
        if (clock > changed_ms)
            changed_ms = clock;
    }
    return changed_ms > 0 && time_ms - changed_ms > type->retention_days * DAY_MS;
}
