/* Signed documents as files: what DIR/documents holds (docs/node.md).
 *
 *     whole: [kind, envelope bin, [row bin ...]]
 *     part:  [kind, envelope bin, [[place, row bin, proof bin] ...]]
 *
 * Only the form is checked here; whether a document counts is decided by topology/. */
#ifndef TERRACE_NODE_AUTHOR_DOCUMENT_FILE_H
#define TERRACE_NODE_AUTHOR_DOCUMENT_FILE_H

#include "topology/document.h"

struct document_file {
    char name[256]; /* of the file, without its directory */
    enum document_kind kind;
    struct span envelope;
    bool part; /* rows stand alone, each with its place and proof */
    size_t row_count;
    struct span *rows;   /* row_count of them, owned */
    uint32_t *places;    /* of a part, owned; else NULL */
    struct span *proofs; /* of a part, owned; else NULL */
    bool confirmed;      /* a root by hand, and DIR/confirmed-roots names it */
    struct buffer bytes; /* the file: the spans of a file that was read point in here */
};

struct document_files {
    struct document_file *files; /* in the order of their names */
    size_t count;
};

enum { DOCUMENT_FILES_MAX = 8192 };

/* One file. On failure there is nothing to free. what = the path. */
enum error_code document_file_read(const char *path, struct document_file *file,
                                   struct error *error);
/* The same from bytes in memory, which are copied; `path` is only told. */
enum error_code document_file_decode(struct span bytes, const char *path,
                                     struct document_file *file, struct error *error);
void document_file_free(struct document_file *file);
/* The bytes of such a file, appended. Of `file` as document_file_write says. */
void document_file_encode(const struct document_file *file, struct buffer *out);

/* Reads *.document of DIR/documents; no such directory: none. The first file that can't be read,
 * or a list of confirmed roots that can't be, fails all; nothing to free then. The caller frees
 * with document_files_free. */
enum error_code document_files_load(const char *dir, struct document_files *files,
                                    struct error *error);
void document_files_free(struct document_files *files);

/* Writes a document to DIR/documents/NAME.document, in place of one with that name; makes the
 * directory. Of `file` only kind, envelope, part, rows, places and proofs are read; all borrowed.
 */
enum error_code document_file_write(const char *dir, const char *name,
                                    const struct document_file *file, struct error *error);
/* The same anywhere. */
enum error_code document_file_write_at(const char *path, const struct document_file *file,
                                       struct error *error);

/* The name that sorts parents before children: "0-root", "1-RANK-SEAT" for the branch document of a
 * seat at this tier, "2-types", "3-dictionary", "4-order-SEAT". */
void document_file_name(char name[static 128], enum document_kind kind, const char *seat,
                        unsigned rank);

#endif
