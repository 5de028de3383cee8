/* A text as a QR code in the terminal, two modules a character high. */
#ifndef TERRACE_CLI_QR_H
#define TERRACE_CLI_QR_H

#include "base/error.h"

/* To stdout; letters become capitals, which take less room. ERR_OVERSIZE: no code holds it. */
enum error_code qr_print(struct span text, struct error *error);

#endif
