/* What a stolen machine may say to its parent or child after the handshake, and what must happen:
 * never a crash, never an effect without right, a bound on everything, and the next honest message
 * goes on. Each test is one attack. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "replication/query.h"
#include "tests/unit/hostile_desk.h"

enum { EPOCH = 1 << 16 | 5 };

/* ---- entries that break off the order of a record's operations ---- */

/* An own record, created, in an open path stream of V1. */
static struct signer start_incident(struct desk *desk, uint32_t link)
{
    struct signer signer = signer_of(SEAT_V1, EPOCH, 1, CLASS_NORMAL, 0);
    struct buffer body = {0};
    struct block_text text = {0};
    signer_say_open(desk, link, &signer);
    text_add(&text, &(struct text_entry){.kind = ENTRY_WRITE,
                                         .type = TYPE_INCIDENT,
                                         .counter = 1,
                                         .n = 1,
                                         .body = body_of_title(&body, "a")});
    signer_say(desk, link, &signer, &text);
    assert_int_equal(desk_run(desk), ERR_OK);
    assert_int_equal(desk_rows(desk, TABLE_RECORDS), 1);
    buffer_free(&body);
    return signer;
}

static void excluded_out_of_order_is_survived(void **state)
{
    (void)state;
    struct desk *desk = desk_new(SEAT_T1, NULL);
    uint32_t link = desk_live(desk, SEAT_V1), other = desk_live(desk, SEAT_V2);
    struct signer v1 = start_incident(desk, link);
    struct signer v2 = signer_of(SEAT_V2, EPOCH, 1, CLASS_NORMAL, 0);
    struct buffer body = {0};
    struct block_text text = {0};
    signer_say_open(desk, other, &v2);
    uint32_t place = text_author(&text, v1.stream.author, EPOCH);
    for (uint32_t n = 5; n >= 4; n--) { /* has seen nothing, and n isn't the next one */
        text_add(&text, &(struct text_entry){.kind = ENTRY_WRITE,
                                             .type = TYPE_INCIDENT,
                                             .record_author = place,
                                             .record_counter = 1,
                                             .n = n,
                                             .body = body_of_title(&body, "b")});
    }
    signer_say(desk, other, &v2, &text);
    assert_int_equal(desk_run(desk), ERR_OK);
    assert_int_equal(desk_rows(desk, TABLE_QUARANTINE), 0);
    assert_int_equal(desk_rows(desk, TABLE_PARKED), 2);
    place = text_author(&text, v1.stream.author, EPOCH);
    for (uint32_t n = 1; n <= 3; n++) {
        text_add(&text, &(struct text_entry){.kind = ENTRY_WRITE,
                                             .type = TYPE_INCIDENT,
                                             .record_author = place,
                                             .record_counter = 1,
                                             .n = n,
                                             .body = body_of_title(&body, "b")});
    }
    signer_say(desk, other, &v2, &text);
    assert_int_equal(desk_run(desk), ERR_OK);
    assert_int_equal(desk_rows(desk, TABLE_QUARANTINE), 5);
    assert_int_equal(desk_rows(desk, TABLE_PARKED), 0);
    assert_int_equal(desk_rows(desk, TABLE_RECORDS), 1);
    buffer_free(&body);
    desk_free(desk);
}

static void a_second_creation_with_a_context_is_survived(void **state)
{
    (void)state;
    struct desk *desk = desk_new(SEAT_T1, NULL);
    uint32_t link = desk_live(desk, SEAT_V1);
    struct signer v1 = start_incident(desk, link);
    struct buffer body = {0};
    struct block_text text = {0};
    struct text_entry entry = {.kind = ENTRY_WRITE,
                               .type = TYPE_INCIDENT,
                               .counter = 1,
                               .n = 1,
                               .body = body_of_title(&body, "b"),
                               .context_count = 1,
                               .context_places = {1},
                               .context_ns = {1}};
    text_author(&text, desk->county->seats[SEAT_V2].key_id, EPOCH);
    text_add(&text, &entry);
    signer_say(desk, link, &v1, &text);
    assert_int_equal(desk_run(desk), ERR_OK);
    assert_int_equal(desk_rows(desk, TABLE_QUARANTINE), 1);
    buffer_free(&body);
    desk_free(desk);
}

/* ---- forms of a block ---- */

static void a_block_without_its_payload_is_refused(void **state)
{
    (void)state;
    struct desk *desk = desk_new(SEAT_T1, NULL);
    uint32_t link = desk_live(desk, SEAT_V1);
    struct signer v1 = start_incident(desk, link);
    struct buffer body = {0}, message = {0};
    struct block_text text = {0};
    struct prepared_block block;
    text_add(&text, &(struct text_entry){.kind = ENTRY_WRITE,
                                         .type = TYPE_INCIDENT,
                                         .counter = 2,
                                         .n = 1,
                                         .body = body_of_title(&body, "b")});
    signer_sign(&v1, &text, &block);
    signer_message(&v1, &block, BLOCK_HAS_ROOT | BLOCK_HAS_PAYLOAD_HASH | BLOCK_HAS_NO_PAYLOAD,
                   &message);
    desk_say_buffer(desk, link, CHANNEL_NORMAL, SAY_BLOCK, &message);
    assert_int_equal(desk_run(desk), ERR_OK);
    assert_int_equal(desk_rows(desk, TABLE_QUARANTINE), 0);
    assert_int_equal(desk_count(desk, link, SAY_WANT), 1);
    signer_message(&v1, &block, 0, &message); /* whole: taken */
    desk_say_buffer(desk, link, CHANNEL_NORMAL, SAY_BLOCK, &message);
    assert_int_equal(desk_run(desk), ERR_OK);
    assert_int_equal(desk_rows(desk, TABLE_RECORDS), 2);
    prepared_block_free(&block);
    buffer_free(&body);
    desk_free(desk);
}


