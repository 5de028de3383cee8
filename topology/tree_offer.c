/* Which documents are taken. Form first, then age, then signatures, since these cost most;
 * nothing is changed before all have passed. */
#include "topology/tree_inner.h"

#include <assert.h>
#include <string.h>

static const char what[] = "a document was refused";

enum age { AGE_OLDER, AGE_SAME, AGE_TWIN, AGE_NEWER };

const struct holding *newest_of(const struct holding *holding)
{
    return holding != NULL && holding->newer != NULL ? holding->newer : holding;
}

/* Age of an offered document against the newest one held (NULL: none). A twin has the same
 * (term, version) and another hash. */
static enum age age_of(const struct document_header *header, const struct hash *hash,
                       const struct holding *newest)
{
    if (newest == NULL)
        return AGE_NEWER;
    const struct held_document *held = &newest->held;
    if (header->term != held->term && !PLANTED(TERM_IGNORED))
        return header->term < held->term ? AGE_OLDER : AGE_NEWER;
    if (header->version != held->version)
        return header->version < held->version ? AGE_OLDER : AGE_NEWER;
    return hash_equal(hash, &held->hash) ? AGE_SAME : AGE_TWIN;
}

static enum error_code refuse_stale(struct error *error, const struct document_header *header)
{
    return error_set(error, ERR_STALE, what, "term %llu, version %llu is held already, or newer",
                     (unsigned long long)header->term, (unsigned long long)header->version);
}

static enum error_code refuse_frozen(struct error *error)
{
    error_set(error, ERR_STALE, what,
              "its term is frozen: two documents of one version were signed");
    error_next(error, "Look into who signed twice; then raise the term.");
    return ERR_STALE;
}

enum error_code refuse_forged(struct error *error, const char *why)
{
    error_set(error, ERR_FORGED, what, "%s", why);
    error_next(error, "Ask who sent it; what is held stays in force.");
    return ERR_FORGED;
}

void raise_offer_alarm(struct tree *tree, const struct hash *hash)
{
    if (hash_equal(&tree->twin, hash))
        return;
    tree->twin = *hash;
    tree->offer_alarms++;
    tree->change_count++;
}

/* A twin is verified by now: alarm, and the lower hash counts. */
static bool twin_counts(struct tree *tree, const struct hash *hash, const struct holding *newest)
{
    bool counts = hash_compare(hash, &newest->held.hash) < 0;
    raise_offer_alarm(tree, counts ? &newest->held.hash : hash);
    return counts;
}

static void tier_names_take(struct tree *tree)
{
    const struct text_list *tiers = &tree->root->held.header.tiers;
    tree->tier_names = mem_resize(tree->tier_names, tiers->count * sizeof *tree->tier_names);
    tree->tier_count = tiers->count;
    for (unsigned i = 0; i < tiers->count; i++) {
        struct span name = text_list_at(tiers, i);
        memcpy(tree->tier_names[i], name.data, name.size);
        tree->tier_names[i][name.size] = '\0';
    }
}

/* The tiers that workflows name are those of the root document. */
static struct shelved_schema *take_shelved(const struct tree *tree, struct shelved_rows rows)
{
    const char *names[TIERS_MAX];
    for (size_t i = 0; i < tree->tier_count; i++)
        names[i] = tree->tier_names[i];
    rows.tiers = names;
    rows.tier_count = tree->tier_count;
    return schema_shelf_take(tree->shelf, &rows, NULL);
}

static void schema_take_tiers(struct tree *tree)
{
    struct shelved_schema *old = tree->shelved;
    if (old == NULL)
        return;
    tree->shelved = take_shelved(tree, (struct shelved_rows){.version = old->schema->version,
                                                             .row_root = &old->row_root,
                                                             .rows = old->rows,
                                                             .row_count = old->row_count});
    assert(tree->shelved != NULL);
    schema_shelf_return(old);
}

void schema_take(struct tree *tree, struct holding *types)
{
    const struct held_document *held = &types->held;
    if (PLANTED(TYPES_UNUSED) && tree->shelved != NULL)
        return;
    struct shelved_schema *shelved =
        take_shelved(tree, (struct shelved_rows){.version = held->header.schema_version,
                                                 .row_root = &held->header.row_root,
                                                 .rows = held->rows,
                                                 .row_count = held->row_count});
    if (shelved == NULL) /* only a document without rows gets here unread: the old one stays */
        return;
    schema_shelf_return(tree->shelved);
    tree->shelved = shelved;
    holding_use_shelved(types, shelved);
}

