/* terrace key: what its subcommands share. */
#ifndef TERRACE_CLI_KEY_H
#define TERRACE_CLI_KEY_H

#include "cli/passphrase.h"

/* Name, public key and fingerprint; one JSON object with --json. */
void key_tell(const struct arguments *arguments, const char *path, const struct admin_key *key);

extern const struct command key_new, key_show, key_passwd, key_lend, key_lent, key_return;

#endif
