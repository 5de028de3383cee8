/* A small client, a small maker of trees, and processes that are this executable again. */
#include "tests/process/node_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <ftw.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "node/author/file.h"
#include "node/node.h"
#include "tests/scratch.h"
#include "topology/author.h"

extern char **environ;

void node_world_child(int argument_count, char **arguments)
{
    if (argument_count != 3 || strcmp(arguments[1], "--serve") != 0)
        return;
    char log[PATH_MAX];
    snprintf(log, sizeof log, "%s/log", arguments[2]);
    struct node_run_options options = {.log_file = log};
    exit(node_run(arguments[2], &options));
}

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static bool port_is_free(unsigned port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int file = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(file >= 0);
    bool bound = bind(file, (struct sockaddr *)&address, sizeof address) == 0;
    close(file);
    return bound;
}

/* A port that nobody uses at this moment, drawn from those that the kernel gives to no outgoing
 * connection: it is still free when its node starts, or starts again. */
static unsigned free_port(void)
{
    enum { LEAST = 10000, MOST = 32767, TRIES = 1000 };
    uint32_t draw = 0;
    for (unsigned i = 0; i < TRIES; i++) {
        random_bytes(&draw, sizeof draw);
        unsigned port = LEAST + draw % (MOST - LEAST + 1);
        if (port_is_free(port))
            return port;
    }
    fail_msg("no port is free");
    return 0;
}

/* Of the world that is being made; NULL: nobody falls back. */
static struct {
    const char *seat, *host, *listed_by;
} fallback;

static void write_document(struct node_world *world, const struct author_document *document,
                           unsigned order)
{
    char name[64];
    struct error error;
    struct span *rows = mem_alloc((document->row_count + 1) * sizeof *rows);
    for (size_t i = 0; i < document->row_count; i++)
        rows[i] = span_of_buffer(&document->rows[i]);
    struct document_file file = {.kind = document->kind,
                                 .envelope = span_of_buffer(&document->envelope),
                                 .row_count = document->row_count,
                                 .rows = rows};
    snprintf(name, sizeof name, "%03u", order);
    for (size_t i = 0; i < world->count; i++) {
        if (fallback.host == NULL || strcmp(world->seats[i].code, fallback.host) != 0 ||
            strcmp(document->seat, fallback.listed_by) != 0)
            assert_int_equal(document_file_write(world->seats[i].dir, name, &file, &error), ERR_OK);
    }
    free(rows);
}

static void write_node(struct node_world_seat *seat, const struct author_seat *row,
                       const struct node_keys *keys, const struct hash *tree_id)
{
    struct node_config config;
    struct error error;
    config_usual(&config);
    config.tree_id = *tree_id;
    config.map_mib = 64;
    config.log = LOG_TRACE;
    memcpy(config.seat, row->code.data, row->code.size);
    memcpy(config.listen, row->endpoint.data, row->endpoint.size);
    config.tuning = (struct replica_tuning){.token_every_ms = 500,
                                            .statement_after_data_ms = 100,
                                            .statement_idle_ms = 1000,
                                            .report_every_ms = 50};
    if (fallback.host != NULL) {
        config.links.ping_ms = 400;
        config.links.dead_ms = 4000;
    }
    assert_int_equal(node_directory_init(seat->dir, &config, keys, &error), ERR_OK);
}

static struct author_document sign_types(const struct author_tree *tree,
                                         const struct author_seat *root)
{
    static const char types[] = "version: 1\n"
                                "types:\n"
                                "  incident:\n"
                                "    number: 1\n"
                                "    class: normal\n"
                                "    circle: path\n"
                                "    counted: true\n"
                                "    fields:\n"
                                "      title: {number: 1, kind: text, required: true}\n"
                                "      level: {number: 2, kind: integer, min: 1, max: 4}\n"
                                "  mediation:\n"
                                "    number: 2\n"
                                "    class: normal\n"
                                "    circle: origin\n"
                                "    counted: true\n"
                                "    fields:\n"
                                "      title: {number: 1, kind: text, required: true}\n"
                                "  directive:\n"
                                "    number: 3\n"
                                "    class: urgent\n"
                                "    circle: subtree\n"
                                "    fields:\n"
                                "      title: {number: 1, kind: text, required: true}\n"
                                "  case:\n"
                                "    number: 4\n"
                                "    class: normal\n"
                                "    circle: path\n"
                                "    fields:\n"
                                "      title: {number: 1, kind: text, required: true}\n"
                                "      outcome: {number: 2, kind: text}\n"
                                "      state: {number: 3, kind: enum}\n"
                                "    workflow:\n"
                                "      field: state\n"
                                "      states:\n"
                                "        open: {number: 1, initial: true, within: 2 days}\n"
                                "        dispatched: {number: 2}\n"
                                "        closed: {number: 3, closed: true}\n"
                                "      steps:\n"
                                "        dispatch:\n"
                                "          number: 1\n"
                                "          from: open\n"
                                "          to: dispatched\n"
                                "          who: [{tier: county}]\n"
                                "        close:\n"
                                "          number: 2\n"
                                "          from: open\n"
                                "          to: closed\n"
                                "          requires: [outcome]\n";
    struct error error;
    struct author_document document;
    struct schema_source *source = schema_compile(span_of_text(types), "types", &error);
    assert_non_null(source);
    struct document_header header = {
        .tree_id = tree->tree_id, .term = 1, .version = 1, .issued_ms = 1};
    assert_int_equal(author_types(&header, source, &root->admin_secret, 1, &document, &error),
                     ERR_OK);
    schema_source_free(source);
    return document;
}