/* T1, whose machine is stolen, passes V1's blocks on with a body left out. */
static void a_body_left_out_on_the_way_is_refused(void **state)
{
    (void)state;
    struct desk *desk = desk_new(SEAT_C, NULL);
    uint32_t link = desk_live(desk, SEAT_T1);
    struct signer v1 = signer_of(SEAT_V1, EPOCH, 1, CLASS_NORMAL, 0);
    struct buffer body = {0}, message = {0}, hole = {0};
    struct block_text text = {0};
    struct prepared_block block;
    signer_say_open(desk, link, &v1);
    struct text_entry entry = {.kind = ENTRY_WRITE,
                               .type = TYPE_INCIDENT,
                               .counter = 1,
                               .n = 1,
                               .body = body_of_title(&body, "a")};
    text_add(&text, &entry);
    signer_sign(&v1, &text, &block);
    struct prepared_block altered = block;
    struct hash hash = entry_body_hash(entry.body);
    mp_write_array(&hole, 1);
    mp_write_bin(&hole, SPAN_OF_ARRAY(hash.bytes));
    entry.body = span_of_buffer(&hole);
    text_add(&text, &entry);
    altered.payload = text_plain(&text);
    altered.altered = true;
    signer_message(&v1, &altered, 0, &message);
    desk_say_buffer(desk, link, CHANNEL_NORMAL, SAY_BLOCK, &message);
    assert_int_equal(desk_run(desk), ERR_OK);
    assert_int_equal(desk_refusals(desk)->damaged, 1);
    assert_int_equal(desk_rows(desk, TABLE_QUARANTINE), 0);
    assert_int_equal(desk_count(desk, link, SAY_WANT), 1);
    signer_message(&v1, &block, 0, &message);
    desk_say_buffer(desk, link, CHANNEL_NORMAL, SAY_BLOCK, &message);
    assert_int_equal(desk_run(desk), ERR_OK);
    assert_int_equal(desk_rows(desk, TABLE_RECORDS), 1);
    buffer_free(&altered.payload);
    prepared_block_free(&block);
    buffer_free(&body);
    buffer_free(&hole);
    text_free(&text);
    desk_free(desk);
}

/* V1, T1, V1, T1, C: every step is between neighbours, and yet it is no path. */
static void a_path_that_turns_back_is_refused(void **state)
{
    static const char *const path[] = {"V1", "T1", "V1", "T1", "C", NULL};
    (void)state;
    struct desk *desk = desk_new(SEAT_T1, NULL);
    uint32_t link = desk_live(desk, SEAT_V1);
    struct signer v1 = signer_of(SEAT_V1, EPOCH, 1, CLASS_NORMAL, 0);
    struct block_text text = {0};
    text_open_path(&text, CLASS_NORMAL, path);
    signer_say(desk, link, &v1, &text);
    assert_int_equal(desk_run(desk), ERR_OK);
    assert_int_equal(desk_rows(desk, TABLE_STREAMS), 0);
    assert_int_equal(desk_refusals(desk)->not_allowed, 1);
    desk_free(desk);
}

/* ---- credit ---- */

static uint64_t granted_entries(const struct desk *desk, uint32_t link, uint64_t before)
{
    for (size_t i = 0; i < desk->heard_count; i++) {
        const struct heard *heard = &desk->heard[i];
        if (heard->link != link || heard->type != SAY_CREDIT)
            continue;
        struct mp_reader reader = mp_reader(span_of_buffer(&heard->body));
        uint64_t channel = mp_read_uint(&reader);
        mp_read_uint(&reader);
        uint64_t entries = mp_read_uint(&reader);
        before = channel == CHANNEL_NORMAL ? entries : before;
    }
    return before;
}

/* A sender counts the entries of every block it sends, also of those that are refused or come twice:
 * if the receiver doesn't, the lane dies. */
static void what_is_refused_gives_its_credit_back(void **state)
{
    enum { ENTRIES = 10, WINDOW = 64, BLOCKS = 40 };
    struct replica_tuning tuning = {.credit_entries = WINDOW};
    (void)state;
    struct desk *desk = desk_new(SEAT_T1, &tuning);
    uint32_t link = desk_live(desk, SEAT_V1);
    struct signer v1 = start_incident(desk, link);
    struct buffer body = {0};
    uint64_t sent = 2, granted = granted_entries(desk, link, WINDOW);
    body_of_title(&body, "a");
    for (uint32_t i = 0; i < BLOCKS; i++) {
        struct block_text text = {0};
        struct prepared_block block;
        struct buffer once = {0}, twice = {0};
        for (uint32_t j = 0; j < ENTRIES; j++)
            text_add(&text, &(struct text_entry){.kind = ENTRY_WRITE,
                                                 .type = TYPE_INCIDENT,
                                                 .counter = j == 0 ? 2 + i * ENTRIES : 1,
                                                 .n = 1,
                                                 .body = span_of_buffer(&body)});
        signer_sign(&v1, &text, &block);
        signer_message(&v1, &block, 0, &once);
        buffer_append_span(&twice, span_of_buffer(&once));
        if (i % 4 == 3)
            twice.data[twice.size / 2] ^= 1; /* and once damaged, of the future */
        struct buffer *bodies[] = {&once, &twice};
        for (size_t k = 0; k < 2; k++) {
            assert_true(sent + ENTRIES <= granted);
            sent += ENTRIES;
            desk_say_buffer(desk, link, CHANNEL_NORMAL, SAY_BLOCK, bodies[k]);
            assert_int_equal(desk_run(desk), ERR_OK);
            granted = granted_entries(desk, link, granted);
        }
        prepared_block_free(&block);
    }
    assert_int_equal(desk_rows(desk, TABLE_RECORDS), 1 + BLOCKS * ENTRIES);
    buffer_free(&body);
    desk_free(desk);
}

static void undecodable_blocks_give_their_credit_back(void **state)
{
    enum { WINDOW = 2048 };
    struct replica_tuning tuning = {.credit_entries = WINDOW};
    (void)state;
    struct desk *desk = desk_new(SEAT_T1, &tuning);
    uint32_t link = desk_live(desk, SEAT_V1);
    struct signer v1 = start_incident(desk, link);
    uint64_t granted = WINDOW;
    for (uint32_t i = 0; i < 40; i++) { /* each may be 1,024 in its sender's count */
        struct buffer message = {0};
        mp_write_uint(&message, v1.handle);
        for (unsigned k = 0; k < 120; k++)
            buffer_append_byte(&message, (uint8_t)(k == 0 ? 4 : 0));
        desk_say_buffer(desk, link, CHANNEL_NORMAL, SAY_BLOCK, &message);
        assert_int_equal(desk_run(desk), ERR_OK);
        granted = granted_entries(desk, link, granted);
        assert_true(granted >= (i + 1) * 1024 + 1024);
    }
    assert_string_equal(desk_state(desk, link), "live");
    desk_free(desk);
}

/* ---- documents that come later ---- */

