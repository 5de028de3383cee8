/* Bugs planted on purpose, so that the simulator can prove that it finds such.
 *
 * Each is a slip that a good programmer could make, at the place where he would make it. Only code
 * that is compiled with TERRACE_PLANTED has them; there one is chosen when the program starts.
 * Everywhere else PLANTED(...) is the constant false, and nothing of this is in the program. */
#ifndef TERRACE_BASE_PLANTED_H
#define TERRACE_BASE_PLANTED_H

#include <stdbool.h>

/* X(name, as chosen, what it does) */
#define PLANTED_LIST(X)                                                                            \
    X(ANSWER_EARLY, "answer-early", "writers are answered before the commit")                      \
    X(SEND_EARLY, "send-early", "messages leave before the commit")                                \
    X(MEMORY_KEPT, "memory-kept", "after a failed commit the core goes on with its memory")        \
    X(SYNC_SKIPPED, "sync-skipped", "a commit returns before the disk has it")                     \
    X(DOUBT_IGNORED, "doubt-ignored", "a restored store goes on in its epoch")                     \
    X(OLDER_STORE_TRUSTED, "older-store-trusted", "a store behind its file is no doubt")           \
    X(RECORD_NUMBER_REUSED, "record-number-reused", "a restart counts records from 1 again")       \
    X(STREAM_NUMBER_REUSED, "stream-number-reused", "a restart numbers streams from 1 again")      \
    X(SIGNATURE_UNCHECKED, "signature-unchecked", "a block counts whoever signed it")              \
    X(NOTE_UNCHECKED, "note-unchecked", "a note counts whoever signed it")                         \
    X(STRANGER_TRUSTED, "stranger-trusted", "a stream is taken from whoever brings it")            \
    X(LEAK_ON_SEND, "leak-on-send", "new blocks go to every link, holders or not")                 \
    X(HEADS_BELIEVED_LEVEL, "heads-believed-level", "a peer that is behind counts as level")       \
    X(NEWCOMER_MISSED, "newcomer-missed", "a stream that a peer never had isn't sent to it")       \
    X(REFUSED_FOR_EVER, "refused-for-ever", "what a newer tree allows isn't asked for again")      \
    X(DOCUMENTS_UNTOLD, "documents-untold", "a change of documents isn't told to live links")      \
    X(ADDRESSEE_FORGOTTEN, "addressee-forgotten", "streams that wait for a seat's row stay")       \
    X(OWN_PAST_LOST, "own-past-lost", "own blocks of former epochs aren't taken back")             \
    X(PARKED_FORGOTTEN, "parked-forgotten", "what can't be judged yet is dropped")                 \
    X(PARKED_FOR_EVER, "parked-for-ever", "what waits isn't woken")                                \
    X(SWEEP_SKIPPED, "sweep-skipped", "a new version of the types wakes nothing")                  \
    X(TYPES_UNUSED, "types-unused", "newer types are stored and the old ones stay in use")         \
    X(DUPLICATE_FOLDED, "duplicate-folded", "an operation in two streams is folded twice")         \
    X(CONTEXT_CUT, "context-cut", "a write says that its author saw only its own")                 \
    X(CLOCK_FIRST, "clock-first", "a later clock beats an edit that saw it")                       \
    X(RANK_IGNORED, "rank-ignored", "the clock decides before the tier")                           \
    X(TIE_BREAK_DROPPED, "tie-break-dropped", "equal clocks leave open which value is shown")      \
    X(CONFLICT_DROPPED, "conflict-dropped", "the value that isn't shown is thrown away")           \
    X(EDIT_REVIVES, "edit-revives", "an edit beside a deletion takes the deletion back")           \
    X(LIST_BY_ARRIVAL, "list-by-arrival", "list items stand as they came")                         \
    X(TOTAL_FORGOTTEN, "total-forgotten", "a counter's total begins anew with its record's row")   \
    X(INDEX_FORGOTTEN, "index-forgotten", "a record isn't listed")                                 \
    X(ARRIVAL_FORGOTTEN, "arrival-forgotten", "what was judged late isn't told to watchers")       \
    X(DELETED_COUNTED, "deleted-counted", "a deleted record stays in the totals")                  \
    X(ORIGIN_COUNTED_TWICE, "origin-counted-twice", "a holder counts the records of others too")   \
    X(LATE_FORGOTTEN, "late-forgotten", "what comes for a period that has ended isn't counted")    \
    X(REPORT_HALF_TAKEN, "report-half-taken", "the last cell of a report isn't taken")             \
    X(REPORT_STUCK, "report-stuck", "a report that was answered stays in flight")                  \
    X(REPORT_PARTS_EARLY, "report-parts-early",                                                    \
      "a report counts before all of its parts are here")                                          \
    X(MOVED_COUNTS_TWICE, "moved-counts-twice", "who has moved away still counts where it was")    \
    X(SILENT_IS_COMPLETE, "silent-is-complete", "who says nothing any more counts as heard")       \
    X(NOTE_EPOCH_IGNORED, "note-epoch-ignored", "notes are compared by number, epochs aside")      \
    X(HEIR_COUNTED_TWICE, "heir-counted-twice",                                                    \
      "a new machine's figures stand beside those of the former")                                  \
    X(CUT_OFF_IGNORED, "cut-off-ignored", "what stands behind a cut-off counts")                   \
    X(CUT_OFF_NOT_REFOLDED, "cut-off-not-refolded", "a cut-off is asked for new entries alone")    \
    X(CUT_TAKES_A_NAME, "cut-takes-a-name", "an entry that is cut off forks the name it uses")     \
    X(HEIR_SILENT, "heir-silent", "a new machine doesn't count what came back of the former")      \
    X(RELEASED_IS_OUT, "released-is-out", "who is released counts nowhere until it is taken over") \
    X(WAY_FORGOTTEN, "way-forgotten", "a stream goes on by the way of before a move")              \
    X(TOLD_DOWN_ONLY, "told-down-only", "changes of the tree aren't told upwards")                 \
    X(TERM_IGNORED, "term-ignored", "of two documents the greater version counts")                 \
    X(COMPLETE_CLAIMED, "complete-claimed",                                                        \
      "what is listed and not held isn't counted as missing")                                      \
    X(SEAL_LEFT_OUT, "seal-left-out", "who stands on the way to a member is taken for one")        \
    X(SEAL_SKIPS_OWN, "seal-skips-own", "what is sealed to others can't be read by its author")    \
    X(PRIVATE_WITH_RECORD, "private-with-record", "whoever gets a record reads what is private")   \
    X(BEGUN_BY_ANYBODY, "begun-by-anybody", "private fields begin with whoever writes first")      \
    X(TWIN_LEFT_OUT, "twin-left-out", "of two beginnings of private fields the later is none")     \
    X(BACKUP_CLEAR, "backup-clear", "a parent can read what it keeps")                             \
    X(LATE_NOT_CARRIED, "late-not-carried", "what comes after an extension isn't carried on")      \
    X(CIRCLE_OF_THE_CREATION, "circle-of-the-creation",                                            \
      "an entry goes to those who had the record at first")                                        \
    X(PLACED_AS_IT_COMES, "placed-as-it-comes", "a second listing of a seat changes nothing")      \
    X(TWINS_THAWED, "twins-thawed", "what is newer than two documents of one version counts")      \
    X(ERASE_COMES_BACK, "erase-comes-back", "a block that comes late brings erased words back")    \
    X(STRIKE_FORGOTTEN, "strike-forgotten", "erased words stay in sealed copies")                  \
    X(ERASE_KEEPS_CARRIED, "erase-keeps-carried", "what a carry entry holds isn't erased")         \
    X(VOID_KEPT, "void-kept", "what a void step set stays")                                        \
    X(FIRST_COME_WINS, "first-come-wins", "the step that came first stands")                       \
    X(RISES_ON_SUSPECT_CLOCK, "rises-on-suspect-clock",                                            \
      "what is overdue by a wrong clock is put before others")                                     \
    X(EVERY_MEMBER_RISES, "every-member-rises", "each member puts what is overdue before others")  \
    X(LIMIT_REFUSES, "limit-refuses", "a step beyond a limit is excluded, not flagged")            \
    X(FROM_UNCHECKED, "from-unchecked", "a step is taken from whatever state its author saw")      \
    X(FROM_AS_FOUND, "from-as-found", "a step is judged by the state that it meets")               \
    X(BULK_IN_EMERGENCY, "bulk-in-emergency", "what is in bulk goes on in an emergency")           \
    X(PEACE_UNHEARD, "peace-unheard", "an emergency outlasts the order that ends it")              \
    X(ORDER_AS_IT_COMES, "order-as-it-comes", "the order that comes last counts, not the newest")  \
    X(FORK_FIRST_ONLY, "fork-first-only", "of two blocks at one place the first one stays")

enum planted {
    PLANTED_NONE,
#define X(name, text, meaning) PLANTED_##name,
    PLANTED_LIST(X)
#undef X
        PLANTED_COUNT
};

#ifdef TERRACE_PLANTED

extern enum planted planted_now;
#define PLANTED(name) (planted_now == PLANTED_##name)

/* From here on this bug is in force; "none": none is. False: there is no such bug. */
bool planted_choose(const char *name);
const char *planted_name(enum planted planted);
const char *planted_meaning(enum planted planted);

#else
#define PLANTED(name) false
#endif

#endif
