/* Reads for people: a record, a list, a total, who is complete. Pure functions over a view of
 * committed rows and a tree; any thread with a snapshot of its own may call them. Answers are
 * appended to `out` as one msgpack value each. */
#ifndef TERRACE_REPLICATION_QUERY_QUERY_H
#define TERRACE_REPLICATION_QUERY_QUERY_H

#include "replication/format/note.h"
#include "replication/ports.h"
#include "topology/tree.h"

/* Of each type whose records are alarms, and of which some are open here, a text that says so; and
 * of each fold of a seat below that contradicts. Each with a NUL behind it. */
void query_alarms(const struct view *view, const struct tree *tree, const char *self,
                  struct buffer *out);

/* How many types' closed records leave the lists when they have lain for so many days. */
uint64_t query_retained_types(const struct tree *tree);

/* The tree from the rows of a store (TABLE_DOCS). NULL with `error` when they don't verify. */
struct tree *query_tree(const struct view *view, const struct hash *tree_id, struct error *error);
/* Changes whenever the documents in the store do: when it differs, call query_tree again. */
uint64_t query_tree_stamp(const struct view *view);

/* {"id": text, "type": text, "origin": seat, "created": ms, "circle": [seat ...] (with
 * "circle_below": tier: that seat and all below it down to that tier), "fields": {..}, "conflicts":
 * [..] (each with "seat"), "deleted": bool, "operations": u, "excluded": u, "changed": ms,
 * "digest": text}, of a type with private fields also "private": {"held": bool, "damaged": bool,
 * "operations": u, "fields": [all of them by name], "circle": [seat ...]}; where they are held they
 * stand among "fields" and "conflicts", unless the record is deleted. ERR_UNKNOWN_TYPE,
 * ERR_NOT_FOUND, ERR_DAMAGED. */
enum error_code query_record(const struct view *view, const struct tree *tree, struct span type,
                             const struct record_id *id, struct buffer *out, struct error *error);
/* The same with "steps": those of its workflow that this seat may take now; and, where the state
 * that it is in has a limit, "due": ms, "overdue": bool, by the reader's clock `now_ms` or by the
 * newest token, "clock_suspect": the two are far apart, so this may be wrong. */
enum error_code query_record_at(const struct view *view, const struct tree *tree, const char *seat,
                                uint64_t now_ms, struct span type, const struct record_id *id,
                                struct buffer *out, struct error *error);

/* Records that are overdue at `now_ms` or by the newest token, of one type or (empty) of all, the
 * longest first; maps as above, without "steps". `limit`, `cursor`, `out` and *count as in
 * query_list. */
enum error_code query_overdue(const struct view *view, const struct tree *tree, uint64_t now_ms,
                              struct span type, size_t limit, struct buffer *cursor,
                              struct buffer *out, size_t *count, struct error *error);

/* A record's circle (circle.h); the caller frees it. False: no such record here, or not readable.
 */
struct circle;
bool query_circle(const struct view *view, const struct tree *tree, uint16_t type,
                  const struct record_id *id, struct circle *circle);

/* What a list is to show. Maps of field name -> value, which must hold of all of them (empty span:
 * no such test); values are read as in a write, so the text "2" finds the integer; of a list =
 * asks for an item. Only `where` takes private fields, lists and counters. Texts and choices are
 * compared by their bytes; what shows nothing passes no test. */
struct list_query {
    struct span type;
    struct span where; /* equal */
    struct span at_least, above, at_most, below;
    bool deleted_too;
    /* The reader's clock, or 0: what is past its type's retention by it and by the newest token is
     * left out (rules.md B116). */
    uint64_t now_ms;
};
/* How a step of a list found its records. */
struct list_plan {
    const int32_t *fields; /* of the index (rows/field_rows.h), ends in 0; NULL: all were read */
    size_t examined;       /* records */
};