static void offer_branch(struct desk *desk, uint32_t link, enum desk_seat seat)
{
    const struct county *county = desk->county;
    const struct held_document *held = tree_find_document(
        county->tree, DOCUMENT_BRANCH, span_of_text(county->seats[seat].code));
    struct buffer rows = {0};
    desk_say(desk, link, CHANNEL_CONTROL, SAY_DOCUMENT, held->envelope);
    mp_write_array(&rows, 3);
    mp_write_uint(&rows, 0);
    mp_write_array(&rows, (uint32_t)held->row_count);
    for (size_t i = 0; i < held->row_count; i++)
        mp_write_bin(&rows, held->rows[i]);
    mp_write_nil(&rows);
    desk_say_buffer(desk, link, CHANNEL_CONTROL, SAY_ROWS, &rows);
    assert_int_equal(desk_run(desk), ERR_OK);
}

/* T1 passes V1's blocks on before C has the document that names V1. */
static void a_stream_of_an_unknown_author_is_asked_for_when_he_is_known(void **state)
{
    (void)state;
    struct desk *desk = desk_with_documents(SEAT_C, 2); /* root, and C's own branch */
    uint32_t link = desk_live(desk, SEAT_T1);
    struct signer v1 = signer_of(SEAT_V1, EPOCH, 1, CLASS_NORMAL, 0);
    signer_say_open(desk, link, &v1);
    assert_int_equal(desk_run(desk), ERR_OK);
    assert_int_equal(desk_refusals(desk)->unknown_key, 1);
    assert_int_equal(desk_rows(desk, TABLE_STREAMS), 0);
    assert_int_equal(desk_count(desk, link, SAY_WANT), 0);
    desk_wait(desk, 3600 * 1000);
    assert_int_equal(desk_count(desk, link, SAY_WANT), 0);
    offer_branch(desk, link, SEAT_T1);
    assert_int_equal(desk_count(desk, link, SAY_WANT), 1);
    v1 = signer_of(SEAT_V1, EPOCH, 1, CLASS_NORMAL, 0);
    signer_say_open(desk, link, &v1);
    assert_int_equal(desk_run(desk), ERR_OK);
    assert_int_equal(desk_rows(desk, TABLE_STREAMS), 1);
    desk_free(desk);
}

/* What follows on a refused block is not asked for again and again: each time would bring the whole
 * stream. */
static void a_refused_stream_is_left_alone(void **state)
{
    static const char *const path[] = {"V1", "T1", "V2", NULL};
    (void)state;
    struct desk *desk = desk_new(SEAT_T1, NULL);
    uint32_t link = desk_live(desk, SEAT_V1);
    struct signer v1 = signer_of(SEAT_V1, EPOCH, 1, CLASS_NORMAL, 0);
    struct block_text text = {0};
    struct buffer body = {0};
    text_open_path(&text, CLASS_BULK, path); /* not the class of its lane */
    signer_say(desk, link, &v1, &text);
    for (int64_t i = 1; i <= 10; i++) {
        struct prepared_block block;
        struct buffer message = {0};
        struct stream_head before = v1.head;
        text_add(&text, &(struct text_entry){.kind = ENTRY_WRITE,
                                             .type = TYPE_INCIDENT,
                                             .counter = i,
                                             .n = 1,
                                             .body = body_of_title(&body, "a")});
        signer_sign(&v1, &text, &block);
        mp_write_uint(&message, v1.handle);
        block_write(&block, 0, &before, &message); /* as on a link: it says no place */
        desk_say_buffer(desk, link, CHANNEL_NORMAL, SAY_BLOCK, &message);
        prepared_block_free(&block);
    }
    assert_int_equal(desk_run(desk), ERR_OK);
    assert_int_equal(desk_count(desk, link, SAY_WANT), 0);
    assert_int_equal(desk_refusals(desk)->not_allowed, 1);
    desk_wait(desk, 3600 * 1000);
    assert_int_equal(desk_count(desk, link, SAY_WANT), 0);
    buffer_free(&body);
    desk_free(desk);
}

static void change_link_key(struct seat_row *row)
{
    row->link_key[0] ^= 1;
    row->generation++;
}

static void revoke(struct seat_row *row)
{
    row->status = SEAT_REVOKED;
}

/* I5: whoever has the old key hears nothing more, from the moment the document is here. */
static void a_link_whose_key_was_replaced_is_closed(void **state)
{
    void (*const changes[])(struct seat_row *) = {change_link_key, revoke};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct desk *desk = desk_new(SEAT_T1, NULL);
        uint32_t link = desk_live(desk, SEAT_V1);
        struct author_document document = desk_branch(SEAT_T1, SEAT_V1, changes[i]);
        desk_give(desk, &document);
        assert_true(desk_closed(desk, link));
        assert_string_equal(desk_state(desk, link), "refused");
        desk_put(desk, "directive", "not for thieves");
        assert_int_equal(desk_heard_bytes(desk, link), 0);
        author_document_clear(&document);
        desk_free(desk);
    }
}

/* ---- much for little ---- */

static void say_ask(struct desk *desk, uint32_t link)
{
    static const uint8_t asks[] = {0x92, 0x01, 0x90}; /* that is all: list yours too */
    desk_say(desk, link, CHANNEL_CONTROL, SAY_HAVE, SPAN_OF_ARRAY(asks));
}

static void documents_are_sent_once_a_batch(void **state)
{
    (void)state;
    struct desk *desk = desk_new(SEAT_T1, NULL);
    uint32_t link = desk_live(desk, SEAT_V1);
    say_ask(desk, link);
    assert_int_equal(desk_run(desk), ERR_OK);
    size_t once = desk_heard_bytes(desk, link);
    assert_true(once > 0);
    for (unsigned i = 0; i < 1000; i++)
        say_ask(desk, link);
    assert_int_equal(desk_run(desk), ERR_OK);
    assert_int_equal(desk_heard_bytes(desk, link), once);
    desk_free(desk);
}

/* A statement or report lets V1 say how it likes it. */
static void say_statement(struct desk *desk, uint32_t link, uint32_t epoch, uint64_t k)
{
    struct buffer map = {0};
    mp_write_map(&map, 5);
    mp_write_uint(&map, 1);
    mp_write_bin(&map, SPAN_OF_ARRAY(desk->county->seats[SEAT_V1].key_id.bytes));
    mp_write_uint(&map, 2);
    mp_write_uint(&map, epoch);
    mp_write_uint(&map, 3);
    mp_write_uint(&map, k);
    mp_write_uint(&map, 5);
    mp_write_array(&map, 0);
    mp_write_uint(&map, 8);
    mp_write_uint(&map, 1);
    note_by(SEAT_V1, HASH_HEADS, &map);
    desk_say_buffer(desk, link, CHANNEL_CONTROL, SAY_STATEMENT, &map);
}

