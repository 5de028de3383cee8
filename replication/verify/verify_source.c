/* What nothing else in the store vouches for: documents, local numbers, this node's own row, notes,
 * and what has been set aside. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "replication/format/entry_parts.h"
#include "replication/rows/document_rows.h"
#include "replication/verify/verify_parts.h"

enum { ROW_BATCH = 256, NUMBER_KEY_BYTES = 4, AUTHOR_KEY_BYTES = 13 };

/* ---- documents: each row is one that the tree, which verifies them, has taken ---- */

static bool is_former_root(const struct tree *tree, struct span value)
{
    for (size_t i = 0; i < tree_former_root_count(tree); i++) {
        if (span_equal(tree_former_root(tree, i), value))
            return true;
    }
    return false;
}

static bool is_row_of(const struct held_document *held, uint32_t place, struct span value)
{
    struct mp_reader reader = mp_reader(value);
    if (mp_read_array(&reader) != 2)
        return false;
    struct span row = mp_read_bin(&reader);
    for (size_t i = 0; !reader.failed && i < held->row_count; i++) {
        if (held->places[i] == place)
            return span_equal(held->rows[i], row);
    }
    return false;
}

static bool is_twins_of(const struct held_document *held, struct span value)
{
    struct mp_reader reader = mp_reader(value);
    if (held == NULL || !held->frozen || mp_read_array(&reader) != 2)
        return false;
    struct span first = mp_read_bin(&reader), second = mp_read_bin(&reader);
    return !reader.failed && span_equal(first, held->twins[0]) &&
           span_equal(second, held->twins[1]);
}

/* A document whose seat has left the tree, or is in another term: it says nothing, and bars the way
 * back to an older one. */
static bool is_out_of_force(const struct tree *tree, struct span seat_id, struct span value)
{
    struct document_envelope opened;
    const struct seat *seat = tree_seat(tree, seat_id);
    return document_open(value, &opened, NULL) == ERR_OK && !opened.decoded.first &&
           hash_equal(&opened.decoded.tree_id, tree_id(tree)) &&
           span_equal(span_of_text(opened.decoded.seat), seat_id) &&
           (seat == NULL || seat->row.term != opened.decoded.term);
}

/* An order of a term that is over, or to a seat that has left the tree: it says nothing. */
static bool is_order_over(const struct tree *tree, struct span seat_id, struct span value)
{
    struct document_envelope opened;
    struct order_signer signers[HOLDERS_MAX + 1];
    const struct seat *seat = tree_seat(tree, seat_id);
    bool over = seat == NULL;
    if (document_open(value, &opened, NULL) != ERR_OK || opened.decoded.kind != DOCUMENT_ORDER ||
        !hash_equal(&opened.decoded.tree_id, tree_id(tree)) ||
        !span_equal(span_of_text(opened.decoded.seat), seat_id))
        return false;
    size_t count = over ? 0 : tree_order_signers(tree, seat, signers);
    for (size_t i = 0; i < count; i++)
        over = over || signers[i].term > opened.decoded.term;
    return over;
}

/* Which of them counts may have changed with the tree, and their rows haven't. */
static bool is_order_kept(const struct tree *tree, struct span seat, struct span value)
{
    const struct held_document *orders[TREE_ORDERS_MAX];
    const struct held_document *counts = tree_find_document(tree, DOCUMENT_ORDER, seat);
    bool kept = counts != NULL && span_equal(counts->envelope, value);
    for (size_t count = tree_orders_kept(tree, seat, orders); count > 0 && !kept; count--)
        kept = span_equal(orders[count - 1]->envelope, value);
    return kept;
}

static bool document_stands(const struct tree *tree, struct span key, struct span value)
{
    enum { TWINS = 16 };
    if (tree == NULL || key.size < 6 || key.size > 6 + SEAT_BYTES_MAX)
        return false;
    uint32_t place = read_u32(key.data + key.size - 4);
    unsigned kind = key.data[0];
    struct span seat = SPAN(key.data + 1, key.size - 6);
    if (kind == 0)
        return is_former_root(tree, value);
    if (kind == DOCUMENT_ROWS_CONFIRMED)
        return value.size == HASH_BYTES;
    if (kind == DOCUMENT_ROWS_PENDING)
        return tree_pending_root(tree) != NULL &&
               span_equal(tree_pending_root(tree)->envelope, value);
    if (kind == DOCUMENT_ROWS_ORDERS)
        return is_order_kept(tree, seat, value) || is_order_over(tree, seat, value);
    const struct held_document *held =
        tree_find_document(tree, (enum document_kind)(kind % TWINS), seat);
    if (kind > TWINS)
        return is_twins_of(held, value);
    if (held == NULL) /* of its rows nothing is asked */
        return (kind == DOCUMENT_BRANCH && place > 0) ||
               (kind == DOCUMENT_BRANCH && is_out_of_force(tree, seat, value)) ||
               (kind == DOCUMENT_ORDER && is_order_over(tree, seat, value));
    if (kind == DOCUMENT_ORDER && place == 0)
        return is_order_kept(tree, seat, value) || is_order_over(tree, seat, value);
    return place == 0 ? span_equal(held->envelope, value) : is_row_of(held, place - 1, value);
}

