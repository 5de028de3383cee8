/* terrace topology edit: one document, in the editor of whoever changes it, and back as a draft. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/limits.h"
#include "cli/print.h"
#include "cli/topology/describe.h"
#include "cli/topology/topology.h"
#include "node/author/file.h"
#include "topology/trial.h"

static const struct option_row options[] = {
    {"in", "FILE", "take this text instead of asking an editor"},
    {"out", "FILE", "write the text there and do no more; --in takes it back"},
    {"draft", "FILE", "where the draft goes; absent: DIR/drafts"},
    {NULL, NULL, NULL},
};

struct editing {
    const struct arguments *arguments;
    const char *directory;
    struct span seat; /* empty: the root document */
    struct tree *tree;
    struct people *people;
    const struct held_document *held; /* NULL: the seat has none yet */
};

static enum error_code begin(struct editing *editing, struct error *error)
{
    const char *word = editing->arguments->words[0];
    enum error_code code = arguments_directory(editing->arguments, &editing->directory, error);
    if (code == ERR_OK)
        code = held_tree(editing->directory, &editing->tree, error);
    if (code != ERR_OK)
        return code;
    editing->people = people_load(editing->directory, error);
    if (editing->people == NULL)
        return error->code;
    if (strcmp(word, "root") != 0 || tree_seat(editing->tree, span_of_text("root")) != NULL)
        editing->seat = span_of_text(word);
    editing->held = editing->seat.size == 0
                        ? tree_find_document(editing->tree, DOCUMENT_ROOT, SPAN_EMPTY)
                        : tree_last_document(editing->tree, editing->seat);
    if (editing->seat.size > 0 && tree_seat(editing->tree, editing->seat) == NULL) {
        error_set(error, ERR_NOT_FOUND, word, "no document here lists such a seat");
        error_next(error, "`terrace topology show` draws those that are known here");
        return ERR_NOT_FOUND;
    }
    return ERR_OK;
}

/* What is edited: the document as it stands, or the beginning of one. */
static void describe(const struct editing *editing, struct buffer *text)
{
    if (editing->held != NULL) {
        describe_document(editing->tree, editing->people, editing->held, text);
        return;
    }
    static const char first[] = "# the first document of this seat\nseat: \"%.*s\"\n"
                                "expires: never\nseats: []\n";
    char line[sizeof first + SEAT_BYTES_MAX];
    int length = snprintf(line, sizeof line, first, (int)editing->seat.size,
                          (const char *)editing->seat.data);
    buffer_append(text, line, (size_t)length);
}

static enum error_code run_editor(const char *path, struct error *error)
{
    const char *editor = getenv("VISUAL");
    char command[PATH_MAX * 2];
    if (editor == NULL || editor[0] == '\0')
        editor = getenv("EDITOR");
    if (editor == NULL || editor[0] == '\0')
        editor = "vi";
    snprintf(command, sizeof command, "%s \"$1\"", editor);
    pid_t child = fork();
    if (child == 0) {
        execl("/bin/sh", "sh", "-c", command, "sh", path, (char *)NULL);
        _exit(127);
    }
    int status = -1;
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    if (child > 0 && status == 0)
        return ERR_OK;
    error_set(error, ERR_IO, editor, "the editor ended without success; nothing was changed");
    error_next(error, "name another with EDITOR=..., or use --out and --in");
    return ERR_IO;
}

static enum error_code make_draft(struct editing *editing, const char *path,
                                  struct author_document *document, struct error *error)
{
    struct description description;
    enum error_code code = description_read(path, &description, error);
    if (code != ERR_OK)
        return code;
    struct amend_when when = {.now_ms = authoring_now_ms(editing->directory, editing->tree),
                              .expires_ms =
                                  description.expires_given ? description.expires_ms : AMEND_KEEP};
    struct amendment *amendment = NULL;
    bool same = span_equal(description.seat, editing->seat) &&
                description.is_root == (editing->seat.size == 0);
    if (!same)
        code = error_set(error, ERR_INVALID, path, "it is another seat's document than %s",
                         editing->arguments->words[0]);
    if (code == ERR_OK) {
        amendment =
            amend_new(editing->tree, editing->seat.size == 0 ? DOCUMENT_ROOT : DOCUMENT_BRANCH,
                      editing->seat, &when, error);
        code = amendment == NULL ? error->code : ERR_OK;
    }
    if (code == ERR_OK)
        code = description_apply(path, &description, editing->tree, amendment, error);
    if (code == ERR_OK)
        code = amend_finish(amendment, document, error);
    if (code == ERR_OK)
        code = people_save(description.people, editing->directory, error);
    amend_free(amendment);
    description_free(&description);
    return code;
}

