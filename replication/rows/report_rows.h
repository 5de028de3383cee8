/* Rows of reports that stand in parts (rules.md B117): meta 'P' ‖ key id ‖ hash -> a part, 'Q' ‖
 * key id -> the newest note of this key that still waits for parts. A note in the table of notes
 * has all of its own. */
#ifndef TERRACE_REPLICATION_ROWS_REPORT_ROWS_H
#define TERRACE_REPLICATION_ROWS_REPORT_ROWS_H

#include "replication/rows/rows.h"

enum {
    REPORT_PART_KEY_BYTES = 1 + KEY_ID_BYTES + HASH_BYTES,
    REPORT_WAITING_KEY_BYTES = 1 + KEY_ID_BYTES,
};
void report_part_key(uint8_t key[static REPORT_PART_KEY_BYTES], struct key_id signer,
                     const struct hash *name);
void report_waiting_key(uint8_t key[static REPORT_WAITING_KEY_BYTES], struct key_id signer);

/* Bytes are borrowed from the view. False: it isn't here. */
bool report_part_read(const struct view *view, struct key_id signer, const struct hash *name,
                      struct span *part);
bool report_waiting_read(const struct view *view, struct key_id signer, struct span *note);

/* A report with its cells, wherever they stand; freed with report_free, and nothing to free after
 * false: the note can't be read, or a part isn't here or isn't what it should be. */
bool report_load(const struct view *view, struct span note, struct cell_report *report);
/* The report of this key that counts here. */
bool report_load_held(const struct view *view, struct key_id signer, struct cell_report *report);

#endif