static void make_seats(struct node_world *world, struct author_seat *rows, struct node_keys *keys,
                       char (*endpoints)[64])
{
    uint8_t seed[32], public_key[KEY_BYTES];
    char dir[sizeof world->dir]; /* a copy: it lies in what is written to */
    memcpy(dir, world->dir, sizeof dir);
    for (size_t i = 0; i < world->count; i++) {
        struct node_world_seat *seat = &world->seats[i];
        *seat = (struct node_world_seat){.api = -1};
        memcpy(seat->code, rows[i].code.data, rows[i].code.size);
        snprintf(seat->dir, sizeof seat->dir, "%s/%.*s", dir, (int)rows[i].code.size,
                 (const char *)rows[i].code.data);
        node_keys_make(&keys[i], i > 0 ? keys[0].tree_secret : NULL);
        memcpy(rows[i].signing_key, keys[i].signing_key, KEY_BYTES);
        memcpy(rows[i].link_key, keys[i].link_key, KEY_BYTES);
        memcpy(rows[i].seal_key, keys[i].seal_key, KEY_BYTES);
        rows[i].has_seal_key = true;
        random_bytes(seed, sizeof seed);
        sign_key_pair(seed, public_key, rows[i].admin_secret);
        rows[i].has_admin = true;
        snprintf(endpoints[i], sizeof endpoints[i], "tcp://127.0.0.1:%u", free_port());
        rows[i].endpoint = span_of_text(endpoints[i]);
        if (fallback.seat != NULL && strcmp(seat->code, fallback.seat) == 0)
            rows[i].fallback = span_of_text(fallback.host);
    }
}

void node_world_make(struct node_world *world, const char *table)
{
    struct error error;
    char endpoints[NODE_WORLD_SEATS_MAX][64];
    struct node_keys keys[NODE_WORLD_SEATS_MAX];
    *world = (struct node_world){0};
    assert_true(crypto_start());
    assert_true(scratch_make(world->dir, sizeof world->dir, "terrace-node"));
    struct csv_tree *csv = csv_tree_read(span_of_text(table), "table", &error);
    assert_non_null(csv);
    world->count = csv->row_count;
    assert_in_range(world->count, 1, NODE_WORLD_SEATS_MAX);
    struct author_seat *rows = author_seats_of(csv);
    make_seats(world, rows, keys, endpoints);
    struct author_plan *plan = author_plan_new(rows, world->count, &error);
    assert_non_null(plan);
    struct author_options options = {.issued_ms = 1};
    struct author_tree *tree = author_tree_new(plan, rows, &options, &error);
    assert_non_null(tree);
    for (size_t i = 0; i < world->count; i++)
        write_node(&world->seats[i], &rows[i], &keys[i], &tree->tree_id);
    for (size_t i = 0; i < tree->document_count; i++)
        write_document(world, &tree->documents[i], (unsigned)i);
    struct author_document types = sign_types(tree, &rows[plan->order[0]]);
    write_document(world, &types, 999);
    author_document_clear(&types);
    author_tree_free(tree);
    author_plan_free(plan);
    free(rows);
    csv_tree_free(csv);
}

void node_world_make_fallback(struct node_world *world, const char *table, const char *seat,
                              const char *host, const char *listed_by)
{
    fallback.seat = seat;
    fallback.host = host;
    fallback.listed_by = listed_by;
    node_world_make(world, table);
    fallback.seat = fallback.host = fallback.listed_by = NULL;
}