/* Records of a type, newest creation first; deleted ones left out unless they are asked for. At
 * most `limit` maps as above are appended one after the other; *count says how many. `cursor` (<=
 * 64 bytes, empty at first) is where to go on; comes back empty at the end. `plan` may be NULL. A
 * step examines at most 10,000 rows, so *count may be 0 with a cursor left. ERR_UNKNOWN_TYPE,
 * ERR_UNKNOWN_FIELD, ERR_INVALID: a test doesn't fit its field; ERR_DAMAGED: something that
 * belongs in the list can't be read; ERR_USAGE: not a cursor of this list. */
enum error_code query_list_by(const struct view *view, const struct tree *tree,
                              const struct list_query *query, size_t limit, struct buffer *cursor,
                              struct list_plan *plan, struct buffer *out, size_t *count,
                              struct error *error);
/* The names of the index's fields, an array; empty: no index. */
void query_index_names(const struct tree *tree, struct span type, const struct list_plan *plan,
                       struct buffer *out);
/* The same with `where` alone. */
enum error_code query_list(const struct view *view, const struct tree *tree, struct span type,
                           struct span where, bool deleted_too, size_t limit, struct buffer *cursor,
                           struct buffer *out, size_t *count, struct error *error);

/* Records with conflicts, of one type or (empty) of all, in the order of their rows; `limit`,
 * `cursor`, `out` and *count as in query_list. Each: {"record": map as above, "shown": [{"field":,
 * "seat":, "name":, "clock":}]}: who wrote the value that is shown of each conflicting field. */
enum error_code query_conflicts(const struct view *view, const struct tree *tree, struct span type,
                                size_t limit, struct buffer *cursor, struct buffer *out,
                                size_t *count, struct error *error);

/* What is set aside here: quarantine, then what waits. `limit`, `cursor`, `out` and *count as in
 * query_list. Each: {"kind": "quarantined" | "waiting", "seat":, "name":, "epoch": ordinal,
 * "stream": number, "place": seq, "type":, "record": id or "", "code":, "reason":, "since": ms or
 * 0, "who": the seat that must act or "", "next": what it does}. */
enum error_code query_aside(const struct view *view, const struct tree *tree, const char *self,
                            size_t limit, struct buffer *cursor, struct buffer *out, size_t *count,
                            struct error *error);

/* What is behind its author's cut-off: of quarantine, by the keys of one seat or (empty) of all;
 * or, with `type`, all of that kind in one record, in the order in which it was folded. `limit`,
 * `cursor`, `out` and *count as in query_list. Each: {"seat":, "name":, "key": hex of its id,
 * "epoch": ordinal, "stream":, "place":, "trusted": how many places of that stream count, "type":,
 * "record":, "change": "created" | "changed" | "deleted" | "extended", "" of one that can't be read
 * here, "clock":, "fields": {..} as written, of a counter what was added, and "_deleted", "seats":
 * [those that an extension names], "held": whether something else of the record counts, "digest":
 * hex, "endorsed": {"seat":, "name":, "clock":, "reason":, "record":} who has written it again, and
 * where; empty: nobody}. ERR_UNKNOWN_TYPE, ERR_DAMAGED, ERR_USAGE: not a cursor of this list. */
struct revoked_of {
    struct span seat, type; /* empty: all; by quarantine */
    struct record_id id;    /* of `type` */
};
enum error_code query_revoked(const struct view *view, const struct tree *tree,
                              const struct revoked_of *of, size_t limit, struct buffer *cursor,
                              struct buffer *out, size_t *count, struct error *error);

/* What has changed here since a cursor, in the order in which it was applied, whoever wrote it; of
 * one type or (empty) of all. `cursor`: empty: only what comes from now on; else one that was given
 * here; comes back as where to go on. At most `limit` are appended; *count says how many, 0: there
 * is nothing more yet. Each: {"cursor": where to go on after it, "change": "created" | "changed" |
 * "deleted" | "conflict" | "void", "private": true of private fields, else absent, "type":, "id":,
 * "seat":, "name":, "clock":, "fields": {..} as written}. ERR_STALE: the cursor is too old, or of
 * another life of this store: begin again with a list. ERR_USAGE: it is none. */
enum { WATCH_CURSOR_BYTES = 14 };
enum error_code query_watch(const struct view *view, const struct tree *tree, struct span type,
                            size_t limit, struct buffer *cursor, struct buffer *out, size_t *count,
                            struct error *error);
