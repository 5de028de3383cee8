/* The victim's side is the real core; everything else here is what peers may be. */
#include "tests/unit/hostile_desk.h"

#include <assert.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "replication/format/entry_parts.h"
#include "tests/unit/message_bodies.h"

enum { DESK_WALL_MS_LOW = 1000 };
#define DESK_WALL_MS UINT64_C(1749229200000)

static const struct county_row county_rows[DESK_SEATS] = {
    {"C", "county", NULL},   {"T1", "township", "C"}, {"T2", "township", "C"},
    {"V1", "village", "T1"}, {"V2", "village", "T1"}, {"V3", "village", "T2"},
};

const struct county *desk_county(void)
{
    static struct county *county;
    if (county == NULL) {
        bool started = crypto_start();
        assert(started);
        (void)started;
        county = county_new(county_rows, DESK_SEATS, 1);
    }
    return county;
}

/* ---- the victim ---- */

static void port_send(void *context, uint32_t link, enum channel channel, uint8_t type,
                      struct span body)
{
    struct desk *desk = context;
    desk->heard = mem_resize(desk->heard, (desk->heard_count + 1) * sizeof *desk->heard);
    struct heard *heard = &desk->heard[desk->heard_count++];
    *heard = (struct heard){.link = link, .channel = channel, .type = type};
    buffer_append_span(&heard->body, body);
}

static void port_close(void *context, uint32_t link)
{
    struct desk *desk = context;
    desk->heard = mem_resize(desk->heard, (desk->heard_count + 1) * sizeof *desk->heard);
    desk->heard[desk->heard_count++] = (struct heard){.link = link, .closes = true};
}

static void port_answer(void *context, const struct answer *answer)
{
    ((struct desk *)context)->answer = *answer;
}

static void port_log(void *context, struct span lines)
{
    (void)context;
    if (getenv("DESK_LOG") != NULL) {
        fwrite(lines.data, 1, lines.size, stderr);
    }
}

static void fill_options(struct desk *desk, const struct replica_tuning *tuning)
{
    const struct county_seat *seat = &desk->county->seats[desk->victim];
    struct replica_options *options = &desk->options;
    options->tree_id = desk->county->tree_id;
    memcpy(options->seat, seat->code, sizeof options->seat);
    memcpy(options->signing_key, seat->signing_key, KEY_BYTES);
    memcpy(options->signing_secret, seat->signing_secret, SECRET_BYTES);
    options->seal = seat->seal;
    memset(options->instance, 7, sizeof options->instance);
    memset(options->random, 9, sizeof options->random);
    options->high_water_readable = memory_store_high_water(desk->store, &options->high_water);
    if (tuning != NULL) {
        options->tuning = *tuning;
    }
}

struct desk *desk_over(enum desk_seat victim, const struct replica_tuning *tuning,
                       struct memory_store *store, enum error_code *code)
{
    struct desk *desk = mem_alloc(sizeof *desk);
    desk->county = desk_county();
    desk->victim = victim;
    desk->store = store;
    desk->tick_ms = DESK_WALL_MS_LOW;
    desk->wall_ms = DESK_WALL_MS;
    memory_store_port(store, &desk->port);
    fill_options(desk, tuning);
    struct drive_ports ports = {
        .store = desk->port,
        .link = {.context = desk, .send = port_send, .close = port_close},
        .context = desk,
        .answer = port_answer,
        .log = port_log,
    };
    *code = drive_open(&desk->options, &ports, &desk->drive, NULL);
    if (*code != ERR_OK) {
        desk->drive = NULL;
    }
    return desk;
}

static void give_documents(struct desk *desk, size_t most)
{
    size_t count;
    struct county_document *documents = county_documents(desk->county, desk->victim, 0, &count);
    for (size_t i = 0; i < count && i < most; i++) {
        struct event event = {.kind = EVENT_DOCUMENT};
        event.document.envelope = documents[i].envelope;
        event.document.rows = documents[i].rows;
        event.document.row_count = documents[i].row_count;
        event.document.places = documents[i].places;
        event.document.proofs = documents[i].proofs;
        desk_event(desk, &event);
    }
    enum error_code code = desk_run(desk);
    assert(code == ERR_OK);
    (void)code;
    county_documents_free(documents, count);
}

