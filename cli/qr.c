/* Light modules are drawn and dark ones left black; on a terminal both colours are said, so that it
 * reads on a white background too. */
#include "cli/qr.h"

#include <ctype.h>
#include <qrencode.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { QUIET = 2 }; /* modules of margin; four are asked for, two are enough for telephones */

static bool is_light(const QRcode *code, int row, int column)
{
    if (row < 0 || column < 0 || row >= code->width || column >= code->width)
        return true;
    return (code->data[row * code->width + column] & 1) == 0;
}

static void print_code(const QRcode *code, bool colours)
{
    static const char *const halves[] = {" ", "▄", "▀", "█"};
    for (int row = -QUIET; row < code->width + QUIET; row += 2) {
        fputs(colours ? "\033[97;40m" : "", stdout);
        for (int column = -QUIET; column < code->width + QUIET; column++) {
            bool above = is_light(code, row, column);
            bool below = row + 1 < code->width + QUIET && is_light(code, row + 1, column);
            fputs(halves[2 * above + below], stdout);
        }
        fputs(colours ? "\033[0m\n" : "\n", stdout);
    }
}

enum error_code qr_print(struct span text, struct error *error)
{
    char *capitals = mem_alloc(text.size + 1);
    for (size_t i = 0; i < text.size; i++)
        capitals[i] = (char)toupper(text.data[i]);
    QRcode *code = QRcode_encodeString(capitals, 0, QR_ECLEVEL_L, QR_MODE_8, 1);
    free(capitals);
    if (code == NULL)
        return error_set(error, ERR_OVERSIZE, "the QR code", "%zu letters are too many", text.size);
    print_code(code, isatty(STDOUT_FILENO) != 0);
    QRcode_free(code);
    return ERR_OK;
}