bool verify_documents(struct verify *verify)
{
    struct span key, value;
    if (verify->tree == NULL && verify->from_size == 0)
        verify_say(verify, TABLE_DOCS, "the stored documents don't verify", "the signed tree");
    for (unsigned i = 0; i < ROW_BATCH; i++) {
        if (!verify_next(verify, TABLE_DOCS, &key, &value))
            return false;
        verify->counts.documents += key.size >= 6 && read_u32(key.data + key.size - 4) == 0;
        if (!verify->options.trusting && !document_stands(verify->tree, key, value))
            verify_say_row(verify, TABLE_DOCS, "a document, or a row of one, that doesn't verify",
                           SPAN(verify->from, verify->from_size - 1));
    }
    return true;
}

/* ---- local numbers, both ways ---- */

static bool number_stands(const struct verify *verify, struct span key, struct span value)
{
    struct author_epoch author = {.branch = 0};
    uint32_t who;
    if (key.size >= AUTHOR_KEY_BYTES && key.data[0] != 'n') {
        bool branch = key.data[0] == 'b' && key.size == AUTHOR_KEY_BYTES + 1;
        author.branch = branch ? key.data[AUTHOR_KEY_BYTES] : 0;
        if (!branch && (key.data[0] != 'a' || key.size != AUTHOR_KEY_BYTES))
            return false;
        memcpy(author.author.bytes, key.data + 1, KEY_ID_BYTES);
        author.epoch = read_u32(key.data + 9);
        struct author_epoch back;
        return who_find(verify->view, &author, &who) && who_author(verify->view, who, &back) &&
               back.epoch == author.epoch && back.branch == author.branch &&
               key_id_equal(back.author, author.author);
    }
    uint8_t number[4] = {0};
    if (key.size != NUMBER_KEY_BYTES || key.data[0] != 'n' ||
        (value.size != KEY_ID_BYTES + 4 && value.size != KEY_ID_BYTES + 5))
        return false;
    author.branch = value.size > KEY_ID_BYTES + 4 ? value.data[KEY_ID_BYTES + 4] : 0;
    memcpy(number + 1, key.data + 1, WHO_BYTES);
    memcpy(author.author.bytes, value.data, KEY_ID_BYTES);
    author.epoch = read_u32(value.data + KEY_ID_BYTES);
    return who_find(verify->view, &author, &who) && who == read_u32(number);
}

bool verify_who(struct verify *verify)
{
    struct span key, value;
    for (unsigned i = 0; i < ROW_BATCH; i++) {
        if (!verify_next(verify, TABLE_WHO, &key, &value))
            return false;
        if (!number_stands(verify, key, value))
            verify_say_row(verify, TABLE_WHO, "an author's number doesn't lead back to it",
                           SPAN(verify->from, verify->from_size - 1));
    }
    return true;
}

/* ---- this node's own row ---- */

/* The number of our last note in this epoch; 0: none. */
static uint64_t last_note(const struct verify *verify, enum hash_context context, uint32_t epoch)
{
    uint8_t key[NOTE_KEY_BYTES_MAX];
    struct span note;
    struct note_head head;
    size_t size = note_key(key, context, verify->options.own, epoch);
    bool held = verify->view->get(verify->view->context, TABLE_NOTES, SPAN(key, size), &note) ==
                    READ_FOUND &&
                note_read_head(note, context, &head, NULL) == ERR_OK && head.epoch == epoch;
    return held ? head.k : 0;
}

struct last_number {
    const struct verify *verify;
    uint32_t stream; /* the last of ours in `of_epoch` */
    uint32_t of_epoch;
    bool wrote; /* something that only this store can have written */
};

/* Epochs of ours are known by what a former disk has written, too. */
static void note_epoch(void *context, uint32_t epoch)
{
    struct last_number *last = context;
    last->wrote = last->wrote || last_note(last->verify, HASH_HEADS, epoch) > 0;
}

