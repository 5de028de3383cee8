/* A story: a small history told in lines, lived by two to eight nodes in virtual time, with every
 * line that the nodes wrote kept beside it. The lines are the test.
 *
 * The tree: county C; under it departments D, D2 and townships T1, T2; villages V1, V2 under T1,
 * V3 under T2. A file has words a line; '#' begins a comment. What is understood: commands.c,
 * expect.c, plant.c, each with a table. */
#ifndef TERRACE_TESTS_STORY_STORY_H
#define TERRACE_TESTS_STORY_STORY_H

#include "replication/query/query.h"
#include "replication/rows/branches.h"
#include "sim/world/world.h"

enum { WORDS_MAX = 24, NAMES_MAX = 64, BLOCKS_MAX = 32, WITHHELD_MAX = 8 };

struct line {
    unsigned number;
    size_t word_count;
    char *words[WORDS_MAX]; /* into the file's text */
};

struct script {
    const char *file;
    char *text;
    struct line *lines;
    size_t line_count;
};
/* NULL with a message on stderr. */
struct script *script_read(const char *file);
void script_free(struct script *script);

struct named_record {
    char name[32];
    char type[32];
    struct record_id id;
};

struct named_image {
    char name[32];
    struct memory_store *store;
};

struct withheld { /* blocks of a stream that don't pass from one node to another */
    size_t from, to;
    char stream[96];
};

struct parts { /* so many parts of reports more pass from one node to another */
    bool counted;
    size_t from, to;
    unsigned left, passed;
};

struct naming { /* the handle that a stream has in the session that is up */
    size_t from, to;
    int64_t handle;
    char stream[96];
};

struct handed { /* a handle that was used in somebody's name: who doesn't know it hears no marks */
    size_t from, to;
    int64_t handle;
};

struct story {
    const struct script *script;
    const struct line *line; /* that is being told */
    struct buffer trace;
    unsigned failures;
    bool quiet; /* inside `repeat`: nothing goes to the trace */
    struct county *county;
    struct world *world;
    struct world_options options;
    struct named_record records[NAMES_MAX];
    size_t record_count;
    struct named_image images[NAMES_MAX];
    size_t image_count;
    struct withheld withheld[WITHHELD_MAX];
    size_t withheld_count;
    struct parts parts;
    struct naming *namings; /* owned */
    size_t naming_count;
    struct handed handed[BLOCKS_MAX];
    size_t handed_count;
    struct answer answer;    /* the last one */
    uint64_t expires_ms;     /* of the documents; 0: never */
    const char *fold_tier;   /* of the tree that is begun; NULL: none */
    const char *fallback[2]; /* in it: a seat, and the one that it falls back on; NULL: none */
    uint64_t requests, answered;
    bool listening;         /* what comes to a seat is kept: its messages, blocks unpacked */
    struct buffer heard[8]; /* by seat */
    unsigned leaks;         /* what was read where it must not be */
    size_t counts[8];       /* records listed when last counted, by seat */
};

/* script.c */
int story_tell(struct story *story); /* the whole script; number of failures */
void story_fail(struct story *story, const char *format, ...) __attribute__((format(printf, 2, 3)));
const char *story_word(struct story *story, size_t index); /* "" when there is none */

/* Of a word: a seat (SIZE_MAX and a failure when it is none), a record's name (NULL). */
size_t story_seat(struct story *story, const char *word);
struct named_record *story_record(struct story *story, const char *name);
struct memory_store *story_image(struct story *story, const char *name);
/* "V1:1/2" to a stream as it is known in a store. False and a failure: unknown there. */
bool story_stream(struct story *story, const struct view *view, const char *word,
                  struct stream_id *stream);

struct story_command {
    const char *name;
    size_t words; /* at least */
    void (*tell)(struct story *story);
};
extern const struct story_command world_commands[], expect_commands[], plant_commands[],
    fork_commands[], seal_commands[], signed_commands[], due_commands[], figure_commands[];

/* commands.c: a new world with nobody running; and its end. */
void story_begin(struct story *story);
void story_end(struct story *story);
/* expect_seal.c: a message that comes to a seat. */
void story_hear(struct story *story, size_t to, bool is_block, struct span body);
void story_settle(struct story *story); /* until nothing moves */

#endif
