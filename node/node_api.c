/* Verbs of the local API. Writes go to the core as one item a request and come back answered;
 * reads go to the pool; the rest is done here. */
#include <stdlib.h>
#include <string.h>

#include "node/node_parts.h"

void node_api_refuse(struct node *node, struct api_call call, const struct error *error)
{
    if (node->api != NULL)
        api_answer(node->api, call, API_ERROR, SPAN_EMPTY, error);
}

/* The spans of the writes are moved onto a copy of the arguments that the item owns. */
static struct span moved(struct span span, struct span from, const uint8_t *to)
{
    return span.size == 0 ? SPAN_EMPTY : SPAN(to + (span.data - from.data), span.size);
}

static void push_writes(struct node *node, struct api_call call, struct span args,
                        struct core_write *writes, size_t count, bool many)
{
    struct core_item *item = core_item_new(CORE_WRITES, SPAN_EMPTY);
    item->writes.call = call;
    item->writes.many = many;
    item->writes.arguments = mem_copy(args.data, args.size);
    item->writes.argument_bytes = args.size;
    item->writes.count = count;
    item->writes.writes = writes;
    for (size_t i = 0; i < count; i++) {
        writes[i].type = moved(writes[i].type, args, item->writes.arguments);
        writes[i].transition = moved(writes[i].transition, args, item->writes.arguments);
        writes[i].fields = moved(writes[i].fields, args, item->writes.arguments);
        writes[i].request_id = moved(writes[i].request_id, args, item->writes.arguments);
        writes[i].seats = moved(writes[i].seats, args, item->writes.arguments);
        writes[i].reason = moved(writes[i].reason, args, item->writes.arguments);
        writes[i].endorses = moved(writes[i].endorses, args, item->writes.arguments);
        writes[i].import = moved(writes[i].import, args, item->writes.arguments);
        writes[i].to = moved(writes[i].to, args, item->writes.arguments);
    }
    node_push(node, item, args.size);
}

static struct core_write *single(const struct core_write *write)
{
    return mem_copy(write, sizeof *write);
}

/* `records`: [fields map, ...]. NULL with `error` when it is something else. */
static struct core_write *read_records(struct span records, const struct core_write *write,
                                       size_t *count, struct error *error)
{
    struct mp_reader reader = api_reader(records);
    *count = mp_read_array(&reader);
    if (reader.failed || *count == 0 || *count > PUT_RECORDS_MAX) {
        error_set(error, reader.failed ? ERR_INVALID : ERR_OVERSIZE, "records",
                  "expected a list of 1 to %d maps of fields", PUT_RECORDS_MAX);
        return NULL;
    }
    struct core_write *writes = mem_alloc(*count * sizeof *writes);
    for (size_t i = 0; i < *count; i++) {
        bool is_map = mp_peek(&reader) == MP_MAP;
        writes[i] = *write;
        writes[i].fields = mp_read_any(&reader);
        if (!is_map || reader.failed) {
            error_set(error, ERR_INVALID, "records", "expected a map of fields at place %zu", i);
            free(writes);
            return NULL;
        }
    }
    return writes;
}

enum put_argument {
    PUT_TYPE,
    PUT_FIELDS,
    PUT_REQUEST,
    PUT_RECORDS,
    PUT_IMPORT,
    PUT_ROWS,
    PUT_AFTER,
    PUT_FROM,
    PUT_CHECK,
    PUT_TO,
    PUT_ENDORSES,
    PUT_REASON,
    PUT_ARGUMENTS
};

/* `from`: for each record the id of the one that its row was exported from; "": not known. */
static bool read_from(const struct argument *from, struct core_write *writes, size_t count,
                      struct error *error)
{
    struct mp_reader reader = api_reader(from->value);
    if (from->value.size == 0)
        return true;
    bool right = mp_peek(&reader) == MP_ARRAY && mp_read_array(&reader) == count;
    for (size_t i = 0; right && i < count; i++) {
        right = mp_peek(&reader) == MP_STR;
        struct span id = right ? mp_read_str(&reader) : SPAN_EMPTY;
        right = right && (id.size == 0 || record_id_parse(id, &writes[i].record));
    }
    if (!right)
        error_set(error, ERR_INVALID, "from", "expected 32 hex digits, or \"\", for each record");
    return right;
}

