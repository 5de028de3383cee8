/* Inside the replica: its memory, and what one file offers another. Nothing outside
 * replication/ includes this. */
#ifndef TERRACE_REPLICATION_CORE_H
#define TERRACE_REPLICATION_CORE_H

#include "base/planted.h"
#include "replication/circle.h"
#include "replication/hash_table.h"
#include "replication/own_stream.h"
#include "replication/query/query.h"
#include "replication/replica.h"
#include "replication/rows/branches.h"

/* What every handler works with: one event's step. */
struct step {
    struct replica *replica;
    struct updates *updates;
    const struct view *view; /* the step's own rows over the store */
    uint64_t wall_ms, tick_ms;
};

/* How far a stream is known at the other end of one session. */
struct cursor {
    struct stream_id stream; /* hash key: see cursor_key */
    UT_hash_handle hh;
    struct cursor *next_queued, *next_marked;
    uint32_t sent_seq;   /* the next block to send begins here */
    uint32_t held_seq;   /* what the peer has said or shown it holds */
    uint32_t known_seq;  /* the most that it can hold by what we know: sent, listed, or shown */
    uint32_t listed_seq; /* the most that the peer has listed: what we may still get */
    uint64_t sent_clock; /* clock of the last block sent, for differences */
    uint32_t out_handle, in_handle;
    uint64_t in_clock_tick; /* when the first refusal of this minute came */
    uint8_t refusals;       /* in this minute */
    uint8_t class;
    bool has_out_handle, has_in_handle, queued, place_needed, opaque_wanted, mark_due;
    bool shared;    /* of a forked stream: the peer has this branch, or has asked for it */
    bool placed;    /* every block says its place: the peer may hold some of them */
    bool wanted;    /* 'send from our head' has been said and not been answered yet */
    bool ask_later; /* its refusals of this minute are used up */
    bool refused;   /* nothing of it is taken until the tree changes */
    bool strange;   /* of a stream that isn't held here, as far as known */
    bool overtaken; /* another link has brought what this one may bring, too (rules.md B151) */
};

enum session_state {
    SESSION_REFUSED, /* bye has been said: nothing more is heard or sent */
    SESSION_GREETING,
    SESSION_GUIDED, /* between seats that aren't parent and child: documents down, and that's all */
    SESSION_DOCUMENTS,
    SESSION_COMPARING,
    SESSION_LIVE,
};

struct lane {                           /* one class of one direction */
    struct cursor *first, *last;        /* streams with something to send */
    uint64_t sent_bytes, granted_bytes; /* totals since the session began */
    uint64_t sent_entries, granted_entries;
    uint64_t got_bytes, given_bytes; /* received, and what we have granted */
    uint64_t got_entries, given_entries;
    uint64_t lost_entries; /* at most so many in what couldn't be read */
    uint64_t excess_bytes; /* of the peer's window: more than we have on the way at once */
};

struct stream_entry { /* a line of the comparison */
    struct stream_id id;
    struct stream_head head;
    struct hash summand; /* of the digests */
    uint32_t peer_seq;   /* how far the peer has said it holds it */
    uint8_t class;
    bool settled;
    bool matched, asked; /* the peer has it; it has another branch, which was asked for */
};

struct note_due { /* a note that waits to be passed on to this peer */
    UT_hash_handle hh;
    uint8_t key[NOTE_KEY_BYTES_MAX];
    uint8_t key_size;
    uint8_t context;
};

/* What a child has brought since its day began. It outlives sessions: coming anew wins nothing. */
struct intake {
    struct intake *next;
    char seat[SEAT_BYTES_MAX + 1];
    uint64_t since_tick, urgent_tick; /* the day's beginning; when urgent credit was given last */
    uint64_t bytes;                   /* of the store, estimated */
    bool withheld;                    /* it has had its share */
};

