#include "replication/rows/report_rows.h"

#include <string.h>

#include "base/planted.h"

void report_part_key(uint8_t key[static REPORT_PART_KEY_BYTES], struct key_id signer,
                     const struct hash *name)
{
    key[0] = 'P';
    memcpy(key + 1, signer.bytes, KEY_ID_BYTES);
    memcpy(key + 1 + KEY_ID_BYTES, name->bytes, HASH_BYTES);
}

void report_waiting_key(uint8_t key[static REPORT_WAITING_KEY_BYTES], struct key_id signer)
{
    key[0] = 'Q';
    memcpy(key + 1, signer.bytes, KEY_ID_BYTES);
}

bool report_part_read(const struct view *view, struct key_id signer, const struct hash *name,
                      struct span *part)
{
    uint8_t key[REPORT_PART_KEY_BYTES];
    report_part_key(key, signer, name);
    return view->get(view->context, TABLE_META, SPAN_OF_ARRAY(key), part) == READ_FOUND;
}

bool report_waiting_read(const struct view *view, struct key_id signer, struct span *note)
{
    uint8_t key[REPORT_WAITING_KEY_BYTES];
    report_waiting_key(key, signer);
    return view->get(view->context, TABLE_META, SPAN_OF_ARRAY(key), note) == READ_FOUND;
}

static bool gather(const struct view *view, struct cell_report *report)
{
    size_t kept = 0;
    for (size_t i = 0; i < report->part_count; i++) {
        struct span part;
        bool here = report_part_read(view, report->head.signer, &report->parts[i].name, &part) &&
                    part.size == report->parts[i].bytes;
        if (!here && !PLANTED(REPORT_PARTS_EARLY))
            return false;
        if (!here)
            continue;
        buffer_append_span(&report->held, part);
        report->parts[kept++] = report->parts[i];
    }
    report->part_count = kept;
    return report_join(report);
}

bool report_load(const struct view *view, struct span note, struct cell_report *report)
{
    struct buffer copy = {0}; /* rows may move while others are read and written */
    buffer_append_span(&copy, note);
    if (report_decode(span_of_buffer(&copy), report, NULL) != ERR_OK) {
        buffer_free(&copy);
        return false;
    }
    if (report->part_count == 0) {
        report->held = copy;
        return true;
    }
    buffer_free(&copy);
    bool whole = gather(view, report);
    if (!whole)
        report_free(report);
    return whole;
}

bool report_load_held(const struct view *view, struct key_id signer, struct cell_report *report)
{
    uint8_t key[NOTE_KEY_BYTES_MAX];
    struct span note;
    size_t size = note_key(key, HASH_CELLS, signer, 0);
    return view->get(view->context, TABLE_NOTES, SPAN(key, size), &note) == READ_FOUND &&
           report_load(view, note, report);
}