/* The cursor before everything that is still remembered. */
void query_watch_oldest(const struct view *view, struct buffer *cursor);

/* Where a record is and how it got there: {"id":, "type":, "circle": the type's rule, "joined":
 * [seat ...] by extensions, "here": self, "operations": [{"private": true of private fields,
 * "seat":, "name":, "change":, "clock":, "clock_suspect":, "epoch": ordinal, "n":, "stream":,
 * "place":, "carried_by": the seat that brought it, "" if it came by itself, "path": which of
 * `streams`, "endorses": how many entries behind a cut-off it writes again, "reason": why,
 * "members":
 * [{"seat":, "name":, "relation": "wrote" | "carried" | "passed" (on to us) | "here" | "next" |
 * "beyond" | "keeps" (sealed to its author) | "unknown", "by": the next hop towards it, "mark":
 * entries of the stream that this hop was known to hold when its link last went down}]}], "aside":
 * rows of query_aside that name it}.
 * `streams` gets those that its operations stand in. ERR_UNKNOWN_TYPE, ERR_NOT_FOUND, ERR_DAMAGED.
 */
enum { HISTORY_STREAMS_MAX = 64 };
struct history_streams {
    uint32_t count;
    struct stream_id ids[HISTORY_STREAMS_MAX];
};
enum error_code query_history(const struct view *view, const struct tree *tree, const char *self,
                              uint64_t now_ms, struct span type, const struct record_id *id,
                              struct history_streams *streams, struct buffer *out,
                              struct error *error);

/* A total and how complete it is: rules.md 6.
 * name "records": by = "" | "type" | "origin" | "tier" | "parent" (the origin's parent seat).
 * name "received": by must be a record id text of a subtree type: who has it and who not yet.
 * `self`: the seat asking; `freshness_ms`: an origin whose token is older than the newest one by
 * more than this counts as behind.
 * {"name":, "value": i, "groups": [{"key":, "name":, "value":, ...}], "origins": [n, m],
 *  "as_of": ms (oldest token of the n; 0: one of them had none), "lost": records
 * that a former machine had reported and its successor has found nowhere, "finals": seats of which
 * no key is in force, whose last figures stand, "newest": ms (the newest token
 * known here), "behind": [{"seat":, "name":, "state": "silent" | "withheld" | "unknown" | "final",
 * "as_of": ms, "missing": entries}]} For received: value = how many have it, origins = [value, m],
 * behind = those that haven't. Where seats state folds (rules.md B122): "folds": [{"seat":,
 * "name":, "origins": [in it, below it], "as_of": ms, "documents": "same" | "other" | "contradict"
 * (it isn't used)} ...]; behind may name such a seat as "building" (some below it are), "unlisted"
 * (it counts seats that aren't below us) or "contradicts". */
enum error_code query_rollup(const struct view *view, const struct tree *tree, const char *self,
                             struct span name, struct span by, uint64_t freshness_ms,
                             struct buffer *out, struct error *error);

/* The signed types as their document's rows, for schema_load: {"version": u, "rows": [bin ...]}.
 * ERR_UNKNOWN_TYPE: none are here yet. */
enum error_code query_types(const struct tree *tree, struct buffer *out, struct error *error);

/* How far the keys of a seat have written, as held here: what a cut-off lists (rules.md A6, A27).
 * {"seat":, "name":, "keys": [{"key": hex of its id, "generation": u, "status": "active" |
 * "retired" | "revoked" | "released", "streams": [[epoch, stream, seq, hex of the hash of the block
 * that ends there] ...], "notes": [[epoch, statement, report] ...]}]}; own-only streams and ended
 * ones included. Asked of the seat's own node it is all that the seat has written; asked elsewhere,
 * what has come there. ERR_NOT_FOUND: no such seat. */
enum error_code query_heads(const struct view *view, const struct tree *tree, struct span seat,
                            struct buffer *out, struct error *error);

/* How far streams that needn't be held here go, by the word of their author's statements: those
 * whose way has changed (rules.md B49), and what of its own it has carried to others (B171). */
