/* What is signed in mid-run: the rows of one branch document, changed, under its next version. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "sim/world/county_parts.h"

const char *const county_change_names[COUNTY_CHANGE_KINDS] = {
#define X(name, text) text,
    COUNTY_CHANGE_LIST(X)
#undef X
};

/* Rows of one document under change. Texts and keys lie in `bytes` of rows that were read, or in
 * what is owned here. */
struct changing {
    struct county *county;
    const struct county_change *change;
    struct document_header header; /* of the next one */
    uint64_t term;
    struct seat_row *rows;
    size_t row_count;
    struct buffer cut_off, notes, decisions;
    uint8_t admins[2][KEY_BYTES];
    struct seal_key escrow;
};

/* ---- what it is changed from ---- */

struct base { /* the last document of a seat in a term */
    bool found;
    struct document_header header; /* points into the envelope it was read from */
    struct hash hash;
    const struct buffer *own_rows; /* of a change; else `rows` */
    const struct span *rows;
    size_t row_count;
};

static void base_of_held(const struct held_document *held, struct base *base)
{
    *base = (struct base){0};
    if (held == NULL || !held->whole)
        return;
    *base = (struct base){.found = true,
                          .header = held->header,
                          .hash = held->hash,
                          .rows = held->rows,
                          .row_count = held->row_count};
}

/* People have the documents that they have signed at hand, whatever their node holds. */
static void base_of_term(const struct county *county, size_t seat, uint64_t term, struct base *base)
{
    const char *code = county->seats[seat].code;
    for (size_t i = county->change_count; i-- > 0;) {
        const struct author_document *document = &county->changes[i];
        struct document_envelope opened;
        if (document->kind != DOCUMENT_BRANCH || strcmp(document->seat, code) != 0 ||
            document_open(span_of_buffer(&document->envelope), &opened, NULL) != ERR_OK ||
            opened.decoded.term != term)
            continue;
        *base = (struct base){.found = true,
                              .header = opened.decoded,
                              .hash = document->hash,
                              .own_rows = document->rows,
                              .row_count = document->row_count};
        return;
    }
    base_of_held(tree_last_document(county->tree, span_of_text(code)), base);
    base->found = base->found && base->header.term == term;
}

static struct span base_row(const struct base *base, size_t at)
{
    return base->own_rows != NULL ? span_of_buffer(&base->own_rows[at]) : base->rows[at];
}

static void read_rows(struct changing *changing, const struct base *base)
{
    changing->rows = mem_alloc((base->row_count + 2) * sizeof *changing->rows);
    for (size_t i = 0; base->found && i < base->row_count; i++) {
        enum error_code code =
            seat_row_decode(base_row(base, i), &changing->rows[changing->row_count++], NULL);
        assert(code == ERR_OK);
        (void)code;
    }
}

/* ---- rows ---- */

static struct seat_row *newest_row(struct changing *changing, size_t seat)
{
    const char *code = changing->county->seats[seat].code;
    struct seat_row *newest = NULL;
    for (size_t i = 0; i < changing->row_count; i++) {
        struct seat_row *row = &changing->rows[i];
        if (strcmp(row->seat, code) == 0 &&
            (newest == NULL || row->generation > newest->generation))
            newest = row;
    }
    return newest;
}

static void take_keys(struct changing *changing, size_t seat, uint32_t generation,
                      struct seat_row *row)
{
    struct county_keys keys;
    county_keys(changing->county, seat, generation, &keys);
    row->generation = generation;
    memcpy(row->signing_key, keys.signing_key, KEY_BYTES);
    memcpy(row->link_key, keys.link_key, KEY_BYTES);
    memcpy(row->seal_key, keys.seal.public_key, KEY_BYTES);
    row->has_seal_key = true;
}

static bool admit(struct changing *changing)
{
    const struct county_seat *seat = &changing->county->seats[changing->change->seat];
    if (newest_row(changing, changing->change->seat) != NULL)
        return false;
    struct seat_row *row = &changing->rows[changing->row_count++];
    *row = (struct seat_row){.tier = seat->tier, .term = 1, .moves = seat->moves};
    memcpy(row->seat, seat->code, sizeof row->seat);
    take_keys(changing, changing->change->seat, seat->generation, row);
    memcpy(changing->admins[0], seat->admin_secret + SECRET_BYTES - KEY_BYTES, KEY_BYTES);
    row->admins = admin_keys_of(1, changing->admins[0], 1);
    return true;
}