/* Stores with the documents are made once and copied. */
static struct memory_store *store_with_documents(enum desk_seat victim)
{
    static struct memory_store *images[DESK_SEATS];
    if (images[victim] == NULL) {
        enum error_code code;
        struct desk *desk = desk_over(victim, NULL, memory_store_new(), &code);
        assert(code == ERR_OK);
        give_documents(desk, SIZE_MAX);
        images[victim] = memory_store_clone(desk->store);
        desk_free(desk);
    }
    return memory_store_clone(images[victim]);
}

struct desk *desk_new(enum desk_seat victim, const struct replica_tuning *tuning)
{
    enum error_code code;
    struct desk *desk = desk_over(victim, tuning, store_with_documents(victim), &code);
    assert(code == ERR_OK);
    memory_store_strict(desk->store, true);
    return desk;
}

struct desk *desk_with_documents(enum desk_seat victim, size_t count)
{
    enum error_code code;
    struct desk *desk = desk_over(victim, NULL, memory_store_new(), &code);
    assert(code == ERR_OK);
    give_documents(desk, count);
    return desk;
}

struct author_document desk_branch(enum desk_seat seat, enum desk_seat child,
                                   void (*change)(struct seat_row *row))
{
    const struct county *county = desk_county();
    const struct held_document *held =
        tree_find_document(county->tree, DOCUMENT_BRANCH, span_of_text(county->seats[seat].code));
    struct document_header header =
        author_next_header(&held->header, &held->hash, &county->tree_id, 2);
    struct author_document document;
    struct buffer rows[DESK_SEATS] = {{0}};
    struct span spans[DESK_SEATS];
    for (size_t i = 0; i < held->row_count; i++) {
        struct seat_row row;
        enum error_code code = seat_row_decode(held->rows[i], &row, NULL);
        assert(code == ERR_OK);
        if (strcmp(row.seat, county->seats[child].code) == 0) {
            change(&row);
        }
        seat_row_encode(&row, &rows[i]);
        spans[i] = span_of_buffer(&rows[i]);
    }
    const uint8_t(*secret)[SECRET_BYTES] =
        (const uint8_t(*)[SECRET_BYTES])county->seats[seat].admin_secret;
    enum error_code code =
        author_document(&header, spans, held->row_count, secret, 1, &document, NULL);
    assert(code == ERR_OK);
    for (size_t i = 0; i < held->row_count; i++) {
        buffer_free(&rows[i]);
    }
    return document;
}

void desk_give(struct desk *desk, const struct author_document *document)
{
    struct event event = {.kind = EVENT_DOCUMENT};
    struct span rows_given[DESK_SEATS];
    for (size_t i = 0; i < document->row_count; i++) {
        rows_given[i] = span_of_buffer(&document->rows[i]);
    }
    event.document.envelope = span_of_buffer(&document->envelope);
    event.document.rows = rows_given;
    event.document.row_count = document->row_count;
    desk_event(desk, &event);
    desk_run(desk);
}

/* The sanitizers', where one is linked. */
__attribute__((weak)) size_t __sanitizer_get_current_allocated_bytes(void);

size_t desk_heap_bytes(void)
{
    return __sanitizer_get_current_allocated_bytes != NULL
               ? __sanitizer_get_current_allocated_bytes()
               : mallinfo2().uordblks;
}

static void forget_heard(struct desk *desk)
{
    for (size_t i = 0; i < desk->heard_count; i++) {
        buffer_free(&desk->heard[i].body);
    }
    desk->heard_count = 0;
}

static void forget_events(struct desk *desk)
{
    for (size_t i = 0; i < desk->event_count; i++) {
        buffer_free(&desk->bodies[i]);
    }
    desk->event_count = 0;
}

void desk_free(struct desk *desk)
{
    if (desk == NULL) {
        return;
    }
    forget_events(desk);
    forget_heard(desk);
    free(desk->events);
    free(desk->bodies);
    free(desk->heard);
    drive_close(desk->drive);
    memory_store_free(desk->store);
    free(desk);
}

