/* A fuzz target without libFuzzer: each file of a corpus as it is, then changed in many small
 * ways. The changes follow from the file's name and a number alone, so what fails here fails again:
 *
 *     replay CORPUS COUNT        every file, COUNT changes each
 *     replay CORPUS NAME NUMBER  that one case; number 0 is the file as it is */
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/span.h"
#include "sim/world/prng.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
/* The sanitizers', where one is linked: called before they end the program. */
__attribute__((weak)) void __sanitizer_set_death_callback(void (*callback)(void));

enum { FILES_MAX = 4096, INPUT_BYTES_MAX = 1 << 20, STEPS_MAX = 6 };

struct seed {
    char *name;
    struct buffer bytes;
};

static struct seed seeds[FILES_MAX];
static size_t seed_count;

/* What runs now, for the handler of a crash. */
static const char *running_name = "";
static unsigned running_number;

static void name_the_case(void)
{
    char line[512];
    int size =
        snprintf(line, sizeof line, "replay: failed at case %s %u\n", running_name, running_number);
    if (size > 0 && write(STDERR_FILENO, line, strlen(line)) < 0)
        return; /* nobody listens */
}

static void aborted(int number)
{
    name_the_case();
    signal(number, SIG_DFL);
    raise(number);
}

static void watch(void)
{
    signal(SIGABRT, aborted);
    if (__sanitizer_set_death_callback != NULL)
        __sanitizer_set_death_callback(name_the_case);
    else
        signal(SIGSEGV, aborted);
}

static void seed_case(struct prng *prng, const char *name, unsigned number)
{
    uint64_t seed = number;
    for (const char *at = name; *at != 0; at++)
        seed = seed * 1000003 + (uint8_t)*at;
    prng_seed(prng, seed);
}

/* Like prng_below, but 0 of nothing. */
static size_t below(struct prng *prng, size_t bound)
{
    return bound == 0 ? 0 : (size_t)prng_below(prng, bound);
}

/* Replace `count` bytes at `at` by those of `with`. */
static void splice(struct buffer *bytes, size_t at, size_t count, struct span with)
{
    struct buffer out = {0};
    buffer_append_span(&out, SPAN(bytes->data, at));
    buffer_append_span(&out, with);
    buffer_append_span(&out, SPAN(bytes->data + at + count, bytes->size - at - count));
    buffer_free(bytes);
    *bytes = out;
}

static struct span piece_of(struct span from, struct prng *prng)
{
    size_t at = below(prng, from.size), left = from.size - at;
    return SPAN(from.data + at, below(prng, left < 64 ? left + 1 : 64));
}

/* Numbers at the edges of lengths and signs, in network order, 1 to 8 bytes wide. */
static void put_edge(struct buffer *bytes, struct prng *prng)
{
    static const uint64_t edges[] = {0,          1,          0x7f,       0x80,
                                     0xff,       0x7fff,     0x8000,     0xffff,
                                     0x7fffffff, 0x80000000, 0xffffffff, UINT64_MAX};
    uint64_t value = edges[below(prng, sizeof edges / sizeof edges[0])];
    size_t width = (size_t)1 << below(prng, 4);
    size_t at = below(prng, bytes->size);
    for (size_t i = 0; i < width && at + i < bytes->size; i++)
        bytes->data[at + i] = (uint8_t)(value >> (8 * (width - 1 - i)));
}

static void change(struct buffer *bytes, struct prng *prng)
{
    size_t at = below(prng, bytes->size), left = bytes->size - at;
    const struct buffer *other = &seeds[below(prng, seed_count)].bytes;
    uint8_t byte = (uint8_t)prng_next(prng);
    switch (below(prng, 8)) {
    case 0:
        if (left > 0)
            bytes->data[at] ^= (uint8_t)(1U << (byte & 7U));
        break;
    case 1:
        if (left > 0)
            bytes->data[at] = byte;
        break;
    case 2: splice(bytes, at, 0, SPAN(&byte, 1)); break;
    case 3: splice(bytes, at, below(prng, left < 16 ? left + 1 : 16), SPAN(NULL, 0)); break;
    case 4: splice(bytes, at, left, SPAN(NULL, 0)); break;
    case 5: put_edge(bytes, prng); break;
    case 6: splice(bytes, at, 0, piece_of(span_of_buffer(other), prng)); break;
    default: splice(bytes, at, left, piece_of(span_of_buffer(other), prng)); break;
    }
}

/* The input gets a block of its own size, so that the sanitizer sees a read beyond its end. */
static void run_case(const struct seed *seed, unsigned number)
{
    struct buffer bytes = {0};
    struct prng prng;
    seed_case(&prng, seed->name, number);
    running_name = seed->name;
    running_number = number;
    buffer_append_span(&bytes, span_of_buffer(&seed->bytes));
    for (size_t left = number == 0 ? 0 : 1 + below(&prng, STEPS_MAX); left > 0; left--)
        change(&bytes, &prng);
    uint8_t *exact = malloc(bytes.size == 0 ? 1 : bytes.size);
    assert(exact != NULL);
    if (bytes.size > 0)
        memcpy(exact, bytes.data, bytes.size);
    LLVMFuzzerTestOneInput(exact, bytes.size);
    free(exact);
    buffer_free(&bytes);
}

static void read_seed(const char *folder, const char *name)
{
    char path[4096];
    uint8_t piece[4096];
    struct seed *seed = &seeds[seed_count++];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    seed->name = strdup(name);
    assert(seed->name != NULL);
    for (size_t size = 1; file != NULL && size > 0;) {
        size = fread(piece, 1, sizeof piece, file);
        buffer_append(&seed->bytes, piece, size);
    }
    if (file == NULL || ferror(file) || seed->bytes.size > INPUT_BYTES_MAX) {
        fprintf(stderr, "replay: can't use %s: %s\n", path,
                file == NULL ? strerror(errno) : "unreadable, or over 1 MiB");
        exit(2);
    }
    fclose(file);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct seed *)a)->name, ((const struct seed *)b)->name);
}

static void read_corpus(const char *folder)
{
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
        if (entry->d_name[0] != '.' && seed_count < FILES_MAX)
            read_seed(folder, entry->d_name);
    }
    if (dir != NULL)
        closedir(dir);
    qsort(seeds, seed_count, sizeof seeds[0], by_name);
    if (seed_count == 0) {
        fprintf(stderr, "replay: no file in %s: a target needs at least one good input there\n",
                folder);
        exit(2);
    }
}

int main(int count, char **values)
{
    if (count != 3 && count != 4) {
        fprintf(stderr, "usage: replay CORPUS COUNT | CORPUS NAME NUMBER\n");
        return 2;
    }
    watch();
    read_corpus(values[1]);
    unsigned long cases = 0;
    for (size_t i = 0; i < seed_count; i++) {
        unsigned last = (unsigned)strtoul(values[count - 1], NULL, 10);
        unsigned first = count == 4 ? last : 0;
        if (count == 4 && strcmp(values[2], seeds[i].name) != 0)
            continue;
        for (unsigned number = first; number <= last; number++, cases++)
            run_case(&seeds[i], number);
    }
    printf("%zu files, %lu cases\n", seed_count, cases);
    for (size_t i = 0; i < seed_count; i++) {
        free(seeds[i].name);
        buffer_free(&seeds[i].bytes);
    }
    return cases == 0 ? 2 : 0;
}
