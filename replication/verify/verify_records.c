/* Derived rows of records: each is folded anew from the entries that it names, and has its row in
 * the index; then rows are counted against each other, in one snapshot. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "replication/verify/verify_parts.h"

enum { ROW_BATCH = 256 };

static const struct record_type *type_of(const struct verify *verify, uint16_t number)
{
    const struct schema *schema = verify->tree == NULL ? NULL : tree_schema(verify->tree);
    return schema == NULL ? NULL : schema_type(schema, number);
}

/* ---- one record ---- */

struct folding {
    struct verify *verify;
    const struct record_type *type;
    const struct record_id *id;
    struct record_state *state; /* folded anew */
};

/* Only what its row in quarantine says so is excluded, and nothing else is admitted. */
static bool verdict_stands(const struct verify *verify, const struct operation *op)
{
    struct entry_place place = operation_place(op);
    bool listed = verify_aside(verify, &place);
    if (op->verdict == OPERATION_ADMITTED)
        return !listed;
    return listed || verify_quarantine_full(verify, place.stream.author);
}

static bool body_fits(const struct folding *folding, const struct located_entry *located)
{
    const struct entry *entry = located->entry;
    bool creating =
        entry_begins(folding->verify->tree, folding->type, entry, &located->author) == BEGINS;
    const struct record_type *then =
        schema_type_at(tree_schema(folding->verify->tree), entry->type, entry->schema_version);
    return then != NULL && entry_check_body(entry, folding->type, then, creating) == ERR_OK;
}

/* One operation of a row, from its entry. NULL: it stands; else what is wrong. */
static const char *fold_again(struct folding *folding, const struct operation *op)
{
    struct verify *verify = folding->verify;
    struct entry_place place = operation_place(op);
    const struct author *author = tree_author(verify->tree, op->dot.author);
    struct located_entry located;
    if (!verify_entry_at(verify, &place, &located))
        return "an entry that it names can't be read";
    if (!verify_author(verify, op->dot.author))
        return "the signed tree doesn't know the author of an entry";
    const struct entry *entry = located.entry;
    struct dot missing;
    if ((entry->kind != ENTRY_WRITE && entry->kind != ENTRY_EXTEND && entry->kind != ENTRY_ERASE) ||
        entry->strange || entry->type != folding->type->number ||
        memcmp(entry->record.bytes, folding->id->bytes, sizeof entry->record.bytes) != 0 ||
        entry->n != op->dot.n || !hash_equal(located.digest, &op->digest))
        return "it names another entry";
    /* of an author that no document names it is on its way out (trust.c) */
    struct operation fresh = operation_of(&located, author == NULL ? op->rank : author->rank);
    fresh.verdict = op->verdict;
    if (!verdict_stands(verify, op))
        return "what it says of an operation isn't what quarantine says";
    if (record_judge(folding->state, &fresh, &missing) != RECORD_READY)
        return "an operation stands before one that it had seen";
    if (fresh.verdict == OPERATION_ADMITTED && !body_fits(folding, &located))
        return "an operation counts that the type doesn't allow";
    operation_take_step(&fresh, folding->type, entry_fields(entry));
    record_apply(folding->state, &fresh, folding->type, entry_fields(entry));
    return NULL;
}

static const char *fold_row(struct folding *folding, const struct record_state *state)
{
    const char *wrong = record_operation_count(state) == 0 ? "no operation made it" : NULL;
    struct buffer said = {0}, folded = {0};
    record_mark_forked_as(folding->state, state);
    for (size_t i = 0; wrong == NULL && i < record_operation_count(state); i++)
        wrong = fold_again(folding, record_operation(state, i));
    if (wrong == NULL) {
        record_encode(state, &said);
        record_encode(folding->state, &folded);
        if (!span_equal(span_of_buffer(&said), span_of_buffer(&folded)))
            wrong = "it isn't what its entries come to";
    }
    buffer_free(&said);
    buffer_free(&folded);
    return wrong;
}

struct record_look {
    uint8_t key[RECORD_KEY_BYTES];
    uint16_t type;
    struct record_id id;
    uint64_t clock;
    bool deleted, stands;
    bool found;    /* in every index by its fields */
    size_t fields; /* how many these are */
};

static struct record_state *located_state(struct verify *verify, const struct record_type *type,
                                          const struct record_id *id, const struct record_row *row)
{
    struct author_epoch creator = record_id_author(id);
    struct record_row whole = *row;
    size_t slot = (creator.author.bytes[0] + creator.epoch + row->stream) % VERIFY_CACHES;
    whole.checked = false; /* the block is to be verified, and then the check */
    return record_from_creation(&verify->caches[slot], verify->view, verify->tree, type, id,
                                &whole);
}

struct record_state *verify_state(struct verify *verify, const struct record_type *type,
                                  const struct record_id *id,
                                  const uint8_t key[static RECORD_KEY_BYTES])
{
    struct record_row row;
    if (record_row_read(verify->view, key, &row) != ERR_OK || !row.present)
        return NULL;
    return row.located ? located_state(verify, type, id, &row) : row.state;
}

