/* Drafts: documents that wait for signatures, as *.draft files in the form of documents, and the
 * tree in which they would stand. */
#ifndef TERRACE_CLI_TOPOLOGY_DRAFT_H
#define TERRACE_CLI_TOPOLOGY_DRAFT_H

#include <jansson.h>

#include "cli/command.h"
#include "node/author/document_file.h"
#include "topology/author.h"
#include "topology/gather.h"
#include "topology/tree.h"

struct draft {
    struct document_file file;
    struct document_envelope opened; /* of the file */
    struct hash hash;
    struct tree *base; /* what the directory holds; NULL: no directory was named */
    /* The base, and in it the other drafts that lie beside this one, as if they were signed: so
     * documents that go out together can be checked together. NULL: nothing here begins a tree. */
    struct tree *tree;
    struct tree *around; /* owned, with `tree` in it */
};

/* Opens a draft or a document. `directory` (NULL: none) is a node's, or any with documents/. On
 * failure there is nothing to free. */
enum error_code draft_open(const char *directory, const char *path, struct draft *draft,
                           struct error *error);
void draft_free(struct draft *draft);
/* The directory that a draft is about: -d or TERRACE_DIR, or, for a draft in DIR/drafts, DIR.
 * NULL: neither. */
const char *draft_directory(const struct arguments *arguments, const char *path,
                            char found[static 4096]);

/* "the root document", "the document of seat T1", "the types document" */
void draft_title(const struct document_header *header, char title[static 96]);
/* Writes an author's document as a file. */
enum error_code draft_write(const char *path, const struct author_document *document,
                            struct error *error);
/* DIR/drafts/NAME.draft, as the document's file would be named; makes DIR/drafts. */
enum error_code draft_path(const char *directory, const struct author_document *document,
                           unsigned rank, char path[static 4096], struct error *error);

/* The later of this machine's clock, the newest time token of the directory's store (NULL: none)
 * and the newest document's date: a clock at 1970 brings no expired delegation back. */
uint64_t authoring_now_ms(const char *directory, const struct tree *tree);

/* Names of those who sign, from DIR/people.yaml: only for people to read, and signed nowhere. */
struct people;
struct people *people_load(const char *directory, struct error *error); /* no file: nobody */
void people_free(struct people *people);
/* NULL: not known. */
const char *people_name(const struct people *people, const uint8_t key[static KEY_BYTES]);
/* The key of person `index`; NULL past the last. */
const uint8_t *people_key(const struct people *people, size_t index);
void people_add(struct people *people, struct span name, const uint8_t key[static KEY_BYTES]);
enum error_code people_save(const struct people *people, const char *directory,
                            struct error *error);
/* "李华 (7mvk-a1z0-...)", or the fingerprint alone. */
void people_show(const struct people *people, const uint8_t key[static KEY_BYTES],
                 char text[static 256]);

/* What a document changes, in words: an array of {"seat", "name", "change"}; `before` NULL: all of
 * it is new. */
json_t *changes_in_words(const struct tree *tree, const struct people *people,
                         const struct held_document *before, const struct draft *draft);
/* The document that the draft would replace in its tree; NULL: none. */
const struct held_document *draft_before(const struct draft *draft);
/* As a table on `to`. */
void changes_print(const json_t *changes, FILE *to);
/* How many keys in it are new to the tree. */
size_t draft_new_keys(const struct draft *draft);

/* Who has signed, and who could. */
json_t *signatures_json(const struct gathered *gathered, const struct people *people);
void signatures_print(const struct gathered *gathered, const struct people *people, FILE *to);

#endif