static void hang_up(struct node_world_seat *seat)
{
    if (seat->api >= 0)
        close(seat->api);
    seat->api = -1;
    buffer_free(&seat->heard);
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    (void)status, (void)kind, (void)walk;
    return remove(path);
}

void node_world_end(struct node_world *world)
{
    for (size_t i = 0; i < world->count; i++) {
        if (world->seats[i].process != 0)
            node_world_strike(&world->seats[i]);
        hang_up(&world->seats[i]);
    }
    nftw(world->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

struct node_world_seat *node_world_seat(struct node_world *world, const char *code)
{
    for (size_t i = 0; i < world->count; i++) {
        if (strcmp(world->seats[i].code, code) == 0)
            return &world->seats[i];
    }
    fail_msg("no seat %s", code);
    return NULL;
}

static void spawn(struct node_world_seat *seat)
{
    char name[] = "node", serve[] = "--serve";
    char *arguments[] = {name, serve, seat->dir, NULL};
    assert_int_equal(seat->process, 0);
    assert_int_equal(posix_spawn(&seat->process, "/proc/self/exe", NULL, NULL, arguments, environ),
                     0);
}

static bool dial(struct node_world_seat *seat)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%.90s/api.sock", seat->dir);
    seat->api = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(seat->api, (struct sockaddr *)&address, sizeof address) == 0)
        return true;
    close(seat->api);
    seat->api = -1;
    return false;
}

void node_world_dial(struct node_world_seat *seat)
{
    assert_true(dial(seat));
}

void node_world_spawn(struct node_world_seat *seat)
{
    hang_up(seat);
    spawn(seat);
}

bool node_world_try(struct node_world_seat *seat)
{
    return dial(seat);
}

void node_world_start(struct node_world_seat *seat)
{
    uint64_t until = now_ms() + NODE_WORLD_WAIT_MS;
    hang_up(seat);
    spawn(seat);
    while (!dial(seat)) {
        assert_int_equal(waitpid(seat->process, NULL, WNOHANG), 0);
        assert_true(now_ms() < until);
        poll(NULL, 0, 5);
    }
}

