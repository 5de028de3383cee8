/* A tree, or one document of it, as people write it in YAML (docs/topology.md). */
#ifndef TERRACE_CLI_TOPOLOGY_DESCRIBE_H
#define TERRACE_CLI_TOPOLOGY_DESCRIBE_H

#include "cli/topology/draft.h"
#include "node/author/request.h"
#include "topology/amend.h"
#include "topology/csv.h"

struct described_admins {
    bool given;
    uint8_t threshold, count;
    uint8_t keys[ADMIN_KEYS_MAX][KEY_BYTES];
};

/* Texts of a list; spans point into the description's text. */
struct described_texts {
    bool given;
    size_t count;
    struct span texts[16]; /* as many as any list of a row has */
};

struct described_seat {
    struct span code, name, tier, parent;
    struct span released_to; /* "anybody": any */
    bool released, has_keys;
    struct amend_keys keys;
    struct described_admins admins;
    bool has_escrow; /* said; all zero: none */
    uint8_t escrow[KEY_BYTES];
    struct described_texts endpoints, fallbacks;
    char endpoint[ENDPOINT_BYTES_MAX + 1]; /* of the request, when no endpoints are given */
    unsigned line, column;
};

struct description {
    struct span seat; /* whose document; empty: the root document, or a whole tree */
    bool is_root;     /* it says who signs for the root */
    bool expires_given;
    uint64_t expires_ms;
    struct described_admins root;
    struct described_texts tiers;
    struct span fold_tier; /* name of a tier, "none"; empty: nothing is said of it */
    unsigned fold_line, fold_column;
    struct span types; /* a file of types; empty: none is named */
    struct described_seat *seats;
    size_t seat_count;
    struct people *people; /* names of the keys in it */
    struct buffer text;    /* what spans point into */
    struct yaml *yaml;
};

/* Reads a file. Errors have file, line and column. Requests and keys that it names as files are
 * read, by paths from the file's own folder. On failure there is nothing to free. */
enum error_code description_read(const char *path, struct description *description,
                                 struct error *error);
void description_free(struct description *description);
/* An error of what it says: "PATH:LINE:COLUMN". */
enum error_code description_refuse(const char *path, const struct described_seat *seat,
                                   const struct error *why, struct error *error);

/* The held document of a seat (empty: the root's) as YAML, to be edited. */
void describe_document(const struct tree *tree, const struct people *people,
                       const struct held_document *held, struct buffer *text);
/* A tree as YAML, from a table: everything that a table doesn't say is left to be filled in. */
enum error_code describe_table(const struct csv_tree *table, struct buffer *text,
                               struct error *error);

/* Bring the amendment to what is described: ERR_INVALID and what else amendments say, with the
 * place in `path`. */
enum error_code description_apply(const char *path, const struct description *description,
                                  const struct tree *tree, struct amendment *amendment,
                                  struct error *error);
/* ERR_INVALID at the place of `fold_tier`. */
enum error_code description_refuse_fold(const char *path, const struct description *description,
                                        const struct error *why, struct error *error);
/* Whether every seat's tier, and that of folds, is one of those that it names itself. */
enum error_code description_tiers(const char *path, const struct description *description,
                                  struct error *error);
/* The row that a described seat asks for. Lists lie in `lists`. */
enum error_code description_row(const struct description *description,
                                const struct described_seat *seat, const struct text_list *tiers,
                                struct buffer *lists, struct seat_row *row, struct error *error);

#endif