struct session {
    uint32_t link; /* hash key */
    UT_hash_handle hh;
    char seat[SEAT_BYTES_MAX + 1];
    uint8_t peer_key[KEY_BYTES]; /* proved by the handshake */
    bool uplink, over;           /* over: past the lower one's parent (rules.md B150) */
    bool guided;                 /* it goes no further than SESSION_GUIDED */
    struct intake *intake;       /* of a child; borrowed */
    enum session_state state;
    bool hello_heard;
    struct hash own_digest; /* of documents, as our hello said */
    uint64_t since_tick;
    struct lane lanes[CLASS_COUNT];
    struct cursor *cursors;       /* by stream */
    struct cursor *marked;        /* a mark is due at the end of the batch */
    struct cursor **out_handles;  /* by handle, as we name streams */
    struct stream_id *in_handles; /* by handle, as the peer names streams */
    uint32_t in_handle_count, out_handle_count;
    struct stream_entry *compared; /* sorted by stream id; NULL when not comparing */
    size_t compared_count;
    uint32_t ranges_open; /* digests or heads that we wait for */
    bool unsure;          /* the parent has our heads and may still want some of it */
    bool blind;           /* something came of it while no document listed one of the two */
    uint32_t digests_heard;
    struct note_due *notes; /* by key, first come first */
    uint32_t notes_in_flight;
    struct notes_missed *notes_missed; /* notes_again.h; NULL: none */
    bool report_in_flight;
    bool ask_later, refused_any;    /* some cursor has it */
    uint32_t strange_count;         /* cursors that are strange */
    size_t batch_bytes;             /* of blocks sent in this batch */
    struct document_slot *rows_for; /* the document whose rows are coming; NULL: none */
    struct peer_have *haves;        /* documents the peer says it has */
    size_t have_count;
    bool haves_whole;             /* the list is at its end */
    bool documents_due, list_due; /* it has asked for what it lacks; and for our list */
    bool documents_sent;          /* what it lacked, once at least */
    bool documents_got;           /* it has said the same */
    size_t documents_at;          /* of the tree's, where the next piece begins */
    struct contact *contacts;     /* by name; of a child */
    bool contacts_due;            /* it may have to be told something of them */
    bool streams_wait;            /* for a contact that the child doesn't hold yet */
    bool beyond_told;             /* how far streams have got behind a break */
};

/* What an entry that can't be judged waits for; and the key of its row. */
enum parked_kind { PARKED_RECORD = 1, PARKED_SCHEMA, PARKED_PROGRAM, PARKED_STREAM };
enum { PARKED_KEY_BYTES_MAX = 1 + 2 + 16 + KEY_ID_BYTES + 8 + LOCATOR_BYTES_MAX };
struct parked_key {
    uint8_t bytes[PARKED_KEY_BYTES_MAX + 1]; /* and a byte to pass it by */
    size_t size;
};

enum { ALARMS_MAX = 8 };
struct alarm {
    char text[200];
};

/* What a stream is never changes: that of the last one asked for. The number of a branch may come
 * to serve another: an opening that is taken makes it forget. */
struct open_cache {
    bool present;
    struct stream_id stream;
    struct stream_open open;
};

/* Which machines have come with a child's key: the one of its last hello, and the one before. */
struct instances {
    struct instances *next;
    char seat[SEAT_BYTES_MAX + 1];
    uint8_t present[8], former[8];
};

/* 'u', a type, a record, a seat: entries of that record wait for that seat's row. */
enum { DUE_KEY_BYTES_MAX = 1 + 2 + 16 + SEAT_BYTES_MAX };