static bool end_key(struct changing *changing, enum seat_status status)
{
    const struct county_change *change = changing->change;
    struct seat_row *row = newest_row(changing, change->seat);
    if (row == NULL || (row->status == SEAT_REVOKED && !change->again))
        return false;
    buffer_clear(&changing->cut_off);
    cut_off_encode(change->cut_offs, change->cut_off_count, &changing->cut_off);
    buffer_clear(&changing->notes);
    trusted_notes_encode(change->notes, change->note_count, &changing->notes);
    row->status = status;
    row->cut_off = span_of_buffer(&changing->cut_off);
    row->notes = span_of_buffer(&changing->notes);
    return true;
}

static bool replace(struct changing *changing)
{
    const struct seat_row *old = newest_row(changing, changing->change->seat);
    if (old == NULL)
        return false;
    struct seat_row next = *old;
    bool ended = old->status != SEAT_ACTIVE || end_key(changing, SEAT_RETIRED);
    next.status = SEAT_ACTIVE;
    next.cut_off = next.notes = SPAN_EMPTY;
    if (changing->change->same_machine)
        changing->county->seats[changing->change->seat].same_machine = old->generation + 1;
    take_keys(changing, changing->change->seat, old->generation + 1, &next);
    next.tier = (uint8_t)(next.tier - changing->change->raise);
    changing->rows[changing->row_count++] = next;
    return ended;
}

static bool release(struct changing *changing)
{
    const struct county_change *change = changing->change;
    struct seat_row *row = newest_row(changing, change->seat);
    if (row == NULL || row->status != SEAT_ACTIVE)
        return false;
    row->status = SEAT_RELEASED;
    row->released_to = span_of_text(changing->county->seats[change->to].code);
    return true;
}

static void drop_rows(struct changing *changing, const char *code)
{
    size_t kept = 0;
    for (size_t i = 0; i < changing->row_count; i++) {
        if (strcmp(changing->rows[i].seat, code) != 0)
            changing->rows[kept++] = changing->rows[i];
    }
    changing->row_count = kept;
}

static void put_decision(struct changing *changing, struct move_decision decision)
{
    struct move_decision decisions[DECISIONS_MAX];
    struct buffer list = {0};
    size_t count = 0;
    while (count + 1 < DECISIONS_MAX &&
           move_decision_at(changing->header.decisions, (unsigned)count, &decisions[count]))
        count++;
    decisions[count++] = decision;
    move_decisions_encode(decisions, count, &list);
    buffer_free(&changing->decisions);
    changing->decisions = list;
    changing->header.decisions = span_of_buffer(&list);
}

/* The rows as the parent lists them that the seat comes from. */
static bool take(struct changing *changing)
{
    const struct county *county = changing->county;
    const struct county_change *change = changing->change;
    const struct county_seat *seat = &county->seats[change->seat];
    const struct seat *known = tree_seat(county->tree, span_of_text(seat->code));
    const struct seat_row *own = newest_row(changing, change->seat);
    if (known == NULL || (own != NULL && (!change->again || own->status != SEAT_RELEASED)))
        return false;
    if (own != NULL && own->released_to.size > 0)
        put_decision(changing, (struct move_decision){span_of_text(seat->code), own->released_to,
                                                      own->moves + 1});
    drop_rows(changing, seat->code); /* of one that comes back */
    const struct held_document *from = tree_listing_of(known);
    changing->rows = mem_resize(changing->rows, (changing->row_count + from->row_count + 1) *
                                                    sizeof *changing->rows);
    for (size_t i = 0; i < from->row_count; i++) {
        struct seat_row row;
        if (seat_row_decode(from->rows[i], &row, NULL) != ERR_OK ||
            strcmp(row.seat, seat->code) != 0)
            continue;
        row.moves = change->moves > 0 ? change->moves : known->row.moves + 1;
        if (row.status == SEAT_RELEASED)
            row.status = SEAT_ACTIVE;
        row.released_to = SPAN_EMPTY;
        changing->rows[changing->row_count++] = row;
    }
    return true;
}

