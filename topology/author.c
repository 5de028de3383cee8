/* Documents from a plan: rows, headers over them, signatures. */
#include "topology/author.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static const char what[] = "a document can't be made";

struct author_seat *author_seats_of(const struct csv_tree *tree)
{
    struct author_seat *seats = mem_alloc((tree->row_count + 1) * sizeof *seats);
    for (size_t i = 0; i < tree->row_count; i++) {
        const struct csv_tree_row *row = &tree->rows[i];
        seats[i].code = row->code;
        seats[i].name = row->name;
        seats[i].tier = row->tier;
        seats[i].parent = row->parent;
        seats[i].line = row->line;
    }
    return seats;
}

void author_document_clear(struct author_document *document)
{
    for (size_t i = 0; i < document->row_count; i++)
        buffer_free(&document->rows[i]);
    free(document->rows);
    buffer_free(&document->envelope);
    *document = (struct author_document){0};
}

static enum error_code rows_bounds(const struct document_header *header, const struct span *rows,
                                   size_t row_count, struct error *error)
{
    size_t total = 0;
    for (size_t i = 0; i < row_count; i++) {
        total += rows[i].size;
        if (rows[i].size > DOCUMENT_ROW_BYTES_MAX)
            return error_set(error, ERR_OVERSIZE, what, "row %zu of seat %s has %zu bytes", i + 1,
                             header->seat, rows[i].size);
    }
    if (row_count <= DOCUMENT_ROWS_MAX && total <= DOCUMENT_BYTES_MAX)
        return ERR_OK;
    error_set(error, ERR_OVERSIZE, what, "seat %s would have %zu rows of %zu bytes in all",
              header->seat, row_count, total);
    error_next(error, "Put a tier between: a seat has at most %d children and 1 MiB of rows.",
               DOCUMENT_ROWS_MAX);
    return ERR_OVERSIZE;
}

enum error_code author_document(struct document_header *header, const struct span *rows,
                                size_t row_count, const uint8_t (*secrets)[SECRET_BYTES],
                                size_t secret_count, struct author_document *document,
                                struct error *error)
{
    *document = (struct author_document){0};
    enum error_code code = rows_bounds(header, rows, row_count, error);
    if (code != ERR_OK)
        return code;
    header->row_count = (uint32_t)row_count;
    header->row_bytes = 0;
    header->row_root = document_rows_root(rows, row_count);
    document->kind = header->kind;
    memcpy(document->seat, header->seat, sizeof document->seat);
    document->row_count = row_count;
    document->rows = mem_alloc((row_count + 1) * sizeof *document->rows);
    for (size_t i = 0; i < row_count; i++) {
        header->row_bytes += (uint32_t)rows[i].size;
        buffer_append_span(&document->rows[i], rows[i]);
    }
    struct buffer bytes = {0};
    document_header_encode(header, &bytes);
    if (bytes.size > DOCUMENT_HEADER_BYTES_MAX) {
        error_set(error, ERR_OVERSIZE, what, "its header would have %zu bytes, the most is %d",
                  bytes.size, DOCUMENT_HEADER_BYTES_MAX);
        buffer_free(&bytes);
        author_document_clear(document);
        return ERR_OVERSIZE;
    }
    document->hash = document_hash(span_of_buffer(&bytes));
    document_sign(span_of_buffer(&bytes), secrets, secret_count, &document->envelope);
    buffer_free(&bytes);
    return ERR_OK;
}

struct document_header author_next_header(const struct document_header *header,
                                          const struct hash *hash, const struct hash *tree_id,
                                          uint64_t issued_ms)
{
    struct document_header next = *header;
    next.first = false;
    next.tree_id = *tree_id;
    next.version++;
    next.has_predecessor = true;
    next.predecessor = *hash;
    next.issued_ms = issued_ms;
    next.by_hand = false;
    return next;
}

struct tree_making {
    const struct author_plan *plan;
    const struct author_seat *seats;
    const struct author_options *options;
    struct author_tree *tree;
    struct error *error;
};

