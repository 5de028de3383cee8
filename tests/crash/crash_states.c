/* The crash-state explorer: a node's disk calls are recorded, and what a power cut may leave at any
 * point of them is made and opened again.
 *
 *     crash_states STATES SEED             record, and explore so many states
 *     crash_states --prove SEED            four disks that lie: each must be found out
 *     crash_states --one KEPT SEED INDEX   one state of a record that was kept */
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/hash.h"
#include "node/author/file.h"
#include "tests/crash/crash_check.h"
#include "tests/crash/crash_record.h"
#include "tests/crash/disk_model.h"
#include "tests/crash/disk_shim.h"

enum {
    WRONG_BYTES = 512,
    PASS_STATES = 100, /* of one advance through the record */
    LIE_STATES = 1200, /* a lie must be found within so many */
    RECORD_BYTES_MAX = 256 << 20,
};

struct explorer {
    struct crash_subject subject;
    struct buffer record;
    struct disk_lies lies;
    char place[64]; /* where states are made */
    char wrong[WRONG_BYTES];
    size_t wrong_point;
};

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    (void)status, (void)kind, (void)walk;
    return remove(path);
}

static void remove_all(const char *path)
{
    nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* In a process of its own: what breaks an assertion is a finding, too. */
static void check_apart(struct explorer *explorer, const char *dir, size_t point, uint64_t *random)
{
    int pipes[2];
    if (pipe2(pipes, O_CLOEXEC) != 0)
        abort();
    pid_t child = fork();
    if (child == 0) {
        const char *wrong = crash_check(&explorer->subject, dir, point, random);
        size_t size = wrong == NULL ? 0 : strlen(wrong);
        _exit(write(pipes[1], wrong == NULL ? "" : wrong, size) == (ssize_t)size ? 0 : 1);
    }
    close(pipes[1]);
    ssize_t size = read(pipes[0], explorer->wrong, sizeof explorer->wrong - 1);
    explorer->wrong[size > 0 ? size : 0] = '\0';
    close(pipes[0]);
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child)
        abort();
    if (status != 0 && explorer->wrong[0] == '\0')
        snprintf(explorer->wrong, sizeof explorer->wrong, "opening it ends with status %d", status);
    explorer->wrong_point = point;
}

struct chosen {
    size_t point;
    size_t index; /* which state of the seed */
    uint64_t random;
};

static int compare_chosen(const void *a, const void *b)
{
    const struct chosen *one = a, *other = b;
    return one->point < other->point ? -1 : one->point > other->point;
}

/* Every fourth state lies in the first start. */
static void choose(const struct disk_model *model, uint64_t seed, size_t first, size_t count,
                   struct chosen *chosen)
{
    size_t all = disk_model_count(model), early = all / 16;
    for (size_t i = 0; i < count; i++) {
        uint64_t random = seed * UINT64_C(0x100000001b3) + (first + i) * 7919;
        size_t bound = (first + i) % 4 == 0 ? early : all;
        chosen[i].index = first + i;
        chosen[i].point = draw(&random, (uint32_t)bound + 1);
        chosen[i].random = random;
    }
    qsort(chosen, count, sizeof *chosen, compare_chosen);
}

/* States first .. first + count - 1 of a seed, in one advance. False: one is wrong; which one. */
static bool explore(struct explorer *explorer, uint64_t seed, size_t first, size_t count,
                    size_t *wrong)
{
    struct disk_model *model = disk_model_new(span_of_buffer(&explorer->record), &explorer->lies);
    struct chosen *chosen = mem_alloc(count * sizeof *chosen);
    char dir[96];
    bool held = true;
    snprintf(dir, sizeof dir, "%s/state", explorer->place);
    choose(model, seed, first, count, chosen);
    for (size_t i = 0; i < count && held; i++) {
        disk_model_advance(model, chosen[i].point);
        disk_model_cut(model, &chosen[i].random, dir);
        check_apart(explorer, dir, chosen[i].point, &chosen[i].random);
        remove_all(dir);
        held = explorer->wrong[0] == '\0';
        *wrong = chosen[i].index;
    }
    free(chosen);
    disk_model_free(model);
    return held;
}

static void add_observation(struct crash_subject *subject, size_t point,
                            const struct trace_record *head, struct span text)
{
    struct observation *observation = &subject->observations[subject->observation_count++];
    *observation = (struct observation){.point = point, .seen = head->kind == TRACE_SEEN};
    if (text.size < 33 || !record_id_parse(SPAN(text.data, 32), &observation->record))
        abort();
    snprintf(observation->title, sizeof observation->title, "%.*s", (int)text.size - 33,
             (const char *)text.data + 33);
}

