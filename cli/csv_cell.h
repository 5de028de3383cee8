/* Cells of a CSV file as we write them (RFC 4180): quoted where they must be, and where a
 * spreadsheet would run them a ' in front (source.h says how they are read). */
#ifndef TERRACE_CLI_CSV_CELL_H
#define TERRACE_CLI_CSV_CELL_H

#include "cli/source.h"

/* To stdout. `guard`: the text may be anything. */
void csv_put_cell(struct span text, bool guard);

#endif
