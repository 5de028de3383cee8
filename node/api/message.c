/* Both directions stand beside each other, so that a number means the same in both. */
#include "node/api/message.h"

#include <string.h>

enum { KEY_ID = 1, REQUEST_VERB = 2, REQUEST_ARGS = 3 };
enum { ANSWER_STATUS = 2, ANSWER_VALUE = 3, ANSWER_ERROR = 4 };
enum {
    ERROR_CODE_NAME = 1,
    ERROR_WHAT = 2,
    ERROR_WHY = 3,
    ERROR_NEXT = 4,
    ERROR_PLACE = 5,
    ERROR_EXIT = 6
};
/* An item takes a byte at least. */
enum { API_ITEMS_MAX = API_MESSAGE_BYTES_MAX };

static struct mp_reader message_reader(struct span message)
{
    struct mp_reader reader = mp_reader(message);
    reader.items_max = API_ITEMS_MAX;
    reader.text_keys = true;
    return reader;
}

struct mp_reader api_reader(struct span bytes)
{
    struct mp_reader reader = mp_reader_known(bytes);
    reader.text_keys = true;
    return reader;
}

static struct span read_map_value(struct mp_reader *reader)
{
    if (mp_peek(reader) != MP_MAP)
        mp_fail(reader);
    return mp_read_any(reader);
}

enum error_code api_request_decode(struct span message, struct api_request *request,
                                   struct error *error)
{
    struct mp_reader reader = message_reader(message);
    struct mp_fields fields = mp_fields(&reader);
    int32_t key;
    bool has_id = false;
    *request = (struct api_request){0};
    while (mp_field(&reader, &fields, &key)) {
        if (key == KEY_ID) {
            request->id = mp_read_uint(&reader);
            has_id = true;
        } else if (key == REQUEST_VERB) {
            request->verb = mp_read_str(&reader);
        } else if (key == REQUEST_ARGS) {
            request->args = read_map_value(&reader);
        } else {
            mp_read_any(&reader);
        }
    }
    mp_read_end(&reader);
    if (!reader.failed && has_id && request->verb.size > 0)
        return ERR_OK;
    return error_set(error, ERR_MALFORMED, "request",
                     "expected a map with 1 id, 2 verb and 3 arguments");
}

static void copy_text(char *to, size_t room, struct span text)
{
    size_t size = text.size < room - 1 ? text.size : room - 1;
    if (size > 0)
        memcpy(to, text.data, size);
    to[size] = '\0';
}

static void decode_place(struct mp_reader *reader, struct error *error)
{
    if (mp_read_array(reader) != 2)
        mp_fail(reader);
    error->line = (unsigned)mp_read_uint_max(reader, UINT32_MAX);
    error->column = (unsigned)mp_read_uint_max(reader, UINT32_MAX);
}

static void decode_error(struct mp_reader *reader, struct api_answer *answer)
{
    struct mp_fields fields = mp_fields(reader);
    struct error *error = &answer->error;
    int32_t key;
    error->code = ERR_INTERNAL;
    while (mp_field(reader, &fields, &key)) {
        if (key == ERROR_CODE_NAME)
            error->code = error_by_name(mp_read_str(reader));
        else if (key == ERROR_WHAT)
            copy_text(error->what, sizeof error->what, mp_read_str(reader));
        else if (key == ERROR_WHY)
            copy_text(error->why, sizeof error->why, mp_read_str(reader));
        else if (key == ERROR_NEXT)
            copy_text(error->next, sizeof error->next, mp_read_str(reader));
        else if (key == ERROR_PLACE)
            decode_place(reader, error);
        else if (key == ERROR_EXIT)
            answer->exit_status = (unsigned)mp_read_uint_max(reader, 255);
        else
            mp_read_any(reader);
    }
}

enum error_code api_answer_decode(struct span message, struct api_answer *answer,
                                  struct error *error)
{
    struct mp_reader reader = message_reader(message);
    struct mp_fields fields = mp_fields(&reader);
    int32_t key;
    *answer = (struct api_answer){.status = API_ERROR, .exit_status = EXIT_FAILED};
    while (mp_field(&reader, &fields, &key)) {
        if (key == KEY_ID)
            answer->id = mp_read_uint(&reader);
        else if (key == ANSWER_STATUS)
            answer->status = (enum api_status)mp_read_uint_max(&reader, API_ERROR);
        else if (key == ANSWER_VALUE)
            answer->value = mp_read_any(&reader);
        else if (key == ANSWER_ERROR)
            decode_error(&reader, answer);
        else
            mp_read_any(&reader);
    }
    mp_read_end(&reader);
    if (!reader.failed)
        return ERR_OK;
    return error_set(error, ERR_MALFORMED, "answer", "the node's answer can't be read");
}

/* The length is known when the map stands behind its place. */
static size_t begin_message(struct buffer *out)
{
    buffer_append_u32(out, 0);
    return out->size;
}

static void end_message(struct buffer *out, size_t begin)
{
    write_u32(out->data + begin - 4, (uint32_t)(out->size - begin));
}

void api_request_encode(uint64_t id, const char *verb, struct span args, struct buffer *out)
{
    size_t begin = begin_message(out);
    mp_write_map(out, args.size > 0 ? 3 : 2);
    mp_write_uint(out, KEY_ID);
    mp_write_uint(out, id);
    mp_write_uint(out, REQUEST_VERB);
    mp_write_text(out, verb);
    if (args.size > 0) {
        mp_write_uint(out, REQUEST_ARGS);
        buffer_append_span(out, args);
    }
    end_message(out, begin);
}

static void write_pair(struct buffer *out, unsigned key, const char *text)
{
    mp_write_uint(out, key);
    mp_write_text(out, text);
}

static void encode_error(const struct error *error, struct buffer *out)
{
    bool has_next = error->next[0] != '\0', has_place = error->line != 0;
    mp_write_map(out, 4U + has_next + has_place);
    write_pair(out, ERROR_CODE_NAME, error_name(error->code));
    write_pair(out, ERROR_WHAT, error->what);
    write_pair(out, ERROR_WHY, error->why);
    if (has_next)
        write_pair(out, ERROR_NEXT, error->next);
    if (has_place) {
        mp_write_uint(out, ERROR_PLACE);
        mp_write_array(out, 2);
        mp_write_uint(out, error->line);
        mp_write_uint(out, error->column);
    }
    mp_write_uint(out, ERROR_EXIT);
    mp_write_uint(out, (uint64_t)error_exit_status(error->code));
}

void api_answer_encode(uint64_t id, enum api_status status, struct span value,
                       const struct error *error, struct buffer *out)
{
    size_t begin = begin_message(out);
    mp_write_map(out, 2U + (value.size > 0) + (error != NULL));
    mp_write_uint(out, KEY_ID);
    mp_write_uint(out, id);
    mp_write_uint(out, ANSWER_STATUS);
    mp_write_uint(out, (uint64_t)status);
    if (value.size > 0) {
        mp_write_uint(out, ANSWER_VALUE);
        buffer_append_span(out, value);
    }
    if (error != NULL) {
        mp_write_uint(out, ANSWER_ERROR);
        encode_error(error, out);
    }
    end_message(out, begin);
}