static void copy_text(char *to, struct span text)
{
    if (text.size > 0)
        memcpy(to, text.data, text.size);
    to[text.size] = '\0';
}

/* The row of one seat, appended to `out`. */
static void row_make(const struct tree_making *making, size_t place, struct buffer *out)
{
    const struct author_seat *seat = &making->seats[place];
    uint8_t admin[KEY_BYTES];
    struct buffer endpoints = {0}, fallbacks = {0};
    struct seat_row row = {.tier = making->plan->tier[place], .generation = 1};
    copy_text(row.seat, seat->code);
    copy_text(row.name, seat->name);
    memcpy(row.signing_key, seat->signing_key, KEY_BYTES);
    memcpy(row.link_key, seat->link_key, KEY_BYTES);
    memcpy(row.seal_key, seat->seal_key, KEY_BYTES);
    row.has_seal_key = seat->has_seal_key;
    row.escrow_key = seat->has_escrow_key ? seat->escrow_key : NULL;
    if (seat->has_admin) {
        memcpy(admin, seat->admin_secret + SECRET_BYTES - KEY_BYTES, KEY_BYTES);
        row.term = 1;
        row.admins = admin_keys_of(1, admin, 1);
    }
    if (seat->endpoint.size > 0) {
        text_list_encode(&seat->endpoint, 1, &endpoints);
        row.endpoints = text_list_of(span_of_buffer(&endpoints));
    }
    if (seat->fallback.size > 0) {
        text_list_encode(&seat->fallback, 1, &fallbacks);
        row.fallbacks = text_list_of(span_of_buffer(&fallbacks));
    }
    seat_row_encode(&row, out);
    buffer_free(&fallbacks);
    buffer_free(&endpoints);
}

static enum error_code branch_make(const struct tree_making *making, size_t place,
                                   struct author_document *document)
{
    const struct author_plan *plan = making->plan;
    const struct author_seat *seat = &making->seats[place];
    struct document_header header = {.kind = DOCUMENT_BRANCH,
                                     .tree_id = making->tree->tree_id,
                                     .term = 1,
                                     .version = 1,
                                     .issued_ms = making->options->issued_ms,
                                     .expires_ms = making->options->expires_ms};
    copy_text(header.seat, seat->code);
    size_t count = plan->child_count[place];
    struct buffer *rows = mem_alloc(count * sizeof *rows);
    struct span *spans = mem_alloc(count * sizeof *spans);
    for (size_t i = 0; i < count; i++) {
        row_make(making, plan->order[plan->child_first[place] + i], &rows[i]);
        spans[i] = span_of_buffer(&rows[i]);
    }
    const uint8_t(*secrets)[SECRET_BYTES] = &seat->admin_secret;
    enum error_code code =
        author_document(&header, spans, count, secrets, 1, document, making->error);
    for (size_t i = 0; i < count; i++)
        buffer_free(&rows[i]);
    free(spans);
    free(rows);
    if (code != ERR_OK && making->error != NULL)
        error_at(making->error, seat->line, 0);
    return code;
}

static enum error_code root_make(const struct tree_making *making, struct author_document *document)
{
    const struct author_options *options = making->options;
    size_t root = making->plan->order[0];
    const uint8_t(*secrets)[SECRET_BYTES] = options->root_secrets;
    uint8_t count = options->root_secret_count, threshold = options->root_threshold;
    if (count == 0) {
        secrets = &making->seats[root].admin_secret;
        count = threshold = 1;
    }
    uint8_t keys[ADMIN_KEYS_MAX][KEY_BYTES];
    assert(threshold >= 1 && threshold <= count && count <= ADMIN_KEYS_MAX);
    for (uint8_t i = 0; i < count; i++)
        memcpy(keys[i], secrets[i] + SECRET_BYTES - KEY_BYTES, KEY_BYTES);
    struct buffer tiers = {0}, row = {0};
    text_list_encode(making->plan->tiers, making->plan->tier_count, &tiers);
    row_make(making, root, &row);
    struct document_header header = {.first = true,
                                     .kind = DOCUMENT_ROOT,
                                     .term = 1,
                                     .version = 1,
                                     .issued_ms = options->issued_ms,
                                     .expires_ms = options->expires_ms,
                                     .tiers = text_list_of(span_of_buffer(&tiers)),
                                     .admins = admin_keys_of(threshold, keys[0], count)};
    for (uint8_t tier = 1; tier < making->plan->tier_count; tier++) {
        if (options->fold_tier.size > 0 &&
            span_equal(making->plan->tiers[tier], options->fold_tier))
            header.fold_tier = tier;
    }
    struct span rows = span_of_buffer(&row);
    enum error_code code =
        author_document(&header, &rows, 1, secrets, count, document, making->error);
    buffer_free(&row);
    buffer_free(&tiers);
    return code;
}

