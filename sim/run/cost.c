/* SIGPROF notes the part and the place in the program; the places are told apart at the end. */
#include "sim/run/cost.h"

#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "base/span.h"

enum { SAMPLES_MAX = 1 << 18, SAMPLE_US = 4000, RANGES_MAX = 64, LINE_BYTES = 512 };

struct sample {
    uintptr_t at;
    enum cost_part part;
};

static struct sample *samples; /* of the run that is on */
static atomic_size_t sample_count;
static struct sigaction action_before;

static uintptr_t place_of(const void *context)
{
    const ucontext_t *user = context;
#if defined(__x86_64__)
    return (uintptr_t)user->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
    return (uintptr_t)user->uc_mcontext.pc;
#else
    (void)user;
    return 0;
#endif
}

static void on_timer(int number, siginfo_t *info, void *context)
{
    size_t place = atomic_fetch_add(&sample_count, 1);
    (void)number;
    (void)info;
    if (place < SAMPLES_MAX)
        samples[place] = (struct sample){place_of(context), cost_now};
}

static void set_timer(suseconds_t every_us)
{
    struct itimerval timer = {.it_interval = {.tv_usec = every_us},
                              .it_value = {.tv_usec = every_us}};
    setitimer(ITIMER_PROF, &timer, NULL);
}

void cost_begin(void)
{
    struct sigaction action = {.sa_sigaction = on_timer, .sa_flags = SA_SIGINFO | SA_RESTART};
    samples = mem_alloc(SAMPLES_MAX * sizeof *samples);
    atomic_store(&sample_count, 0);
    cost_now = COST_WORLD;
    sigemptyset(&action.sa_mask);
    sigaction(SIGPROF, &action, &action_before);
    set_timer(SAMPLE_US);
}

struct range { /* where a library's code lies */
    uintptr_t from, to;
    enum cost_part part;
};

static size_t read_ranges(struct range ranges[static RANGES_MAX])
{
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[LINE_BYTES];
    size_t count = 0;
    while (maps != NULL && count < RANGES_MAX && fgets(line, sizeof line, maps) != NULL) {
        bool sodium = strstr(line, "/libsodium") != NULL, zstd = strstr(line, "/libzstd") != NULL;
        uint64_t from, to;
        if ((sodium || zstd) && sscanf(line, "%" SCNx64 "-%" SCNx64, &from, &to) == 2)
            ranges[count++] =
                (struct range){(uintptr_t)from, (uintptr_t)to, sodium ? COST_CRYPTO : COST_PACK};
    }
    if (maps != NULL)
        fclose(maps);
    return count;
}

static enum cost_part part_of(const struct sample *sample, const struct range *ranges, size_t count)
{
    bool in_node = sample->part == COST_CORE || sample->part == COST_STORE;
    for (size_t i = 0; in_node && i < count; i++) {
        if (sample->at >= ranges[i].from && sample->at < ranges[i].to)
            return ranges[i].part;
    }
    return sample->part;
}

void cost_end(uint64_t cpu_us, uint64_t parts_us[COST_PARTS])
{
    struct range ranges[RANGES_MAX];
    uint64_t counts[COST_PARTS] = {0};
    set_timer(0);
    sigaction(SIGPROF, &action_before, NULL);
    size_t taken = atomic_load(&sample_count), range_count = read_ranges(ranges);
    taken = taken < SAMPLES_MAX ? taken : SAMPLES_MAX;
    for (size_t i = 0; i < taken; i++)
        counts[part_of(&samples[i], ranges, range_count)]++;
    for (int part = 0; part < COST_PARTS; part++)
        parts_us[part] = taken == 0 ? 0 : cpu_us * counts[part] / taken;
    free(samples);
    samples = NULL;
}

const char *cost_name(enum cost_part part)
{
    static const char *const names[COST_PARTS] = {
#define X(name, text, words) text,
        COST_LIST(X)
#undef X
    };
    return names[part];
}

const char *cost_words(enum cost_part part)
{
    static const char *const all[COST_PARTS] = {
#define X(name, text, words) words,
        COST_LIST(X)
#undef X
    };
    return all[part];
}