static void statements_of_many_epochs_are_bounded(void **state)
{
    enum { EPOCHS = 100, KEPT = 64 };
    (void)state;
    struct desk *desk = desk_new(SEAT_T1, NULL);
    uint32_t link = desk_live(desk, SEAT_V1);
    size_t before = desk_rows(desk, TABLE_NOTES);
    for (uint32_t i = 1; i <= EPOCHS; i++)
        say_statement(desk, link, i << 16, 1);
    assert_int_equal(desk_run(desk), ERR_OK);
    assert_int_equal(desk_rows(desk, TABLE_NOTES), before + KEPT);
    assert_int_equal(desk_count(desk, link, SAY_NOTED), EPOCHS);
    say_statement(desk, link, 1 << 16, 2); /* older than all that are kept */
    say_statement(desk, link, EPOCHS << 16, 2);
    assert_int_equal(desk_run(desk), ERR_OK);
    assert_int_equal(desk_rows(desk, TABLE_NOTES), before + KEPT);
    assert_int_equal(desk_refusals(desk)->replay, 1);
    desk_free(desk);
}

/* A peer that never says 'noted' holds back what is due; what it names must not pile up behind. */
static void wanted_notes_that_are_not_there_cost_nothing(void **state)
{
    enum { LINES = 500, MESSAGES = 40 };
    (void)state;
    struct desk *desk = desk_new(SEAT_T1, NULL);
    uint32_t child = desk_live(desk, SEAT_V1), parent = desk_live(desk, SEAT_C);
    for (uint32_t i = 1; i <= 40; i++)
        say_statement(desk, child, i << 16, 1);
    assert_int_equal(desk_run(desk), ERR_OK);
    assert_true(desk_count(desk, parent, SAY_STATEMENT) >= 30); /* the window, and two of its own */
    size_t before = desk_heap_bytes();
    for (uint32_t m = 0; m < MESSAGES; m++) {
        struct buffer body = {0};
        mp_write_array(&body, LINES);
        for (uint32_t i = 0; i < LINES; i++) {
            uint8_t key[KEY_ID_BYTES];
            write_u64(key, (uint64_t)m * LINES + i);
            mp_write_array(&body, 4);
            mp_write_uint(&body, HASH_HEADS);
            mp_write_bin(&body, SPAN_OF_ARRAY(key));
            mp_write_uint(&body, 1 << 16);
            mp_write_uint(&body, 1);
        }
        desk_say_buffer(desk, parent, CHANNEL_CONTROL, SAY_WANTED, &body);
        assert_int_equal(desk_run(desk), ERR_OK);
    }
    assert_true(desk_heap_bytes() < before + 100 * 1000);
    desk_free(desk);
}

/* Each block names a stream that isn't there, and can't be opened. */
static void streams_that_a_peer_invents_are_bounded(void **state)
{
    enum { STREAMS = 40000, KNOWN = 32768, A_BATCH = 1000 };
    (void)state;
    struct desk *desk = desk_new(SEAT_T1, NULL);
    uint32_t link = desk_live(desk, SEAT_V1);
    size_t wants = 0;
    for (uint32_t i = 0; i < STREAMS; i++) {
        struct buffer message = {0};
        uint8_t rest[70] = {0};
        mp_write_uint(&message, 4095);
        buffer_append_byte(&message, BLOCK_HAS_STREAM | BLOCK_HAS_CLOCK);
        buffer_append(&message, desk->county->seats[SEAT_V1].key_id.bytes, KEY_ID_BYTES);
        mp_write_uint(&message, EPOCH + i / 1000);
        mp_write_uint(&message, i % 1000);
        buffer_append(&message, rest, sizeof rest);
        desk_say_buffer(desk, link, CHANNEL_NORMAL, SAY_BLOCK, &message);
        if (i % A_BATCH == A_BATCH - 1) {
            assert_int_equal(desk_run(desk), ERR_OK);
            wants += desk_count(desk, link, SAY_WANT);
        }
    }
    assert_int_equal(wants, KNOWN);
    assert_int_equal(desk_refusals(desk)->flood, STREAMS - KNOWN);
    assert_string_equal(desk_state(desk, link), "live");
    desk_free(desk);
}

/* Ranges that overlap make one message cost as much as many. */
static void overlapping_ranges_are_refused(void **state)
{
    (void)state;
    struct desk *desk = desk_new(SEAT_T1, NULL);
    uint32_t link = desk_link(desk, SEAT_V1);
    struct buffer body = {0};
    desk_hello(desk, link, SEAT_V1);
    mp_write_array(&body, 2);
    for (int i = 0; i < 2; i++) {
        mp_write_array(&body, 4);
        mp_write_bin(&body, SPAN_EMPTY);
        mp_write_bin(&body, SPAN_EMPTY);
        mp_write_uint(&body, 1);
        mp_write_bin(&body, SPAN_OF_ARRAY(hash_zero.bytes));
    }
    desk_say_buffer(desk, link, CHANNEL_CONTROL, SAY_DIGEST, &body);
    assert_int_equal(desk_run(desk), ERR_OK);
    assert_string_equal(desk_state(desk, link), "refused");
    desk_free(desk);
}