static void tree_id_take(struct author_tree *tree)
{
    struct document_envelope opened;
    enum error_code code =
        document_open(span_of_buffer(&tree->documents[0].envelope), &opened, NULL);
    assert(code == ERR_OK);
    (void)code;
    tree->tree_id = document_tree_id(opened.header);
}

static enum error_code admins_check(const struct tree_making *making, size_t *document_count)
{
    *document_count = 1;
    for (size_t i = 0; i < making->plan->seat_count; i++) {
        const struct author_seat *seat = &making->seats[i];
        bool is_parent = making->plan->child_count[i] > 0;
        bool signs_root = i == making->plan->order[0] && making->options->root_secret_count == 0;
        *document_count += is_parent ? 1 : 0;
        if ((!is_parent && !signs_root) || seat->has_admin)
            continue;
        error_set(making->error, ERR_INVALID, what, "seat %.*s has children and no admin key",
                  (int)seat->code.size, (const char *)seat->code.data);
        error_next(making->error, "Make an admin key for it.");
        if (making->error != NULL)
            error_at(making->error, seat->line, 0);
        return ERR_INVALID;
    }
    return ERR_OK;
}

struct author_tree *author_tree_new(const struct author_plan *plan, const struct author_seat *seats,
                                    const struct author_options *options, struct error *error)
{
    struct tree_making making = {.plan = plan, .seats = seats, .options = options, .error = error};
    size_t document_count;
    if (admins_check(&making, &document_count) != ERR_OK)
        return NULL;
    struct author_tree *tree = making.tree = mem_alloc(sizeof *tree);
    tree->documents = mem_alloc(document_count * sizeof *tree->documents);
    enum error_code code = root_make(&making, &tree->documents[0]);
    if (code == ERR_OK) {
        tree->document_count = 1;
        tree_id_take(tree);
    }
    for (size_t i = 0; i < plan->seat_count && code == ERR_OK; i++) {
        size_t place = plan->order[i];
        if (plan->child_count[place] == 0)
            continue;
        code = branch_make(&making, place, &tree->documents[tree->document_count]);
        if (code == ERR_OK)
            tree->document_count++;
    }
    if (code == ERR_OK)
        return tree;
    author_tree_free(tree);
    return NULL;
}

void author_tree_free(struct author_tree *tree)
{
    if (tree == NULL)
        return;
    for (size_t i = 0; i < tree->document_count; i++)
        author_document_clear(&tree->documents[i]);
    free(tree->documents);
    free(tree);
}

enum error_code author_types(struct document_header *header, const struct schema_source *source,
                             const uint8_t (*secrets)[SECRET_BYTES], size_t secret_count,
                             struct author_document *document, struct error *error)
{
    header->kind = DOCUMENT_TYPES;
    header->schema_version = source->version;
    struct span *rows = mem_alloc((source->row_count + 1) * sizeof *rows);
    for (size_t i = 0; i < source->row_count; i++)
        rows[i] = span_of_buffer(&source->rows[i]);
    enum error_code code =
        author_document(header, rows, source->row_count, secrets, secret_count, document, error);
    free(rows);
    return code;
}
