/* Drafts as files, and what lies around them. */
#include "cli/topology/draft.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/print.h"
#include "cli/topology/topology.h"
#include "node/author/file.h"
#include "node/store/store.h"
#include "replication/rows/rows.h"
#include "topology/trial.h"

enum { DRAFTS_BESIDE_MAX = 4096 };

void draft_title(const struct document_header *header, char title[static 96])
{
    switch (header->kind) {
    case DOCUMENT_ROOT: snprintf(title, 96, "the root document"); break;
    case DOCUMENT_BRANCH: snprintf(title, 96, "the document of seat %s", header->seat); break;
    case DOCUMENT_TYPES: snprintf(title, 96, "the types document"); break;
    case DOCUMENT_DICTIONARY: snprintf(title, 96, "the dictionary"); break;
    case DOCUMENT_ORDER:
        snprintf(title, 96, "the order to %s (%s)", header->seat, order_word(header->order));
        break;
    }
}

/* A document of an author, from a file. The file's spans are copied. */
static struct author_document from_file(const struct document_file *file,
                                        const struct document_header *header)
{
    struct author_document document = {.kind = file->kind, .row_count = file->row_count};
    memcpy(document.seat, header->seat, sizeof document.seat);
    buffer_append_span(&document.envelope, file->envelope);
    document.rows = mem_alloc((file->row_count + 1) * sizeof *document.rows);
    for (size_t i = 0; i < file->row_count; i++)
        buffer_append_span(&document.rows[i], file->rows[i]);
    return document;
}

enum error_code draft_write(const char *path, const struct author_document *document,
                            struct error *error)
{
    struct document_file file = {.kind = document->kind,
                                 .envelope = span_of_buffer(&document->envelope),
                                 .row_count = document->row_count};
    file.rows = mem_alloc((document->row_count + 1) * sizeof *file.rows);
    for (size_t i = 0; i < document->row_count; i++)
        file.rows[i] = span_of_buffer(&document->rows[i]);
    enum error_code code = document_file_write_at(path, &file, error);
    free(file.rows);
    return code;
}

enum error_code draft_path(const char *directory, const struct author_document *document,
                           unsigned rank, char path[static 4096], struct error *error)
{
    char name[128], file[160];
    document_file_name(name, document->kind, document->seat, rank);
    snprintf(file, sizeof file, "drafts/%s.draft", name);
    enum error_code code = path_join(path, directory, "drafts", error);
    if (code == ERR_OK)
        code = directory_make(path, 0700, error);
    return code == ERR_OK ? path_join(path, directory, file, error) : code;
}

const char *draft_directory(const struct arguments *arguments, const char *path,
                            char found[static 4096])
{
    static const char folder[] = "drafts";
    if (arguments->directory != NULL)
        return arguments->directory;
    const char *name = strrchr(path, '/');
    const char *end = name;
    while (end != NULL && end > path && end[-1] != '/')
        end--;
    if (name == NULL || (size_t)(name - end) != sizeof folder - 1 ||
        memcmp(end, folder, sizeof folder - 1) != 0)
        return NULL;
    snprintf(found, PATH_MAX, "%.*s", end == path ? 1 : (int)(end - path),
             end == path ? "." : path);
    return found;
}