/* `import` with `rows`, a number for each record, and `after`, the one before the first. */
static bool read_import(const struct argument all[static PUT_ARGUMENTS], struct core_write *writes,
                        size_t count, struct error *error)
{
    const struct argument *name = &all[PUT_IMPORT], *rows = &all[PUT_ROWS],
                          *after = &all[PUT_AFTER];
    struct span import;
    uint64_t last = 0;
    bool check = false;
    if (name->value.size == 0 && rows->value.size == 0)
        return true;
    if (!argument_text(name, true, &import, error) || !argument_uint(after, &last, error) ||
        !argument_bool(&all[PUT_CHECK], &check, error))
        return false;
    struct mp_reader reader = api_reader(rows->value);
    bool right = import.size > 0 && mp_read_array(&reader) == count;
    for (size_t i = 0; right && i < count; i++) {
        writes[i].import = import;
        writes[i].only_check = check;
        writes[i].import_after = last;
        last = writes[i].import_row = mp_read_uint(&reader);
        right = !reader.failed && last > writes[i].import_after;
    }
    if (!right)
        error_set(error, ERR_INVALID, "rows", "expected a rising number for each of the records");
    return right && read_from(&all[PUT_FROM], writes, count, error);
}

static void put_one(struct node *node, struct api_call call, struct span args,
                    const struct argument *fields, struct core_write *write)
{
    struct error error;
    error_clear(&error);
    if (argument_map(fields, true, &write->fields, &error))
        push_writes(node, call, args, single(write), 1, false);
    else
        node_api_refuse(node, call, &error);
}

static void put(struct node *node, struct api_call call, struct span args)
{
    struct argument all[PUT_ARGUMENTS] = {
        [PUT_TYPE] = {.name = "type"},         [PUT_FIELDS] = {.name = "fields"},
        [PUT_REQUEST] = {.name = "request"},   [PUT_RECORDS] = {.name = "records"},
        [PUT_IMPORT] = {.name = "import"},     [PUT_ROWS] = {.name = "rows"},
        [PUT_AFTER] = {.name = "after"},       [PUT_FROM] = {.name = "from"},
        [PUT_CHECK] = {.name = "check"},       [PUT_TO] = {.name = "to"},
        [PUT_ENDORSES] = {.name = "endorses"}, [PUT_REASON] = {.name = "reason"}};
    struct core_write write = {.kind = WRITE_PUT}, *writes = NULL;
    struct error error;
    size_t count = 0;
    error_clear(&error);
    if (!arguments_read(args, all, PUT_ARGUMENTS, &error) ||
        !argument_text(&all[PUT_TYPE], true, &write.type, &error) ||
        !argument_text(&all[PUT_REQUEST], false, &write.request_id, &error) ||
        !argument_text(&all[PUT_TO], false, &write.to, &error) ||
        !argument_text(&all[PUT_REASON], false, &write.reason, &error)) {
        node_api_refuse(node, call, &error);
        return;
    }
    write.endorses = all[PUT_ENDORSES].value;
    if (all[PUT_RECORDS].value.size == 0 && all[PUT_IMPORT].value.size > 0) {
        error_set(&error, ERR_USAGE, "put", "`import` comes with `records` and `rows`");
        node_api_refuse(node, call, &error);
        return;
    }
    if (all[PUT_RECORDS].value.size == 0) {
        put_one(node, call, args, &all[PUT_FIELDS], &write);
        return;
    }
    if (all[PUT_FIELDS].value.size > 0 || all[PUT_REQUEST].value.size > 0)
        error_set(&error, ERR_USAGE, "put", "`records` comes without `fields` and `request`");
    else
        writes = read_records(all[PUT_RECORDS].value, &write, &count, &error);
    if (writes != NULL && !read_import(all, writes, count, &error)) {
        free(writes);
        writes = NULL;
    }
    if (writes == NULL)
        node_api_refuse(node, call, &error);
    else
        push_writes(node, call, args, writes, count, true);
}