struct replica {
    struct replica_options options;
    struct key_id key_id;
    struct author_epoch self;
    struct tree *tree;
    bool escrow_seen;   /* whether an escrow key is news was asked */
    uint64_t tree_seen; /* tree_change_count that links were judged by */
    bool epoch_new;     /* nothing signed in it yet */
    char epoch_reason[96];
    uint64_t commits, statement_k, report_k;
    uint32_t record_counter;
    uint32_t next_stream;
    bool self_dirty; /* the row `self` must be put at the end of the batch */
    bool heads_changed, cells_changed, fold_changed; /* since the last statement, the last report */
    struct own_stream *own_streams;
    struct session *sessions;
    struct token_ref token;
    uint32_t token_epoch;      /* of the signer of `token` */
    uint64_t token_heard_tick; /* when it was taken, in this life; 0: not yet */
    bool clock_fell;           /* tokens that we signed are of a time that hasn't come */
    uint64_t token_at_tick, statement_at_tick, report_at_tick;
    bool statement_ever;
    struct hash orders_stated; /* sum over the orders that the last statement answered */
    uint64_t deadline_tick;
    struct refusals refusals;
    struct block_cache cache, circle_cache;
    struct open_cache *open_cache; /* NULL until it is used */
    struct reader_cache *readers;  /* the same */
    bool none_parked;              /* nothing waits for a record; false: not known */
    uint64_t random_count;
    uint32_t heard_epoch;      /* the latest of our key that a signature of ours has proved */
    bool epoch_passed;         /* a later epoch of our key lives somewhere: ours must end */
    uint64_t epoch_began_tick; /* of the last one opened for that */
    struct instances *instances;
    struct intake *intakes;
    struct free_room room; /* total 0: not known */
    struct alarm *alarms;  /* what people must look into */
    size_t alarm_count;
    struct alarm occurrence; /* the last record of a type whose records are alarms */
    uint64_t occurrence_count;
    struct parked_key sweep;        /* parked rows are judged again from here on; empty: none */
    struct parked_key streams_from; /* streams that wait are tried from here on; empty: none */
    bool streams_due;               /* a stream that waits may go on */
    uint64_t streams_at_tick;
    struct stream_id loose; /* whose loose blocks join its chain; while loose_due */
    bool loose_due;
    uint32_t send_first;       /* link of the session whose turn it is */
    uint64_t arrivals;         /* the next number of an arrival */
    uint32_t life;             /* of the arrivals */
    struct buffer waits;       /* of the block being applied: places of entries that are left out */
    struct stream_id arriving; /* and its stream */
    enum replica_hold hold;
    struct trust_work *trust; /* authors whose standing may have changed; NULL: none */
    struct sought *sought;    /* seats and keys that were asked for above */
    uint64_t contacts_seen;   /* tree_change_count that contacts were judged by */
    uint64_t due_seen;        /* tree_change_count that entries for members unknown were tried by */
    uint8_t due_from[DUE_KEY_BYTES_MAX + 1]; /* they are tried from here on; */
    size_t due_size;                         /* 0: none is due */
    bool erasing;                            /* copies of what is erased are looked for */
    bool erased;                             /* something is, ever */
    bool erased_anew;                        /* while a record is folded: more of it is erased */
    bool cuts_due;                           /* a branch of a forked stream is on its way out */
    uint64_t home_seen;                      /* and our parent */
    bool home_due;                           /* records are extended by the new parent */
    /* stamps by which ways, losses and orders were looked at; what goes again, or back, and why */
    uint64_t moves_seen, losses_seen, orders_seen;
    bool going_due, beyond_due, losses_due, giving_due;
    bool succeeds;        /* the store was that of this former key of our seat: */
    struct key_id former; /* its figures are still to be put in order */
    /* at what is overdue; the next deadline to pass; 0: to be found out; UINT64_MAX: never */
    uint64_t look_ms, overdue_ms;
    uint32_t deadline_version;   /* of the types that deadlines were judged by */
    bool deadlines_walk;         /* some are to be judged again */
    struct calendars *calendars; /* all that are held; NULL: not read */
    uint32_t indexes_version;    /* of the types that slots of indexes were made by */
    bool indexes_due;            /* slots are to be filled or emptied */
    uint32_t rollups_version;    /* of the types that it was asked by what has to be built */
    bool rollups_building, rollups_timed, folds, folds_off; /* rollups.c; folds.c */
};

/* open.c: a new epoch, at once; nothing of this batch may be unsigned. False: the key has none
 * left. */