static struct holding **slot_of(struct tree *tree, enum document_kind kind)
{
    return kind == DOCUMENT_ROOT ? &tree->root : &tree->types;
}

/* What is known of twins goes with the term. */
static void twins_hand_on(struct holding *old, struct holding *holding)
{
    if (old == NULL || old->twins == NULL || old->twins->term != holding->held.term)
        return;
    holding->twins = old->twins;
    old->twins = NULL;
    twins_show(holding);
}

void holding_put_in_force(struct tree *tree, struct holding *old, struct holding *holding)
{
    bool was_attached = old != NULL && old->attached;
    enum document_kind kind = holding->held.kind;
    twins_hand_on(old, holding);
    if (kind != DOCUMENT_BRANCH) {
        *slot_of(tree, kind) = holding;
    } else {
        if (old != NULL)
            branch_remove(tree, old);
        branch_add(tree, holding);
    }
    if (kind == DOCUMENT_ROOT) {
        tier_names_take(tree);
        schema_take_tiers(tree);
        pending_root_review(tree);
    }
    if (kind == DOCUMENT_TYPES && holding->held.whole)
        schema_take(tree, holding);
    if (kind == DOCUMENT_ROOT || was_attached)
        place_all(tree);
    else if (kind == DOCUMENT_BRANCH)
        place_branch(tree, holding);
    if (old != NULL) {
        old->newer = NULL;
        holding_free(old);
    }
    tree->change_count++;
}

void holding_forget(struct tree *tree, struct holding *holding)
{
    assert(holding->held.kind != DOCUMENT_ROOT && holding->held.row_count == 0);
    bool attached = holding->attached;
    if (holding->held.kind == DOCUMENT_TYPES)
        tree->types = NULL;
    else
        branch_remove(tree, holding);
    if (attached)
        place_all(tree); /* before it is freed: the former placing names it */
    holding_free(holding);
    tree->change_count++;
}

/* A verified document: in force at once when it brings its rows, when it has none, or when it
 * replaces nothing that is in force; else it waits. */
void document_install(struct tree *tree, struct span envelope,
                      const struct document_envelope *opened, const struct hash *signed_by)
{
    struct holding *holding = holding_new(envelope, opened);
    holding->signed_by = *signed_by;
    struct holding *old = holding_find(tree, holding->held.kind, span_of_text(holding->held.seat));
    if (old != NULL) {
        holding_free(old->newer);
        old->newer = NULL;
    }
    bool in_force = old != NULL && old->held.row_count > 0 &&
                    (old->attached || old->held.kind != DOCUMENT_BRANCH);
    if (!in_force || holding->held.whole || holding_move_rows(old, holding)) {
        holding_put_in_force(tree, old, holding);
        return;
    }
    old->newer = holding;
    tree->change_count++;
}

void former_root_append(struct tree *tree, struct span envelope)
{
    size_t count = tree->former_root_count;
    tree->former_roots = mem_resize(tree->former_roots, (count + 1) * sizeof *tree->former_roots);
    tree->former_roots[count] = (struct buffer){0};
    buffer_append_span(&tree->former_roots[count], envelope);
    tree->former_root_count++;
}

static enum error_code offer_first_root(struct tree *tree, struct span envelope,
                                        const struct document_envelope *opened, struct error *error)
{
    struct hash id = document_tree_id(opened->header);
    if (!hash_equal(&id, &tree->id)) {
        error_set(error, ERR_NOT_ALLOWED, what, "it begins another tree than this one");
        error_next(error, "Compare the fingerprint of the tree with the one you were given.");
        return ERR_NOT_ALLOWED;
    }
    if (tree->root != NULL)
        return refuse_stale(error, &opened->decoded);
    if (!document_signed_by(opened, &opened->decoded.admins, tree->verifier))
        return refuse_forged(error, "too few of its own admin keys signed it");
    if (!admin_keys_acceptable(tree, &opened->decoded.admins))
        return error_set(error, ERR_NOT_ALLOWED, what, "one of its admin keys is no proper key");
    struct hash print = admin_keys_print(&opened->decoded.admins);
    document_install(tree, envelope, opened, &print);
    return ERR_OK;
}

/* Place of a later root in the chain: ERR_OK when it is the next one after the newest, or its
 * twin. */