static void change(struct node *node, struct api_call call, struct span args, enum write_kind kind)
{
    struct argument all[] = {{.name = "type"},
                             {.name = "id"},
                             {.name = "fields"},
                             {.name = "endorses"},
                             {.name = "reason"}};
    size_t count = kind == WRITE_SET ? sizeof all / sizeof *all : 2;
    struct core_write write = {.kind = kind};
    struct error error;
    error_clear(&error);
    if (arguments_read(args, all, count, &error) &&
        argument_text(&all[0], true, &write.type, &error) &&
        argument_record(&all[1], &write.record, &error) &&
        (kind == WRITE_DELETE || argument_map(&all[2], true, &write.fields, &error)) &&
        argument_text(&all[4], false, &write.reason, &error)) {
        write.endorses = all[3].value;
        push_writes(node, call, args, single(&write), 1, false);
    } else {
        node_api_refuse(node, call, &error);
    }
}

static void set(struct node *node, struct api_call call, struct span args)
{
    change(node, call, args, WRITE_SET);
}

static void delete (struct node *node, struct api_call call, struct span args)
{
    change(node, call, args, WRITE_DELETE);
}

static void release(struct node *node, struct api_call call, struct span args)
{
    struct argument all[] = {{.name = "type"}, {.name = "id"}};
    struct core_write write = {.kind = WRITE_RELEASE};
    struct error error;
    error_clear(&error);
    if (arguments_read(args, all, 2, &error) &&
        argument_text(&all[0], false, &write.type, &error) &&
        (write.type.size == 0 || argument_record(&all[1], &write.record, &error)))
        push_writes(node, call, args, single(&write), 1, false);
    else
        node_api_refuse(node, call, &error);
}

static void extend(struct node *node, struct api_call call, struct span args)
{
    struct argument all[] = {{.name = "type"},   {.name = "id"},       {.name = "seats"},
                             {.name = "reason"}, {.name = "endorses"}, {.name = "private"}};
    struct core_write write = {.kind = WRITE_EXTEND};
    struct error error;
    error_clear(&error);
    if (arguments_read(args, all, 6, &error) && argument_text(&all[0], true, &write.type, &error) &&
        argument_record(&all[1], &write.record, &error) &&
        argument_text(&all[3], false, &write.reason, &error) &&
        argument_bool(&all[5], &write.with_private, &error)) {
        write.seats = all[2].value;
        write.endorses = all[4].value;
        push_writes(node, call, args, single(&write), 1, false);
    } else {
        node_api_refuse(node, call, &error);
    }
}

static void erase(struct node *node, struct api_call call, struct span args)
{
    struct argument all[] = {
        {.name = "type"}, {.name = "id"}, {.name = "fields"}, {.name = "reason"}};
    struct core_write write = {.kind = WRITE_ERASE};
    struct error error;
    error_clear(&error);
    if (arguments_read(args, all, 4, &error) && argument_text(&all[0], true, &write.type, &error) &&
        argument_record(&all[1], &write.record, &error) &&
        argument_text(&all[3], false, &write.reason, &error)) {
        write.fields = all[2].value;
        push_writes(node, call, args, single(&write), 1, false);
    } else {
        node_api_refuse(node, call, &error);
    }
}