void desk_event(struct desk *desk, const struct event *event)
{
    size_t count = desk->event_count + 1;
    desk->events = mem_resize(desk->events, count * sizeof *desk->events);
    desk->bodies = mem_resize(desk->bodies, count * sizeof *desk->bodies);
    desk->events[count - 1] = *event;
    desk->bodies[count - 1] = (struct buffer){0};
    desk->event_count = count;
}

void desk_say(struct desk *desk, uint32_t link, enum channel channel, uint8_t type,
              struct span body)
{
    struct event event = {.kind = EVENT_MESSAGE};
    event.message.link = link;
    event.message.channel = channel;
    event.message.type = type;
    desk_event(desk, &event);
    buffer_append_span(&desk->bodies[desk->event_count - 1], body);
}

void desk_say_buffer(struct desk *desk, uint32_t link, enum channel channel, uint8_t type,
                     struct buffer *body)
{
    desk_say(desk, link, channel, type, span_of_buffer(body));
    buffer_free(body);
}

enum error_code desk_run(struct desk *desk)
{
    if (desk->event_count == 0) {
        desk_event(desk, &(struct event){.kind = EVENT_TIME});
    }
    for (size_t i = 0; i < desk->event_count; i++) {
        struct event *event = &desk->events[i];
        event->wall_ms = desk->wall_ms;
        event->tick_ms = desk->tick_ms;
        if (event->kind == EVENT_MESSAGE) {
            event->message.body = span_of_buffer(&desk->bodies[i]);
        } else if (event->kind == EVENT_WRITE) {
            event->write.fields = span_of_buffer(&desk->bodies[i]);
        }
    }
    forget_heard(desk);
    desk->code = drive_batch(desk->drive, desk->events, desk->event_count);
    forget_events(desk);
    return desk->code;
}

void desk_wait(struct desk *desk, uint64_t ms)
{
    desk->tick_ms += ms;
    desk->wall_ms += ms;
    desk_run(desk);
}

static void write_title(struct desk *desk, enum write_kind kind, const char *type,
                        const struct record_id *record, const char *title)
{
    struct event event = {.kind = EVENT_WRITE};
    event.write.kind = kind;
    event.write.type = span_of_text(type);
    if (record != NULL)
        event.write.record = *record;
    desk_event(desk, &event);
    struct buffer *fields = &desk->bodies[desk->event_count - 1];
    mp_write_map(fields, 1);
    mp_write_text(fields, "title");
    mp_write_text(fields, title);
    desk_run(desk);
}

void desk_put(struct desk *desk, const char *type, const char *title)
{
    write_title(desk, WRITE_PUT, type, NULL, title);
}

void desk_set(struct desk *desk, const char *type, const struct record_id *record,
              const char *title)
{
    write_title(desk, WRITE_SET, type, record, title);
}

size_t desk_count(const struct desk *desk, uint32_t link, uint8_t type)
{
    size_t count = 0;
    for (size_t i = 0; i < desk->heard_count; i++) {
        const struct heard *heard = &desk->heard[i];
        count += heard->link == link && !heard->closes && heard->type == type;
    }
    return count;
}

size_t desk_heard_bytes(const struct desk *desk, uint32_t link)
{
    size_t bytes = 0;
    for (size_t i = 0; i < desk->heard_count; i++) {
        bytes += desk->heard[i].link == link ? desk->heard[i].body.size : 0;
    }
    return bytes;
}

const struct heard *desk_find(const struct desk *desk, uint32_t link, uint8_t type)
{
    for (size_t i = desk->heard_count; i-- > 0;) {
        const struct heard *heard = &desk->heard[i];
        if (heard->link == link && !heard->closes && heard->type == type) {
            return heard;
        }
    }
    return NULL;
}

bool desk_closed(const struct desk *desk, uint32_t link)
{
    for (size_t i = 0; i < desk->heard_count; i++) {
        if (desk->heard[i].link == link && desk->heard[i].closes) {
            return true;
        }
    }
    return false;
}

const struct refusals *desk_refusals(const struct desk *desk)
{
    return replica_refusals(drive_replica(desk->drive));
}

const char *desk_state(const struct desk *desk, uint32_t link)
{
    const struct replica *replica = drive_replica(desk->drive);
    for (size_t i = 0; i < replica_link_count(replica); i++) {
        struct link_status status;
        replica_link_status(replica, &desk->port.view, i, &status);
        if (status.link == link) {
            return status.state;
        }
    }
    return "";
}