static bool decide(struct changing *changing)
{
    const struct county_change *change = changing->change;
    const struct county_seat *seats = changing->county->seats;
    const struct seat *known =
        tree_seat(changing->county->tree, span_of_text(seats[change->seat].code));
    if (known == NULL)
        return false;
    put_decision(changing, (struct move_decision){
                               .seat = span_of_text(seats[change->seat].code),
                               .to = span_of_text(seats[change->to].code),
                               .counter = change->moves > 0 ? change->moves : known->row.moves + 1,
                           });
    return true;
}

/* Of the next term sign the seat's own admins, with a key of that term, and the ancestor's. */
static bool raise_term(struct changing *changing)
{
    const struct county_change *change = changing->change;
    struct seat_row *row = newest_row(changing, change->seat);
    struct county_admin admin;
    if (row == NULL)
        return false;
    row->term++;
    county_admin(changing->county, change->seat, row->term, &admin);
    memcpy(changing->admins[0], admin.secret + SECRET_BYTES - KEY_BYTES, KEY_BYTES);
    county_admin(changing->county, change->by, changing->term, &admin);
    memcpy(changing->admins[1], admin.secret + SECRET_BYTES - KEY_BYTES, KEY_BYTES);
    row->admins = admin_keys_of(1, changing->admins[0], 2);
    return true;
}

static bool another_escrow(struct changing *changing)
{
    size_t seat = changing->change->seat;
    struct seat_row *row = newest_row(changing, seat);
    if (row == NULL || row->escrow_key == NULL)
        return false;
    changing->escrow =
        county_escrow(changing->county, seat, ++changing->county->seats[seat].escrow);
    row->escrow_key = changing->escrow.public_key;
    return true;
}

static bool change_rows(struct changing *changing)
{
    switch (changing->change->kind) {
    case COUNTY_ADMIT: return admit(changing);
    case COUNTY_REPLACE: return replace(changing);
    case COUNTY_RETIRE: return end_key(changing, SEAT_RETIRED);
    case COUNTY_REVOKE: return end_key(changing, SEAT_REVOKED);
    case COUNTY_RELEASE: return release(changing);
    case COUNTY_TAKE: return take(changing);
    case COUNTY_DECIDE: return decide(changing);
    case COUNTY_OVERRULE: return raise_term(changing);
    case COUNTY_ESCROW: return another_escrow(changing);
    case COUNTY_EMERGENCY:
    case COUNTY_PEACE:
    case COUNTY_ROLL_CALL:
    case COUNTY_REROOT:
    case COUNTY_CHANGE_KINDS: break;
    }
    return false;
}

/* ---- signing ---- */

static struct author_document *new_document(struct county *county)
{
    county->changes =
        mem_resize(county->changes, (county->change_count + 1) * sizeof *county->changes);
    return &county->changes[county->change_count++];
}

static int compare_rows(const void *a, const void *b)
{
    return seat_row_compare(a, b);
}

static void sign(struct changing *changing, const struct county_admin *admin)
{
    struct county *county = changing->county;
    size_t count = changing->row_count;
    struct buffer *rows = mem_alloc((count + 1) * sizeof *rows);
    struct span *spans = mem_alloc((count + 1) * sizeof *spans);
    qsort(changing->rows, count, sizeof *changing->rows, compare_rows);
    for (size_t i = 0; i < count; i++) {
        seat_row_encode(&changing->rows[i], &rows[i]);
        spans[i] = span_of_buffer(&rows[i]);
    }
    struct author_document *document = new_document(county);
    const uint8_t(*secrets)[SECRET_BYTES] = &admin->secret;
    enum error_code code =
        author_document(&changing->header, spans, count, secrets, 1, document, NULL);
    assert(code == ERR_OK);
    (void)code;
    for (size_t i = 0; i < count; i++)
        buffer_free(&rows[i]);
    free(rows);
    free(spans);
}

