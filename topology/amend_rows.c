/* What may be changed in a row, and what must hold before it is. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/msgpack.h"
#include "topology/amend_inner.h"

#define NOT_FOUND SIZE_MAX

/* The row that stands for the seat: active before not, then the greater generation. */
static size_t row_find(const struct amendment *amendment, struct span seat, bool standby)
{
    size_t best = NOT_FOUND;
    for (size_t i = 0; i < amendment->row_count; i++) {
        const struct seat_row *row = &amendment->rows[i].row;
        if (row->standby != standby || !span_equal(span_of_text(row->seat), seat))
            continue;
        const struct seat_row *other = best == NOT_FOUND ? NULL : &amendment->rows[best].row;
        bool active = row->status == SEAT_ACTIVE;
        if (other == NULL || (active && other->status != SEAT_ACTIVE) ||
            (active == (other->status == SEAT_ACTIVE) && row->generation > other->generation))
            best = i;
    }
    return best;
}

#define SHOWN(span) (int)((span).size > 64 ? 64 : (span).size), (const char *)(span).data

static enum error_code refuse_unknown(const struct amendment *amendment, struct span seat,
                                      struct error *error)
{
    error_set(error, ERR_NOT_FOUND, amend_what, "seat %.*s is not below %s", SHOWN(seat),
              amendment->owner == NULL ? "the root document" : amendment->owner->row.seat);
    error_next(error, "Check its code, and whose document lists it.");
    return ERR_NOT_FOUND;
}

enum error_code amend_may_let_in(const struct tree *tree, struct span seat, uint64_t now_ms,
                                 struct error *error)
{
    const struct seat *owner = tree_seat(tree, seat);
    uint64_t expires_ms = tree_expires_ms(tree, seat);
    if (owner == NULL || expires_ms == 0 || expires_ms > now_ms)
        return ERR_OK;
    uint64_t days = (now_ms - expires_ms) / (24 * 3600 * 1000);
    error_set(error, ERR_NOT_ALLOWED, amend_what,
              "what seat %s was allowed to sign expired %llu days ago: it can't let anybody in",
              owner->row.seat, (unsigned long long)days);
    error_next(error, "An admin of %s signs a new version with a later expiry; all else goes on.",
               owner->parent == NULL ? "the root document" : owner->parent->row.seat);
    return ERR_NOT_ALLOWED;
}

enum error_code amend_delegation_check(const struct amendment *amendment, struct error *error)
{
    if (amendment->owner == NULL)
        return ERR_OK;
    return amend_may_let_in(amendment->tree, span_of_text(amendment->owner->row.seat),
                            amendment->when.now_ms, error);
}

/* `linked_as`: who may have this link key already; NULL: nobody. */
static enum error_code keys_check(const struct amendment *amendment, const struct seat_row *row,
                                  const char *linked_as, struct error *error)
{
    static const uint8_t nothing[KEY_BYTES];
    struct key_id id = key_id_of(row->signing_key);
    if (!verifier_accepts(tree_verifier(amendment->tree), row->signing_key))
        return error_set(error, ERR_NOT_ALLOWED, amend_what, "its signing key is no proper key");
    if (memcmp(row->link_key, nothing, KEY_BYTES) == 0)
        return error_set(error, ERR_NOT_ALLOWED, amend_what, "its link key is no proper key");
    const struct author *author = tree_author(amendment->tree, id);
    const struct seat *linked = tree_seat_by_link_key(amendment->tree, row->link_key);
    if (linked != NULL && linked_as != NULL && strcmp(linked->row.seat, linked_as) == 0)
        linked = NULL;
    const char *owner = author != NULL   ? author->seat->row.seat
                        : linked != NULL ? linked->row.seat
                                         : NULL;
    for (size_t i = 0; i < amendment->row_count && owner == NULL; i++) {
        const struct seat_row *other = &amendment->rows[i].row;
        bool linked_here = memcmp(other->link_key, row->link_key, KEY_BYTES) == 0 &&
                           (linked_as == NULL || strcmp(other->seat, linked_as) != 0);
        if (key_id_equal(key_id_of(other->signing_key), id) || linked_here)
            owner = other->seat;
    }
    if (owner == NULL)
        return ERR_OK;
    error_set(error, ERR_NOT_ALLOWED, amend_what, "its keys are those of seat %s already", owner);
    error_next(error, "Every machine has keys of its own: make a new directory for this one.");
    return ERR_NOT_ALLOWED;
}