static enum error_code root_place_check(const struct tree *tree,
                                        const struct document_header *header, enum age age,
                                        struct error *error)
{
    const struct held_document *newest = &newest_of(tree->root)->held;
    if (age == AGE_SAME || header->version < newest->version || header->term < newest->term)
        return refuse_stale(error, header);
    if (age == AGE_TWIN) /* keys that people have replaced by hand have no power any more */
        return newest->header.by_hand ? refuse_stale(error, header) : ERR_OK;
    if (header->version > newest->version + 1) {
        error_set(error, ERR_PARKED, what, "root version %llu is held, and this one is %llu",
                  (unsigned long long)newest->version, (unsigned long long)header->version);
        error_next(error, "Offer the versions between first.");
        return ERR_PARKED;
    }
    if (header->version == newest->version)
        return error_set(error, ERR_NOT_ALLOWED, what, "a root's version rises with each change");
    return ERR_OK;
}

/* Admin keys that must have signed besides the new ones: those of the root before. */
static bool root_signed_by_former(const struct tree *tree, const struct document_envelope *opened,
                                  enum age age)
{
    if (age != AGE_TWIN)
        return document_signed_by(opened, &newest_of(tree->root)->held.header.admins,
                                  tree->verifier);
    struct document_envelope former;
    if (tree->former_root_count == 0 ||
        document_open(tree_former_root(tree, tree->former_root_count - 1), &former, NULL) != ERR_OK)
        return false;
    return document_signed_by(opened, &former.decoded.admins, tree->verifier);
}

static enum error_code offer_later_root(struct tree *tree, struct span envelope,
                                        const struct document_envelope *opened, struct error *error)
{
    const struct document_header *header = &opened->decoded;
    if (tree->root == NULL)
        return error_set(error, ERR_PARKED, what, "the first root document isn't here yet");
    const struct holding *newest = newest_of(tree->root);
    struct hash hash = document_hash(opened->header);
    enum age age = age_of(header, &hash, newest);
    enum error_code code = root_place_check(tree, header, age, error);
    if (code != ERR_OK)
        return code;
    if (twins_bar(tree->root, header->term, header->version))
        return refuse_frozen(error);
    if (!document_signed_by(opened, &header->admins, tree->verifier) ||
        !root_signed_by_former(tree, opened, age))
        return refuse_forged(error, "too few of the old or of the new root admin keys signed it");
    if (!admin_keys_acceptable(tree, &header->admins))
        return error_set(error, ERR_NOT_ALLOWED, what, "one of its admin keys is no proper key");
    if (age == AGE_TWIN)
        return twins_take(tree, tree->root, newest->held.envelope, envelope)
                   ? ERR_OK
                   : refuse_stale(error, header);
    if (age == AGE_NEWER && header->term == newest->held.term &&
        !hash_equal(&header->predecessor, &newest->held.hash)) {
        raise_offer_alarm(tree, &hash);
        return error_set(error, ERR_FORK, what,
                         "it continues another root document than the one held, in one term");
    }
    if (tree->former_root_count >= ROOT_CHAIN_MAX)
        return error_set(error, ERR_OVERSIZE, what, "the chain of root documents is too long");
    if (age == AGE_NEWER)
        former_root_append(tree, newest->held.envelope);
    struct hash print = admin_keys_print(&header->admins);
    document_install(tree, envelope, opened, &print);
    return ERR_OK;
}

/* What is held of a seat, if it bars older ones: not when the seat's row has gone back to an
 * earlier term, or gives other keys in the same. */
static struct holding *rival_of(const struct tree *tree, const struct seat_row *row,
                                struct holding *held)
{
    if (held == NULL || held->held.term < row->term || branch_counts(tree, row, held))
        return held;
    return NULL;
}