static void begin_document(struct changing *changing, size_t seat, const struct base *base)
{
    const struct county *county = changing->county;
    changing->header = (struct document_header){.kind = DOCUMENT_BRANCH,
                                                .tree_id = county->tree_id,
                                                .term = changing->term,
                                                .version = 1,
                                                .issued_ms = changing->change->issued_ms};
    if (base->found && base->header.term == changing->term)
        changing->header = author_next_header(&base->header, &base->hash, &county->tree_id,
                                              changing->change->issued_ms);
    else if (base->found)
        changing->header.has_predecessor = true;
    if (changing->header.version == 1 && base->found) {
        changing->header.predecessor = base->hash;
        changing->header.expires_ms = base->header.expires_ms;
    }
    memcpy(changing->header.seat, county->seats[seat].code, sizeof changing->header.seat);
    read_rows(changing, base);
}

static void end_document(struct changing *changing)
{
    free(changing->rows);
    buffer_free(&changing->cut_off);
    buffer_free(&changing->notes);
    buffer_free(&changing->decisions);
}

/* The term that whoever signs for this seat believes to be in. */
static uint64_t term_of(const struct county *county, const struct tree *seen, size_t seat)
{
    const struct seat *known =
        tree_seat(seen != NULL ? seen : county->tree, span_of_text(county->seats[seat].code));
    return known == NULL || known->row.term == 0 ? 1 : known->row.term;
}

/* The first document of the next term: as the last that is accepted of the old one. */
static void sign_first_of_term(struct county *county, const struct county_change *change,
                               uint64_t term, const struct county_admin *admin)
{
    struct changing changing = {.county = county, .change = change, .term = term};
    struct base base;
    base_of_held(tree_last_document(change->seen != NULL ? change->seen : county->tree,
                                    span_of_text(county->seats[change->seat].code)),
                 &base);
    begin_document(&changing, change->seat, &base);
    sign(&changing, admin);
    end_document(&changing);
}

static void copy_document(const struct held_document *held, struct tree *tree)
{
    enum error_code code = tree_offer_document(tree, held->envelope, NULL);
    struct span seat = span_of_text(held->seat);
    if (held->whole)
        code = tree_offer_rows(tree, held->kind, seat, held->rows, held->row_count, 0, NULL, NULL);
    for (size_t i = 0; !held->whole && i < held->row_count; i++)
        code = tree_offer_rows(tree, held->kind, seat, &held->rows[i], 1, held->places[i],
                               &held->proofs[i], NULL);
    (void)code;
}

struct tree *county_tree_copy(const struct tree *tree)
{
    struct tree *copy = tree_new(tree_id(tree));
    tree_set_shelf(copy, tree_shelf(tree));
    for (size_t i = 0; i < tree_former_root_count(tree); i++)
        tree_offer_document(copy, tree_former_root(tree, i), NULL);
    for (size_t i = 0; i < tree_document_count(tree); i++)
        copy_document(tree_document(tree, i), copy);
    return copy;
}

/* ---- orders ---- */

bool county_change_is_order(enum county_change_kind kind)
{
    return kind == COUNTY_EMERGENCY || kind == COUNTY_PEACE || kind == COUNTY_ROLL_CALL;
}

static void sign_order(struct county *county, const struct county_change *change)
{
    const struct tree *seen = change->seen != NULL ? change->seen : county->tree;
    const struct seat *seat = tree_seat(seen, span_of_text(county->seats[change->seat].code));
    struct county_admin admin;
    if (seat == NULL)
        return;
    enum order_what what = change->kind == COUNTY_EMERGENCY ? ORDER_EMERGENCY
                           : change->kind == COUNTY_PEACE   ? ORDER_PEACE
                                                            : ORDER_ROLL_CALL;
    uint64_t term = term_of(county, change->seen, change->by);
    struct document_header header = tree_next_order(seen, seat, what, term, change->issued_ms);
    const struct county_admin *signer = &admin;
    const uint8_t(*secrets)[SECRET_BYTES] = &signer->secret;
    county_admin(county, change->by, term, &admin);
    enum error_code code =
        author_document(&header, NULL, 0, secrets, 1, new_document(county), NULL);
    assert(code == ERR_OK);
    (void)code;
}

/* ---- a new root by hand ---- */