static enum error_code admins_check(const struct amendment *amendment,
                                    const struct admin_keys *admins, struct error *error)
{
    if (admins->threshold > admins->count || admins->count > ADMIN_KEYS_MAX)
        return error_set(error, ERR_NOT_ALLOWED, amend_what,
                         "%u of %u admin keys can't be asked for", admins->threshold,
                         admins->count);
    for (unsigned i = 0; i < admins->count; i++) {
        if (!verifier_accepts(tree_verifier(amendment->tree), admin_key(admins, i)))
            return error_set(error, ERR_NOT_ALLOWED, amend_what, "admin key %u is no proper key",
                             i + 1);
        for (unsigned j = 0; j < i; j++) {
            if (key_id_equal(key_id_of(admin_key(admins, i)), key_id_of(admin_key(admins, j))))
                return error_set(error, ERR_NOT_ALLOWED, amend_what, "admin key %u comes twice",
                                 i + 1);
        }
    }
    return ERR_OK;
}

static bool is_text(struct span text, size_t size_max)
{
    return text.size <= size_max && utf8_printable(text);
}

static enum error_code place_check(const struct amendment *amendment, const struct seat_row *row,
                                   struct error *error)
{
    const struct seat *owner = amendment->owner;
    if (row->seat[0] == '\0' || !is_text(span_of_text(row->seat), SEAT_BYTES_MAX))
        return error_set(error, ERR_NOT_ALLOWED, amend_what,
                         "a code has 1 to %d bytes of printable text", SEAT_BYTES_MAX);
    if (!is_text(span_of_text(row->name), SEAT_NAME_BYTES_MAX))
        return error_set(error, ERR_NOT_ALLOWED, amend_what, "the name of seat %s can't be printed",
                         row->seat);
    if (row->tier >= amendment->tier_count) {
        error_set(error, ERR_NOT_ALLOWED, amend_what,
                  "there are only %u tiers, seat %s can't be in another", amendment->tier_count,
                  row->seat);
        error_next(error, "The root document names the tiers.");
        return ERR_NOT_ALLOWED;
    }
    const char *root = tree_root_seat(amendment->tree) == NULL
                           ? row->seat
                           : tree_root_seat(amendment->tree)->row.seat;
    if (owner == NULL && (row->tier != 0 || strcmp(root, row->seat) != 0))
        return error_set(error, ERR_NOT_ALLOWED, amend_what,
                         "the root document lists the topmost seat, %s, and nobody else", root);
    if (owner != NULL && row->tier <= owner->row.tier) {
        error_set(error, ERR_NOT_ALLOWED, amend_what, "tier %s is not below that of %s, %s",
                  tree_tier_name(amendment->tree, row->tier), owner->row.seat,
                  tree_tier_name(amendment->tree, owner->row.tier));
        error_next(error, "Give seat %s a lower tier.", row->seat);
        return ERR_NOT_ALLOWED;
    }
    return ERR_OK;
}

/* A seat that is listed elsewhere moves; it is not admitted a second time. */
static enum error_code newness_check(const struct amendment *amendment, const struct seat_row *row,
                                     struct error *error)
{
    struct span code = span_of_text(row->seat);
    const struct seat *seat = tree_seat(amendment->tree, code);
    bool listed = row_find(amendment, code, false) != NOT_FOUND;
    if (row->standby && row_find(amendment, code, true) != NOT_FOUND)
        return error_set(error, ERR_NOT_ALLOWED, amend_what, "seat %s has a standby already",
                         row->seat);
    if (row->standby && !listed)
        return refuse_unknown(amendment, code, error);
    if (!row->standby && listed) {
        error_set(error, ERR_NOT_ALLOWED, amend_what, "seat %s is in the tree already", row->seat);
        error_next(error,
                   "A new machine at a known seat replaces the old one: `topology replace`.");
        return ERR_NOT_ALLOWED;
    }
    if (!listed && seat != NULL) {
        error_set(error, ERR_NOT_ALLOWED, amend_what, "seat %s is listed by %s already", row->seat,
                  seat->parent == NULL ? "the root document" : seat->parent->row.seat);
        error_next(error, "It moves: the one releases it, the other accepts it.");
        return ERR_NOT_ALLOWED;
    }
    return ERR_OK;
}

