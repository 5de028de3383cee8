/* Inside the replica: folds (rules.md 6, B122-B126, B161). A seat of the tier that the root
 * document names states one fold for all below it that have never stood elsewhere, in its own
 * report; their reports go no further up than to it. */
#ifndef TERRACE_REPLICATION_FOLDS_H
#define TERRACE_REPLICATION_FOLDS_H

#include "replication/core.h"
#include "replication/rows/fold_rows.h"

/* The cells that this seat's report has to say beside its own, ready to be read; none where it
 * states no fold. Freed with fold_cells_free. */
void folds_gather(struct step *step, struct fold_cells *cells);
/* The same of any store, for whoever compares; `nobody`: of a fold that names none. */
void folds_make(const struct view *view, const struct tree *tree, const char *seat, bool nobody,
                struct fold_cells *cells);
/* They don't fit into a report: the fold names nobody, and the reports go up as they are, until it
 * is gathered anew. `cells` are then those of a fold that names nobody. */
void folds_give_up(struct step *step, struct fold_cells *cells);
/* They fit. */
void folds_stated(struct step *step);

/* Whether this origin's report stands in our fold, and goes no further. */
bool folds_keep_back(const struct step *step, struct key_id origin);
/* A report of this origin has been taken, or dropped: it may have to be folded anew. */
void folds_hear(struct step *step, struct key_id origin);
/* The tree has changed: who is folded may have, too. */
void folds_on_tree(struct step *step);

#endif