/* The same rows and tiers, and another key that nobody but people can vouch for. */
static void sign_root(struct county *county, const struct county_change *change)
{
    enum { ROOT_KEYS_FROM = 1000 }; /* so far from the seat's own keys */
    const struct held_document *held = tree_find_document(county->tree, DOCUMENT_ROOT, SPAN_EMPTY);
    struct county_admin admin;
    assert(held != NULL && held->whole);
    struct document_header header =
        author_next_header(&held->header, &held->hash, &county->tree_id, change->issued_ms);
    header.term = held->header.term + 1;
    header.by_hand = true;
    county_admin(county, change->seat, ROOT_KEYS_FROM + header.term, &admin);
    header.admins = admin_keys_of(1, admin.secret + SECRET_BYTES - KEY_BYTES, 1);
    const struct county_admin *signer = &admin;
    const uint8_t(*secrets)[SECRET_BYTES] = &signer->secret;
    enum error_code code = author_document(&header, held->rows, held->row_count, secrets, 1,
                                           new_document(county), NULL);
    assert(code == ERR_OK);
    (void)code;
    memcpy(county->root_secret, admin.secret, SECRET_BYTES);
}

/* ---- all of it ---- */

static void sign_branch(struct county *county, const struct county_change *change)
{
    struct changing changing = {.county = county, .change = change};
    struct county_admin admin;
    struct base base;
    changing.term = term_of(county, change->seen, change->by);
    county_admin(county, change->by, changing.term, &admin);
    base_of_term(county, change->by, changing.term, &base);
    begin_document(&changing, change->by, &base);
    if (change_rows(&changing)) {
        const struct seat_row *row = newest_row(&changing, change->seat);
        uint64_t raised = row == NULL ? 0 : row->term;
        sign(&changing, &admin);
        if (change->kind == COUNTY_OVERRULE)
            sign_first_of_term(county, change, raised, &admin);
    }
    end_document(&changing);
}

size_t county_sign(struct county *county, const struct county_change *change)
{
    size_t before = county->change_count;
    if (county->first == NULL)
        county->first = county_tree_copy(county->tree);
    if (county_change_is_order(change->kind))
        sign_order(county, change);
    else if (change->kind == COUNTY_REROOT)
        sign_root(county, change);
    else
        sign_branch(county, change);
    for (size_t i = before; i < county->change_count; i++)
        county_offer(county, &county->changes[i]);
    county_look_again(county);
    return county->change_count - before;
}

/* ---- what the tree says then ---- */

static void look_at(struct county *county, size_t place)
{
    struct county_seat *seat = &county->seats[place];
    const struct seat *known = tree_seat(county->tree, span_of_text(seat->code));
    seat->counts =
        known != NULL && known->row.status != SEAT_REVOKED && known->row.status != SEAT_RETIRED;
    if (known == NULL)
        return;
    seat->listed = true;
    seat->moves = known->row.moves;
    if (known->row.generation > seat->generation)
        county_take_generation(county, place, known->row.generation);
    size_t parent = known->parent == NULL ? place : county_find(county, known->parent->row.seat);
    seat->moved = seat->moved || parent != seat->parent;
    seat->parent = parent;
}

static size_t depth_of(const struct county *county, size_t seat)
{
    size_t depth = 0;
    for (; county->seats[seat].parent != seat; depth++)
        seat = county->seats[seat].parent;
    return depth;
}

static int compare_depths(const void *a, const void *b, void *context)
{
    const struct county *county = context;
    size_t one = depth_of(county, *(const size_t *)a), other = depth_of(county, *(const size_t *)b);
    if (one != other)
        return one < other ? -1 : 1;
    return strcmp(county->seats[*(const size_t *)a].code, county->seats[*(const size_t *)b].code);
}

void county_look_again(struct county *county)
{
    size_t count = county->seat_count, laid = 0;
    size_t *order = mem_alloc(count * sizeof *order);
    for (size_t i = 0; i < count; i++)
        look_at(county, i);
    memcpy(order, county->by_code, count * sizeof *order);
    for (size_t i = 0; i < count; i++) {
        county->child_first[i] = laid;
        for (size_t k = 0; k < count; k++) {
            if (order[k] != i && county->seats[order[k]].parent == i)
                county->children[laid++] = order[k];
        }
    }
    county->child_first[count] = laid;
    qsort_r(order, count, sizeof *order, compare_depths, county);
    for (size_t i = 0; i < count; i++)
        county->rank[order[i]] = i;
    free(order);
}
