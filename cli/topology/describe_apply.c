/* From a description to changes. */
#include <stdio.h>
#include <string.h>

#include "base/nearest.h"
#include "cli/topology/describe.h"

static const struct seat_row *row_of(const struct amendment *amendment, struct span code)
{
    const struct seat_row *best = NULL;
    for (size_t i = 0; i < amend_row_count(amendment); i++) {
        const struct seat_row *row = amend_row(amendment, i);
        bool stands = !row->standby && span_equal(span_of_text(row->seat), code);
        if (stands && (best == NULL || row->status == SEAT_ACTIVE ||
                       (best->status != SEAT_ACTIVE && row->generation > best->generation)))
            best = row;
    }
    return best;
}

static enum error_code tier_of(const struct described_seat *seat, const struct text_list *tiers,
                               uint8_t *tier, struct error *error)
{
    char names[TIERS_MAX][SEAT_BYTES_MAX + 1];
    const char *known[TIERS_MAX];
    for (uint8_t i = 0; i < tiers->count; i++) {
        struct span name = text_list_at(tiers, i);
        snprintf(names[i], sizeof names[i], "%.*s", (int)name.size, (const char *)name.data);
        known[i] = names[i];
        *tier = i;
        if (span_equal(name, seat->tier))
            return ERR_OK;
    }
    const char *near = nearest_word(seat->tier, known, tiers->count);
    return error_set(error, ERR_INVALID, "tier", "there is no tier \"%.*s\"%s%s%s",
                     (int)(seat->tier.size > 64 ? 64 : seat->tier.size),
                     (const char *)seat->tier.data, near == NULL ? "" : "; did you mean \"",
                     near == NULL ? "" : near, near == NULL ? "" : "\"?");
}

static bool names_fold_tier(const struct description *description)
{
    return description->fold_tier.size > 0 &&
           !span_equal(description->fold_tier, span_of_text("none"));
}

enum error_code description_tiers(const char *path, const struct description *description,
                                  struct error *error)
{
    struct buffer list = {0};
    enum error_code code = ERR_OK;
    text_list_encode(description->tiers.texts, description->tiers.count, &list);
    struct text_list tiers = text_list_of(span_of_buffer(&list));
    for (size_t i = 0; i < description->seat_count && description->tiers.given && code == ERR_OK;
         i++) {
        struct error why = {0};
        uint8_t tier;
        code = tier_of(&description->seats[i], &tiers, &tier, &why);
        if (code != ERR_OK)
            description_refuse(path, &description->seats[i], &why, error);
    }
    struct error why = {0};
    if (code == ERR_OK && description->tiers.given && names_fold_tier(description) &&
        fold_tier_of(&tiers, description->fold_tier, &why) == 0)
        code = description_refuse_fold(path, description, &why, error);
    buffer_free(&list);
    return code;
}

static bool names_escrow(const struct described_seat *seat)
{
    static const uint8_t none[KEY_BYTES];
    return seat->has_escrow && memcmp(seat->escrow, none, KEY_BYTES) != 0;
}

/* One that isn't named stays as it is. */
static enum error_code apply_escrow(struct amendment *amendment, const struct described_seat *seat,
                                    const struct seat_row *row, struct error *error)
{
    bool wanted = names_escrow(seat);
    bool same = wanted == (row->escrow_key != NULL) &&
                (!wanted || memcmp(seat->escrow, row->escrow_key, KEY_BYTES) == 0);
    return !seat->has_escrow || same
               ? ERR_OK
               : amend_escrow(amendment, seat->code, wanted ? seat->escrow : NULL, error);
}

enum error_code description_row(const struct description *description,
                                const struct described_seat *seat, const struct text_list *tiers,
                                struct buffer *lists, struct seat_row *row, struct error *error)
{
    (void)description;
    *row = (struct seat_row){.status = SEAT_ACTIVE};
    struct span request = span_of_text(seat->endpoint);
    const struct span *urls = seat->endpoints.given ? seat->endpoints.texts : &request;
    size_t url_count = seat->endpoints.given ? seat->endpoints.count : request.size > 0;
    enum error_code code = tier_of(seat, tiers, &row->tier, error);
    if (code != ERR_OK)
        return code;
    memcpy(row->seat, seat->code.data, seat->code.size);
    if (seat->name.size > 0)
        memcpy(row->name, seat->name.data, seat->name.size);
    memcpy(row->signing_key, seat->keys.signing_key, KEY_BYTES);
    memcpy(row->link_key, seat->keys.link_key, KEY_BYTES);
    memcpy(row->seal_key, seat->keys.seal_key, KEY_BYTES);
    row->has_seal_key = seat->keys.has_seal_key;
    row->escrow_key = names_escrow(seat) ? seat->escrow : NULL;
    if (seat->admins.given)
        row->admins =
            admin_keys_of(seat->admins.threshold, seat->admins.keys[0], seat->admins.count);
    text_list_encode(urls, url_count, &lists[0]);
    text_list_encode(seat->fallbacks.texts, seat->fallbacks.count, &lists[1]);
    row->endpoints = text_list_of(span_of_buffer(&lists[0]));
    row->fallbacks = text_list_of(span_of_buffer(&lists[1]));
    return ERR_OK;
}