static void load_observations(struct explorer *explorer)
{
    struct disk_lies honest = {0};
    struct disk_model *model = disk_model_new(span_of_buffer(&explorer->record), &honest);
    size_t count = disk_model_count(model);
    explorer->subject.observations = mem_alloc(count * sizeof(struct observation));
    for (size_t i = 0; i < count; i++) {
        struct span text;
        struct trace_record head = disk_model_at(model, i, &text);
        if (head.kind == TRACE_ACKNOWLEDGED || head.kind == TRACE_SEEN)
            add_observation(&explorer->subject, i, &head, text);
    }
    disk_model_free(model);
}

static void load(struct explorer *explorer, const char *dir)
{
    char path[160];
    struct error error;
    const char *base = getenv("TMPDIR");
    snprintf(explorer->place, sizeof explorer->place, "%s/terrace-crash-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm"
             : base == NULL                ? "/tmp"
                                           : base);
    if (mkdtemp(explorer->place) == NULL)
        abort();
    snprintf(path, sizeof path, "%s.trace", dir);
    if (file_read(path, RECORD_BYTES_MAX, &explorer->record, &error) != ERR_OK)
        abort();
    crash_subject_load(&explorer->subject, dir);
    load_observations(explorer);
}

static void unload(struct explorer *explorer)
{
    remove_all(explorer->place);
    crash_subject_free(&explorer->subject);
    buffer_free(&explorer->record);
}

static bool prove(struct explorer *explorer, uint64_t seed)
{
    static const struct {
        const char *name;
        struct disk_lies lies;
    } proofs[] = {{"pages are not synced", {.pages = true}},
                  {"the meta page is not", {.meta = true}},
                  {"the high-water file is not", {.high_water = true}},
                  {"names are not", {.names = true}}};
    size_t wrong = 0;
    bool proved = true;
    for (size_t i = 0; i < sizeof proofs / sizeof *proofs; i++) {
        explorer->lies = proofs[i].lies;
        bool found = false;
        for (size_t at = 0; at < LIE_STATES && !found; at += PASS_STATES)
            found = !explore(explorer, seed, at, PASS_STATES, &wrong);
        printf("%s: %s%s\n", proofs[i].name, found ? "found: " : "NOT found", explorer->wrong);
        proved = proved && found;
    }
    explorer->lies = (struct disk_lies){0};
    return proved;
}

static int run_one(const char *kept, const char *seed, const char *index)
{
    struct explorer explorer = {0};
    size_t wrong = 0;
    load(&explorer, kept);
    bool held = explore(&explorer, strtoull(seed, NULL, 10), strtoull(index, NULL, 10), 1, &wrong);
    printf("%s\n", held ? "it holds" : explorer.wrong);
    unload(&explorer);
    return held ? 0 : 1;
}

static bool run_all(struct explorer *explorer, const char *program, size_t states, uint64_t seed)
{
    size_t wrong = 0;
    for (size_t done = 0; done < states; done += PASS_STATES) {
        if (explore(explorer, seed, done, PASS_STATES, &wrong))
            continue;
        printf("state %zu of seed %llu, cut at call %zu: %s\nreplay: %s --one %s %llu %zu\n", wrong,
               (unsigned long long)seed, explorer->wrong_point, explorer->wrong, program,
               explorer->subject.dir, (unsigned long long)seed, wrong);
        return false;
    }
    struct disk_model *model = disk_model_new(span_of_buffer(&explorer->record), &explorer->lies);
    printf("crash states: %zu held, of %zu calls with %zu observations, seed %llu\n", states,
           disk_model_count(model), explorer->subject.observation_count, (unsigned long long)seed);
    disk_model_free(model);
    return true;
}

int main(int count, char **values)
{
    struct node_world world;
    struct explorer explorer = {0};
    if (count == 3 && strcmp(values[1], "--serve") == 0)
        disk_shim_begin(values[2]);
    node_world_child(count, values);
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (!crypto_start())
        return 2;
    if (count == 5 && strcmp(values[1], "--one") == 0)
        return run_one(values[2], values[3], values[4]);
    if (count != 3)
        return 2;
    uint64_t seed = strtoull(values[2], NULL, 10);
    load(&explorer, crash_record(&world, seed)->dir);
    bool held = strcmp(values[1], "--prove") == 0
                    ? prove(&explorer, seed)
                    : run_all(&explorer, values[0], strtoull(values[1], NULL, 10), seed);
    unload(&explorer);
    if (held)
        node_world_end(&world);
    return held ? 0 : 1;
}
