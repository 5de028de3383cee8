/* Names for log lines: seats and ordinals, which people know, rather than keys. */
#include <stdio.h>

#include "replication/rows/rows.h"

static const char *seat_of(const struct tree *tree, struct key_id id)
{
    const struct author *author = tree == NULL ? NULL : tree_author(tree, id);
    return author == NULL ? "?" : author->seat->row.seat;
}

struct label label_author(const struct tree *tree, const struct author_epoch *author)
{
    struct label label;
    snprintf(label.text, sizeof label.text, "%s:%u", seat_of(tree, author->author),
             (unsigned)(author->epoch >> 16));
    return label;
}

struct label label_stream(const struct tree *tree, const struct stream_id *stream)
{
    struct label label;
    snprintf(label.text, sizeof label.text, "%s:%u/%u", seat_of(tree, stream->author),
             (unsigned)(stream->epoch >> 16), (unsigned)stream->number);
    return label;
}

struct label label_record(const struct tree *tree, const struct record_id *id)
{
    struct author_epoch author = record_id_author(id);
    struct label label;
    snprintf(label.text, sizeof label.text, "%s:%u#%u", seat_of(tree, author.author),
             (unsigned)(author.epoch >> 16), (unsigned)record_id_counter(id));
    return label;
}

struct label label_dot(const struct tree *tree, const struct dot *dot)
{
    struct label label;
    snprintf(label.text, sizeof label.text, "%s:%u.%u", seat_of(tree, dot->author),
             (unsigned)(dot->epoch >> 16), (unsigned)dot->n);
    return label;
}