/* Endless credit and 'send from the start' again and again: a batch has a part for each peer. */
static void endless_credit_buys_no_more_than_a_part(void **state)
{
    enum { PART = 512 << 10, BLOCK = 64 << 10 };
    (void)state;
    struct desk *desk = desk_new(SEAT_T1, NULL);
    uint32_t greedy = desk_live(desk, SEAT_V1), other = desk_live(desk, SEAT_V2);
    char title[8000];
    struct buffer credit = {0};
    mp_write_uint(&credit, CHANNEL_URGENT);
    mp_write_uint(&credit, UINT64_MAX);
    mp_write_uint(&credit, UINT64_MAX);
    for (unsigned i = 0; i < 200; i++) {
        uint64_t noise = i * UINT64_C(0x9e3779b97f4a7c15) + 1;
        for (size_t k = 0; k < sizeof title - 1; k++) { /* nothing that packs well */
            noise ^= noise << 13;
            noise ^= noise >> 7;
            noise ^= noise << 17;
            title[k] = (char)('!' + noise % 90);
        }
        title[sizeof title - 1] = '\0';
        desk_put(desk, "directive", title);
        assert_int_equal(desk->answer.error.code, ERR_OK);
    }
    struct stream_id stream = {desk->county->seats[SEAT_T1].key_id, 0, 1};
    stream.epoch = replica_epoch(drive_replica(desk->drive));
    for (unsigned i = 0; i < 20; i++) {
        struct buffer want = {0};
        desk_say(desk, greedy, CHANNEL_CONTROL, SAY_CREDIT, span_of_buffer(&credit));
        mp_write_array(&want, 5);
        mp_write_bin(&want, SPAN_OF_ARRAY(stream.author.bytes));
        mp_write_uint(&want, stream.epoch);
        mp_write_uint(&want, stream.number);
        mp_write_uint(&want, 0);
        mp_write_uint(&want, 0);
        desk_say_buffer(desk, greedy, CHANNEL_CONTROL, SAY_WANT, &want);
        assert_int_equal(desk_run(desk), ERR_OK);
        assert_true(desk_count(desk, greedy, SAY_BLOCK) > 0);
        assert_true(desk_heard_bytes(desk, greedy) <= PART + BLOCK);
    }
    desk_say(desk, other, CHANNEL_CONTROL, SAY_CREDIT, span_of_buffer(&credit));
    assert_int_equal(desk_run(desk), ERR_OK);
    assert_true(desk_count(desk, other, SAY_BLOCK) > 0);
    buffer_free(&credit);
    desk_free(desk);
}

/* ---- what waits ---- */

/* One block of V1: operations 2.. of the incident 1, each on from the one before. */
static void say_edits(struct desk *desk, uint32_t link, struct signer *v1, uint32_t first,
                      uint32_t count)
{
    struct buffer body = {0};
    struct block_text text = {0};
    body_of_title(&body, "b");
    for (uint32_t i = 0; i < count; i++)
        text_add(&text, &(struct text_entry){.kind = ENTRY_WRITE,
                                             .type = TYPE_INCIDENT,
                                             .counter = i == 0,
                                             .n = first + i,
                                             .body = span_of_buffer(&body)});
    signer_say(desk, link, v1, &text);
    assert_int_equal(desk_run(desk), ERR_OK);
    buffer_free(&body);
}

static uint64_t operations(struct desk *desk)
{
    struct buffer out = {0}, cursor = {0};
    size_t count;
    uint64_t found = 0;
    enum error_code code =
        query_list(&desk->port.view, replica_tree(drive_replica(desk->drive)),
                   span_of_text("incident"), SPAN_EMPTY, true, 1, &cursor, &out, &count, NULL);
    assert_int_equal(code, ERR_OK);
    struct mp_reader reader = mp_reader(span_of_buffer(&out));
    reader.text_keys = true;
    for (uint32_t left = count == 0 ? 0 : mp_read_map(&reader); left > 0; left--) {
        bool wanted = span_equal(mp_read_str(&reader), span_of_text("operations"));
        struct mp_reader value = mp_reader(mp_read_any(&reader));
        found = wanted ? mp_read_uint(&value) : found;
    }
    buffer_free(&out);
    buffer_free(&cursor);
    return found;
}

/* More waits than one author may have waiting: its stream stops, nothing is lost, others go on. */
static void parked_entries_are_bounded_and_none_is_lost(void **state)
{
    enum { EDITS = 1000, PARKED = 256 };
    (void)state;
    struct desk *desk = desk_new(SEAT_T1, NULL);
    uint32_t link = desk_live(desk, SEAT_V1), other = desk_live(desk, SEAT_V2);
    struct signer v1 = start_incident(desk, link);
    struct signer second = signer_of(SEAT_V1, EPOCH, 2, CLASS_NORMAL, 1);
    struct signer v2 = signer_of(SEAT_V2, EPOCH, 1, CLASS_NORMAL, 0);
    struct buffer body = {0};
    struct block_text text = {0};
    signer_say_open(desk, link, &second);
    for (uint32_t i = 0; i < EDITS; i += 100) /* all wait for operation 2 */
        say_edits(desk, link, &second, 3 + i, 100);
    assert_int_equal(desk_rows(desk, TABLE_PARKED), PARKED + 1);
    signer_say_open(desk, other, &v2);
    text_add(&text, &(struct text_entry){.kind = ENTRY_WRITE,
                                         .type = TYPE_SURVEY,
                                         .counter = 1,
                                         .n = 1,
                                         .body = body_of_title(&body, "z")});
    signer_say(desk, other, &v2, &text);
    assert_int_equal(desk_run(desk), ERR_OK);
    say_edits(desk, link, &v1, 2, 1);
    for (unsigned i = 0; i < 20; i++)
        desk_wait(desk, 1000);
    assert_int_equal(desk_rows(desk, TABLE_PARKED), 0);
    assert_int_equal(operations(desk), EDITS + 2);
    buffer_free(&body);
    desk_free(desk);
}

/* The same over a restart in the middle. */
static void what_waits_goes_on_after_a_restart(void **state)
{
    enum { EDITS = 600 };
    (void)state;
    struct desk *desk = desk_new(SEAT_T1, NULL);
    uint32_t link = desk_live(desk, SEAT_V1);
    struct signer v1 = start_incident(desk, link);
    struct signer second = signer_of(SEAT_V1, EPOCH, 2, CLASS_NORMAL, 1);
    signer_say_open(desk, link, &second);
    for (uint32_t i = 0; i < EDITS; i += 100)
        say_edits(desk, link, &second, 3 + i, 100);
    say_edits(desk, link, &v1, 2, 1);
    enum error_code code;
    struct desk *again = desk_over(SEAT_T1, NULL, memory_store_clone(desk->store), &code);
    assert_int_equal(code, ERR_OK);
    desk_free(desk);
    for (unsigned i = 0; i < 20; i++)
        desk_wait(again, 1000);
    assert_int_equal(desk_rows(again, TABLE_PARKED), 0);
    assert_int_equal(operations(again), EDITS + 2);
    desk_free(again);
}

static void streams_of_one_author_are_bounded(void **state)
{
    enum { STREAMS = 4100, KEPT = 4096 };
    (void)state;
    struct desk *desk = desk_new(SEAT_T1, NULL);
    uint32_t link = desk_live(desk, SEAT_V1);
    memory_store_strict(desk->store, false);
    for (uint16_t i = 0; i < STREAMS; i++) {
        struct signer v1 = signer_of(SEAT_V1, EPOCH, (uint16_t)(i + 1), CLASS_NORMAL, 4095);
        signer_say_open(desk, link, &v1);
        if (i % 500 == 499 || i + 1 == STREAMS)
            assert_int_equal(desk_run(desk), ERR_OK);
    }
    assert_int_equal(desk_rows(desk, TABLE_STREAMS), KEPT);
    assert_int_equal(desk_refusals(desk)->flood, STREAMS - KEPT);
    assert_string_equal(desk_state(desk, link), "live");
    desk_free(desk);
}

