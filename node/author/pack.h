/* What a machine needs to take its seat, in one file: the signed documents of its path, and the
 * tree's secret sealed to its key. Brought by hand, or over the link by which it joins.
 *
 *     {1: version, 2: tree id, 3: seat, 4: its signing key, 5: sealed tree secret, 6: [document
 * ...], 7: [hash of a root by hand that is confirmed where it was made ...]}
 *
 * Documents verify themselves; what can't be verified is which tree it is: that is compared with
 * what the node was told, or by a person. */
#ifndef TERRACE_NODE_AUTHOR_PACK_H
#define TERRACE_NODE_AUTHOR_PACK_H

#include "node/author/confirmed_roots.h"
#include "node/author/document_file.h"
#include "node/author/keys.h"
#include "topology/tree.h"

enum {
    PACK_BYTES_MAX = 16 << 20,
    PACK_SECRET_BYTES = TREE_SECRET_BYTES + 48, /* sealed: crypto_box_seal */
    PACK_BESIDE_MAX = 64,                       /* rows beside the path, of one document */
};

/* Appends a pack for the seat, as the tree lists it: root documents, of each document above the
 * rows that lead to it, of offices beside (nobody below them and in a higher tier: whom it may have
 * to write to) and of its fallbacks; its own document; with `subtree` those below too; the types.
 * ERR_NOT_FOUND: no document lists the seat; ERR_NOT_ALLOWED: not active, or without a key that can
 * be sealed to; ERR_PARKED: a document of the path isn't held with the rows it takes. */
enum error_code pack_make(const struct tree *tree, struct span seat,
                          const uint8_t tree_secret[static TREE_SECRET_BYTES], bool subtree,
                          struct buffer *out, struct error *error);

struct pack {
    struct hash tree_id;
    char seat[SEAT_BYTES_MAX + 1];
    uint8_t signing_key[KEY_BYTES];
    uint8_t sealed[PACK_SECRET_BYTES];
    struct document_file *documents; /* owned */
    size_t document_count;
    struct confirmed_roots confirmed; /* as its maker says: see join_take */
};
/* `name` is told in errors. On failure there is nothing to free. */
enum error_code pack_read(struct span bytes, const char *name, struct pack *pack,
                          struct error *error);
void pack_free(struct pack *pack);

/* A tree of its documents alone. ERR_FORGED, with the tree's reason, unless all of them were taken;
 * the caller frees with tree_free. */
enum error_code pack_tree(const struct pack *pack, const char *name, struct tree **tree,
                          struct error *error);
/* The tree's secret. ERR_NOT_ALLOWED: it is sealed to another machine's key. */
enum error_code pack_open(const struct pack *pack, const char *name, const struct node_keys *keys,
                          uint8_t tree_secret[static TREE_SECRET_BYTES], struct error *error);
/* Its documents to DIR/documents, each in place of one of the same name; before them, what it says
 * is confirmed to DIR/confirmed-roots. */
enum error_code pack_write_documents(const struct pack *pack, const char *dir, struct error *error);

#endif