static int is_draft(const struct dirent *entry)
{
    const char *end = strrchr(entry->d_name, '.');
    return entry->d_name[0] != '.' && end != NULL && strcmp(end, ".draft") == 0;
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

struct beside {
    struct author_document *documents;
    size_t count;
};

static void beside_free(struct beside *beside)
{
    for (size_t i = 0; i < beside->count; i++)
        author_document_clear(&beside->documents[i]);
    free(beside->documents);
}

/* Drafts of the same folder that are other documents than this one. What can't be read says nothing
 * here: it is told when it is named. */
static struct beside beside_load(const char *path, const struct draft *draft)
{
    char folder[PATH_MAX], other[PATH_MAX];
    const char *slash = strrchr(path, '/');
    struct dirent **names = NULL;
    struct beside beside = {0};
    snprintf(folder, sizeof folder, "%.*s", slash == NULL ? 1 : (int)(slash - path + 1),
             slash == NULL ? "." : path);
    int count = scandir(folder, &names, is_draft, by_bytes);
    beside.documents = mem_alloc((size_t)(count < 0 ? 1 : count + 1) * sizeof *beside.documents);
    for (int i = 0; i < count; i++) {
        struct document_file file;
        struct document_envelope opened;
        if (beside.count < DRAFTS_BESIDE_MAX &&
            path_join(other, folder, names[i]->d_name, NULL) == ERR_OK &&
            document_file_read(other, &file, NULL) == ERR_OK) {
            if (!file.part && document_open(file.envelope, &opened, NULL) == ERR_OK &&
                (opened.decoded.kind != draft->opened.decoded.kind ||
                 strcmp(opened.decoded.seat, draft->opened.decoded.seat) != 0))
                beside.documents[beside.count++] = from_file(&file, &opened.decoded);
            document_file_free(&file);
        }
        free(names[i]);
    }
    free(names);
    return beside;
}

/* The tree that a first root document begins: the draft's own, or one beside it. */
static struct tree *tree_begun(const struct draft *draft, const struct beside *beside)
{
    struct document_envelope opened;
    if (draft->opened.decoded.first) {
        struct hash id = document_tree_id(draft->opened.header);
        return tree_new(&id);
    }
    for (size_t i = 0; i < beside->count; i++) {
        struct span envelope = span_of_buffer(&beside->documents[i].envelope);
        if (document_open(envelope, &opened, NULL) == ERR_OK && opened.decoded.first) {
            struct hash id = document_tree_id(opened.header);
            return tree_new(&id);
        }
    }
    return NULL;
}

/* A branch hangs on its parent's document, wherever its name stands: until nothing is taken. */
static void offer_beside(struct tree *tree, const struct beside *beside)
{
    bool *taken = mem_alloc((beside->count + 1) * sizeof *taken);
    bool any = true;
    while (any) {
        any = false;
        for (size_t i = 0; i < beside->count; i++) {
            if (taken[i] || trial_offer(tree, &beside->documents[i], NULL) != ERR_OK)
                continue;
            taken[i] = any = true;
        }
    }
    free(taken);
}

static void look_around(const char *path, struct draft *draft)
{
    struct beside beside = beside_load(path, draft);
    struct tree *begun = draft->base == NULL ? tree_begun(draft, &beside) : NULL;
    const struct tree *from = draft->base != NULL ? draft->base : begun;
    if (from != NULL) {
        draft->around = trial_new(from);
        offer_beside(draft->around, &beside);
        /* a document is judged as it stands: signatures of the drafts beside it were believed, its
         * own are not */
        tree_set_verifier(draft->around, NULL);
    }
    draft->tree = draft->around;
    tree_free(begun);
    beside_free(&beside);
}

/* Rows must stand under the root in the header, or its signatures are about something else. */
static enum error_code rows_check(const char *path, const struct draft *draft, struct error *error)
{
    struct hash root = document_rows_root(draft->file.rows, draft->file.row_count);
    const struct document_header *header = &draft->opened.decoded;
    if (header->kind == draft->file.kind && header->row_count == draft->file.row_count &&
        hash_equal(&root, &header->row_root))
        return ERR_OK;
    error_set(
        error, ERR_DAMAGED, path,
        "its rows are not those that its header names: they were changed after it was written");
    error_next(error, "take the draft again from where it was written");
    return ERR_DAMAGED;
}

enum error_code draft_open(const char *directory, const char *path, struct draft *draft,
                           struct error *error)
{
    *draft = (struct draft){0};
    enum error_code code = document_file_read(path, &draft->file, error);
    if (code == ERR_NOT_FOUND)
        error_next(error,
                   "drafts are written by `terrace topology new` and `edit`, into DIR/drafts");
    if (code != ERR_OK)
        return code;
    code = document_open(draft->file.envelope, &draft->opened, error);
    if (code == ERR_OK && draft->file.part)
        code = error_set(error, ERR_INVALID, path, "it is a part of a document; drafts are whole");
    if (code == ERR_OK)
        code = rows_check(path, draft, error);
    if (code == ERR_OK && directory != NULL) {
        code = held_tree(directory, &draft->base, error);
        if (code == ERR_NOT_FOUND) { /* a tree that begins: its drafts are all there is */
            error_clear(error);
            code = ERR_OK;
        }
    }
    if (code != ERR_OK) {
        draft_free(draft);
        return code;
    }
    draft->hash = document_hash(draft->opened.header);
    look_around(path, draft);
    return ERR_OK;
}

void draft_free(struct draft *draft)
{
    tree_free(draft->around);
    tree_free(draft->base);
    document_file_free(&draft->file);
    *draft = (struct draft){0};
}

const struct held_document *draft_before(const struct draft *draft)
{
    const struct document_header *header = &draft->opened.decoded;
    if (draft->tree == NULL)
        return NULL;
    return header->kind == DOCUMENT_BRANCH
               ? tree_last_document(draft->tree, span_of_text(header->seat))
               : tree_find_document(draft->tree, header->kind, SPAN_EMPTY);
}

static uint64_t token_of_store(const char *directory)
{
    struct store_options options = {.dir = directory, .read_only = true, .must_exist = true};
    struct store_snapshot *snapshot = NULL;
    struct store *store = NULL;
    struct view view;
    uint64_t token_ms = 0;
    if (store_open(&options, &store, NULL) == ERR_OK &&
        store_snapshot_begin(store, &snapshot, &view, NULL) == ERR_OK) {
        token_ms = newest_token_ms(&view);
        store_snapshot_end(snapshot);
    }
    store_close(store);
    return token_ms;
}

uint64_t authoring_now_ms(const char *directory, const struct tree *tree)
{
    char path[PATH_MAX];
    struct stat status;
    uint64_t now_ms = wall_now_ms();
    if (directory != NULL && path_join(path, directory, "data/data.mdb", NULL) == ERR_OK &&
        stat(path, &status) == 0) {
        uint64_t token_ms = token_of_store(directory);
        now_ms = token_ms > now_ms ? token_ms : now_ms;
    }
    for (size_t i = 0; tree != NULL && i < tree_document_count(tree); i++) {
        uint64_t issued_ms = tree_document(tree, i)->header.issued_ms;
        now_ms = issued_ms > now_ms ? issued_ms : now_ms;
    }
    return now_ms;
}