/* NULL: the row stands, and `look` is filled. */
static const char *look_at_row(struct verify *verify, struct record_look *look)
{
    const struct record_type *type = type_of(verify, look->type);
    struct record_row row;
    if (type == NULL)
        return "the signed schema doesn't know its type";
    if (record_row_read(verify->view, look->key, &row) != ERR_OK || !row.present)
        return "its row can't be read";
    const char *wrong = NULL;
    struct author_epoch creator = record_id_author(&look->id);
    struct stream_id stream = {creator.author, creator.epoch, row.stream, row.branch};
    struct record_state *state = row.state;
    if (row.located) {
        state = located_state(verify, type, &look->id, &row);
        if (state == NULL || verify_quarantined(verify, 'e', &stream, row.seq))
            wrong = "its row doesn't lead to its creation";
        else if (row.checked && row.check != digest_check(&record_operation(state, 0)->digest))
            wrong = "its row has the digest of another creation";
    } else {
        struct folding folding = {verify, type, &look->id, record_new()};
        wrong = fold_row(&folding, state);
        record_free(folding.state);
    }
    const struct operation *creation = wrong == NULL ? record_creation(state, &look->id) : NULL;
    look->stands = wrong == NULL && record_stands(state);
    if (look->stands && creation == NULL)
        wrong = "it has no creation";
    look->clock = creation == NULL ? UINT64_MAX : creation->clock;
    look->deleted = wrong == NULL && (record_deleted(state) || !look->stands);
    look->found =
        wrong != NULL || verify_record_fields(verify, type, &look->id, state, &look->fields);
    record_free(state);
    return wrong;
}

static bool is_listed(const struct verify *verify, const struct record_look *look)
{
    uint8_t key[INDEX_KEY_BYTES];
    struct span value;
    index_key(key, look->clock, look->key);
    return verify->view->get(verify->view->context, TABLE_INDEX, SPAN_OF_ARRAY(key), &value) ==
           READ_FOUND;
}

bool verify_creation(struct verify *verify, struct span key, uint64_t *clock, bool *deleted)
{
    struct record_look look = {.deleted = false};
    if (key.size != RECORD_KEY_BYTES)
        return false;
    memcpy(look.key, key.data, sizeof look.key);
    if (!record_key_parse(verify->view, key, &look.type, &look.id) ||
        look_at_row(verify, &look) != NULL)
        return false;
    *clock = look.stands ? look.clock : UINT64_MAX;
    *deleted = look.deleted;
    return true;
}

static void look_at_record(struct verify *verify, struct span key)
{
    struct record_look look = {.deleted = false};
    verify->counts.records++;
    if (key.size != RECORD_KEY_BYTES ||
        !record_key_parse(verify->view, key, &look.type, &look.id)) {
        verify_say_row(verify, TABLE_RECORDS, "a key that names no record of a known author", key);
        return;
    }
    memcpy(look.key, verify->from, sizeof look.key); /* the key's span may die */
    if (verify->options.trusting)
        return;
    const char *wrong = look_at_row(verify, &look);
    verify->field_rows += look.fields;
    if (wrong != NULL)
        verify_say(verify, TABLE_RECORDS, wrong, "%s",
                   verify_record_name(verify, look.type, &look.id).text);
    else if (!look.stands)
        verify->hidden++;
    else if (!is_listed(verify, &look))
        verify_say(verify, TABLE_INDEX, "the record is missing in it", "%s",
                   verify_record_name(verify, look.type, &look.id).text);
    else if (!look.found)
        verify_say(verify, TABLE_FIELDS, "the record is missing in an index by its fields", "%s",
                   verify_record_name(verify, look.type, &look.id).text);
}

bool verify_records(struct verify *verify)
{
    struct span key, value;
    for (unsigned i = 0; i < ROW_BATCH; i++) {
        if (!verify_next(verify, TABLE_RECORDS, &key, &value))
            return false;
        look_at_record(verify, key);
    }
    return true;
}

/* ---- the index against the records ---- */

/* *companions: how many of them are companions', as the types of now have it. */
static uint64_t count_rows(struct verify *verify, enum table table, uint64_t *companions)
{
    struct span key, value;
    uint64_t count = 0;
    *companions = 0;
    verify->from_size = 0;
    while (verify_next(verify, table, &key, &value)) {
        const struct record_type *type = table == TABLE_INDEX && key.size == INDEX_KEY_BYTES
                                             ? type_of(verify, read_u16(verify->from))
                                             : NULL;
        *companions += type != NULL && type->companion_of != 0;
        count++;
    }
    return count;
}

static void look_at_index_row(struct verify *verify, struct span key)
{
    uint8_t record[RECORD_KEY_BYTES];
    uint64_t clock = 0;
    bool deleted;
    if (key.size != INDEX_KEY_BYTES || memcmp(key.data, key.data + 10, 2) != 0) {
        verify_say_row(verify, TABLE_INDEX, "a key that names no record", key);
        return;
    }
    uint64_t said = read_u64(key.data + 2);
    memcpy(record, key.data + 10, sizeof record);
    if (!verify_creation(verify, SPAN_OF_ARRAY(record), &clock, &deleted) || clock != said)
        verify_say_row(verify, TABLE_INDEX, "it lists a record that isn't here so",
                       SPAN_OF_ARRAY(record));
}

/* Every record was found in the index: when there are as many rows in both, none is astray. Only
 * else each is looked up. */
bool verify_tally(struct verify *verify)
{
    struct span key, value;
    uint64_t companions;
    uint64_t records = count_rows(verify, TABLE_RECORDS, &companions);
    verify->counts.index = count_rows(verify, TABLE_INDEX, &companions);
    if (!verify->options.trusting && companions != companions_row_read(verify->view))
        verify_say(verify, TABLE_META, "it counts another number of companions", "%llu, and %llu",
                   (unsigned long long)companions_row_read(verify->view),
                   (unsigned long long)companions);
    if (verify->options.trusting || records == verify->counts.index + verify->hidden)
        return false;
    verify->from_size = 0;
    while (verify_next(verify, TABLE_INDEX, &key, &value))
        look_at_index_row(verify, key);
    return false;
}