static bool list_differs(const struct text_list *list, const struct described_texts *texts)
{
    bool differs = list->count != texts->count;
    for (unsigned i = 0; i < list->count && !differs; i++)
        differs = !span_equal(text_list_at(list, i), texts->texts[i]);
    return differs;
}

static bool admins_differ(const struct admin_keys *admins, const struct described_admins *described)
{
    bool differs = admins->threshold != described->threshold || admins->count != described->count;
    for (unsigned i = 0; i < admins->count && !differs; i++) {
        bool found = false;
        for (unsigned k = 0; k < described->count && !found; k++)
            found = memcmp(admin_key(admins, i), described->keys[k], KEY_BYTES) == 0;
        differs = !found;
    }
    return differs;
}

static enum error_code apply_release(struct amendment *amendment, const struct described_seat *seat,
                                     const struct seat_row *row, struct error *error)
{
    struct span to = seat->released_to;
    bool was_released = row->status == SEAT_RELEASED;
    if (span_equal(to, span_of_text("anybody")))
        to = SPAN_EMPTY;
    if (!seat->released)
        return was_released ? amend_release(amendment, seat->code,
                                            span_of_text(amend_header(amendment)->seat), error)
                            : ERR_OK;
    return was_released && span_equal(row->released_to, to)
               ? ERR_OK
               : amend_release(amendment, seat->code, to, error);
}

static enum error_code apply_known(const struct described_seat *seat, struct amendment *amendment,
                                   const struct text_list *tiers, struct error *error)
{
    const struct seat_row row = *row_of(amendment, seat->code);
    uint8_t tier;
    enum error_code code = tier_of(seat, tiers, &tier, error);
    if (code == ERR_OK && tier != row.tier)
        return error_set(error, ERR_INVALID, "tier", "a seat keeps its tier for ever");
    if (code == ERR_OK && seat->has_keys &&
        memcmp(seat->keys.signing_key, row.signing_key, KEY_BYTES) != 0) {
        error_set(error, ERR_INVALID, "request", "seat %s has a machine, with other keys",
                  row.seat);
        error_next(error, "`terrace topology replace` puts a new machine in its place");
        return ERR_INVALID;
    }
    if (code == ERR_OK && !span_equal(seat->name, span_of_text(row.name)))
        code = amend_name(amendment, seat->code, seat->name, error);
    if (code == ERR_OK && list_differs(&row_of(amendment, seat->code)->endpoints, &seat->endpoints))
        code = amend_endpoints(amendment, seat->code, seat->endpoints.texts, seat->endpoints.count,
                               error);
    if (code == ERR_OK && list_differs(&row_of(amendment, seat->code)->fallbacks, &seat->fallbacks))
        code = amend_fallbacks(amendment, seat->code, seat->fallbacks.texts, seat->fallbacks.count,
                               error);
    if (code == ERR_OK && admins_differ(&row_of(amendment, seat->code)->admins, &seat->admins)) {
        struct admin_keys admins =
            admin_keys_of(seat->admins.threshold, seat->admins.keys[0], seat->admins.count);
        code = amend_term(amendment, seat->code, &admins, error);
    }
    if (code == ERR_OK)
        code = apply_escrow(amendment, seat, row_of(amendment, seat->code), error);
    return code == ERR_OK ? apply_release(amendment, seat, row_of(amendment, seat->code), error)
                          : code;
}

static enum error_code apply_new(const struct description *description,
                                 const struct described_seat *seat, struct amendment *amendment,
                                 const struct text_list *tiers, struct error *error)
{
    struct buffer lists[2] = {{0}};
    struct seat_row row;
    if (!seat->has_keys) {
        error_set(error, ERR_INVALID, "request", "seat %.*s is new, and has no request",
                  (int)seat->code.size, (const char *)seat->code.data);
        error_next(error, "its machine makes one: `terrace init --seat %.*s`; name its file here",
                   (int)seat->code.size, (const char *)seat->code.data);
        return ERR_INVALID;
    }
    enum error_code code = description_row(description, seat, tiers, lists, &row, error);
    if (code == ERR_OK)
        code = amend_admit(amendment, &row, error);
    buffer_free(&lists[0]);
    buffer_free(&lists[1]);
    return code;
}