static enum error_code offer_branch(struct tree *tree, struct span envelope,
                                    const struct document_envelope *opened, struct error *error)
{
    const struct document_header *header = &opened->decoded;
    struct span seat = span_of_text(header->seat);
    const struct seat_node *node = seat_node_find(tree, seat);
    if (node == NULL)
        return error_set(error, ERR_PARKED, what, "no document here lists its seat %s",
                         header->seat);
    const struct seat_row *row = &node->seat.row;
    if (row->admins.threshold == 0)
        return error_set(error, ERR_NOT_ALLOWED, what, "its parent gives seat %s no admin keys",
                         header->seat);
    struct holding *held = rival_of(tree, row, branch_find(tree, seat));
    struct hash hash = document_hash(opened->header);
    enum age age = age_of(header, &hash, newest_of(held));
    const struct holding *twin = twins_find(held, opened);
    if (header->term < row->term || age == AGE_SAME || (age == AGE_OLDER && twin == NULL))
        return refuse_stale(error, header);
    if (header->term > row->term)
        return error_set(error, ERR_PARKED, what, "its parent gives seat %s term %llu, not %llu",
                         header->seat, (unsigned long long)row->term,
                         (unsigned long long)header->term);
    if (twins_bar(held, header->term, header->version))
        return refuse_frozen(error);
    if (!document_signed_by(opened, &row->admins, tree->verifier))
        return refuse_forged(error, "too few of the admin keys that its parent names signed it");
    if (twin != NULL)
        return twins_take(tree, held, twin->held.envelope, envelope) ? ERR_OK
                                                                     : refuse_stale(error, header);
    struct hash print = admin_keys_print(&row->admins);
    document_install(tree, envelope, opened, &print);
    return ERR_OK;
}

/* An equal schema version is the same schema, signed again. */
static bool schema_version_rises(const struct document_header *header,
                                 const struct document_header *held)
{
    return header->schema_version > held->schema_version ||
           (header->schema_version == held->schema_version &&
            hash_equal(&header->row_root, &held->row_root));
}

static enum error_code offer_types(struct tree *tree, struct span envelope,
                                   const struct document_envelope *opened, struct error *error)
{
    const struct document_header *header = &opened->decoded;
    if (tree->root == NULL)
        return error_set(error, ERR_PARKED, what, "the root document isn't here yet");
    const struct holding *newest = newest_of(tree->types);
    struct hash hash = document_hash(opened->header);
    enum age age = age_of(header, &hash, newest);
    if (age == AGE_OLDER || age == AGE_SAME)
        return refuse_stale(error, header);
    const struct document_header *root = &tree->root->held.header;
    const struct admin_keys *admins = &root->admins;
    bool vouched = root->types != NULL && memcmp(root->types, hash.bytes, HASH_BYTES) == 0;
    if (!vouched && !document_signed_by(opened, admins, tree->verifier)) {
        if (tree->pending != NULL &&
            document_signed_by(opened, &tree->pending->held.header.admins, tree->verifier))
            return error_set(error, ERR_PARKED, what,
                             "root admin keys signed it that nobody has confirmed here yet");
        return refuse_forged(error, "too few of the root admin keys signed it");
    }
    if (age == AGE_TWIN && !twin_counts(tree, &hash, newest))
        return refuse_stale(error, header);
    if (age == AGE_NEWER && newest != NULL && !schema_version_rises(header, &newest->held.header))
        return error_set(error, ERR_NOT_ALLOWED, what,
                         "its schema version %u doesn't rise above %u", header->schema_version,
                         newest->held.header.schema_version);
    struct hash print = admin_keys_print(admins);
    document_install(tree, envelope, opened, &print);
    return ERR_OK;
}

enum error_code tree_offer_document(struct tree *tree, struct span envelope, struct error *error)
{
    if (envelope.size > ENVELOPE_BYTES_MAX)
        return error_set(error, ERR_OVERSIZE, what, "header and signatures have %zu bytes",
                         envelope.size);
    struct document_envelope opened;
    enum error_code code = document_open(envelope, &opened, error);
    if (code != ERR_OK)
        return code;
    if (opened.decoded.first)
        return offer_first_root(tree, envelope, &opened, error);
    if (!hash_equal(&opened.decoded.tree_id, &tree->id))
        return error_set(error, ERR_NOT_ALLOWED, what, "it belongs to another tree");
    struct hash hash = document_hash(opened.header);
    if (hash_equal(&hash, &tree->bad))
        return error_set(error, ERR_MALFORMED, what, "its own rows are against the form");
    switch (opened.decoded.kind) {
    case DOCUMENT_ROOT:
        return opened.decoded.by_hand ? offer_root_by_hand(tree, envelope, &opened, false, error)
                                      : offer_later_root(tree, envelope, &opened, error);
    case DOCUMENT_BRANCH: return offer_branch(tree, envelope, &opened, error);
    case DOCUMENT_TYPES: return offer_types(tree, envelope, &opened, error);
    case DOCUMENT_ORDER: return offer_order(tree, envelope, &opened, error);
    case DOCUMENT_DICTIONARY: break;
    }
    return error_set(error, ERR_PARKED, what, "this version doesn't use documents of its kind");
}