enum { STATED_ENDS_MAX = 256 };
struct stated_end {
    uint32_t epoch;
    uint16_t stream;
    struct stream_head head;
};
size_t query_stated_ends(const struct view *view, struct key_id key,
                         struct stated_end ends[static STATED_ENDS_MAX]);

/* The newest order to the subtree of `head`, and who of it has answered (rules.md B83): {"seat":,
 * "name":, "order": nil or {"what": "emergency" | "peace" | "roll-call", "serial":, "issued": ms,
 * "since": ms or nil}, "emergency_of": the seat whose order puts `head` into emergency or "",
 * "seats": [{"seat":, "name":, "tier":, "parent":, "answered": bool, "said": ms by its own clock or
 * nil, "as_of": ms of its token or nil} ...], "answered": n, "of": m}. ERR_NOT_FOUND: no such seat.
 */
enum error_code query_roll_call(const struct view *view, const struct tree *tree, const char *self,
                                struct span head, struct buffer *out, struct error *error);

/* How far the import of this name has come here: {"row": u}, 0: nothing of it. */
void query_imported(const struct view *view, struct span name, struct buffer *out);

/* Completeness from one author (seat) at `self` by its newest heads statements. */
enum completeness_state {
    COMPLETE_NOW,      /* complete as of the token */
    COMPLETE_SILENT,   /* complete as of an old token */
    COMPLETE_WITHHELD, /* a listed stream is not held to its listed end */
    COMPLETE_UNKNOWN,  /* no statement here */
};
struct completeness {
    enum completeness_state state;
    uint64_t as_of_ms;       /* token; 0 none */
    uint64_t missing;        /* entries listed and not held */
    struct stream_id stream; /* the first such stream */
    uint32_t held, listed;   /* of it */
    bool clock_suspect;      /* its own clock is far from its token */
};
void query_completeness(const struct view *view, const struct tree *tree, const char *self,
                        const struct seat *author, uint64_t freshness_ms,
                        struct completeness *answer);

/* ERR_DAMAGED, in words: what an answer would have to leave out is said, never left out. */
enum error_code damaged_store(struct error *error, const char *what);
/* Whether a heads statement lists a path stream that leads to this seat, or through it, or its
 * signer and a seat at or below this one were parent and child. */
bool statement_leads_to(const struct tree *tree, struct span note, const struct seat *seat);

/* Text of a record id: 32 hex digits; and back (false: not one). */
void record_id_text(const struct record_id *id, char text[static 33]);
bool record_id_parse(struct span text, struct record_id *id);

/* By types that may come into force: of each, how many records are held, and how many of those
 * could not be written so by it. `fit` has one element a type of `after`, and begins zeroed. */
struct type_fit {
    uint64_t records, unfit;
};
enum error_code query_fit(const struct view *view, const struct tree *tree,
                          const struct schema *after, struct type_fit *fit, struct error *error);

/* Walk a whole store for `drill check`: every entry of every stored block, opened and verified,
 * and every record row with its canonical digest, and every index row. Return false from a visitor
 * to stop. */
struct walk_visitor {
    void *context;
    /* an entry in a stored block */
    bool (*entry)(void *context, const struct stream_id *stream, uint32_t seq, uint16_t type,
                  const struct record_id *record, const struct hash *digest);
    /* before `record`, of the same one: the digest of its sorted operation names, so that one who
     * has not heard of an operation yet can be told from one who made something else of it */
    bool (*operations)(void *context, uint16_t type, const struct record_id *record,
                       const struct hash *names);
    /* a record row: canonical state digest; creation is here */
    bool (*record)(void *context, uint16_t type, const struct record_id *record,
                   const struct hash *state, bool deleted);
    bool (*index)(void *context, uint16_t type, const struct record_id *record);
    /* something unreadable or not verifiable: what and where */
    bool (*damage)(void *context, const char *what, struct span key);
    /* a parked or quarantined row */
    bool (*aside)(void *context, enum table table, struct span key, struct span value);
};
enum error_code query_walk(const struct view *view, const struct tree *tree,
                           const struct walk_visitor *visitor, struct error *error);

#endif