enum error_code amend_admit(struct amendment *amendment, const struct seat_row *given,
                            struct error *error)
{
    struct seat_row row = *given;
    enum error_code code = amend_delegation_check(amendment, error);
    if (code == ERR_OK)
        code = newness_check(amendment, &row, error);
    if (code == ERR_OK && row.standby) {
        size_t at = row_find(amendment, span_of_text(row.seat), false);
        const struct seat_row *main = &amendment->rows[at].row;
        row.tier = main->tier;
        row.generation = main->generation;
        row.moves = main->moves;
        memcpy(row.name, main->name, sizeof row.name);
    } else {
        row.generation = 1;
        row.moves = 0;
    }
    row.status = SEAT_ACTIVE;
    row.term = row.admins.threshold == 0 ? 0 : 1;
    row.cut_off = row.notes = row.released_to = SPAN_EMPTY;
    if (code == ERR_OK)
        code = place_check(amendment, &row, error);
    if (code == ERR_OK)
        code = keys_check(amendment, &row, NULL, error);
    if (code == ERR_OK)
        code = admins_check(amendment, &row.admins, error);
    if (code != ERR_OK)
        return code;
    amend_put(amendment, amendment->row_count, &row);
    amendment->adds = true;
    return ERR_OK;
}

static void cut_off_put(struct seat_row *row, const struct amend_cut_off *cut_off)
{
    row->cut_off = cut_off == NULL ? SPAN_EMPTY : cut_off->places;
    row->notes = cut_off == NULL ? SPAN_EMPTY : cut_off->notes;
}

enum error_code amend_replace(struct amendment *amendment, struct span seat,
                              const struct amend_keys *keys, bool stolen,
                              const struct amend_cut_off *cut_off, struct error *error)
{
    size_t at = row_find(amendment, seat, false);
    if (at == NOT_FOUND)
        return refuse_unknown(amendment, seat, error);
    struct seat_row row = amendment->rows[at].row;
    uint32_t newest = row.generation;
    for (size_t i = 0; i < amendment->row_count; i++) {
        const struct seat_row *other = &amendment->rows[i].row;
        if (span_equal(span_of_text(other->seat), seat) && other->generation > newest)
            newest = other->generation;
    }
    if (row.status == SEAT_RELEASED)
        return error_set(error, ERR_NOT_ALLOWED, amend_what, "seat %s was released from here",
                         row.seat);
    row.generation = newest + 1;
    row.status = SEAT_ACTIVE;
    row.cut_off = row.notes = SPAN_EMPTY;
    memcpy(row.signing_key, keys->signing_key, KEY_BYTES);
    memcpy(row.link_key, keys->link_key, KEY_BYTES);
    memcpy(row.seal_key, keys->seal_key, KEY_BYTES);
    row.has_seal_key = keys->has_seal_key;
    enum error_code code = amend_delegation_check(amendment, error);
    if (code == ERR_OK)
        code = place_check(amendment, &row, error);
    if (code == ERR_OK)
        code = keys_check(amendment, &row, keys->same_machine ? row.seat : NULL, error);
    if (code != ERR_OK)
        return code;
    struct seat_row old = amendment->rows[at].row;
    amend_put(amendment, amendment->row_count, &row); /* while the old row's bytes stand */
    if (old.status == SEAT_ACTIVE) {
        old.status = stolen ? SEAT_REVOKED : SEAT_RETIRED;
        cut_off_put(&old, cut_off);
    }
    old.admins = (struct admin_keys){0};
    old.term = 0;
    old.endpoints = old.fallbacks = (struct text_list){0};
    amend_put(amendment, at, &old);
    amendment->adds = true;
    return ERR_OK;
}

enum error_code amend_end(struct amendment *amendment, struct span seat, bool standby,
                          enum seat_status status, const struct amend_cut_off *cut_off,
                          struct error *error)
{
    assert(status == SEAT_RETIRED || status == SEAT_REVOKED);
    size_t at = row_find(amendment, seat, standby);
    if (at == NOT_FOUND)
        return refuse_unknown(amendment, seat, error);
    struct seat_row row = amendment->rows[at].row;
    if (row.status == SEAT_RELEASED) {
        error_set(error, ERR_NOT_ALLOWED, amend_what, "seat %s was released from here", row.seat);
        error_next(error, "Its new parent ends its keys.");
        return ERR_NOT_ALLOWED;
    }
    row.status = status;
    cut_off_put(&row, cut_off);
    amend_put(amendment, at, &row);
    return ERR_OK;
}