int node_world_wait(struct node_world_seat *seat)
{
    int status = 0;
    assert_int_equal(waitpid(seat->process, &status, 0), seat->process);
    seat->process = 0;
    hang_up(seat);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

void node_world_strike(struct node_world_seat *seat)
{
    kill(seat->process, SIGKILL);
    assert_int_equal(waitpid(seat->process, NULL, 0), seat->process);
    seat->process = 0;
}

int node_world_run(struct node_world_seat *seat)
{
    spawn(seat);
    return node_world_wait(seat);
}

void node_world_kill(struct node_world_seat *seat)
{
    node_world_strike(seat);
    hang_up(seat);
}

bool node_world_hear(struct node_world_seat *seat, struct api_answer *answer)
{
    struct error error;
    buffer_clear(&seat->heard);
    for (size_t whole = 4; seat->heard.size < whole;) {
        buffer_reserve(&seat->heard, whole);
        ssize_t got =
            recv(seat->api, seat->heard.data + seat->heard.size, whole - seat->heard.size, 0);
        if (got <= 0)
            return false;
        seat->heard.size += (size_t)got;
        if (seat->heard.size == 4 && whole == 4)
            whole += read_u32(seat->heard.data);
    }
    assert_int_equal(
        api_answer_decode(SPAN(seat->heard.data + 4, seat->heard.size - 4), answer, &error),
        ERR_OK);
    return true;
}

uint64_t node_world_say(struct node_world_seat *seat, const char *verb, struct span args)
{
    struct buffer request = {0};
    uint64_t id = ++seat->last_id;
    api_request_encode(id, verb, args, &request);
    assert_int_equal(send(seat->api, request.data, request.size, MSG_NOSIGNAL), request.size);
    buffer_free(&request);
    return id;
}

struct api_answer node_world_ask(struct node_world_seat *seat, const char *verb, struct span args,
                                 struct buffer *pieces)
{
    struct api_answer answer;
    uint64_t id = node_world_say(seat, verb, args);
    for (;;) {
        assert_true(node_world_hear(seat, &answer));
        assert_int_equal(answer.id, id);
        if (answer.status != API_MORE)
            return answer;
        if (pieces != NULL)
            buffer_append_span(pieces, answer.value);
    }
}

static void add_pair(struct buffer *out, const char *name, const char *text)
{
    mp_write_text(out, name);
    mp_write_text(out, text);
}

struct buffer node_world_args(const char *name, ...)
{
    struct buffer args = {0}, pairs = {0}, fields = {0};
    uint32_t pair_count = 0, field_count = 0;
    va_list list;
    va_start(list, name);
    for (; name != NULL; name = va_arg(list, const char *)) {
        const char *text = va_arg(list, const char *);
        bool is_field = strncmp(name, "fields.", 7) == 0;
        add_pair(is_field ? &fields : &pairs, is_field ? name + 7 : name, text);
        pair_count += !is_field;
        field_count += is_field;
    }
    va_end(list);
    mp_write_map(&args, pair_count + (field_count > 0));
    buffer_append_span(&args, span_of_buffer(&pairs));
    if (field_count > 0) {
        mp_write_text(&args, "fields");
        mp_write_map(&args, field_count);
        buffer_append_span(&args, span_of_buffer(&fields));
    }
    buffer_free(&pairs);
    buffer_free(&fields);
    return args;
}

struct span node_world_at(struct span map, const char *path)
{
    size_t size = strcspn(path, ".");
    struct mp_reader reader = api_reader(map);
    uint32_t pairs = map.size > 0 ? mp_read_map(&reader) : 0;
    for (; pairs > 0 && !reader.failed; pairs--) {
        struct span key = mp_read_str(&reader), value = mp_read_any(&reader);
        if (span_equal(key, SPAN(path, size)))
            return path[size] == '.' ? node_world_at(value, path + size + 1) : value;
    }
    return SPAN_EMPTY;
}

bool node_world_is_text(struct span map, const char *path, const char *text)
{
    struct mp_reader reader = api_reader(node_world_at(map, path));
    return span_equal(mp_read_str(&reader), span_of_text(text)) && !reader.failed;
}

uint64_t node_world_number(struct span map, const char *path)
{
    struct mp_reader reader = api_reader(node_world_at(map, path));
    uint64_t number = mp_read_uint(&reader);
    return reader.failed ? UINT64_MAX : number;
}

void node_world_until(struct node_world_seat *seat, const char *verb, struct span args,
                      bool (*holds)(const struct api_answer *answer, const void *context),
                      const void *context)
{
    uint64_t until = now_ms() + NODE_WORLD_WAIT_MS;
    for (;;) {
        struct api_answer answer = node_world_ask(seat, verb, args, NULL);
        if (holds(&answer, context))
            return;
        if (now_ms() > until)
            fail_msg("%s at %s: not in time (%s)", verb, seat->code, answer.error.why);
        poll(NULL, 0, 10);
    }
}

static bool uplink_is(const struct api_answer *answer, const void *state)
{
    return answer->status == API_DONE && node_world_is_text(answer->value, "uplink.state", state);
}

void node_world_until_uplink(struct node_world_seat *seat, const char *state)
{
    node_world_until(seat, "status", SPAN_EMPTY, uplink_is, state);
}

void node_world_id(struct span answer, char id[static NODE_WORLD_ID_ROOM])
{
    struct mp_reader reader = api_reader(node_world_at(answer, "id"));
    struct span text = mp_read_str(&reader);
    assert_int_equal(text.size, NODE_WORLD_ID_ROOM - 1);
    memcpy(id, text.data, text.size);
    id[text.size] = '\0';
}

bool node_world_bulk_is_refused(struct node_world_seat *seat, size_t count, unsigned *seed)
{
    static char title[NODE_WORLD_BULK_BYTES];
    struct buffer args = {0};
    mp_write_map(&args, 2);
    mp_write_text(&args, "type");
    mp_write_text(&args, "incident");
    mp_write_text(&args, "records");
    mp_write_array(&args, (uint32_t)count);
    for (size_t i = 0; i < count; i++) {
        for (size_t at = 0; at < sizeof title; at++)
            title[at] = (char)(' ' + rand_r(seed) % 90);
        mp_write_map(&args, 1);
        mp_write_text(&args, "title");
        mp_write_str(&args, SPAN(title, sizeof title));
    }
    struct api_answer answer = node_world_ask(seat, "put", span_of_buffer(&args), NULL);
    buffer_free(&args);
    assert_int_equal(answer.status, API_DONE);
    struct mp_reader reader = api_reader(answer.value);
    assert_int_equal(mp_read_array(&reader), count);
    return node_world_is_text(mp_read_any(&reader), "error", "full");
}
