/* The terminal is /dev/tty, so that a passphrase can be typed while the standard input is a file.
 */
#include "cli/passphrase.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "cli/print.h"
#include "node/author/keys.h"

static const char what[] = "the passphrase";

void passphrase_free(struct passphrase *passphrase)
{
    secret_free(passphrase->text);
    *passphrase = (struct passphrase){0};
}

struct span passphrase_span(const struct passphrase *passphrase)
{
    return SPAN(passphrase->text, passphrase->size);
}

/* One line, byte by byte, so that nothing of what follows is taken. */
static enum error_code read_line(int from, struct passphrase *passphrase, struct error *error)
{
    char letter;
    passphrase->text = secret_alloc(PASSPHRASE_BYTES_MAX + 1);
    for (;;) {
        ssize_t count = read(from, &letter, 1);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0 || letter == '\n')
            break;
        if (passphrase->size == PASSPHRASE_BYTES_MAX || (unsigned char)letter < ' ') {
            bool cancelled = letter == 3;
            passphrase_free(passphrase);
            return error_set(error, cancelled ? ERR_USAGE : ERR_INVALID, what,
                             cancelled ? "it was not given"
                                       : "it is too long, or has control characters");
        }
        passphrase->text[passphrase->size++] = letter;
    }
    secret_wipe(&letter, sizeof letter);
    if (passphrase->size > 0)
        return ERR_OK;
    passphrase_free(passphrase);
    return error_set(error, ERR_USAGE, what, "it was not given");
}

static enum error_code from_file(const char *file, struct passphrase *passphrase,
                                 struct error *error)
{
    if (strcmp(file, "-") == 0)
        return read_line(STDIN_FILENO, passphrase, error);
    int from = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (from < 0) {
        error_set(error, ERR_NOT_FOUND, file, "the file with the passphrase can't be opened: %s",
                  strerror(errno));
        return ERR_NOT_FOUND;
    }
    enum error_code code = read_line(from, passphrase, error);
    close(from);
    return code;
}

/* Without echo, and without signals, so that no way out leaves the terminal silent. */
static enum error_code ask_once(int terminal, const char *prompt, struct passphrase *passphrase,
                                struct error *error)
{
    struct termios usual, silent;
    if (tcgetattr(terminal, &usual) != 0)
        return error_set(error, ERR_IO, what, "the terminal can't be asked: %s", strerror(errno));
    silent = usual;
    silent.c_lflag &= ~(tcflag_t)(ECHO | ISIG);
    silent.c_lflag |= ICANON;
    (void)tcsetattr(terminal, TCSAFLUSH, &silent); /* before anybody is asked to type */
    dprintf(terminal, "%s: ", prompt);
    enum error_code code = read_line(terminal, passphrase, error);
    (void)tcsetattr(terminal, TCSAFLUSH, &usual);
    dprintf(terminal, "\n");
    return code;
}

static enum error_code ask(int terminal, const char *prompt, bool twice,
                           struct passphrase *passphrase, struct error *error)
{
    struct passphrase again = {0};
    enum error_code code = ask_once(terminal, prompt, passphrase, error);
    if (code != ERR_OK || !twice)
        return code;
    code = ask_once(terminal, "the same again", &again, error);
    if (code == ERR_OK && !span_equal(passphrase_span(passphrase), passphrase_span(&again)))
        code = error_set(error, ERR_INVALID, what, "the two are not the same");
    passphrase_free(&again);
    if (code != ERR_OK)
        passphrase_free(passphrase);
    return code;
}

enum error_code passphrase_ask(const char *file, const char *prompt, bool twice,
                               struct passphrase *passphrase, struct error *error)
{
    *passphrase = (struct passphrase){0};
    if (file != NULL)
        return from_file(file, passphrase, error);
    int terminal = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    if (terminal < 0) {
        error_set(error, ERR_USAGE, what, "there is no terminal to ask for it");
        error_next(error, "put it into a file that only you can read, and name that with "
                          "--passphrase-file");
        return ERR_USAGE;
    }
    enum error_code code = ask(terminal, prompt, twice, passphrase, error);
    close(terminal);
    return code;
}

enum error_code key_open(const struct arguments *arguments, const char *path, struct admin_key *key,
                         struct error *error)
{
    enum error_code code = admin_key_load(path, key, error);
    return code == ERR_OK ? key_unlock(arguments, path, key, error) : code;
}

enum error_code key_unlock(const struct arguments *arguments, const char *path,
                           struct admin_key *key, struct error *error)
{
    struct passphrase passphrase;
    char prompt[PATH_MAX + 64];
    process_conceal();
    if (key->secret != NULL)
        return ERR_OK;
    snprintf(prompt, sizeof prompt, "passphrase of %s", path);
    enum error_code code = passphrase_ask(arguments_value(arguments, "passphrase-file"), prompt,
                                          false, &passphrase, error);
    if (code == ERR_OK) {
        code = admin_key_unlock(key, path, passphrase_span(&passphrase), error);
        passphrase_free(&passphrase);
    }
    if (code != ERR_OK)
        admin_key_free(key);
    return code;
}
