/* A game between a victim and peers whose machines are stolen: what fuzz_session.c plays. */
#ifndef TERRACE_TESTS_FUZZ_SESSION_GAME_H
#define TERRACE_TESTS_FUZZ_SESSION_GAME_H

#include "replication/query/query.h"
#include "replication/rows/rows.h"
#include "tests/unit/hostile_desk.h"

enum { SIGNERS = 6, OWN_MAX = 8, LINKS = 3 };

/* The bytes of a case: each choice takes one; past the end, always the first. */
struct choices {
    const uint8_t *data;
    size_t size, at;
};
unsigned choose(struct choices *choices, unsigned count);
/* Numbers at which something changes, and those near them. */
uint64_t number(struct choices *choices);

/* What one victim is up against. */
struct part {
    enum desk_seat victim;
    enum desk_seat peers[LINKS]; /* a seat that is neither child nor parent is refused */
    enum desk_seat honest;       /* gets through at the end */
    enum desk_seat changed;      /* the child whose row stolen admin keys change in T1's document */
    struct {
        enum desk_seat seat;
        uint32_t epoch;
        uint16_t number;
        enum record_class class;
    } streams[SIGNERS];
};

struct game {
    struct choices choices;
    struct desk *desk;
    uint32_t links[LINKS];
    struct signer signers[SIGNERS];
    struct record_id own[OWN_MAX]; /* the victim's records that are nobody else's */
    size_t own_count;
    struct stream_id handles[LINKS][HANDLES_MAX]; /* as the victim names streams */
    struct buffer last;                           /* the message said last */
    uint8_t last_type;
    enum channel last_channel;
    const struct part *part;
    bool armed; /* a commit is going to fail */
};

/* session_say.c */
void say(struct game *game, enum channel channel, uint8_t type, struct buffer *body); /* frees it */
struct key_id some_key(struct game *game);
uint32_t some_epoch(struct game *game);
void write_value(struct game *game, struct buffer *out, unsigned depth);
void say_anything(struct game *game);
void say_again_altered(struct game *game);
void say_echo(struct game *game);
void say_digest(struct game *game);
void say_heads(struct game *game);
void say_want(struct game *game);
void say_lines(struct game *game);
void say_have(struct game *game);
void say_document(struct game *game);
void say_hello(struct game *game);
void say_branch(struct game *game);
void say_bye(struct game *game);
void say_other_hello(struct game *game);
void say_numbers(struct game *game, uint8_t type, unsigned count);

/* session_sign.c */
void say_note(struct game *game);
void say_block(struct game *game);

#endif