size_t desk_rows(const struct desk *desk, enum table table)
{
    return memory_store_row_count(desk->store, table);
}

/* ---- a session ---- */

static bool is_above(const struct desk *desk, enum desk_seat peer)
{
    return desk->county->seats[desk->victim].parent == peer;
}

uint32_t desk_link(struct desk *desk, enum desk_seat peer)
{
    struct event event = {.kind = EVENT_LINK_UP};
    event.link_up.link = ++desk->next_link;
    event.link_up.uplink = is_above(desk, peer);
    memcpy(event.link_up.peer_key, desk->county->seats[peer].link_key, KEY_BYTES);
    desk_event(desk, &event);
    desk_run(desk);
    return desk->next_link;
}

void desk_hello(struct desk *desk, uint32_t link, enum desk_seat peer)
{
    const struct tree *tree = replica_tree(drive_replica(desk->drive));
    size_t child = is_above(desk, peer) ? desk->victim : (size_t)peer;
    struct hash digest = tree_link_digest(tree, span_of_text(desk->county->seats[child].code));
    struct hello hello = hello_usual(&digest);
    struct buffer body = {0};
    body_of_hello(&hello, &body);
    desk_say_buffer(desk, link, CHANNEL_CONTROL, SAY_HELLO, &body);
}

/* An empty list of heads for each range that the victim, a parent, says to differ. */
static void answer_digest(struct desk *desk, uint32_t link, struct span digest)
{
    struct mp_reader reader = mp_reader(digest);
    uint32_t count = mp_read_array(&reader);
    for (uint32_t i = 0; i < count; i++) {
        struct buffer body = {0};
        body_of_no_heads(&reader, &body);
        desk_say_buffer(desk, link, CHANNEL_CONTROL, SAY_HEADS, &body);
    }
    desk_run(desk);
}

uint32_t desk_live(struct desk *desk, enum desk_seat peer)
{
    struct buffer body = {0};
    uint32_t link = desk_link(desk, peer);
    desk_hello(desk, link, peer);
    if (is_above(desk, peer)) {
        body_of_nothing_differs(&body);
        desk_say_buffer(desk, link, CHANNEL_CONTROL, SAY_DIGEST, &body);
        desk_run(desk);
        return link;
    }
    body_of_nothing_held(&body);
    desk_say_buffer(desk, link, CHANNEL_CONTROL, SAY_DIGEST, &body);
    desk_run(desk);
    const struct heard *digest = desk_find(desk, link, SAY_DIGEST);
    if (digest != NULL) {
        struct buffer copy = {0};
        buffer_append_span(&copy, span_of_buffer(&digest->body));
        answer_digest(desk, link, span_of_buffer(&copy));
        buffer_free(&copy);
    }
    return link;
}

/* ---- blocks ---- */

void text_free(struct block_text *text)
{
    buffer_free(&text->entries);
    buffer_free(&text->authors);
    *text = (struct block_text){0};
}

uint32_t text_author(struct block_text *text, struct key_id author, uint32_t epoch)
{
    uint8_t bytes[KEY_ID_BYTES + 4];
    memcpy(bytes, author.bytes, KEY_ID_BYTES);
    write_u32(bytes + KEY_ID_BYTES, epoch);
    mp_write_bin(&text->authors, SPAN_OF_ARRAY(bytes));
    return ++text->author_count;
}

void text_add(struct block_text *text, const struct text_entry *entry)
{
    struct buffer *out = &text->entries;
    bool context = entry->context_count > 0;
    mp_write_array(out, 5U + (context || entry->n != 1) + context);
    mp_write_uint(out, entry->kind);
    mp_write_uint(out, entry->type);
    mp_write_int(out, entry->clock_difference);
    if (entry->record_author == 0) {
        mp_write_int(out, entry->counter);
    } else {
        mp_write_array(out, 2);
        mp_write_uint(out, entry->record_author);
        mp_write_uint(out, entry->record_counter);
    }
    buffer_append_span(out, entry->body);
    if (context || entry->n != 1) {
        mp_write_uint(out, entry->n);
    }
    if (context) {
        mp_write_array(out, (uint32_t)(2 * entry->context_count));
        for (size_t i = 0; i < entry->context_count; i++) {
            mp_write_uint(out, entry->context_places[i]);
            mp_write_uint(out, entry->context_ns[i]);
        }
    }
    text->count++;
}