static void quarantine_rows_of_one_author_are_bounded(void **state)
{
    enum { BLOCKS = 15, ENTRIES = 100, KEPT = 1024 };
    (void)state;
    struct desk *desk = desk_new(SEAT_T1, NULL);
    uint32_t link = desk_live(desk, SEAT_V1);
    struct signer v1 = start_incident(desk, link);
    struct buffer body = {0};
    mp_write_map(&body, 0); /* a creation without its title */
    for (uint32_t i = 0; i < BLOCKS; i++) {
        struct block_text text = {0};
        for (uint32_t j = 0; j < ENTRIES; j++)
            text_add(&text, &(struct text_entry){.kind = ENTRY_WRITE,
                                                 .type = TYPE_INCIDENT,
                                                 .counter = j == 0 ? 2 + i * ENTRIES : 1,
                                                 .n = 1,
                                                 .body = span_of_buffer(&body)});
        signer_say(desk, link, &v1, &text);
        assert_int_equal(desk_run(desk), ERR_OK);
    }
    assert_int_equal(desk_rows(desk, TABLE_QUARANTINE), KEPT);
    assert_int_equal(desk_rows(desk, TABLE_RECORDS), 1);
    buffer_free(&body);
    desk_free(desk);
}

/* ---- epochs, numbers, clocks ---- */

/* 'A later epoch of yours is held here' costs nothing to say: it needs our own signature. */
static void a_claim_about_our_epochs_needs_proof(void **state)
{
    (void)state;
    struct desk *desk = desk_new(SEAT_T1, NULL);
    uint32_t link = desk_live(desk, SEAT_C);
    desk_put(desk, "incident", "a");
    uint32_t epoch = replica_epoch(drive_replica(desk->drive));
    struct buffer body = {0}, map = {0};
    mp_write_array(&body, 4);
    mp_write_uint(&body, HASH_CELLS);
    mp_write_bin(&body, SPAN_OF_ARRAY(desk->county->seats[SEAT_T1].key_id.bytes));
    mp_write_uint(&body, UINT32_MAX);
    mp_write_uint(&body, 1);
    for (unsigned i = 0; i < 5; i++) {
        desk_say(desk, link, CHANNEL_CONTROL, SAY_NOTED, span_of_buffer(&body));
        desk_wait(desk, 3600 * 1000);
        assert_int_equal(desk_count(desk, link, SAY_WANTED), 1);
    }
    assert_int_equal(replica_epoch(drive_replica(desk->drive)), epoch);
    mp_write_map(&map, 3); /* the proof */
    mp_write_uint(&map, 1);
    mp_write_bin(&map, SPAN_OF_ARRAY(desk->county->seats[SEAT_T1].key_id.bytes));
    mp_write_uint(&map, 2);
    mp_write_uint(&map, epoch + (1 << 16));
    mp_write_uint(&map, 3);
    mp_write_uint(&map, 1);
    note_by(SEAT_T1, HASH_CELLS, &map);
    desk_say_buffer(desk, link, CHANNEL_CONTROL, SAY_REPORT, &map);
    desk_wait(desk, 3600 * 1000);
    assert_true(replica_epoch(drive_replica(desk->drive)) > epoch);
    buffer_free(&body);
    desk_free(desk);
}

/* A stolen key of our own must not use up all our epochs at once. */
static void a_far_epoch_of_our_own_key_is_refused(void **state)
{
    (void)state;
    struct desk *desk = desk_new(SEAT_T1, NULL);
    uint32_t link = desk_live(desk, SEAT_C);
    struct signer thief = signer_of(SEAT_T1, 0xffff0005, 1, CLASS_NORMAL, 0);
    signer_say_open(desk, link, &thief);
    assert_int_equal(desk_run(desk), ERR_OK);
    assert_int_equal(desk_rows(desk, TABLE_STREAMS), 0);
    assert_int_equal(desk_refusals(desk)->not_allowed, 1);
    desk_free(desk);
}

static void row_replace(struct desk *desk, enum table table, struct span key, struct span value)
{
    desk->port.begin(desk->port.context);
    assert_int_equal(desk->port.put(desk->port.context, table, key, value), ERR_OK);
    assert_int_equal(desk->port.commit(desk->port.context), ERR_OK);
}

/* The row `self` with one of its numbers changed; the desk over it. */
static struct desk *desk_with_self(struct desk *desk, uint32_t which, uint64_t number,
                                   enum error_code *code)
{
    struct span key = span_of_text("self"), value;
    struct buffer row = {0};
    assert_int_equal(desk->port.view.get(desk->port.view.context, TABLE_META, key, &value),
                     READ_FOUND);
    struct mp_reader reader = mp_reader(value);
    struct mp_fields fields = mp_fields(&reader);
    mp_write_map(&row, fields.left);
    for (int32_t field; mp_field(&reader, &fields, &field);) {
        struct span was = mp_read_any(&reader);
        mp_write_int(&row, field);
        if (field == (int32_t)which)
            mp_write_uint(&row, number);
        else
            buffer_append_span(&row, was);
    }
    row_replace(desk, TABLE_META, key, span_of_buffer(&row));
    struct desk *again = desk_over(SEAT_T1, NULL, memory_store_clone(desk->store), code);
    buffer_free(&row);
    desk_free(desk);
    return again;
}

static void numbers_that_run_out_go_on_in_a_new_epoch(void **state)
{
    static const struct {
        uint32_t field;
        uint64_t number;
    } rows[] = {{5, UINT32_MAX}, {6, STREAM_NUMBER_MAX}, {6, STREAM_NUMBER_MAX + 1}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct desk *desk = desk_new(SEAT_T1, NULL);
        enum error_code code;
        desk_put(desk, "incident", "a");
        uint32_t epoch = replica_epoch(drive_replica(desk->drive));
        desk = desk_with_self(desk, rows[i].field, rows[i].number, &code);
        assert_int_equal(code, ERR_OK);
        desk_put(desk, "directive", "b");
        assert_int_equal(desk->answer.error.code, ERR_OK);
        assert_true(replica_epoch(drive_replica(desk->drive)) > epoch);
        desk_free(desk);
    }
}

