/* Rows out of the pages of a database file, whatever its tree has come to: every page is looked at
 * by itself, and LMDB isn't asked, since it walks damaged pages into crashes. */
#ifndef TERRACE_NODE_STORE_STORE_SALVAGE_H
#define TERRACE_NODE_STORE_STORE_SALVAGE_H

#include "base/error.h"

struct store_pages;

/* DIR/data/data.mdb, or what has its name. ERR_NOT_FOUND: there is none; ERR_IO. The caller closes
 * with store_pages_close. */
enum error_code store_pages_open(const char *dir, struct store_pages **pages, struct error *error);
void store_pages_close(struct store_pages *pages); /* NULL is legal */
uint64_t store_pages_count(const struct store_pages *pages);

/* Calls `row` for each row of one page: key and value die with the call, `place` finds the value
 * again. Rows of pages that are no longer in use come too. Nothing of a page that can't be read. */
void store_pages_rows(struct store_pages *pages, uint64_t page, void *context,
                      void (*row)(void *context, struct span key, struct span value,
                                  uint64_t place));
/* Bytes at a place that `row` gave. False: they can't be read. */
bool store_pages_bytes(struct store_pages *pages, uint64_t place, size_t size, uint8_t *to);

/* Puts DIR/salvage/data, a whole store, in the place of DIR/data, which is kept as
 * DIR/data.damaged-N, the first N that is free; `kept` gets its name ("" when there was none). A
 * power cut leaves the one or the other under its name, or is finished by the next call. */
enum error_code store_salvage_swap(const char *dir, char kept[static 32], struct error *error);
/* Before a store is opened: a swap that a power cut has halved is finished. */
enum error_code store_salvage_finish(const char *dir, struct error *error);
/* What an earlier salvage left unfinished in DIR/salvage; only names that a store makes. */
enum error_code store_salvage_discard(const char *dir, struct error *error);
/* The lock of the directory, as a serving node holds it: a descriptor to be closed, or -1. */
int store_salvage_lock(const char *dir, struct error *error);

#endif
