/* Passphrases, from a terminal without echo or from a file, and key files opened with them. */
#ifndef TERRACE_CLI_PASSPHRASE_H
#define TERRACE_CLI_PASSPHRASE_H

#include "cli/command.h"
#include "node/author/admin_key.h"

/* For tables of options. */
#define PASSPHRASE_ROW                                                                             \
    {                                                                                              \
        "passphrase-file", "FILE",                                                                 \
            "its first line is the passphrase; -: the standard input; else it is asked for"        \
    }

/* A passphrase in memory that is wiped when it is freed. */
struct passphrase {
    char *text; /* NULL: none yet */
    size_t size;
};
void passphrase_free(struct passphrase *passphrase);
struct span passphrase_span(const struct passphrase *passphrase);

/* From FILE (NULL: the terminal; `twice`: asked for again, to be sure). ERR_USAGE without a
 * terminal and a file. On failure there is nothing to free. */
enum error_code passphrase_ask(const char *file, const char *prompt, bool twice,
                               struct passphrase *passphrase, struct error *error);

/* Loads a key file and unlocks it; --passphrase-file from `arguments`, else the terminal is asked.
 * The process is concealed before. The caller frees with admin_key_free. */
enum error_code key_open(const struct arguments *arguments, const char *path, struct admin_key *key,
                         struct error *error);
/* The same of a key that key_file_load or escrow_key_load has loaded; it is freed on failure. */
enum error_code key_unlock(const struct arguments *arguments, const char *path,
                           struct admin_key *key, struct error *error);

#endif
