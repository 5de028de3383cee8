/* Spans and buffers: borrowed bytes, and owned bytes that grow.
 *
 * A span never owns. A buffer owns its bytes; buffer_free releases them and
 * leaves an empty, usable buffer. Running out of memory is not an answer here:
 * mem_alloc and friends abort, and the node is restarted from its store. */
#ifndef TERRACE_BASE_SPAN_H
#define TERRACE_BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct span {
    const uint8_t *data;
    size_t size;
};

struct buffer {
    uint8_t *data;
    size_t size;
    size_t capacity;
};

#define SPAN(pointer, length) ((struct span){(const uint8_t *)(pointer), (length)})
#define SPAN_EMPTY ((struct span){NULL, 0})
#define SPAN_OF_ARRAY(array) ((struct span){(const uint8_t *)(array), sizeof(array)})

struct span span_of_text(const char *text); /* without the final NUL */
struct span span_of_buffer(const struct buffer *buffer);
bool span_equal(struct span a, struct span b);
int span_compare(struct span a, struct span b); /* as memcmp; a prefix is less */

void buffer_free(struct buffer *buffer);
void buffer_clear(struct buffer *buffer); /* keeps the memory */
void buffer_reserve(struct buffer *buffer, size_t more);
void buffer_append(struct buffer *buffer, const void *data, size_t size);
void buffer_append_span(struct buffer *buffer, struct span span);
void buffer_append_byte(struct buffer *buffer, uint8_t byte);
void buffer_append_u16(struct buffer *buffer, uint16_t value); /* big-endian */
void buffer_append_u32(struct buffer *buffer, uint32_t value);
void buffer_append_u64(struct buffer *buffer, uint64_t value);

uint16_t read_u16(const uint8_t *from); /* big-endian */
uint32_t read_u32(const uint8_t *from);
uint64_t read_u64(const uint8_t *from);
void write_u16(uint8_t *to, uint16_t value);
void write_u32(uint8_t *to, uint32_t value);
void write_u64(uint8_t *to, uint64_t value);

/* Allocation that cannot fail: aborts when memory is gone. Zeroed. */
void *mem_alloc(size_t size);
void *mem_resize(void *old, size_t size); /* new bytes are not zeroed */
void *mem_copy(const void *data, size_t size);
char *mem_text(const char *text);

#endif