static void take_step(struct node *node, struct api_call call, struct span args)
{
    enum { STEP, TYPE, ID, FIELDS, TO, REASON, ARGUMENTS };
    struct argument all[ARGUMENTS] = {{.name = "step"},   {.name = "type"}, {.name = "id"},
                                      {.name = "fields"}, {.name = "to"},   {.name = "reason"}};
    struct core_write write = {.kind = WRITE_DO};
    struct error error;
    error_clear(&error);
    if (arguments_read(args, all, ARGUMENTS, &error) &&
        argument_text(&all[STEP], true, &write.transition, &error) &&
        argument_text(&all[TYPE], true, &write.type, &error) &&
        argument_record(&all[ID], &write.record, &error) &&
        argument_map(&all[FIELDS], false, &write.fields, &error) &&
        argument_text(&all[TO], false, &write.to, &error) &&
        argument_text(&all[REASON], false, &write.reason, &error))
        push_writes(node, call, args, single(&write), 1, false);
    else
        node_api_refuse(node, call, &error);
}

static void get(struct node *node, struct api_call call, struct span args)
{
    node_read_begin(node, call, READ_GET, args);
}

static void history(struct node *node, struct api_call call, struct span args)
{
    node_read_begin(node, call, READ_HISTORY, args);
}

static void list(struct node *node, struct api_call call, struct span args)
{
    node_read_begin(node, call, READ_LIST, args);
}

static void rollup(struct node *node, struct api_call call, struct span args)
{
    node_read_begin(node, call, READ_ROLLUP, args);
}

static void conflicts(struct node *node, struct api_call call, struct span args)
{
    node_read_begin(node, call, READ_CONFLICTS, args);
}

static void watch(struct node *node, struct api_call call, struct span args)
{
    node_read_begin(node, call, READ_WATCH, args);
}

static void aside(struct node *node, struct api_call call, struct span args)
{
    node_read_begin(node, call, READ_ASIDE, args);
}

static void revoked(struct node *node, struct api_call call, struct span args)
{
    node_read_begin(node, call, READ_REVOKED, args);
}

static void types(struct node *node, struct api_call call, struct span args)
{
    node_read_begin(node, call, READ_TYPES, args);
}

static void imported(struct node *node, struct api_call call, struct span args)
{
    node_read_begin(node, call, READ_IMPORTED, args);
}

static void heads(struct node *node, struct api_call call, struct span args)
{
    node_read_begin(node, call, READ_HEADS, args);
}

static void roll_call(struct node *node, struct api_call call, struct span args)
{
    node_read_begin(node, call, READ_ROLL_CALL, args);
}

static void status(struct node *node, struct api_call call, struct span args)
{
    (void)args;
    node_status_begin(node, call);
}

static void cut_link(struct node *node, struct api_call call, struct span args)
{
    struct argument all[] = {{.name = "cut"}};
    struct error error;
    bool cut = node->cut;
    error_clear(&error);
    if (!arguments_read(args, all, 1, &error) || !argument_bool(&all[0], &cut, &error)) {
        node_api_refuse(node, call, &error);
        return;
    }
    if (node->room != NULL)
        node_link_set_cut(node, cut);
    struct buffer value = {0};
    mp_write_map(&value, 1);
    mp_write_text(&value, "cut");
    mp_write_bool(&value, node->cut);
    api_answer(node->api, call, API_DONE, span_of_buffer(&value), NULL);
    buffer_free(&value);
}

static void invites(struct node *node, struct api_call call, struct span args)
{
    (void)args;
    node_join_verb(node, call);
}

static void verify(struct node *node, struct api_call call, struct span args)
{
    (void)args;
    node_scrub_begin(node, call);
}

static void publish(struct node *node, struct api_call call, struct span args)
{
    node_publish_begin(node, call, args, false);
}

static void confirm(struct node *node, struct api_call call, struct span args)
{
    node_publish_begin(node, call, args, true);
}

static void stop(struct node *node, struct api_call call, struct span args)
{
    static const uint8_t empty_map[] = {0x80};
    (void)args;
    log_line(&node->log, LOG_INFO, "asked to stop");
    api_answer(node->api, call, API_DONE, SPAN_OF_ARRAY(empty_map), NULL);
    node_stop_soon(node);
}

