/* Borrowed bytes, owned bytes that grow, and memory that can't be refused.
 *
 * A program that goes on after a failed allocation is a program nobody has tested: so
 * there is one place where memory runs out, and it aborts. Bounds on what the outside may
 * ask for stand before every allocation, elsewhere. */
#include "base/span.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { BUFFER_FIRST_BYTES = 64 };

struct span span_of_text(const char *text)
{
    return SPAN(text, strlen(text));
}

struct span span_of_buffer(const struct buffer *buffer)
{
    return SPAN(buffer->data, buffer->size);
}

bool span_equal(struct span a, struct span b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

int span_compare(struct span a, struct span b)
{
    size_t shared = a.size < b.size ? a.size : b.size;
    int order = shared == 0 ? 0 : memcmp(a.data, b.data, shared);
    if (order != 0)
        return order;
    return (a.size > b.size) - (a.size < b.size);
}

void buffer_free(struct buffer *buffer)
{
    free(buffer->data);
    *buffer = (struct buffer){0};
}

void buffer_clear(struct buffer *buffer)
{
    buffer->size = 0;
}

void buffer_reserve(struct buffer *buffer, size_t more)
{
    assert(buffer->size <= buffer->capacity);
    if (more <= buffer->capacity - buffer->size)
        return;
    if (more > SIZE_MAX / 2 - buffer->size)
        abort();
    size_t needed = buffer->size + more;
    size_t capacity = buffer->capacity < BUFFER_FIRST_BYTES ? BUFFER_FIRST_BYTES : buffer->capacity;
    while (capacity < needed)
        capacity *= 2;
    buffer->data = mem_resize(buffer->data, capacity);
    buffer->capacity = capacity;
}

void buffer_append(struct buffer *buffer, const void *data, size_t size)
{
    if (size == 0)
        return;
    assert(data != NULL);
    buffer_reserve(buffer, size);
    memcpy(buffer->data + buffer->size, data, size);
    buffer->size += size;
}

void buffer_append_span(struct buffer *buffer, struct span span)
{
    buffer_append(buffer, span.data, span.size);
}

void buffer_append_byte(struct buffer *buffer, uint8_t byte)
{
    buffer_append(buffer, &byte, 1);
}

void buffer_append_u16(struct buffer *buffer, uint16_t value)
{
    uint8_t bytes[2];
    write_u16(bytes, value);
    buffer_append(buffer, bytes, sizeof bytes);
}

void buffer_append_u32(struct buffer *buffer, uint32_t value)
{
    uint8_t bytes[4];
    write_u32(bytes, value);
    buffer_append(buffer, bytes, sizeof bytes);
}

void buffer_append_u64(struct buffer *buffer, uint64_t value)
{
    uint8_t bytes[8];
    write_u64(bytes, value);
    buffer_append(buffer, bytes, sizeof bytes);
}

uint16_t read_u16(const uint8_t *from)
{
    return (uint16_t)(from[0] << 8 | from[1]);
}

uint32_t read_u32(const uint8_t *from)
{
    return (uint32_t)read_u16(from) << 16 | read_u16(from + 2);
}

uint64_t read_u64(const uint8_t *from)
{
    return (uint64_t)read_u32(from) << 32 | read_u32(from + 4);
}

void write_u16(uint8_t *to, uint16_t value)
{
    to[0] = (uint8_t)(value >> 8);
    to[1] = (uint8_t)value;
}

void write_u32(uint8_t *to, uint32_t value)
{
    write_u16(to, (uint16_t)(value >> 16));
    write_u16(to + 2, (uint16_t)value);
}

void write_u64(uint8_t *to, uint64_t value)
{
    write_u32(to, (uint32_t)(value >> 32));
    write_u32(to + 4, (uint32_t)value);
}

void *mem_alloc(size_t size)
{
    void *memory = calloc(1, size == 0 ? 1 : size);
    if (memory == NULL)
        abort();
    return memory;
}

void *mem_resize(void *old, size_t size)
{
    void *memory = realloc(old, size == 0 ? 1 : size);
    if (memory == NULL)
        abort();
    return memory;
}

void *mem_copy(const void *data, size_t size)
{
    void *copy = mem_alloc(size);
    if (size > 0)
        memcpy(copy, data, size);
    return copy;
}

char *mem_text(const char *text)
{
    return mem_copy(text, strlen(text) + 1);
}