bool replica_new_epoch(struct step *step, const char *reason);
/* A stolen key must not use up our epochs at one blow: what is further ahead isn't believed. */
enum { EPOCHS_AHEAD_MAX = 1024 };
/* An epoch of our own key was heard of, under our own signature. */
void replica_hear_epoch(struct step *step, uint32_t epoch);
void replica_pass_epoch(struct step *step); /* once a batch, when all is signed */
/* Said once, kept until the process ends. */
void replica_raise_alarm(struct step *step, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void replica_add_alarm(struct replica *replica, const struct alarm *alarm);
/* The row `self`, and this node's interval settings with their defaults. */
void self_row_put(struct step *step);
/* Of the row `self`: epoch, commits that signed, statement, report, record counter, next stream.
 * READ_UNREADABLE: it is there and not as it should be. */
enum { SELF_NUMBERS = 6 };
enum read_answer self_row_numbers(const struct view *view, uint64_t numbers[static SELF_NUMBERS]);
/* A row of an epoch in which nothing more can be written: all of its numbers are used up. */
void self_row_ended(uint32_t epoch, struct key_id own, struct buffer *row);
/* Whether a value is such a row, of this key. */
bool self_row_reads(struct span value, struct key_id own, uint64_t *commits, uint32_t *epoch);
uint32_t tuning_or(uint32_t value, uint32_t otherwise);
uint32_t replica_random(struct replica *replica);
/* A secret seed, another one at each call, for what is done with the thing that `about` names. */
struct hash replica_seed(struct replica *replica, const struct hash *about);

enum { QUARANTINE_AN_AUTHOR_MAX = 1024 }; /* rows; what is beyond has the same verdict, unlisted */

/* Known: it has been judged before. */
enum outcome { OUTCOME_SETTLED, OUTCOME_KNOWN, OUTCOME_FOLDED, OUTCOME_PARKED, OUTCOME_FULL };

/* apply.c: one verified entry into the state; whoever's it is. False: it has to wait, and its
 * author has no room left among what waits; nothing has changed. */
bool apply_entry(struct step *step, const struct located_entry *located);
/* The same, and what came of it. */
enum outcome apply_entry_to(struct step *step, const struct located_entry *located);
/* The same without waking those that wait for it; `from`: the row under which it waited itself,
 * NULL: none. */
enum outcome apply_judge(struct step *step, const struct located_entry *located,
                         const struct parked_key *from);
/* One operation into a record that is folded anew: `*record` is NULL until its creation is in, then
 * it is `empty`, in which the forked dots are marked. What can't be judged waits. */
void apply_anew(struct step *step, const struct located_entry *located,
                struct record_state **record, struct record_state *empty);
/* A row of quarantine for an entry. False: it lies there already. */
bool quarantine_entry(struct step *step, const struct located_entry *located, enum error_code code,
                      const char *reason);
/* quarantine.c: what is sealed and isn't opened here. */
enum outcome quarantine_shut(struct step *step, const struct located_entry *located);
/* State of a record, with this batch. ERR_OK and NULL: not here; ERR_DAMAGED: not readable. */
enum error_code find_record(struct step *step, const struct record_type *type,
                            const struct record_id *id, struct record_state **record);
/* The same; NULL: absent or unreadable. */
struct record_state *load_record(struct step *step, const struct record_type *type,
                                 const struct record_id *id);
/* What a stream is, from its row. NULL: not known here, or not readable. Dies at the next call. */
const struct stream_open *load_stream_open(struct step *step, const struct stream_id *stream);
/* circle_load of the rows of this step. */
bool load_circle(struct step *step, const struct record_state *record, const struct record_id *id,
                 const struct operation *seen, struct circle *circle);
/* The entry at a place, those of this batch included; dies at the next use of the block cache. */
bool entry_at(struct step *step, const struct entry_place *place, struct located_entry *located);

/* imports.c: false with `error`: this row was taken before, or isn't the next one. */
bool import_may_write(struct step *step, const struct event *event, struct error *error);
void import_decided(struct step *step, const struct event *event, enum error_code code);

/* arrivals.c: begin takes the next number, before the entries are judged; end puts its row. */
uint64_t arrival_begin(struct step *step, const struct stream_id *stream);
/* This entry isn't judged yet, or was judged before: told later, or never again. */
void arrival_omit(struct step *step, const struct located_entry *located);
/* An operation that was told waits once more, since its record was folded anew; was_told: it is
 * settled now, and isn't told again. */
void arrival_keep_told(struct step *step, const struct hash *digest);
bool arrival_was_told(struct step *step, const struct located_entry *located, enum outcome outcome);
void arrival_forget_told(struct step *step, const struct hash *digest);
void arrival_end(struct step *step, uint64_t n, const struct stream_id *stream, uint32_t seq,
                 size_t count);
/* What has waited is settled: one of the entries that a carry holds. */
void arrival_put_late(struct step *step, const struct entry_place *place);
/* What was told, and says something else now. */
void arrival_put_again(struct step *step, const struct entry_place *place);
void arrival_put(struct step *step, const struct stream_id *stream, uint32_t seq, size_t count);
/* loose.c: the block at `filled` has come: its gap is none any more, and what a repair has kept
 * behind it may join the chain, whose row is moved on. */
void loose_attach(struct step *step, const struct stream_id *stream, uint32_t filled,
                  struct stream_row *row);
void loose_go_on(struct step *step); /* once a batch: a bounded piece of what is left of it */

/* parked.c */
/* Of where its bytes lie: LOCATOR_BYTES, of a carried one LOCATOR_BYTES_MAX. */
size_t locator_write(struct step *step, const struct located_entry *located,
                     uint8_t to[static LOCATOR_BYTES_MAX]);
/* One more of an author's things that are counted under this letter ('p'arked, 'q'uarantined,
 * 's'treams begun); false: it has `most` of them. */
bool aside_room(struct step *step, char what, struct key_id author, uint32_t most);
void aside_fewer(struct step *step, char what, struct key_id author); /* one is gone */
/* Let an entry wait; `dot`: of PARKED_RECORD; `from`: the row that it leaves, NULL: none. False:
 * there is no room for more of its author's. */
bool parked_put(struct step *step, const struct located_entry *located, enum parked_kind kind,
                const struct dot *dot, const char *reason, const struct parked_key *from);
void parked_remove(struct step *step, const struct located_entry *located,
                   const struct parked_key *key);
/* This operation is folded in: judge what waits for it, and what waits for that. */
void parked_wake(struct step *step, uint16_t type, const struct record_id *id, struct dot dot);
void parked_sweep(struct step *step); /* the tree has changed: all of it, by and by */
/* A stream whose entries aren't judged from some place on. */
bool parked_stream_waits(struct step *step, const struct stream_id *stream);
void parked_stream_from(struct step *step, const struct located_entry *located);
void parked_work(struct step *step); /* once a batch: a bounded piece of what is due */

/* cells.c */
void cells_count_record(struct step *step, const struct record_id *id,
                        const struct record_type *type, int change);
void cells_received_stream(struct step *step, const struct stream_id *stream, uint32_t seq);

/* session.c */
struct session *session_find(const struct replica *replica, uint32_t link);
struct session *session_parent(const struct replica *replica); /* live uplink, or NULL */
const struct seat *session_seat(const struct replica *replica, const struct session *session);
const struct seat *own_seat(const struct replica *replica);
void session_free(struct replica *replica, struct session *session);
const struct seat *session_child(const struct replica *replica, const struct session *session);
void session_refuse(struct step *step, struct session *session, const char *reason,
                    uint64_t *counter); /* bye and close */
void session_bye(struct step *step, struct session *session, const char *reason); /* no refusal */
const char *session_state_name(enum session_state state);
void session_enter(struct step *step, struct session *session, enum session_state state);
void session_up(struct step *step, const struct event *event);
void session_down(struct step *step, uint32_t link);
void session_message(struct step *step, const struct event *event);
void sessions_judge_again(struct step *step); /* the tree has changed */

/* documents.c; documents_take.c: documents that come. */
void documents_take_local(struct step *step, const struct event *event);
void documents_slot_free(struct session *session);
/* List what we hold to the peer; `answer`: it asked, or does the same unasked. */
void documents_list(struct step *step, const struct session *session, bool answer);
void documents_on_have(struct step *step, struct session *session, struct span body);
void documents_on_document(struct step *step, struct session *session, struct span body);
void documents_on_rows(struct step *step, struct session *session, struct span body);
void documents_on_twins(struct step *step, struct session *session, struct span body);
/* The document without its rows: with the former roots, or the twins, that belong to it. */
void documents_send_envelope(struct step *step, const struct session *session,
                             const struct held_document *held);
void documents_on_row_set(struct step *step, struct session *session, struct span body);
void documents_push_changes(struct step *step);
void documents_answer_due(struct step *step); /* once a batch */
/* A document, with the former roots where it is the root; and the rows of one seat in it, with
 * those of the peer's contacts. */
void documents_send(struct step *step, struct session *session, const struct held_document *held,
                    const char *seat);
void documents_free(struct session *session);

/* compare.c */
void compare_begin(struct step *step, struct session *session);
void compare_on_digest(struct step *step, struct session *session, struct span body);
void compare_on_heads(struct step *step, struct session *session, struct span body);
void compare_on_want(struct step *step, struct session *session, struct span body);
void compare_free(struct session *session);
/* compare_heads.c. The two sides stand at one point for this stream: what is newer here goes out.
 */
void compare_settle(struct step *step, struct session *session, struct stream_entry *entry,
                    uint32_t peer_seq);
/* One head that the child lists; `hash`: its first HEAD_HASH_BYTES. */
enum { HEAD_HASH_BYTES = 16 };
void compare_take_head(struct step *step, struct session *session, const struct stream_id *id,
                       uint32_t seq, const uint8_t *hash);
/* What the child hasn't listed. */
void compare_settle_unnamed(struct step *step, struct session *session, struct stream_entry *entry);
/* 'Send this stream from here'; opaque: in the form that proves whose fault it is. */
void compare_want(struct step *step, const struct session *session, const struct stream_id *stream,
                  uint32_t seq, bool opaque);

/* Queue what waited for contacts that the child holds now. */
void compare_queue(struct step *step, struct session *session);

/* carry.c: the authors of what was carried here and waits for their keys; what was asked for is
 * forgotten by a restart. */
void carry_seek_authors(struct step *step);
/* contacts.c: seats beside a node's path and subtree whose rows it needs (formats.md 12). */
enum seeking { SEEKING_ASKED, SEEKING_LATER, SEEKING_ABSENT };
/* Ask above for a seat, or for a key's. LATER: no link is up; ABSENT: the root's word, or ours. */
enum seeking contacts_seek(struct step *step, struct span seat);
void contacts_seek_key(struct step *step, struct key_id key);
/* To our parent, at the start of a session: what we hold of such seats, and what we lack. */
void contacts_list(struct step *step, const struct session *session);
/* The same of these rows alone, that have just been taken. */
void contacts_acknowledge(struct step *step, const struct session *session,
                          const struct proved_row *rows, size_t count);
void contacts_on_seek(struct step *step, struct session *session, struct span body);
void contacts_on_absent(struct step *step, struct session *session, struct span body);
/* Whether a document lists a contact of this child; send their rows, and those of the seat `next`
 * (NULL: none), as one set. Gives how many bytes went. */
bool contacts_in(struct step *step, const struct session *session,
                 const struct held_document *held);
size_t contacts_send_rows(struct step *step, struct session *session,
                          const struct held_document *held, const char *next);
/* Whether the peer knows every seat that a stream names; if not, it will be told. */
bool contacts_ready(struct step *step, struct session *session, const struct stream_row *row);
/* Whether a child knows a seat, as far as it has said. */
bool contacts_hold(const struct session *session, const struct seat *child,
                   const struct seat *seat);
void contacts_when_due(struct step *step); /* once a batch */
void contacts_free(struct session *session);
void contacts_free_sought(struct replica *replica);

/* guide.c: who calls us and isn't our child is told where the tree has it (rules.md B26). */
/* A former child, or a seat further below: it may have lost its way. */
bool guide_may(const struct tree *tree, const struct seat *own, const struct seat *peer);
/* Sends what the peer needs to find its parent, says bye and closes. */
void guide_tell(struct step *step, struct session *session);

/* cursor.c */
/* Whether what the peer holds is known by now, and how much it is of one stream (`cursor`: its own,
 * NULL: none). */
bool session_knows(const struct session *session);
uint32_t session_held(const struct session *session, const struct stream_row *row,
                      const struct cursor *cursor);
struct cursor *cursor_find(const struct session *session, const struct stream_id *stream);
/* That of a stream held here; made where there is none, its class put right. */
struct cursor *cursor_get(struct session *session, const struct stream_id *stream, uint8_t class);
/* That of any stream that a peer names, `class` a guess; NULL: there are too many already. */
struct cursor *cursor_strange(struct session *session, const struct stream_id *stream,
                              uint8_t class);
void cursor_queue(struct session *session, struct cursor *cursor);
void cursor_pass_by(struct cursor *cursor, const struct stream_row *row); /* what it has listed */
void cursors_free(struct session *session);
/* Whether the peer's seat is among a stream's holders. Openings of one number may be for different
 * ones, so each branch is asked for by its own row. */
bool stream_is_for(const struct step *step, const struct session *session,
                   const struct stream_id *stream, const struct stream_row *row);
/* A stream's head moved: queue it for every live session whose peer holds it and lacks it. */
void cursors_head_moved(struct step *step, const struct stream_id *stream,
                        const struct stream_row *row, const struct session *from);

/* receive.c */
void receive_block(struct step *step, struct session *session, const struct event *event);
void receive_ask_when_due(struct step *step);  /* again, for streams that have waited a minute */
void receive_ask_on_change(struct step *step); /* again, for what another tree may allow */
void receive_batch_done(struct step *step);    /* marks and credit of this batch */
/* A row of quarantine for a block that its author signed and that can't be decoded. */
void quarantine_opaque(struct step *step, const struct stream_id *stream, uint32_t seq);

/* refold.c: a record from all its operations: without those that stand in `drop` from `from` on
 * (NULL: none), with `more` (NULL: none). False: the record isn't here, or not readable. */
bool refold_record(struct step *step, uint16_t type, const struct record_id *id,
                   const struct stream_id *drop, uint32_t from, const struct located_entry *more);
/* The same of all its operations, since what a document says of one has changed. */
bool refold_again(struct step *step, uint16_t type, const struct record_id *id);
void refold_work(struct step *step); /* once a batch: a block of a branch that leaves */

/* fork.c. Where a block that says its place stands, among all branches: sets the event's branch,
 * and `head` to what it follows on. ERR_OK; STALE: it is held; PARKED: it is further on; FORK: it
 * follows on a branch that isn't here. */
enum error_code fork_find_place(const struct view *view, const struct block_prefix *prefix,
                                struct span bytes, struct event *event, struct stream_head *head);
/* A block beside another is held already, under another signature. */
bool fork_is_held(const struct view *view, struct event *event);
/* A block beside another: a branch for it, whose row is `row`; what is displaced begins to leave.
 * ERR_FORK: two lower ones are here; ERR_FULL: too many at once. */
enum error_code fork_admit(struct step *step, struct event *event, struct stream_row *row);
/* The peer's branch leaves `beside` at `seq`: it gets ours from there on. */
void fork_offer(struct step *step, struct session *session, const struct stream_id *stream,
                uint8_t beside, uint32_t seq, uint8_t taken);
/* The branches that leave this one at `seq`, which the peer has now. */
void fork_queue_from(struct step *step, struct session *session, const struct stream_id *stream,
                     uint32_t seq);
/* 'Send the branch that has this block, from the last place that we have in common.' */
void fork_want(struct step *step, const struct session *session, const struct stream_id *stream,
               uint32_t seq, struct span hash_start, bool opaque);
void fork_on_want(struct step *step, struct session *session, struct span body);
/* The branches that an author's cut-off names, and that aren't here, of everybody linked. */
void fork_ask_named(struct step *step, const struct author *author);
/* All branches of a forked stream that are for the peer, from `seq` where a block begins there.
 * False: none is. */
bool fork_send_from(struct step *step, struct session *session, const struct stream_id *stream,
                    uint32_t seq, bool opaque);
void fork_load_alarms(struct replica *replica, const struct view *view);

/* standing.c: `row` gets the stream's row, of a first block that to be; `closes`: it is its last.
 */
enum error_code standing_check(struct step *step, const struct session *session,
                               const struct event *event, const struct author *author,
                               struct stream_row *row, bool *closes);

/* send.c */
void send_what_credit_allows(struct step *step);
void send_on_mark(struct step *step, struct session *session, struct span body);

/* credit.c: the hello's field; may a block go, and it goes; the peer's message; a block has come
 * (false: it wasn't granted); once a batch, grants anew what is used up. */
void credit_write_hello(struct step *step, struct session *session, struct buffer *body);
void credit_read_hello(const struct step *step, struct session *session, struct mp_reader *reader);
bool credit_reaches(const struct lane *lane, size_t bytes, uint32_t entries);
void credit_spend(struct lane *lane, size_t bytes, uint32_t entries);
void credit_on_message(struct step *step, struct session *session, struct span body);
bool credit_take(struct session *session, const struct event *event);
void credit_give(struct step *step, struct session *session);

/* quota.c: how much of the store's room a child may take in a day. */
struct intake *intake_of(struct replica *replica, const char *seat); /* made where there is none */
void intakes_free(struct replica *replica);
void quota_count(struct session *session, const struct event *event); /* a block has come */
/* Nothing but a trickle of what is urgent is taken from there now; says so when it begins. */
bool quota_withholds(struct step *step, struct session *session);
/* Whether its urgent lane may be given credit all the same. */
bool quota_trickles(const struct step *step, struct session *session);

/* escrow.c: once an open */
void escrow_when_lent(struct step *step);

/* write.c */
void write_local(struct step *step, const struct event *event);
/* Numbers of records and of streams that run out go on in a new epoch. ERR_FULL: there is none. */
enum error_code write_room_in_epoch(struct step *step, struct error *error);

/* Message types of formats.md 6. */
enum message_type {
    MESSAGE_HELLO = 1,
    MESSAGE_HAVE,
    MESSAGE_DOCUMENT,
    MESSAGE_ROWS,
    MESSAGE_DIGEST,
    MESSAGE_HEADS,
    MESSAGE_WANT,
    MESSAGE_BLOCK,
    MESSAGE_CREDIT,
    MESSAGE_MARK,
    MESSAGE_STATEMENT,
    MESSAGE_RECEIPT,
    MESSAGE_REPORT,
    MESSAGE_TOKEN,
    MESSAGE_PING,
    MESSAGE_PONG,
    MESSAGE_BYE,
    MESSAGE_WIRE,
    MESSAGE_NOTES,            /* summary: [[context, key id, epoch, k] ...] */
    MESSAGE_WANTED,           /* of the summary, what the other side lacks */
    MESSAGE_NOTED,            /* a note is durably held here: [context, key id, epoch, k] */
    MESSAGE_SEEK,             /* seats that a child needs: [[name, term, version, hash] ...] */
    MESSAGE_ROW_SET,          /* rows of the document before, each with its proof, taken together */
    MESSAGE_ABSENT,           /* no document has these: [name ...] */
    MESSAGE_WANT_BRANCH = 27, /* of a forked stream, from the last place in common */
    MESSAGE_TWINS,            /* two documents of one (term, version): [envelope, envelope] */
    MESSAGE_PARTS_WANTED,     /* of a report: [key id, epoch, k, answers, [place ...]] */
    MESSAGE_PART,             /* [key id, epoch, k, last, place, bin] */
    MESSAGE_BEYOND = 129,     /* how far streams are behind a break; who doesn't know it skips it */
};
void send_control(struct step *step, const struct session *session, enum message_type type,
                  struct span body);

#endif
