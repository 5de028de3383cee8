/* Looking at YAML text before anything is built from it.
 *
 * libyaml's time grows with the square of open brackets, and its document has forgotten tags
 * and anchors. So the events are read once first, and reading stops at the first one that
 * has no place in our files: what is built afterwards is small, flat and plain. */
#include "base/yaml_check.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/msgpack.h"

enum { NAME_BYTES_SHOWN = 120 };

void yaml_refuse(struct error *error, enum error_code code, const char *name, unsigned line,
                 unsigned column, const char *why, ...)
{
    char what[sizeof error->what], text[sizeof error->why];
    size_t length = strlen(name);
    const char *tail = length > NAME_BYTES_SHOWN ? name + length - NAME_BYTES_SHOWN : name;
    snprintf(what, sizeof what, "%s:%u:%u", tail, line, column);
    va_list values;
    va_start(values, why);
    vsnprintf(text, sizeof text, why, values);
    va_end(values);
    error_set(error, code, what, "%s", text);
    error_at(error, line, column);
}

/* Position of a byte, counted from 1 as libyaml does: columns are characters. */
static void position_of(struct span text, size_t offset, unsigned *line, unsigned *column)
{
    *line = 1;
    *column = 1;
    for (size_t i = 0; i < offset && i < text.size; i++) {
        if (text.data[i] == '\n') {
            ++*line;
            *column = 1;
        } else if ((text.data[i] & 0xc0) != 0x80) {
            ++*column;
        }
    }
}

void yaml_refuse_syntax(struct error *error, const yaml_parser_t *parser, struct span text,
                        const char *name)
{
    const char *problem = parser->problem == NULL ? "it can't be read" : parser->problem;
    unsigned line = (unsigned)parser->problem_mark.line + 1;
    unsigned column = (unsigned)parser->problem_mark.column + 1;
    if (parser->error == YAML_READER_ERROR)
        position_of(text, parser->problem_offset, &line, &column);
    if (parser->context == NULL)
        yaml_refuse(error, ERR_MALFORMED, name, line, column, "this is not YAML: %s", problem);
    else
        yaml_refuse(error, ERR_MALFORMED, name, line, column,
                    "this is not YAML: %s (%s that began in line %u)", problem, parser->context,
                    (unsigned)parser->context_mark.line + 1);
    error_next(error, "mend this line or the one above it: look for a missing quote, a missing "
                      "colon, a tab or a wrong indentation");
}

static bool check_bytes(struct span text, const char *name, struct error *error)
{
    if (text.size > YAML_BYTES_MAX) {
        yaml_refuse(error, ERR_OVERSIZE, name, 1, 1, "the file has %zu bytes; at most %d are read",
                    text.size, YAML_BYTES_MAX);
        error_next(error, "give a smaller file");
        return false;
    }
    uint32_t code = 0;
    for (size_t at = 0, length; at < text.size; at += length) {
        length = utf8_character(text, at, &code);
        if (length > 0 && code != 0)
            continue;
        unsigned line, column;
        position_of(text, at, &line, &column);
        yaml_refuse(error, ERR_MALFORMED, name, line, column,
                    "the byte 0x%02x here is not UTF-8 text", text.data[at]);
        error_next(error, "save the file as UTF-8");
        return false;
    }
    return true;
}

struct scan {
    const char *name;
    struct error *error;
    unsigned depth, documents;
};

static bool refuse_event(struct scan *scan, const yaml_event_t *event, enum error_code code,
                         const char *why, const char *next)
{
    yaml_refuse(scan->error, code, scan->name, (unsigned)event->start_mark.line + 1,
                (unsigned)event->start_mark.column + 1, "%s", why);
    error_next(scan->error, "%s", next);
    return false;
}

static bool check_anchor_and_tag(struct scan *scan, const yaml_event_t *event,
                                 const yaml_char_t *anchor, const yaml_char_t *tag)
{
    if (anchor != NULL)
        return refuse_event(scan, event, ERR_MALFORMED, "anchors (&name) are not used here",
                            "write the value out where it is needed; put quotes around a text "
                            "that begins with &");
    if (tag != NULL)
        return refuse_event(scan, event, ERR_MALFORMED, "tags (!name) are not used here",
                            "leave the tag out; put quotes around a text that begins with !");
    return true;
}

static bool check_depth(struct scan *scan, const yaml_event_t *event)
{
    if (++scan->depth <= YAML_DEPTH_MAX)
        return true;
    return refuse_event(scan, event, ERR_OVERSIZE, "lists and maps are nested deeper than 16",
                        "make it flatter");
}

_Static_assert(YAML_DEPTH_MAX == 16, "the sentence above says 16");

static bool check_scalar(struct scan *scan, const yaml_event_t *event)
{
    struct span text = SPAN(event->data.scalar.value, event->data.scalar.length);
    if (!utf8_valid(text)) /* an escape can make what the raw text could not hold */
        return refuse_event(scan, event, ERR_MALFORMED, "this text holds a zero character",
                            "leave out the escape \\0");
    return check_anchor_and_tag(scan, event, event->data.scalar.anchor, event->data.scalar.tag);
}

static bool check_event(struct scan *scan, const yaml_event_t *event)
{
    yaml_event_type_t type = event->type;
    if (type == YAML_DOCUMENT_START_EVENT && ++scan->documents > 1)
        return refuse_event(scan, event, ERR_MALFORMED, "a second document begins here",
                            "keep one document in a file");
    if (type == YAML_ALIAS_EVENT)
        return refuse_event(scan, event, ERR_MALFORMED, "aliases (*name) are not used here",
                            "write the value out; put quotes around a text that begins with *");
    if (type == YAML_SCALAR_EVENT)
        return check_scalar(scan, event);
    if (type == YAML_SEQUENCE_END_EVENT || type == YAML_MAPPING_END_EVENT)
        scan->depth--;
    if (type == YAML_SEQUENCE_START_EVENT)
        return check_depth(scan, event) &&
               check_anchor_and_tag(scan, event, event->data.sequence_start.anchor,
                                    event->data.sequence_start.tag);
    if (type == YAML_MAPPING_START_EVENT)
        return check_depth(scan, event) &&
               check_anchor_and_tag(scan, event, event->data.mapping_start.anchor,
                                    event->data.mapping_start.tag);
    return true;
}

static bool check_events(yaml_parser_t *parser, struct scan *scan, struct span text)
{
    for (;;) {
        yaml_event_t event;
        if (!yaml_parser_parse(parser, &event)) {
            yaml_refuse_syntax(scan->error, parser, text, scan->name);
            return false;
        }
        bool good = check_event(scan, &event);
        bool end = event.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
        if (!good || end)
            return good;
    }
}

bool yaml_check(struct span text, const char *name, struct error *error)
{
    if (!check_bytes(text, name, error))
        return false;
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser))
        return error_set(error, ERR_INTERNAL, name, "no memory for reading it") == ERR_OK;
    yaml_parser_set_input_string(&parser, text.size == 0 ? (const yaml_char_t *)"" : text.data,
                                 text.size);
    struct scan scan = {.name = name, .error = error};
    bool good = check_events(&parser, &scan, text);
    yaml_parser_delete(&parser);
    if (good && scan.documents == 0) {
        yaml_refuse(error, ERR_MALFORMED, name, 1, 1, "the file is empty");
        error_next(error, "write at least one key into it");
        return false;
    }
    return good;
}