/* A seat that is in force doesn't go by being left out. */
static enum error_code missing_check(const char *path, const struct description *description,
                                     const struct amendment *amendment, struct error *error)
{
    for (size_t i = 0; i < amend_row_count(amendment); i++) {
        const struct seat_row *row = amend_row(amendment, i);
        bool listed = row->standby || row->status == SEAT_RETIRED || row->status == SEAT_REVOKED;
        for (size_t k = 0; k < description->seat_count && !listed; k++)
            listed = span_equal(description->seats[k].code, span_of_text(row->seat));
        if (listed)
            continue;
        error_set(error, ERR_INVALID, path, "seat %s is in force, and not in here", row->seat);
        error_next(error, "seats go by `terrace topology revoke` or `retire`; leave it in here");
        return ERR_INVALID;
    }
    return ERR_OK;
}

static enum error_code twice_check(const char *path, const struct description *description,
                                   struct error *error)
{
    for (size_t i = 0; i < description->seat_count; i++) {
        for (size_t k = 0; k < i; k++) {
            struct error why = {0};
            if (!span_equal(description->seats[i].code, description->seats[k].code))
                continue;
            error_set(&why, ERR_INVALID, "code", "this seat stands in line %u too",
                      description->seats[k].line);
            return description_refuse(path, &description->seats[i], &why, error);
        }
    }
    return ERR_OK;
}

static enum error_code apply_root(const struct description *description,
                                  struct amendment *amendment, struct error *error)
{
    enum error_code code = ERR_OK;
    const struct described_texts *tiers = &description->tiers;
    for (size_t i = 0; i < tiers->count && code == ERR_OK; i++) {
        const struct text_list *known = &amend_header(amendment)->tiers;
        if (i >= known->count)
            code = amend_add_tier(amendment, tiers->texts[i], error);
        else if (!span_equal(text_list_at(known, (unsigned)i), tiers->texts[i]))
            code = error_set(error, ERR_INVALID, "tiers",
                             "tiers keep their names and order; new ones come last");
    }
    if (code == ERR_OK && tiers->given && tiers->count < amend_header(amendment)->tiers.count)
        code = error_set(error, ERR_INVALID, "tiers", "tiers can't be taken away");
    if (code == ERR_OK && admins_differ(&amend_header(amendment)->admins, &description->root)) {
        struct admin_keys admins = admin_keys_of(
            description->root.threshold, description->root.keys[0], description->root.count);
        code = amend_root_admins(amendment, &admins, error);
    }
    return code;
}

/* Of the root document alone. */
static enum error_code apply_fold_tier(const char *path, const struct description *description,
                                       struct amendment *amendment, struct error *error)
{
    struct error why = {0};
    if (description->fold_tier.size == 0)
        return ERR_OK;
    enum error_code code = amend_fold_tier(
        amendment, names_fold_tier(description) ? description->fold_tier : SPAN_EMPTY, &why);
    return code == ERR_OK ? code : description_refuse_fold(path, description, &why, error);
}

enum error_code description_apply(const char *path, const struct description *description,
                                  const struct tree *tree, struct amendment *amendment,
                                  struct error *error)
{
    const struct held_document *root = tree_find_document(tree, DOCUMENT_ROOT, SPAN_EMPTY);
    enum error_code code = twice_check(path, description, error);
    if (code == ERR_OK && description->is_root)
        code = apply_root(description, amendment, error);
    if (code == ERR_OK)
        code = apply_fold_tier(path, description, amendment, error);
    const struct text_list *tiers =
        description->is_root ? &amend_header(amendment)->tiers : &root->header.tiers;
    for (size_t i = 0; i < description->seat_count && code == ERR_OK; i++) {
        const struct described_seat *seat = &description->seats[i];
        struct error why = {0};
        code = row_of(amendment, seat->code) != NULL
                   ? apply_known(seat, amendment, tiers, &why)
                   : apply_new(description, seat, amendment, tiers, &why);
        if (code != ERR_OK)
            code = description_refuse(path, seat, &why, error);
    }
    return code == ERR_OK ? missing_check(path, description, amendment, error) : code;
}
