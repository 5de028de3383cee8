/* Rows of an import, each taken once: the node keeps the last row that was decided, and takes the
 * next one only after it. So an import that was killed anywhere goes on where it stopped, at the
 * price of one small row however long its file is. */
#include <assert.h>

#include "replication/core.h"

bool import_may_write(struct step *step, const struct event *event, struct error *error)
{
    if (event->write.import.size == 0)
        return true;
    assert(event->write.kind == WRITE_PUT);
    uint64_t last = import_row_read(step->view, event->write.import);
    if (event->write.import_row <= last) {
        error_set(error, ERR_STALE, "import", "row %llu was taken before",
                  (unsigned long long)event->write.import_row);
        return false;
    }
    if (event->write.import_after == last)
        return true;
    error_set(error, ERR_PARKED, "import", "row %llu follows on %llu, and %llu is the last here",
              (unsigned long long)event->write.import_row,
              (unsigned long long)event->write.import_after, (unsigned long long)last);
    error_next(error, "import from row %llu on", (unsigned long long)last + 1);
    return false;
}

/* What is wrong with the record itself stays wrong: that row is decided too. */
void import_decided(struct step *step, const struct event *event, enum error_code code)
{
    bool decided =
        code == ERR_OK || code == ERR_INVALID || code == ERR_UNKNOWN_FIELD || code == ERR_OVERSIZE;
    if (event->write.import.size > 0 && decided)
        import_row_write(step->updates, event->write.import, event->write.import_row);
}