static void a_key_without_epochs_left_is_refused(void **state)
{
    (void)state;
    struct desk *desk = desk_new(SEAT_T1, NULL);
    enum error_code code;
    desk_put(desk, "incident", "a");
    desk = desk_with_self(desk, 1, 0xffff0001, &code); /* other than the high-water file: doubt */
    assert_int_equal(code, ERR_FULL);
    desk_free(desk);
}

static void impossible_numbers_in_our_own_row_are_refused(void **state)
{
    static const struct {
        uint32_t field;
        uint64_t number;
    } rows[] = {{1, 0}, {1, UINT64_MAX}, {5, UINT64_MAX}, {6, 0}, {6, 1 << 20}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct desk *desk = desk_new(SEAT_T1, NULL);
        enum error_code code;
        desk_put(desk, "incident", "a");
        desk = desk_with_self(desk, rows[i].field, rows[i].number, &code);
        assert_int_equal(code, ERR_DAMAGED);
        desk_free(desk);
    }
}

static void a_clock_past_its_end_is_survived(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct desk *desk = desk_new(i == 0 ? SEAT_C : SEAT_T1, NULL);
        desk_live(desk, i == 0 ? SEAT_T1 : SEAT_C);
        desk->wall_ms = UINT64_MAX;
        desk_put(desk, "directive", "a");
        assert_int_equal(desk->code, ERR_OK);
        assert_int_equal(desk->answer.error.code, ERR_OK);
        for (int k = 0; k < 3; k++) {
            desk->tick_ms += 3600 * 1000;
            assert_int_equal(desk_run(desk), ERR_OK);
        }
        desk_free(desk);
    }
}

/* Figures at the ends of their range: the sum stops there. */
static void totals_do_not_turn_round(void **state)
{
    static const enum desk_seat origins[] = {SEAT_V1, SEAT_V2};
    (void)state;
    struct desk *desk = desk_new(SEAT_T1, NULL);
    for (size_t i = 0; i < 2; i++) {
        uint32_t link = desk_live(desk, origins[i]);
        struct buffer map = {0};
        mp_write_map(&map, 4);
        mp_write_uint(&map, 1);
        mp_write_bin(&map, SPAN_OF_ARRAY(desk->county->seats[origins[i]].key_id.bytes));
        mp_write_uint(&map, 2);
        mp_write_uint(&map, EPOCH);
        mp_write_uint(&map, 3);
        mp_write_uint(&map, 1);
        mp_write_uint(&map, 7);
        mp_write_array(&map, 1);
        mp_write_array(&map, 4);
        mp_write_uint(&map, ROLLUP_RECORDS);
        mp_write_array(&map, 1);
        mp_write_uint(&map, TYPE_INCIDENT);
        mp_write_uint(&map, 0);
        mp_write_array(&map, 1);
        mp_write_int(&map, INT64_MAX);
        note_by(origins[i], HASH_CELLS, &map);
        desk_say_buffer(desk, link, CHANNEL_CONTROL, SAY_REPORT, &map);
        assert_int_equal(desk_run(desk), ERR_OK);
    }
    struct buffer out = {0};
    enum error_code code = query_rollup(
        &desk->port.view, replica_tree(drive_replica(desk->drive)), "T1", span_of_text("records"),
        span_of_text("type"), 1000, &out, NULL);
    assert_int_equal(code, ERR_OK);
    struct mp_reader reader = mp_reader(span_of_buffer(&out));
    reader.text_keys = true;
    mp_read_map(&reader);
    mp_read_any(&reader);
    mp_read_any(&reader);
    assert_true(span_equal(mp_read_str(&reader), span_of_text("value")));
    assert_true(mp_read_int(&reader) == INT64_MAX);
    buffer_free(&out);
    desk_free(desk);
}

/* ---- a damaged store ---- */

struct row_at {
    enum table table;
    struct buffer key, value;
};

static size_t rows_of(struct desk *desk, struct row_at *rows, size_t most)
{
    const struct view *view = &desk->port.view;
    size_t count = 0;
    for (int table = 0; table < TABLE_COUNT; table++) {
        struct buffer from = {0};
        struct span key, value;
        buffer_append_byte(&from, 0);
        while (count < most && view->next(view->context, (enum table)table, span_of_buffer(&from),
                                          &key, &value) == READ_FOUND) {
            rows[count] = (struct row_at){.table = (enum table)table};
            buffer_append_span(&rows[count].key, key);
            buffer_append_span(&rows[count].value, value);
            buffer_clear(&from);
            buffer_append_span(&from, key);
            buffer_append_byte(&from, 0);
            count++;
        }
        buffer_free(&from);
    }
    return count;
}

static bool see(void *context, const char *what, struct span key)
{
    (void)context;
    (void)what;
    (void)key;
    return true;
}

/* Everything that reads: open, sessions, writes, queries, the walk. Any answer is right but a
 * crash. */
static void use(struct memory_store *store)
{
    static const char *const types[] = {"mediation", "incident", "directive", "survey"};
    enum error_code code;
    struct desk *desk = desk_over(SEAT_T1, NULL, store, &code);
    if (code == ERR_OK)
        desk_live(desk, SEAT_C);
    if (code == ERR_OK && desk->code == ERR_OK) {
        uint32_t link = desk_live(desk, SEAT_V1);
        struct signer v1 = signer_of(SEAT_V1, EPOCH, 9, CLASS_NORMAL, 9);
        if (desk->code == ERR_OK)
            signer_say_open(desk, link, &v1);
    }
    for (size_t i = 0; code == ERR_OK && i < 4 && desk->code == ERR_OK; i++)
        desk_put(desk, types[i], "more");
    if (code == ERR_OK && desk->code == ERR_OK) {
        const struct tree *tree = replica_tree(drive_replica(desk->drive));
        const struct view *view = &desk->port.view;
        struct walk_visitor visitor = {.damage = see};
        struct buffer out = {0}, cursor = {0};
        size_t count;
        (void)query_walk(view, tree, &visitor, NULL);
        for (size_t i = 0; i < 4; i++) {
            (void)query_list(view, tree, span_of_text(types[i]), SPAN_EMPTY, true, 100, &cursor,
                             &out, &count, NULL);
            buffer_clear(&cursor);
        }
        (void)query_rollup(view, tree, "T1", span_of_text("records"), span_of_text("type"), 1,
                           &out, NULL);
        buffer_free(&out);
        buffer_free(&cursor);
    }
    desk_free(desk);
}

