/* Bytes as text that people paste, read aloud or photograph.
 *
 *     terrace-join-9f3kq2...    a label, then base32 of the bytes and 5 bytes of checksum
 *
 * The digits are Crockford's (no i, l, o, u); case, blanks and line breaks don't matter, and what
 * looks alike is read alike. */
#ifndef TERRACE_NODE_AUTHOR_CODE_TEXT_H
#define TERRACE_NODE_AUTHOR_CODE_TEXT_H

#include "base/error.h"
#include "base/hash.h"

enum {
    CODE_TEXT_BYTES_MAX = 1024,      /* what one text carries, without its checksum */
    CODE_TEXT_CHARACTERS_MAX = 4096, /* of a text with its label, blanks included */
    FINGERPRINT_TEXT_BYTES = 8 * 5,  /* eight groups of four, a NUL */
};

/* Appends LABEL and the digits, without a line feed. At most CODE_TEXT_BYTES_MAX bytes. */
void code_text_write(const char *label, struct span bytes, struct buffer *text);

/* Appends the bytes of a text with this label. ERR_MALFORMED: another label, a character that can't
 * be, a checksum that doesn't fit; ERR_OVERSIZE. what = `name`, what the text is called. Nothing is
 * appended then. */
enum error_code code_text_read(const char *label, const char *name, struct span text,
                               struct buffer *bytes, struct error *error);
/* Whether a text begins with the label, whatever follows. */
bool code_text_is(const char *label, struct span text);

/* For the telephone: the first 160 bits of a hash as eight groups of four. */
void fingerprint_write(const struct hash *hash, char text[static FINGERPRINT_TEXT_BYTES]);
/* Whether a person's text (case, blanks and hyphens as he likes) names the same. */
bool fingerprint_equal(const struct hash *hash, struct span text);

#endif
