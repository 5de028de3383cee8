/* A tree whose verifier believes every signature: what is left of a refusal is what no signature
 * could mend. */
#include "topology/trial.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/msgpack.h"
#include "topology/gather.h"

static const char what[] = "the document would be refused";

static bool believe_key(void *context, const uint8_t key[static KEY_BYTES])
{
    (void)context;
    (void)key;
    return true;
}

static bool ask_key(void *context, const uint8_t key[static KEY_BYTES])
{
    (void)context;
    return sign_key_acceptable(key);
}

static void sign_truly(void *context, const struct hash *hash,
                       const uint8_t secret[static SECRET_BYTES],
                       uint8_t signature[static SIGNATURE_BYTES])
{
    (void)context;
    sign_hash(hash, secret, signature);
}

static bool believe_signature(void *context, const struct hash *hash,
                              const uint8_t signature[static SIGNATURE_BYTES],
                              const uint8_t key[static KEY_BYTES])
{
    (void)context;
    (void)hash;
    (void)signature;
    (void)key;
    return true;
}

/* For what was verified before, and for what is tried. */
static const struct verifier believing = {
    .acceptable = believe_key, .sign = sign_truly, .verify = believe_signature};
static const struct verifier trying = {
    .acceptable = ask_key, .sign = sign_truly, .verify = believe_signature};

struct tree *trial_new(const struct tree *tree)
{
    struct tree *trial = tree_new(tree_id(tree));
    tree_set_verifier(trial, &believing);
    tree_take_all(trial, tree);
    for (size_t i = 0; i < tree_document_count(tree); i++) {
        const struct held_document *held = tree_document(tree, i);
        if (held->frozen)
            (void)tree_offer_twins(trial, held->twins[0], held->twins[1], NULL);
    }
    tree_set_verifier(trial, &trying);
    return trial;
}

struct signers {
    struct key_id ids[DOCUMENT_SIGNATURES_MAX];
    unsigned count;
};

static bool signers_have(const struct signers *signers, struct key_id id)
{
    for (unsigned i = 0; i < signers->count; i++) {
        if (key_id_equal(signers->ids[i], id))
            return true;
    }
    return false;
}

/* As many keys of this set as its threshold asks for; those that both sets share are taken first,
 * so that the fewest signatures do. False: more than a document may carry. */
static bool signers_add(struct signers *signers, const struct admin_keys *admins,
                        const struct admin_keys *others)
{
    struct signers shared = {.count = 0};
    unsigned have = 0;
    for (unsigned i = 0; others != NULL && i < others->count; i++)
        shared.ids[shared.count++] = key_id_of(admin_key(others, i));
    for (unsigned i = 0; i < admins->count; i++)
        have += signers_have(signers, key_id_of(admin_key(admins, i)));
    for (unsigned pass = 0; pass < 2; pass++) {
        for (unsigned i = 0; i < admins->count && have < admins->threshold; i++) {
            struct key_id id = key_id_of(admin_key(admins, i));
            if (signers_have(signers, id) || (pass == 0 && !signers_have(&shared, id)))
                continue;
            if (signers->count == DOCUMENT_SIGNATURES_MAX)
                return false;
            signers->ids[signers->count++] = id;
            have++;
        }
    }
    return true;
}

static int id_compare(const void *a, const void *b)
{
    return key_id_compare(*(const struct key_id *)a, *(const struct key_id *)b);
}

static enum error_code signed_by_all(const struct tree *trial,
                                     const struct document_envelope *opened,
                                     struct buffer *envelope, struct error *error)
{
    static const uint8_t signature[SIGNATURE_BYTES];
    struct gathered gathered;
    struct signers signers = {.count = 0};
    enum error_code code = gather_look(trial, opened, &gathered, error);
    if (code != ERR_OK)
        return code;
    for (unsigned i = 0; i < gathered.set_count; i++) {
        const struct admin_keys *other =
            gathered.set_count == 2 ? &gathered.sets[1 - i].admins : NULL;
        if (!signers_add(&signers, &gathered.sets[i].admins, other))
            return error_set(error, ERR_OVERSIZE, what,
                             "it would need more than %d signatures of former and new keys",
                             DOCUMENT_SIGNATURES_MAX);
    }
    qsort(signers.ids, signers.count, sizeof *signers.ids, id_compare);
    mp_write_array(envelope, 2);
    mp_write_bin(envelope, opened->header);
    mp_write_array(envelope, signers.count);
    for (unsigned i = 0; i < signers.count; i++) {
        mp_write_array(envelope, 2);
        mp_write_bin(envelope, SPAN_OF_ARRAY(signers.ids[i].bytes));
        mp_write_bin(envelope, SPAN_OF_ARRAY(signature));
    }
    return ERR_OK;
}

static enum error_code offer_rows(struct tree *trial, const struct author_document *document,
                                  const struct hash *hash, struct error *error)
{
    struct span seat = span_of_text(document->seat);
    const struct held_document *held = tree_find_document(trial, document->kind, seat);
    if (held != NULL && hash_equal(&held->hash, hash) && held->whole)
        return ERR_OK; /* the rows of the version before, taken over */
    struct span *rows = mem_alloc((document->row_count + 1) * sizeof *rows);
    for (size_t i = 0; i < document->row_count; i++)
        rows[i] = span_of_buffer(&document->rows[i]);
    enum error_code code =
        tree_offer_rows(trial, document->kind, seat, rows, document->row_count, 0, NULL, error);
    free(rows);
    return code;
}

enum error_code trial_offer(struct tree *trial, const struct author_document *document,
                            struct error *error)
{
    struct document_envelope opened;
    struct buffer envelope = {0};
    enum error_code code = document_open(span_of_buffer(&document->envelope), &opened, error);
    if (code == ERR_OK)
        code = signed_by_all(trial, &opened, &envelope, error);
    if (code == ERR_OK)
        code = opened.decoded.by_hand /* as if everybody had confirmed it */
                   ? tree_offer_confirmed(trial, span_of_buffer(&envelope), error)
                   : tree_offer_document(trial, span_of_buffer(&envelope), error);
    if (code == ERR_OK) {
        struct hash hash = document_hash(opened.header);
        code = offer_rows(trial, document, &hash, error);
    }
    buffer_free(&envelope);
    return code;
}

enum error_code trial_document(const struct tree *tree, const struct author_document *document,
                               struct error *error)
{
    struct tree *trial = trial_new(tree);
    uint64_t alarms = tree_alarm_count(trial);
    enum error_code code = trial_offer(trial, document, error);
    if (code == ERR_OK && tree_alarm_count(trial) > alarms) {
        code = error_set(error, ERR_NOT_ALLOWED, what,
                         "it would raise an alarm at every node: it claims a seat or a key that "
                         "is another's, or stands beside another document of its version");
        error_next(error, "Compare it with the document that is in force.");
    }
    tree_free(trial);
    return code;
}
