/* From one version of the types to the next (rules.md B62): what changes, in words, and what is
 * refused since it is for life; and the rows of the new document, which go on saying what each type
 * was, so that whatever was written is judged as it was meant. */
#ifndef TERRACE_SCHEMA_CHANGE_H
#define TERRACE_SCHEMA_CHANGE_H

#include "schema/schema.h"

enum change_weight {
    CHANGE_SHOWN,   /* how it is shown to people, and found: no write is taken or refused for it */
    CHANGE_WRITES,  /* what may be written from the new version on */
    CHANGE_REFUSED, /* for life: it can't be signed */
};

struct schema_change {
    enum change_weight weight;
    const char *type;  /* borrowed from the schemas */
    const char *field; /* a field, state or step; "" for the type itself */
    char text[200];
};

struct schema_changes {
    struct schema_change *at; /* by type number, then as they were found */
    size_t count, capacity;
    size_t refused; /* of them */
};

/* Both loaded with labels. `changes` begins empty and is freed with schema_changes_free. */
void schema_compare(const struct schema *before, const struct schema *after,
                    struct schema_changes *changes);
void schema_changes_free(struct schema_changes *changes);

/* The rows of a document that follows `before` by what was `written`: types, fields, choices,
 * states and steps that aren't written any more go on as ended ones, and each type whose entries
 * are judged otherwise from now on keeps what it was. The version is that of `written`, which must
 * be greater. ERR_NOT_ALLOWED with the first refused change; ERR_OVERSIZE when a type has changed
 * too often. The caller frees with schema_source_free. */
struct schema_source *schema_succeed(const struct schema *before,
                                     const struct schema_source *written, struct error *error);

/* As YAML that compiles to the same rows, former versions left out. Companions stand with their
 * main types. */
void schema_show(const struct schema *schema, struct buffer *yaml);

#endif