enum error_code amend_release(struct amendment *amendment, struct span seat, struct span to,
                              struct error *error)
{
    size_t at = row_find(amendment, seat, false);
    if (at == NOT_FOUND || amendment->owner == NULL)
        return refuse_unknown(amendment, seat, error);
    struct seat_row row = amendment->rows[at].row;
    if (row.status != SEAT_ACTIVE && row.status != SEAT_RELEASED) {
        error_set(error, ERR_NOT_ALLOWED, amend_what, "the keys of seat %s have been ended",
                  row.seat);
        error_next(error, "Replace its machine first, then let it go.");
        return ERR_NOT_ALLOWED;
    }
    if (to.size > SEAT_BYTES_MAX)
        return error_set(error, ERR_NOT_ALLOWED, amend_what, "no seat can have this code");
    const struct seat *parent = tree_seat(amendment->tree, to);
    if (parent != NULL && parent->row.tier >= row.tier)
        return error_set(error, ERR_NOT_ALLOWED, amend_what,
                         "seat %s can't stand below %s: its tier is not lower", row.seat,
                         parent->row.seat);
    bool back = span_equal(to, span_of_text(amendment->owner->row.seat));
    row.status = back ? SEAT_ACTIVE : SEAT_RELEASED;
    row.released_to = back ? SPAN_EMPTY : to;
    amend_put(amendment, at, &row);
    return ERR_OK;
}

enum error_code amend_term(struct amendment *amendment, struct span seat,
                           const struct admin_keys *admins, struct error *error)
{
    size_t at = row_find(amendment, seat, false);
    if (at == NOT_FOUND)
        return refuse_unknown(amendment, seat, error);
    struct seat_row row = amendment->rows[at].row;
    if (admins != NULL) {
        enum error_code code = admins_check(amendment, admins, error);
        if (code != ERR_OK)
            return code;
        row.admins = *admins;
    } else if (row.admins.threshold == 0) {
        return error_set(error, ERR_NOT_ALLOWED, amend_what, "seat %s has no admin keys", row.seat);
    }
    row.term++;
    amend_put(amendment, at, &row);
    return ERR_OK;
}

enum error_code amend_escrow(struct amendment *amendment, struct span seat, const uint8_t *key,
                             struct error *error)
{
    size_t at = row_find(amendment, seat, false);
    if (at == NOT_FOUND)
        return refuse_unknown(amendment, seat, error);
    if (key != NULL && !seal_key_acceptable(key))
        return error_set(error, ERR_INVALID, amend_what, "the escrow key of seat %.*s is none",
                         SHOWN(seat));
    struct seat_row row = amendment->rows[at].row;
    row.escrow_key = key;
    amend_put(amendment, at, &row);
    return ERR_OK;
}

enum error_code amend_name(struct amendment *amendment, struct span seat, struct span name,
                           struct error *error)
{
    size_t at = row_find(amendment, seat, false);
    if (at == NOT_FOUND)
        return refuse_unknown(amendment, seat, error);
    if (!is_text(name, SEAT_NAME_BYTES_MAX))
        return error_set(error, ERR_NOT_ALLOWED, amend_what,
                         "the name of seat %.*s has more than %d bytes, or can't be printed",
                         SHOWN(seat), SEAT_NAME_BYTES_MAX);
    struct seat_row row = amendment->rows[at].row;
    if (name.size > 0)
        memcpy(row.name, name.data, name.size);
    row.name[name.size] = '\0';
    amend_put(amendment, at, &row);
    return ERR_OK;
}

static enum error_code texts_check(const struct span *texts, size_t count, size_t count_max,
                                   size_t bytes_max, const char *kind, struct error *error)
{
    if (count > count_max)
        return error_set(error, ERR_NOT_ALLOWED, amend_what, "%zu %s, the most is %zu", count, kind,
                         count_max);
    for (size_t i = 0; i < count; i++) {
        if (texts[i].size == 0 || !is_text(texts[i], bytes_max))
            return error_set(error, ERR_NOT_ALLOWED, amend_what,
                             "number %zu of the %s has not 1 to %zu bytes of printable text", i + 1,
                             kind, bytes_max);
    }
    return ERR_OK;
}

enum error_code amend_endpoints(struct amendment *amendment, struct span seat,
                                const struct span *urls, size_t count, struct error *error)
{
    size_t at = row_find(amendment, seat, false);
    if (at == NOT_FOUND)
        return refuse_unknown(amendment, seat, error);
    enum error_code code =
        texts_check(urls, count, ENDPOINTS_MAX, ENDPOINT_BYTES_MAX, "endpoints", error);
    if (code != ERR_OK)
        return code;
    struct buffer list = {0};
    struct seat_row row = amendment->rows[at].row;
    text_list_encode(urls, count, &list);
    row.endpoints = text_list_of(span_of_buffer(&list));
    amend_put(amendment, at, &row);
    buffer_free(&list);
    return ERR_OK;
}