static void add_open(struct block_text *text, const struct stream_open *open)
{
    struct buffer body = {0};
    stream_open_encode(open, &body);
    text_add(text, &(struct text_entry){.kind = ENTRY_OPEN, .n = 1, .body = span_of_buffer(&body)});
    buffer_free(&body);
}

void text_open_path(struct block_text *text, enum record_class class, const char *const *seats)
{
    struct stream_open open = {.class = (uint8_t) class, .holders = HOLDERS_PATH};
    for (; *seats != NULL; seats++) {
        strcpy(open.seats[open.seat_count++], *seats);
    }
    if (open.seat_count == 0) {
        open.holders = HOLDERS_SELF;
    }
    add_open(text, &open);
}

void text_open_subtree(struct block_text *text, enum record_class class, unsigned tier)
{
    struct stream_open open = {
        .class = (uint8_t) class, .holders = HOLDERS_SUBTREE, .tier = (uint8_t)tier};
    add_open(text, &open);
}

struct signer signer_of(enum desk_seat seat, uint32_t epoch, uint16_t number,
                        enum record_class class, uint32_t handle)
{
    const struct county_seat *whose = &desk_county()->seats[seat];
    struct stream_id stream = {whose->key_id, epoch, number};
    struct signer signer = signer_with(whose->signing_key, whose->signing_secret,
                                       &desk_county()->tree_id, &stream, class, handle);
    signer.seat = whose;
    return signer;
}

struct signer signer_with(const uint8_t *signing_key, const uint8_t *signing_secret,
                          const struct hash *tree_id, const struct stream_id *stream,
                          enum record_class class, uint32_t handle)
{
    return (struct signer){
        .signing_key = signing_key,
        .signing_secret = signing_secret,
        .tree_id = tree_id,
        .stream = *stream,
        .channel = (enum channel)(CHANNEL_URGENT + class),
        .handle = handle,
        .clock_ms = DESK_WALL_MS,
    };
}

/* The digests' root where the text decodes, else of the text itself: such a block is opaque. */
static void fill_root(const struct signer *signer, struct prepared_block *block, struct span plain,
                      uint32_t count)
{
    struct author_epoch self = {signer->stream.author, signer->stream.epoch};
    struct entry_list list;
    block->header.count = count;
    block->header.root = hash_of(HASH_BODY, plain);
    if (entry_list_decode(plain, &self, signer->clock_ms, &list, NULL) != ERR_OK) {
        return;
    }
    struct hash *digests = mem_alloc(list.count * sizeof *digests);
    entry_list_digests(&list, signer->signing_key, self.epoch, digests);
    block->header.root = merkle_root(digests, list.count);
    free(digests);
    entry_list_free(&list);
}

struct buffer text_plain(struct block_text *text)
{
    struct buffer plain = {0};
    mp_write_uint(&plain, text->schema_version == 0 ? 1 : text->schema_version);
    mp_write_array(&plain, text->author_count);
    buffer_append_span(&plain, span_of_buffer(&text->authors));
    mp_write_uint(&plain, text->count);
    buffer_append_span(&plain, span_of_buffer(&text->entries));
    text_free(text);
    return plain;
}

void signer_sign(struct signer *signer, struct block_text *text, struct prepared_block *block)
{
    uint32_t count = text->count;
    struct buffer plain = text_plain(text);
    *block = (struct prepared_block){0};
    struct block_header *header = &block->header;
    header->tree_id = *signer->tree_id;
    memcpy(header->author_key, signer->signing_key, KEY_BYTES);
    header->stream = signer->stream;
    header->seq = signer->head.seq;
    header->previous = signer->head.seq == 0 ? hash_zero : signer->head.hash;
    header->clock = signer->clock_ms;
    header->codec = CODEC_RAW;
    header->payload_hash = hash_of(HASH_PAYLOAD, span_of_buffer(&plain));
    fill_root(signer, block, span_of_buffer(&plain), count);
    block->payload = plain;
    block->hash = block_header_hash(header);
    sign_hash(&block->hash, signer->signing_secret, block->signature);
    signer->head = (struct stream_head){header->seq + header->count, block->hash, header->clock};
}

