/* Rows of what is set aside: entries that have no effect, blocks that can't be read. */
#include "replication/core.h"

bool quarantine_entry(struct step *step, const struct located_entry *located, enum error_code code,
                      const char *reason)
{
    uint8_t bytes[1 + LOCATOR_BYTES_MAX] = {'e'};
    struct buffer value = {0};
    struct span there, key = SPAN(bytes, 1 + locator_write(step, located, bytes + 1));
    if (step->view->get(step->view->context, TABLE_QUARANTINE, key, &there) == READ_FOUND)
        return false;
    if (!aside_room(step, 'q', located_place(located).stream.author, QUARANTINE_AN_AUTHOR_MAX))
        return true;
    mp_write_map(&value, 3);
    mp_write_uint(&value, 1);
    mp_write_text(&value, error_name(code));
    mp_write_uint(&value, 2);
    mp_write_text(&value, reason);
    mp_write_uint(&value, 3);
    mp_write_uint(&value, step->wall_ms);
    updates_put(step->updates, TABLE_QUARANTINE, key, span_of_buffer(&value));
    buffer_free(&value);
    return true;
}

void quarantine_opaque(struct step *step, const struct stream_id *stream, uint32_t seq)
{
    struct author_epoch author = stream_author(stream);
    uint8_t key[1 + LOCATOR_BYTES] = {'b'};
    struct buffer value = {0};
    write_u32(key + 1, who_assign(step->updates, &author) << 8);
    write_u16(key + 4, stream->number);
    write_u32(key + 6, seq);
    mp_write_map(&value, 3);
    mp_write_uint(&value, 1);
    mp_write_text(&value, error_name(ERR_MALFORMED));
    mp_write_uint(&value, 2);
    mp_write_text(&value, "its author signed a block that doesn't decode");
    mp_write_uint(&value, 3);
    mp_write_uint(&value, step->wall_ms);
    if (aside_room(step, 'q', author.author, QUARANTINE_AN_AUTHOR_MAX))
        updates_put(step->updates, TABLE_QUARANTINE, SPAN_OF_ARRAY(key), span_of_buffer(&value));
    buffer_free(&value);
}

/* Sealed to others: nothing of it is listed here. Sealed to us, as its stream says, and not to be
 * opened: its author's doing. */
enum outcome quarantine_shut(struct step *step, const struct located_entry *located)
{
    struct stream_id stream = {located->author.author, located->author.epoch, located->stream,
                               located->author.branch};
    const struct stream_open *open = load_stream_open(step, &stream);
    struct key_id own = key_id_of(step->replica->options.seal.public_key);
    bool ours = false;
    for (size_t i = 0; open != NULL && i < open->reader_count; i++)
        ours = ours || key_id_equal(open->readers[i], own);
    bool news =
        ours && quarantine_entry(step, located, ERR_INVALID,
                                 "it is sealed to this node's key, and the key doesn't open it");
    return news || !ours ? OUTCOME_SETTLED : OUTCOME_KNOWN;
}