static void find_last(struct last_number *last)
{
    const struct verify *verify = last->verify;
    struct stream_row *row = mem_alloc(sizeof *row);
    struct stream_id stream;
    who_each_epoch(verify->view, verify->options.own, last, note_epoch);
    for (uint64_t cursor = 0; stream_row_next(verify->view, &cursor, &stream, row);) {
        if (!key_id_equal(stream.author, verify->options.own))
            continue;
        last->wrote = last->wrote || row->open.holders == HOLDERS_SELF;
        if (stream.epoch == last->of_epoch && stream.number > last->stream)
            last->stream = stream.number;
    }
    free(row);
}

/* Numbers that are behind what stands in the store would be given twice. */
static void check_self(struct verify *verify)
{
    uint64_t numbers[SELF_NUMBERS];
    const char *wrong = NULL;
    enum read_answer answer = self_row_numbers(verify->view, numbers);
    struct last_number last = {.verify = verify, .of_epoch = (uint32_t)numbers[0]};
    find_last(&last);
    if (answer == READ_UNREADABLE)
        wrong = "it can't be read";
    else if (answer == READ_ABSENT)
        wrong = last.wrote ? "it is missing, and this node has written" : NULL;
    else if (last.stream >= numbers[5])
        wrong = "it would give a stream's number twice";
    else if (last_note(verify, HASH_HEADS, last.of_epoch) > numbers[2] ||
             last_note(verify, HASH_CELLS, last.of_epoch) > numbers[3])
        wrong = "it would give a note's number twice";
    if (wrong != NULL)
        verify_say(verify, TABLE_META, wrong, "the row `self`");
}

/* The last record of ours in this epoch, by any type. */
static void check_counter(struct verify *verify)
{
    uint64_t numbers[SELF_NUMBERS];
    const struct schema *schema = verify->tree == NULL ? NULL : tree_schema(verify->tree);
    if (schema == NULL || self_row_numbers(verify->view, numbers) != READ_FOUND)
        return;
    struct author_epoch self = {verify->options.own, (uint32_t)numbers[0]};
    for (size_t i = 0; i < schema->type_count; i++) {
        struct record_id last = record_id_make(&self, UINT32_MAX), id;
        uint8_t key[RECORD_KEY_BYTES];
        uint16_t type;
        struct span found, value;
        if (record_key(verify->view, schema->types[i].number, &last, key) &&
            verify->view->previous(verify->view->context, TABLE_RECORDS, SPAN_OF_ARRAY(key), &found,
                                   &value) == READ_FOUND &&
            found.size == sizeof key && memcmp(found.data, key, 5) == 0 &&
            record_key_parse(verify->view, found, &type, &id) &&
            record_id_counter(&id) > numbers[4]) {
            verify_say(verify, TABLE_META, "it would give a record's number twice",
                       "the row `self`");
            return;
        }
    }
}

/* A request that was answered names a record. */
static bool request_stands(const struct verify *verify, struct span value)
{
    const struct schema *schema = verify->tree == NULL ? NULL : tree_schema(verify->tree);
    struct record_id id;
    if (value.size != sizeof id.bytes + 8)
        return false;
    memcpy(id.bytes, value.data, sizeof id.bytes);
    for (size_t i = 0; schema != NULL && i < schema->type_count; i++) {
        uint8_t key[RECORD_KEY_BYTES];
        struct span row;
        if (record_key(verify->view, schema->types[i].number, &id, key) &&
            verify->view->get(verify->view->context, TABLE_RECORDS, SPAN_OF_ARRAY(key), &row) ==
                READ_FOUND)
            return true;
    }
    return schema == NULL;
}

static void check_tree_id(struct verify *verify)
{
    struct span value;
    enum read_answer answer =
        verify->view->get(verify->view->context, TABLE_META, span_of_text("tree"), &value);
    bool begun = verify->tree != NULL && tree_document_count(verify->tree) > 0;
    if (answer == READ_FOUND ? !span_equal(value, SPAN_OF_ARRAY(verify->options.tree_id.bytes))
                             : begun || answer == READ_UNREADABLE)
        verify_say(verify, TABLE_META, "it isn't the id of this node's tree", "the row `tree`");
}

bool verify_meta(struct verify *verify)
{
    struct span key, value;
    if (verify->from_size == 0 && !verify->options.trusting) {
        check_tree_id(verify);
        check_self(verify);
        check_counter(verify);
    }
    for (unsigned i = 0; i < ROW_BATCH; i++) {
        if (!verify_next(verify, TABLE_META, &key, &value))
            return false;
        if (verify->options.trusting)
            continue;
        verify_report_row(verify, key, value);
        if (key.size == 1 + HASH_BYTES && key.data[0] == 'r' && !request_stands(verify, value))
            verify_say_row(verify, TABLE_META, "a request's answer names no record",
                           SPAN(verify->from, verify->from_size - 1));
    }
    return true;
}

