/* What a stolen machine may say to its parent or child after the handshake, and what must happen:
 * never a crash, never an effect without right, a bound on everything, and the next honest message
 * goes on. Each test is one attack. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "replication/query/query.h"
#include "tests/unit/hostile_desk.h"

/* ---- entries that break off the order of a record's operations ---- */

static void excluded_out_of_order_is_survived(void **state)
{
    (void)state;
    struct desk *desk = desk_new(SEAT_T1, NULL);
    uint32_t link = desk_live(desk, SEAT_V1), other = desk_live(desk, SEAT_V2);
    struct signer v1 = desk_incident(desk, link);
    struct signer v2 = signer_of(SEAT_V2, DESK_EPOCH, 1, CLASS_NORMAL, 0);
    struct buffer body = {0};
    struct block_text text = {0};
    signer_say_open(desk, other, &v2);
    uint32_t place = text_author(&text, v1.stream.author, DESK_EPOCH);
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
    place = text_author(&text, v1.stream.author, DESK_EPOCH);
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
    struct signer v1 = desk_incident(desk, link);
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
    text_author(&text, desk->county->seats[SEAT_V2].key_id, DESK_EPOCH);
    text_add(&text, &entry);
    signer_say(desk, link, &v1, &text);
    assert_int_equal(desk_run(desk), ERR_OK);
    assert_int_equal(desk_rows(desk, TABLE_PARKED), 1); /* its context isn't here */
    assert_int_equal(desk_rows(desk, TABLE_QUARANTINE), 0);
    buffer_free(&body);
    desk_free(desk);
}

/* ---- forms of a block ---- */

static void a_block_without_its_payload_is_refused(void **state)
{
    (void)state;
    struct desk *desk = desk_new(SEAT_T1, NULL);
    uint32_t link = desk_live(desk, SEAT_V1);
    struct signer v1 = desk_incident(desk, link);
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
    struct signer v1 = signer_of(SEAT_V1, DESK_EPOCH, 1, CLASS_NORMAL, 0);
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
    struct signer v1 = signer_of(SEAT_V1, DESK_EPOCH, 1, CLASS_NORMAL, 0);
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

/* A sender counts the entries of every block it sends, also of those that are refused or come
 * twice: if the receiver doesn't, the lane dies. */
static void what_is_refused_gives_its_credit_back(void **state)
{
    enum { ENTRIES = 10, WINDOW = 64, BLOCKS = 40 };
    struct replica_tuning tuning = {.credit_entries = WINDOW};
    (void)state;
    struct desk *desk = desk_new(SEAT_T1, &tuning);
    uint32_t link = desk_live(desk, SEAT_V1);
    struct signer v1 = desk_incident(desk, link);
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
    struct signer v1 = desk_incident(desk, link);
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

/* T1 passes V1's blocks on before C has the document that names V1. */
static void a_stream_of_an_unknown_author_is_asked_for_when_he_is_known(void **state)
{
    (void)state;
    struct desk *desk = desk_with_documents(SEAT_C, 2); /* root, and C's own branch */
    uint32_t link = desk_live(desk, SEAT_T1);
    struct signer v1 = signer_of(SEAT_V1, DESK_EPOCH, 1, CLASS_NORMAL, 0);
    signer_say_open(desk, link, &v1);
    assert_int_equal(desk_run(desk), ERR_OK);
    assert_int_equal(desk_refusals(desk)->unknown_key, 1);
    assert_int_equal(desk_rows(desk, TABLE_STREAMS), 0);
    assert_int_equal(desk_count(desk, link, SAY_WANT), 0);
    desk_wait(desk, 3600 * 1000);
    assert_int_equal(desk_count(desk, link, SAY_WANT), 0);
    desk_offer_branch(desk, link, SEAT_T1);
    assert_int_equal(desk_count(desk, link, SAY_WANT), 1);
    v1 = signer_of(SEAT_V1, DESK_EPOCH, 1, CLASS_NORMAL, 0);
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
    struct signer v1 = signer_of(SEAT_V1, DESK_EPOCH, 1, CLASS_NORMAL, 0);
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

static void statements_of_many_epochs_are_bounded(void **state)
{
    enum { EPOCHS = 100, KEPT = 64 };
    (void)state;
    struct desk *desk = desk_new(SEAT_T1, NULL);
    uint32_t link = desk_live(desk, SEAT_V1);
    size_t before = desk_rows(desk, TABLE_NOTES);
    for (uint32_t i = 1; i <= EPOCHS; i++)
        desk_statement(desk, link, i << 16, 1);
    assert_int_equal(desk_run(desk), ERR_OK);
    assert_int_equal(desk_rows(desk, TABLE_NOTES), before + KEPT);
    assert_int_equal(desk_count(desk, link, SAY_NOTED), EPOCHS);
    desk_statement(desk, link, 1 << 16, 2); /* older than all that are kept */
    desk_statement(desk, link, EPOCHS << 16, 2);
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
        desk_statement(desk, child, i << 16, 1);
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
        mp_write_uint(&message, DESK_EPOCH + i / 1000);
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
    struct signer v1 = desk_incident(desk, link);
    struct signer second = signer_of(SEAT_V1, DESK_EPOCH, 2, CLASS_NORMAL, 1);
    struct signer v2 = signer_of(SEAT_V2, DESK_EPOCH, 1, CLASS_NORMAL, 0);
    struct buffer body = {0};
    struct block_text text = {0};
    signer_say_open(desk, link, &second);
    for (uint32_t i = 0; i < EDITS; i += 100) /* all wait for operation 2 */
        desk_edits(desk, link, &second, 3 + i, 100);
    assert_int_equal(desk_rows(desk, TABLE_PARKED), PARKED + 1);
    signer_say_open(desk, other, &v2);
    text_add(&text, &(struct text_entry){.kind = ENTRY_WRITE,
                                         .type = TYPE_SURVEY,
                                         .counter = 1,
                                         .n = 1,
                                         .body = body_of_title(&body, "z")});
    signer_say(desk, other, &v2, &text);
    assert_int_equal(desk_run(desk), ERR_OK);
    desk_edits(desk, link, &v1, 2, 1);
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
    struct signer v1 = desk_incident(desk, link);
    struct signer second = signer_of(SEAT_V1, DESK_EPOCH, 2, CLASS_NORMAL, 1);
    signer_say_open(desk, link, &second);
    for (uint32_t i = 0; i < EDITS; i += 100)
        desk_edits(desk, link, &second, 3 + i, 100);
    desk_edits(desk, link, &v1, 2, 1);
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
        struct signer v1 = signer_of(SEAT_V1, DESK_EPOCH, (uint16_t)(i + 1), CLASS_NORMAL, 4095);
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
    struct signer v1 = desk_incident(desk, link);
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
        mp_write_uint(&map, DESK_EPOCH);
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
    enum error_code code =
        query_rollup(&desk->port.view, replica_tree(drive_replica(desk->drive)), "T1",
                     span_of_text("records"), span_of_text("type"), 1000, &out, NULL);
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
        cmocka_unit_test(totals_do_not_turn_round),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