enum error_code amend_fallbacks(struct amendment *amendment, struct span seat,
                                const struct span *seats, size_t count, struct error *error)
{
    size_t at = row_find(amendment, seat, false);
    if (at == NOT_FOUND)
        return refuse_unknown(amendment, seat, error);
    enum error_code code =
        texts_check(seats, count, FALLBACKS_MAX, SEAT_BYTES_MAX, "fallbacks", error);
    for (size_t i = 0; i < count && code == ERR_OK; i++) {
        if (span_equal(seats[i], seat))
            code = error_set(error, ERR_NOT_ALLOWED, amend_what,
                             "seat %.*s can't fall back on itself", SHOWN(seat));
    }
    if (code != ERR_OK)
        return code;
    struct buffer list = {0};
    struct seat_row row = amendment->rows[at].row;
    text_list_encode(seats, count, &list);
    row.fallbacks = text_list_of(span_of_buffer(&list));
    amend_put(amendment, at, &row);
    buffer_free(&list);
    return ERR_OK;
}

enum error_code amend_root_admins(struct amendment *amendment, const struct admin_keys *admins,
                                  struct error *error)
{
    if (amendment->owner != NULL)
        return error_set(error, ERR_NOT_ALLOWED, amend_what, "this is not the root document");
    enum error_code code = admins_check(amendment, admins, error);
    if (code == ERR_OK && admins->threshold == 0)
        code = error_set(error, ERR_NOT_ALLOWED, amend_what, "a root document needs admin keys");
    if (code != ERR_OK)
        return code;
    struct buffer keys = {0};
    for (unsigned i = 0; i < admins->count; i++)
        buffer_append(&keys, admin_key(admins, i), KEY_BYTES);
    buffer_free(&amendment->admins);
    amendment->admins = keys;
    amendment->header.admins = admin_keys_of(admins->threshold, keys.data, admins->count);
    return ERR_OK;
}

enum error_code amend_root_by_hand(struct amendment *amendment, const struct admin_keys *admins,
                                   struct error *error)
{
    enum error_code code = amend_root_admins(amendment, admins, error);
    if (code != ERR_OK)
        return code;
    const struct held_document *held =
        tree_find_document(amendment->tree, DOCUMENT_ROOT, SPAN_EMPTY);
    amendment->header.term = held->term + 1;
    amendment->header.by_hand = true;
    return ERR_OK;
}

enum error_code amend_add_tier(struct amendment *amendment, struct span name, struct error *error)
{
    struct span names[TIERS_MAX];
    const struct text_list *tiers = &amendment->header.tiers;
    if (amendment->owner != NULL)
        return error_set(error, ERR_NOT_ALLOWED, amend_what, "this is not the root document");
    if (tiers->count >= TIERS_MAX)
        return error_set(error, ERR_NOT_ALLOWED, amend_what, "%d tiers are the most", TIERS_MAX);
    if (name.size == 0 || !is_text(name, SEAT_BYTES_MAX))
        return error_set(error, ERR_NOT_ALLOWED, amend_what,
                         "the name of a tier has 1 to %d bytes of printable text", SEAT_BYTES_MAX);
    for (unsigned i = 0; i < tiers->count; i++) {
        names[i] = text_list_at(tiers, i);
        if (span_equal(names[i], name))
            return error_set(error, ERR_NOT_ALLOWED, amend_what, "tier %.*s is there already",
                             SHOWN(name));
    }
    names[tiers->count] = name;
    struct buffer list = {0};
    text_list_encode(names, tiers->count + 1u, &list);
    buffer_free(&amendment->tiers);
    amendment->tiers = list;
    amendment->header.tiers = text_list_of(span_of_buffer(&list));
    amendment->tier_count++;
    return ERR_OK;
}

uint8_t fold_tier_of(const struct text_list *tiers, struct span name, struct error *error)
{
    for (unsigned i = 1; i < tiers->count; i++) {
        if (span_equal(text_list_at(tiers, i), name) && i + 1 < tiers->count)
            return (uint8_t)i;
    }
    error_set(error, ERR_INVALID, amend_what,
              "\"%.*s\" can't state folds: a fold is stated by a tier with one above it and one "
              "below it",
              SHOWN(name));
    error_next(error, "Name a tier of `tiers` that is neither the first nor the last.");
    return 0;
}

enum error_code amend_fold_tier(struct amendment *amendment, struct span name, struct error *error)
{
    uint8_t tier = 0;
    if (amendment->owner != NULL)
        return error_set(error, ERR_NOT_ALLOWED, amend_what, "this is not the root document");
    if (name.size > 0)
        tier = fold_tier_of(&amendment->header.tiers, name, error);
    if (name.size > 0 && tier == 0)
        return ERR_INVALID;
    amendment->header.fold_tier = tier;
    return ERR_OK;
}
