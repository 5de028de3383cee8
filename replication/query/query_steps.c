/* The steps of its workflow that a seat may take of a record now: from the state it is in, by what
 * the seat is to it. */
#include "replication/query/query_parts.h"
#include "replication/transitions.h"

/* The author that writes at a seat now; NULL: none is in force. */
static const struct author *author_at(const struct tree *tree, const char *seat)
{
    const struct seat *known = tree_seat(tree, span_of_text(seat));
    return known == NULL ? NULL : tree_author(tree, key_id_of(known->row.signing_key));
}

static void write_step(const struct record_type *type, const struct transition *transition,
                       struct buffer *out)
{
    const struct workflow_state *to = workflow_state(type->workflow, transition->to);
    mp_write_map(out, 4);
    query_put_text(out, "step", transition->name);
    query_put_text(out, "to", to == NULL ? "" : to->name);
    mp_write_text(out, "needs");
    mp_write_array(out, (uint32_t)transition->required_count);
    for (size_t i = 0; i < transition->required_count; i++) {
        const struct field *field = type_field(type, transition->required[i]);
        mp_write_text(out, field == NULL ? "" : field->name);
    }
    mp_write_text(out, "hands_to_seat");
    mp_write_bool(out, transition->extend == STEP_EXTENDS_NAMED);
}

void query_steps(const struct view *view, const struct tree *tree, const char *seat,
                 const struct record_type *type, const struct record_id *id,
                 const struct record_state *state, struct buffer *out)
{
    struct block_cache cache = {0};
    struct buffer steps = {0};
    struct circle circle = {0};
    uint32_t count = 0;
    const struct author *author = author_at(tree, seat);
    bool known = author != NULL && !record_deleted(state) &&
                 circle_load(&cache, view, tree, state, id, NULL, &circle);
    uint8_t roles = known ? transition_roles(&circle, type, record_creation(state, id), author) : 0;
    for (size_t i = 0; known && i < type->workflow->transition_count; i++) {
        const struct transition *transition = &type->workflow->transitions[i];
        if (transition->ended || (roles & ROLE_MEMBER) == 0 ||
            !transition_allows(transition, author->rank, roles) ||
            !transition_leaves(type->workflow, transition, record_state_number(state)))
            continue;
        write_step(type, transition, &steps);
        count++;
    }
    mp_write_array(out, count);
    buffer_append_span(out, span_of_buffer(&steps));
    buffer_free(&steps);
    circle_free(&circle);
    block_cache_free(&cache);
}