void signer_message(struct signer *signer, const struct prepared_block *block, unsigned flags,
                    struct buffer *body)
{
    mp_write_uint(body, signer->handle);
    flags |= BLOCK_HAS_PLACE | BLOCK_HAS_CLOCK | (signer->named ? 0 : BLOCK_HAS_STREAM);
    block_write(block, flags, NULL, body);
    signer->named = true;
}

void signer_say(struct desk *desk, uint32_t link, struct signer *signer, struct block_text *text)
{
    struct prepared_block block;
    struct buffer body = {0};
    signer_sign(signer, text, &block);
    signer_message(signer, &block, 0, &body);
    desk_say_buffer(desk, link, signer->channel, SAY_BLOCK, &body);
    prepared_block_free(&block);
}

void signer_say_open(struct desk *desk, uint32_t link, struct signer *signer)
{
    const char *path[DESK_SEATS + 1] = {0};
    size_t count = 0;
    const struct county *county = desk->county;
    size_t at = (size_t)(signer->seat - county->seats);
    path[count++] = county->seats[at].code;
    while (county->seats[at].parent != at) {
        at = county->seats[at].parent;
        path[count++] = county->seats[at].code;
    }
    struct block_text text = {0};
    text_open_path(&text, (enum record_class)(signer->channel - CHANNEL_URGENT), path);
    signer_say(desk, link, signer, &text);
}

struct span body_of_title(struct buffer *body, const char *title)
{
    buffer_clear(body);
    mp_write_map(body, 1);
    mp_write_uint(body, 1);
    mp_write_text(body, title);
    return span_of_buffer(body);
}

void note_by(enum desk_seat seat, enum hash_context context, struct buffer *map)
{
    const struct county *county = desk_county();
    note_sign(map, context, &county->tree_id, county->seats[seat].signing_secret, NULL);
}

void desk_offer_rows(struct desk *desk, uint32_t link, struct span envelope,
                     const struct span *rows, size_t count)
{
    struct buffer body = {0};
    desk_say(desk, link, CHANNEL_CONTROL, SAY_DOCUMENT, envelope);
    mp_write_array(&body, 3);
    mp_write_uint(&body, 0);
    mp_write_array(&body, (uint32_t)count);
    for (size_t i = 0; i < count; i++)
        mp_write_bin(&body, rows[i]);
    mp_write_nil(&body);
    desk_say_buffer(desk, link, CHANNEL_CONTROL, SAY_ROWS, &body);
    desk_run(desk);
    assert(desk->code == ERR_OK);
}

void desk_offer_branch(struct desk *desk, uint32_t link, enum desk_seat seat)
{
    const struct county *county = desk->county;
    const struct held_document *held =
        tree_find_document(county->tree, DOCUMENT_BRANCH, span_of_text(county->seats[seat].code));
    desk_offer_rows(desk, link, held->envelope, held->rows, held->row_count);
}

/* ---- what V1 often says ---- */

struct signer desk_incident(struct desk *desk, uint32_t link)
{
    struct signer signer = signer_of(SEAT_V1, DESK_EPOCH, 1, CLASS_NORMAL, 0);
    struct buffer body = {0};
    struct block_text text = {0};
    signer_say_open(desk, link, &signer);
    text_add(&text, &(struct text_entry){.kind = ENTRY_WRITE,
                                         .type = TYPE_INCIDENT,
                                         .counter = 1,
                                         .n = 1,
                                         .body = body_of_title(&body, "a")});
    signer_say(desk, link, &signer, &text);
    desk_run(desk);
    assert(desk->code == ERR_OK && desk_rows(desk, TABLE_RECORDS) == 1);
    buffer_free(&body);
    return signer;
}

void desk_edits(struct desk *desk, uint32_t link, struct signer *v1, uint32_t first, uint32_t count)
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
    desk_run(desk);
    assert(desk->code == ERR_OK);
    buffer_free(&body);
}

void desk_statement(struct desk *desk, uint32_t link, uint32_t epoch, uint64_t k)
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
