/* How many of what: the roll-ups that rise to this node. */
#include "cli/report/report.h"

static json_t *ask_rollup(const struct gathering *gathering, const char *name, const char *by,
                          struct error *error)
{
    struct buffer args = {0};
    mp_write_map(&args, 2);
    args_text(&args, "name", name);
    args_text(&args, "by", by);
    json_t *answer = ask_node(gathering->arguments, "rollup", &args, error);
    buffer_free(&args);
    return answer;
}

static enum error_code gather_types(struct gathering *gathering, struct error *error)
{
    json_t *answer = ask_rollup(gathering, "records", "type", error), *types = json_array();
    size_t index = 0;
    json_t *group = NULL;
    json_object_set_new(gathering->report, "types", types);
    if (answer == NULL)
        return error->code;
    json_array_foreach(json_object_get(answer, "groups"), index, group)
    {
        const char *name = json_text(group, "key");
        const struct record_type *type =
            gathering->schema == NULL ? NULL
                                      : schema_type_named(gathering->schema, span_of_text(name));
        json_array_append_new(types,
                              json_pack("{s:s,s:o,s:O}", "type", name, "label",
                                        gather_label(type == NULL ? NULL : &type->labels, name),
                                        "value", json_object_get(group, "value")));
    }
    json_object_set(gathering->report, "records", json_object_get(answer, "value"));
    json_decref(answer);
    return ERR_OK;
}

static enum error_code gather_origins(struct gathering *gathering, struct error *error)
{
    json_t *answer = ask_rollup(gathering, "records", "origin", error);
    json_t *branches = json_object_get(gathering->report, "branches"), *group = NULL;
    size_t index = 0;
    if (answer == NULL)
        return error->code;
    json_array_foreach(json_object_get(answer, "groups"), index, group)
    {
        int branch = gather_branch(gathering, json_text(group, "key"));
        if (branch >= 0)
            gather_add(json_array_get(branches, (size_t)branch), "records",
                       json_integer_value(json_object_get(group, "value")));
    }
    json_decref(answer);
    return ERR_OK;
}

enum error_code gather_figures(struct gathering *gathering, struct error *error)
{
    enum error_code code = gather_types(gathering, error);
    return code == ERR_OK ? gather_origins(gathering, error) : code;
}