static void sql(struct node *node, struct api_call call, struct span args)
{
    node_sql_begin(node, call, args);
}

static const struct verb {
    const char *name;
    void (*run)(struct node *node, struct api_call call, struct span args);
} verbs[] = {
    {"put", put},           {"get", get},
    {"set", set},           {"do", take_step},
    {"list", list},         {"delete", delete},
    {"release", release},   {"rollup", rollup},
    {"status", status},     {"link", cut_link},
    {"stop", stop},         {"types", types},
    {"imported", imported}, {"conflicts", conflicts},
    {"aside", aside},       {"watch", watch},
    {"verify", verify},     {"history", history},
    {"publish", publish},   {"heads", heads},
    {"extend", extend},     {"erase", erase},
    {"invites", invites},   {"revoked", revoked},
    {"confirm", confirm},   {"roll_call", roll_call},
    {"sql", sql},
};

static void on_request(void *context, struct api_call call, const struct api_request *request)
{
    struct node *node = context;
    struct error error;
    if (node->stopping) {
        error_set(&error, ERR_UNREACHABLE, "the node", "it is stopping");
        node_api_refuse(node, call, &error);
        return;
    }
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        if (span_equal(request->verb, span_of_text(verbs[i].name))) {
            verbs[i].run(node, call, request->args);
            return;
        }
    }
    error_set(&error, ERR_USAGE, "request", "this node has no verb %.*s",
              (int)(request->verb.size < 64 ? request->verb.size : 64),
              (const char *)request->verb.data);
    error_next(&error, "the node may be older than the command: compare their versions");
    node_api_refuse(node, call, &error);
}

static void on_cancelled(void *context, struct api_call call)
{
    node_read_cancel(context, call);
    node_sql_cancel(context, call);
}

static void on_drained(void *context, uint64_t client)
{
    node_read_drained(context, client);
    node_sql_drained(context);
}

enum error_code node_api_start(struct node *node, struct error *error)
{
    struct api_handler handler = {node, on_request, on_cancelled, on_drained};
    return api_open(&node->loop, node->dir, &handler, &node->api, error);
}

static void write_done(const struct core_write *write, struct buffer *out)
{
    char id[33];
    record_id_text(&write->record, id);
    mp_write_map(out, 2);
    mp_write_text(out, "id");
    mp_write_text(out, id);
    mp_write_text(out, "clock");
    mp_write_uint(out, write->clock);
}

static void write_refused(const struct error *error, struct buffer *out)
{
    mp_write_map(out, 4);
    mp_write_text(out, "error");
    mp_write_text(out, error_name(error->code));
    mp_write_text(out, "what");
    mp_write_text(out, error->what);
    mp_write_text(out, "why");
    mp_write_text(out, error->why);
    mp_write_text(out, "next");
    mp_write_text(out, error->next);
}

static void answer_writes(struct node *node, const struct core_writes *writes)
{
    struct buffer value = {0};
    if (!writes->many && writes->writes[0].error != NULL) {
        api_answer(node->api, writes->call, API_ERROR, SPAN_EMPTY, writes->writes[0].error);
        return;
    }
    if (writes->many)
        mp_write_array(&value, (uint32_t)writes->count);
    for (size_t i = 0; i < writes->count; i++) {
        if (writes->writes[i].error != NULL)
            write_refused(writes->writes[i].error, &value);
        else
            write_done(&writes->writes[i], &value);
    }
    api_answer(node->api, writes->call, API_DONE, span_of_buffer(&value), NULL);
    buffer_free(&value);
}

void node_api_take_writes(struct node *node, struct core_item *first)
{
    for (struct core_item *item = first; item != NULL;
         item = (struct core_item *)item->event.next) {
        if (node->api != NULL)
            answer_writes(node, &item->writes);
    }
}