bool verify_author(const struct verify *verify, struct key_id id)
{
    struct judged_row judged;
    return tree_author(verify->tree, id) != NULL || (judged_row_read(verify->view, id, &judged) &&
                                                     judged.size > 0 && judged.judged[0] == 'P');
}

/* ---- notes ---- */

static bool note_form_stands(enum hash_context context, struct span note)
{
    struct heads_statement statement;
    struct cell_report report;
    if (context == HASH_HEADS && statement_decode(note, &statement, NULL) == ERR_OK)
        statement_free(&statement);
    else if (context == HASH_CELLS && report_decode(note, &report, NULL) == ERR_OK)
        report_free(&report);
    else
        return context == HASH_TOKEN;
    return true;
}

static void look_at_note(struct verify *verify, struct span key, struct span note)
{
    enum hash_context context = (enum hash_context)key.data[0];
    struct note_head head;
    uint8_t expected[NOTE_KEY_BYTES_MAX];
    if (note_read_head(note, context, &head, NULL) != ERR_OK) {
        verify_say_row(verify, TABLE_NOTES, "a note that can't be read", key);
        return;
    }
    size_t size = note_key(expected, context, head.signer, head.epoch);
    uint8_t signer[KEY_BYTES];
    struct author_epoch author = {head.signer, head.epoch};
    const char *wrong = NULL;
    if (!span_equal(SPAN(expected, size), key))
        wrong = "a note that stands under another name";
    else if (!author_key_read(verify->view, verify->tree, head.signer, signer))
        wrong = "the signed tree doesn't know its signer";
    else if (!note_verify(note, context, &verify->options.tree_id, signer, NULL))
        wrong = "its signature doesn't hold";
    else if (!note_form_stands(context, note))
        wrong = "it is signed and can't be read";
    if (wrong != NULL)
        verify_say(verify, TABLE_NOTES, wrong, "%s of %s",
                   context == HASH_HEADS   ? "statement"
                   : context == HASH_CELLS ? "report"
                                           : "token",
                   label_author(verify->tree, &author).text);
}

bool verify_notes(struct verify *verify)
{
    struct span key, value;
    for (unsigned i = 0; i < ROW_BATCH; i++) {
        if (!verify_next(verify, TABLE_NOTES, &key, &value))
            return false;
        verify->counts.notes++;
        if (!verify->options.trusting && verify->tree != NULL)
            look_at_note(verify, key, value);
    }
    return true;
}

/* ---- what is aside: each row names an entry, or a block, of a stream that is here ---- */

static void look_at_parked(struct verify *verify, struct span key)
{
    struct entry_place place;
    struct located_entry located;
    if (!entry_place_parse(verify->view, parked_locator(key), &place)) {
        verify_say_row(verify, TABLE_PARKED, "a row that names no entry", key);
        return;
    }
    bool whole_stream = key.data[0] == PARKED_STREAM;
    if (!verify->options.trusting && !whole_stream && !verify_entry_at(verify, &place, &located))
        verify_say(verify, TABLE_PARKED, "an entry that waits can't be read", "entry %u of %s",
                   place.seq, label_stream(verify->tree, &place.stream).text);
}

bool verify_parked(struct verify *verify)
{
    struct span key, value;
    for (unsigned i = 0; i < ROW_BATCH; i++) {
        if (!verify_next(verify, TABLE_PARKED, &key, &value))
            return false;
        verify->counts.parked++;
        look_at_parked(verify, SPAN(verify->from, verify->from_size - 1));
    }
    return true;
}

static void look_at_quarantine(struct verify *verify, struct span key)
{
    struct entry_place place;
    struct located_entry located;
    bool entry = key.size > 0 && key.data[0] == 'e';
    if ((!entry && (key.size != 1 + LOCATOR_BYTES || key.data[0] != 'b')) ||
        !entry_place_parse(verify->view, SPAN(key.data + 1, key.size - 1), &place)) {
        verify_say_row(verify, TABLE_QUARANTINE, "a row that names nothing here", key);
        return;
    }
    if (!verify->options.trusting && entry && !verify_entry_at(verify, &place, &located))
        verify_say(verify, TABLE_QUARANTINE, "an entry set aside can't be read", "entry %u of %s",
                   place.seq, label_stream(verify->tree, &place.stream).text);
}

bool verify_quarantine(struct verify *verify)
{
    struct span key, value;
    for (unsigned i = 0; i < ROW_BATCH; i++) {
        if (!verify_next(verify, TABLE_QUARANTINE, &key, &value))
            return false;
        verify->counts.quarantine++;
        look_at_quarantine(verify, SPAN(verify->from, verify->from_size - 1));
    }
    return true;
}