/* A store with something in every table. */
static struct desk *furnished(void)
{
    struct desk *desk = desk_new(SEAT_T1, NULL);
    uint32_t link = desk_live(desk, SEAT_V1);
    struct signer v1 = start_incident(desk, link);
    struct signer second = signer_of(SEAT_V1, EPOCH, 2, CLASS_NORMAL, 1);
    struct signer c = signer_of(SEAT_C, EPOCH, 1, CLASS_URGENT, 0);
    struct block_text text = {0};
    struct buffer body = {0};
    signer_say_open(desk, link, &second);
    say_edits(desk, link, &second, 5, 2); /* wait */
    say_edits(desk, link, &v1, 2, 1);
    say_statement(desk, link, EPOCH, 1);
    mp_write_map(&body, 0);
    text_add(&text, &(struct text_entry){.kind = ENTRY_WRITE,
                                         .type = TYPE_INCIDENT,
                                         .counter = 7,
                                         .n = 1,
                                         .body = span_of_buffer(&body)}); /* excluded */
    signer_say(desk, link, &v1, &text);
    uint32_t above = desk_live(desk, SEAT_C);
    text_open_subtree(&text, CLASS_URGENT, 2);
    signer_say(desk, above, &c, &text);
    desk_put(desk, "mediation", "own");
    desk_put(desk, "incident", "path");
    desk_put(desk, "directive", "down");
    desk_wait(desk, 3600 * 1000);
    buffer_free(&body);
    return desk;
}

static struct memory_store *store_with(const struct memory_store *image, const struct row_at *row,
                                       struct span value, bool removed)
{
    struct memory_store *store = memory_store_clone(image);
    struct store_port port;
    memory_store_port(store, &port);
    port.begin(port.context);
    if (removed)
        assert_int_equal(port.remove(port.context, row->table, span_of_buffer(&row->key)), ERR_OK);
    else
        assert_int_equal(port.put(port.context, row->table, span_of_buffer(&row->key), value),
                         ERR_OK);
    assert_int_equal(port.commit(port.context), ERR_OK);
    return store;
}

static void any_damaged_row_is_survived(void **state)
{
    enum { ROWS_MAX = 400 };
    static struct row_at rows[ROWS_MAX];
    (void)state;
    struct desk *desk = furnished();
    size_t count = rows_of(desk, rows, ROWS_MAX);
    assert_true(count > 40 && count < ROWS_MAX);
    for (size_t i = 0; i < count; i++) {
        struct buffer *value = &rows[i].value;
        use(store_with(desk->store, &rows[i], SPAN_EMPTY, true));
        use(store_with(desk->store, &rows[i], SPAN_EMPTY, false));
        struct memory_store *unreadable = memory_store_clone(desk->store);
        assert_true(memory_store_damage(unreadable, rows[i].table, span_of_buffer(&rows[i].key)));
        use(unreadable);
        for (size_t k = 0; k < 6 && value->size > 0; k++) {
            size_t at = k < 3 ? k % value->size : (k * 7919 + i) % value->size;
            uint8_t flip = (uint8_t)(k % 2 == 0 ? 0xff : 1 << (k + i) % 8);
            value->data[at] ^= flip;
            use(store_with(desk->store, &rows[i], span_of_buffer(value), false));
            value->data[at] ^= flip;
        }
    }
    for (size_t i = 0; i < count; i++) {
        buffer_free(&rows[i].key);
        buffer_free(&rows[i].value);
    }
    desk_free(desk);
}

/* A row's locator that points to an operation that isn't the creation. */
static void a_locator_astray_is_survived(void **state)
{
    (void)state;
    struct desk *desk = desk_new(SEAT_T1, NULL);
    uint32_t link = desk_live(desk, SEAT_V1);
    struct signer v1 = start_incident(desk, link);
    struct row_at rows[100];
    say_edits(desk, link, &v1, 2, 1);
    size_t count = rows_of(desk, rows, 100);
    for (size_t i = 0; i < count; i++) {
        static const uint8_t astray[] = {0x92, 0x01, 0x02}; /* stream 1, place 2: the edit */
        if (rows[i].table == TABLE_RECORDS)
            use(store_with(desk->store, &rows[i], SPAN_OF_ARRAY(astray), false));
        buffer_free(&rows[i].key);
        buffer_free(&rows[i].value);
    }
    desk_free(desk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(excluded_out_of_order_is_survived),
        cmocka_unit_test(a_second_creation_with_a_context_is_survived),
        cmocka_unit_test(a_block_without_its_payload_is_refused),
        cmocka_unit_test(a_body_left_out_on_the_way_is_refused),
        cmocka_unit_test(a_path_that_turns_back_is_refused),
        cmocka_unit_test(what_is_refused_gives_its_credit_back),
        cmocka_unit_test(undecodable_blocks_give_their_credit_back),
        cmocka_unit_test(a_stream_of_an_unknown_author_is_asked_for_when_he_is_known),
        cmocka_unit_test(a_refused_stream_is_left_alone),
        cmocka_unit_test(a_link_whose_key_was_replaced_is_closed),
        cmocka_unit_test(documents_are_sent_once_a_batch),
        cmocka_unit_test(statements_of_many_epochs_are_bounded),
        cmocka_unit_test(wanted_notes_that_are_not_there_cost_nothing),
        cmocka_unit_test(streams_that_a_peer_invents_are_bounded),
        cmocka_unit_test(overlapping_ranges_are_refused),
        cmocka_unit_test(endless_credit_buys_no_more_than_a_part),
        cmocka_unit_test(parked_entries_are_bounded_and_none_is_lost),
        cmocka_unit_test(what_waits_goes_on_after_a_restart),
        cmocka_unit_test(streams_of_one_author_are_bounded),
        cmocka_unit_test(quarantine_rows_of_one_author_are_bounded),
        cmocka_unit_test(a_claim_about_our_epochs_needs_proof),
        cmocka_unit_test(a_far_epoch_of_our_own_key_is_refused),
        cmocka_unit_test(numbers_that_run_out_go_on_in_a_new_epoch),
        cmocka_unit_test(a_key_without_epochs_left_is_refused),
        cmocka_unit_test(impossible_numbers_in_our_own_row_are_refused),
        cmocka_unit_test(a_clock_past_its_end_is_survived),
        cmocka_unit_test(totals_do_not_turn_round),
        cmocka_unit_test(any_damaged_row_is_survived),
        cmocka_unit_test(a_locator_astray_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
