/* What the files of reshape share. */
#ifndef TERRACE_CLI_DRILL_RESHAPE_PARTS_H
#define TERRACE_CLI_DRILL_RESHAPE_PARTS_H

#include "cli/drill/reshape.h"
#include "cli/drill/sign.h"

/* A new change at the end of the list; what it points to dies with the next one. */
struct drill_change *reshape_note(struct drill *drill, enum drill_change_kind kind, size_t seat);
/* Writes drill.json, also after an error; the last change is told by now. Gives `code`. */
enum error_code reshape_done(struct drill *drill, enum error_code code, struct error *error);

/* Whether a seat of this tier may stand under that parent. */
enum error_code reshape_check_parent(const struct drill *drill, size_t parent, uint8_t tier,
                                     struct error *error);

/* An amendment of a seat's branch document, over what its admin knows, and what was signed for
 * `also` (DRILL_NO_SEAT: none). NULL with `error`; in either case reshape_finish ends both: it
 * signs when `code` is ERR_OK. */
struct amendment *reshape_begin(const struct drill *drill, size_t seat, size_t also,
                                struct tree **tree, struct error *error);
enum error_code reshape_finish(const struct drill *drill, size_t seat, enum error_code code,
                               struct amendment *amendment, struct tree *tree, struct error *error);
/* A move decided by a seat above both. */
enum error_code reshape_decide(const struct drill *drill, size_t by, size_t seat, size_t to,
                               struct error *error);

/* Give a seat what its own admin has signed, and what was signed for `also` (DRILL_NO_SEAT: none).
 */
enum error_code reshape_tell_signer(const struct drill *drill, size_t seat, size_t also,
                                    struct error *error);

#endif