static enum error_code write_draft(const struct editing *editing,
                                   const struct author_document *document, char path[static 4096],
                                   struct error *error)
{
    const char *given = arguments_value(editing->arguments, "draft");
    const struct seat *seat = tree_seat(editing->tree, editing->seat);
    if (given == NULL) {
        enum error_code code = draft_path(editing->directory, document,
                                          seat == NULL ? 0 : seat->row.tier, path, error);
        return code == ERR_OK ? draft_write(path, document, error) : code;
    }
    snprintf(path, PATH_MAX, "%s", given);
    return draft_write(path, document, error);
}

static enum error_code tell(const struct editing *editing, const char *path, struct error *error)
{
    struct draft draft;
    enum error_code code = draft_open(editing->directory, path, &draft, error);
    if (code != ERR_OK)
        return code;
    json_t *changes = changes_in_words(draft.tree, editing->people, draft_before(&draft), &draft);
    if (editing->arguments->json) {
        print_json(json_pack("{s:s,s:o}", "draft", path, "changes", changes));
    } else {
        changes_print(changes, stdout);
        printf("the draft is %s; next: terrace topology sign %s --key FILE\n", path, path);
        json_decref(changes);
    }
    draft_free(&draft);
    return ERR_OK;
}

/* The text goes to the editor in a file of its own, and stays there when it is at fault, so that
 * nobody's work is lost. */
static enum error_code edit_text(struct editing *editing, struct author_document *document,
                                 struct error *error)
{
    const char *in = arguments_value(editing->arguments, "in");
    char path[PATH_MAX];
    struct buffer text = {0};
    if (in != NULL)
        return make_draft(editing, in, document, error);
    char name[SEAT_BYTES_MAX + 16];
    snprintf(name, sizeof name, "edit-%s.yaml", editing->arguments->words[0]);
    enum error_code code = path_join(path, editing->directory, name, error);
    if (code == ERR_OK && access(path, F_OK) != 0) {
        describe(editing, &text);
        code = file_create(path, span_of_buffer(&text), 0600, error);
    }
    buffer_free(&text);
    if (code == ERR_OK)
        code = run_editor(path, error);
    if (code == ERR_OK)
        code = make_draft(editing, path, document, error);
    if (code == ERR_OK)
        unlink(path);
    else if (error->next[0] == '\0')
        error_next(error, "edit again: the text is kept in %s", path);
    return code;
}

static enum error_code edit(struct editing *editing, struct error *error)
{
    const char *out = arguments_value(editing->arguments, "out");
    struct author_document document = {0};
    struct buffer text = {0};
    char path[PATH_MAX];
    enum error_code code = begin(editing, error);
    if (code != ERR_OK)
        return code;
    if (out != NULL) {
        describe(editing, &text);
        code = file_create(out, span_of_buffer(&text), 0600, error);
        buffer_free(&text);
        return code;
    }
    code = edit_text(editing, &document, error);
    if (code == ERR_OK)
        code = write_draft(editing, &document, path, error);
    author_document_clear(&document);
    return code == ERR_OK ? tell(editing, path, error) : code;
}

static int run(const struct arguments *arguments, struct error *error)
{
    struct editing editing = {.arguments = arguments};
    enum error_code code = edit(&editing, error);
    people_free(editing.people);
    tree_free(editing.tree);
    return code == ERR_OK ? EXIT_DONE : EXIT_FAILED;
}

const struct command topology_edit = {
    .name = "edit",
    .usage = "SEAT|root",
    .summary = "change one document as text, and make a draft of it",
    .detail = "The editor is $VISUAL, $EDITOR or vi. What the tree would refuse is said with line\n"
              "and column. The draft counts when enough have signed it and it is published.",
    .words_min = 1,
    .words_max = 1,
    .options = options,
    .run = run,
};
