/* Real nodes on disks that fail, wait, or are full: what was acknowledged stays, what can't be
 * written is refused, and reads and links go on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/store/store.h"
#include "tests/crash/disk_shim.h"
#include "tests/process/node_world.h"

enum {
    PUTS_MAX = 400,
    BULK_RECORDS = 8,
    ASKS_MAX = 120 * 1000,
    LIVES_MS = 31000,    /* more than twice the silence after which a link is dead */
    LISTED_BATCHES = 25, /* more than a client's socket and its queue hold */
    CHURN_PUTS = 300,    /* which cost some ten pages each while an old picture is kept */
    CHURN_BYTES_MAX = 5 << 20,
};

static struct node_world world;

/* What the village alone has acknowledged. */
static struct {
    char ids[PUTS_MAX][33];
    size_t count;
} acknowledged;

static int make_world(void **state)
{
    (void)state;
    acknowledged.count = 0;
    node_world_make(&world, "code,name,tier,parent\nC,County,county,\nT,Township,township,C\n"
                            "V,Village,village,T\n");
    return 0;
}

static struct node_world_seat *at(const char *code)
{
    return node_world_seat(&world, code);
}

static int end_world(void **state)
{
    (void)state;
    node_world_end(&world);
    return 0;
}

static void say_put(const char *code, const char *title)
{
    struct buffer args = node_world_args("type", "incident", "fields.title", title, NULL);
    node_world_say(at(code), "put", span_of_buffer(&args));
    buffer_free(&args);
}

/* Puts a record and hears what became of it; false: the node hung up. */
static bool put(const char *code, const char *title, struct api_answer *answer, char id[static 33])
{
    say_put(code, title);
    if (!node_world_hear(at(code), answer))
        return false;
    if (answer->status == API_DONE)
        node_world_id(answer->value, id);
    return true;
}

static void must_put(const char *code, const char *title, char id[static 33])
{
    struct api_answer answer;
    assert_true(put(code, title, &answer, id));
    if (answer.status != API_DONE)
        fail_msg("put at %s: %s: %s", code, answer.error.what, answer.error.why);
}

static bool is_done(const struct api_answer *answer, const void *context)
{
    (void)context;
    return answer->status == API_DONE;
}

static void must_come(const char *code, const char *id)
{
    struct buffer args = node_world_args("type", "incident", "id", id, NULL);
    node_world_until(at(code), "get", span_of_buffer(&args), is_done, NULL);
    buffer_free(&args);
}

static bool is_there(const char *code, const char *id)
{
    struct buffer args = node_world_args("type", "incident", "id", id, NULL);
    struct api_answer answer = node_world_ask(at(code), "get", span_of_buffer(&args), NULL);
    buffer_free(&args);
    return answer.status == API_DONE;
}

static void until_live(const char *code)
{
    node_world_until_uplink(at(code), "live");
}

static bool level_is(const struct api_answer *answer, const void *level)
{
    return node_world_is_text(answer->value, "room.level", level);
}

static void until_level(const char *code, const char *level)
{
    node_world_until(at(code), "status", SPAN_EMPTY, level_is, level);
}

static size_t alarm_count(const char *code, const char *word)
{
    struct api_answer answer = node_world_ask(at(code), "status", SPAN_EMPTY, NULL);
    struct mp_reader reader = api_reader(node_world_at(answer.value, "alarms"));
    size_t count = 0;
    for (uint32_t left = mp_read_array(&reader); left > 0; left--) {
        struct span text = mp_read_str(&reader);
        count += memmem(text.data, text.size, word, strlen(word)) != NULL;
    }
    return count;
}

static void epoch_is(const char *code, uint64_t ordinal)
{
    struct api_answer answer = node_world_ask(at(code), "status", SPAN_EMPTY, NULL);
    assert_int_equal(node_world_number(answer.value, "epoch.ordinal"), ordinal);
}

static bool file_exists(const struct node_world_seat *seat, const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", seat->dir, name);
    return access(path, F_OK) == 0;
}

/* A node that writes its last words to DIR.said. */
static void start_heard(struct node_world_seat *seat)
{
    char path[256];
    snprintf(path, sizeof path, "%s.said", seat->dir);
    int kept = dup(STDERR_FILENO);
    int said = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(kept >= 0 && said >= 0);
    dup2(said, STDERR_FILENO);
    node_world_start(seat);
    dup2(kept, STDERR_FILENO);
    close(kept);
    close(said);
}

static void said_once(const struct node_world_seat *seat, const char *line)
{
    char path[256], text[2000] = "";
    snprintf(path, sizeof path, "%s.said", seat->dir);
    int said = open(path, O_RDONLY);
    ssize_t size = read(said, text, sizeof text - 1);
    close(said);
    assert_true(size > 0);
    text[size] = '\0';
    if (strncmp(text, line, strlen(line)) != 0 || strstr(text + 1, "terrace: ") != NULL)
        fail_msg("it said: %s", text);
}

/* Everything that was ever acknowledged is there, in the first epoch, and it goes on. */
static void holds_all(const char *code)
{
    char id[33];
    for (size_t i = 0; i < acknowledged.count; i++) {
        if (!is_there(code, acknowledged.ids[i]))
            fail_msg("%s lost %s, the %zuth acknowledged", code, acknowledged.ids[i], i);
    }
    epoch_is(code, 1);
    must_put(code, "it goes on", id);
}

/* Puts until the node ends; what it answered is kept. */
static void put_until_it_ends(const char *code)
{
    struct api_answer answer;
    for (;;) {
        assert_true(acknowledged.count < PUTS_MAX);
        if (!put(code, "on a bad disk", &answer, acknowledged.ids[acknowledged.count]))
            return;
        assert_int_equal(answer.status, API_DONE);
        acknowledged.count++;
    }
}

static void clear(struct disk_control *disk)
{
    disk->write_errno = disk->sync_errno = disk->make_errno = 0;
    disk->short_writes = disk->passing = disk->failed = 0;
    disk->target = DISK_ANY;
}

/* One failure: the node ends with one line and status 1, and the next start has everything. */
static void ends_and_comes_back(struct disk_control *disk)
{
    put_until_it_ends("V");
    assert_int_equal(node_world_wait(at("V")), EXIT_FAILED);
    assert_in_range(disk->failed, 1, 2); /* LMDB takes a meta page back, nothing is tried again */
    said_once(at("V"), "terrace: the store: a commit failed: the disk answered with an error");
    assert_true(file_exists(at("V"), "suspect"));
    clear(disk);
    start_heard(at("V"));
    holds_all("V");
}

static void a_disk_that_fails_ends_the_node_at_once(void **state)
{
    static const struct {
        enum disk_target target;
        int write_errno, sync_errno;
        uint32_t short_writes;
    } faults[] = {
        {DISK_DATA, EIO, 0, 0},   {DISK_DATA, 0, EIO, 0},       {DISK_META, EIO, 0, 0},
        {DISK_META, 0, 0, 1},     {DISK_HIGH_WATER, EIO, 0, 0}, {DISK_HIGH_WATER, 0, EIO, 0},
        {DISK_DATA, EROFS, 0, 0}, {DISK_META, EROFS, 0, 0},     {DISK_HIGH_WATER, EROFS, 0, 0},
    };
    (void)state;
    struct disk_control *disk = disk_control_make(at("V")->dir);
    start_heard(at("V"));
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        char id[33];
        must_put("V", "before", id);
        memcpy(acknowledged.ids[acknowledged.count++], id, sizeof id);
        disk->target = faults[i].target;
        disk->write_errno = faults[i].write_errno;
        disk->sync_errno = faults[i].sync_errno;
        disk->short_writes = faults[i].short_writes;
        ends_and_comes_back(disk);
    }
}

/* The n-th call of any kind fails, for n from the first on. */
static void any_call_may_fail(void **state)
{
    enum { CALLS = 12 };
    (void)state;
    struct disk_control *disk = disk_control_make(at("V")->dir);
    start_heard(at("V"));
    for (uint32_t passing = 0; passing < CALLS; passing++) {
        disk->passing = passing;
        if (passing % 2 == 0)
            disk->write_errno = EIO;
        else
            disk->sync_errno = EIO;
        ends_and_comes_back(disk);
    }
}

/* A first start that finds no room, or a disk that fails: it says so, and the next one is whole. */
static void a_first_start_on_a_bad_disk_is_made_good(void **state)
{
    static const struct {
        int write_errno, sync_errno, make_errno;
    } faults[] = {{EIO, 0, 0},    {ENOSPC, 0, 0}, {EROFS, 0, 0}, {0, EIO, 0},
                  {0, 0, ENOSPC}, {0, 0, EROFS},  {0, 0, EMFILE}};
    enum { PASSING = 3 };
    char id[33], remove[256];
    (void)state;
    struct disk_control *disk = disk_control_make(at("V")->dir);
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        for (uint32_t passing = 0; passing < PASSING; passing++) {
            disk->passing = passing;
            disk->write_errno = faults[i].write_errno;
            disk->sync_errno = faults[i].sync_errno;
            disk->make_errno = faults[i].make_errno;
            assert_int_equal(node_world_run(at("V")), EXIT_FAILED);
            clear(disk);
            snprintf(remove, sizeof remove, "rm -rf '%s'/data*", at("V")->dir);
            if (i + 1 < sizeof faults / sizeof *faults)
                assert_int_equal(system(remove), 0); /* another first start */
        }
    }
    node_world_start(at("V"));
    must_put("V", "it goes on", id);
    assert_true(is_there("V", id));
    epoch_is("V", 1);
}

static void reads_go_on(const char *code, const char *id)
{
    for (unsigned i = 0; i < 20; i++) {
        assert_true(is_there(code, id));
        struct api_answer answer = node_world_ask(at(code), "status", SPAN_EMPTY, NULL);
        assert_int_equal(answer.status, API_DONE);
        assert_true(node_world_is_text(answer.value, "seat", code));
    }
}

/* A second client of the same node: one waits for its answer while the other reads. */
static struct node_world_seat *beside(struct node_world_seat *seat)
{
    static struct node_world_seat other;
    other = *seat;
    other.process = 0;
    other.api = -1;
    other.heard = (struct buffer){0};
    node_world_dial(&other);
    return &other;
}

static void wait_for(_Atomic uint32_t *number)
{
    for (unsigned asked = 0; *number == 0; asked++) {
        assert_true(asked < ASKS_MAX);
        poll(NULL, 0, 1);
    }
}

/* Links that die of some seconds' silence. */
static void shorten_links(void)
{
    for (size_t i = 0; i < world.count; i++) {
        char path[256];
        snprintf(path, sizeof path, "%s/node.yaml", world.seats[i].dir);
        FILE *file = fopen(path, "ae");
        assert_non_null(file);
        assert_true(fputs("links:\n  ping_ms: 500\n  dead_ms: 15000\n", file) >= 0);
        assert_int_equal(fclose(file), 0);
    }
}

static uint64_t uplink_age_ms(const char *code)
{
    struct api_answer answer = node_world_ask(at(code), "status", SPAN_EMPTY, NULL);
    assert_true(node_world_is_text(answer.value, "uplink.state", "live"));
    return node_world_number(answer.value, "uplink.since_ms");
}

/* One and the same link, for several times the silence that would have ended it. */
static void link_lives_on(const char *code)
{
    uint64_t first_ms = uplink_age_ms(code), age_ms = first_ms;
    while (age_ms < first_ms + LIVES_MS) {
        uint64_t now_ms = uplink_age_ms(code);
        assert_true(now_ms >= age_ms);
        age_ms = now_ms;
        poll(NULL, 0, 20);
    }
}

static void a_disk_that_takes_long_delays_answers_alone(void **state)
{
    char first[33], below[33];
    struct api_answer answer;
    (void)state;
    shorten_links();
    struct disk_control *disk = disk_control_make(at("T")->dir);
    node_world_start(at("C"));
    node_world_start(at("T"));
    node_world_start(at("V"));
    until_live("V");
    until_live("T");
    must_put("T", "before", first);
    must_come("C", first);
    disk->hold_syncs = 1;
    struct node_world_seat *writer = beside(at("T"));
    struct buffer args = node_world_args("type", "incident", "fields.title", "slow", NULL);
    node_world_say(writer, "put", span_of_buffer(&args));
    buffer_free(&args);
    wait_for(&disk->waiting);
    reads_go_on("T", first);
    must_put("V", "written meanwhile", below); /* its own disk is well */
    link_lives_on("V");
    assert_true(uplink_age_ms("T") > LIVES_MS);
    assert_false(is_there("T", below));
    struct pollfd answered = {.fd = writer->api, .events = POLLIN};
    assert_int_equal(poll(&answered, 1, 0), 0); /* not durable, so not said */
    disk->hold_syncs = 0;
    assert_true(node_world_hear(writer, &answer));
    assert_int_equal(answer.status, API_DONE);
    node_world_id(answer.value, first);
    must_come("C", first);
    must_come("C", below);
    close(writer->api);
    buffer_free(&writer->heard);
}

static uint64_t data_bytes(const struct node_world_seat *seat)
{
    char path[256];
    struct stat status;
    snprintf(path, sizeof path, "%s/data/data.mdb", seat->dir);
    assert_int_equal(stat(path, &status), 0);
    return (uint64_t)status.st_size;
}

static uint64_t grown_by_puts(const char *code)
{
    uint64_t before = data_bytes(at(code));
    char id[33];
    for (unsigned i = 0; i < CHURN_PUTS; i++)
        must_put(code, "one of many", id);
    return data_bytes(at(code)) - before;
}

/* A client that asks for everything and reads nothing keeps no page from being used again; a
 * picture of the store that is kept does, and so the measure is proved. */
static void who_does_not_read_keeps_no_pages(void **state)
{
    unsigned seed = 1;
    struct error error;
    struct store *store = NULL;
    struct store_snapshot *snapshot = NULL;
    struct view view;
    (void)state;
    node_world_start(at("V"));
    for (unsigned i = 0; i < LISTED_BATCHES; i++)
        assert_false(node_world_bulk_is_refused(at("V"), BULK_RECORDS, &seed));
    struct node_world_seat *idle = beside(at("V"));
    struct buffer args = {0};
    mp_write_map(&args, 2);
    mp_write_text(&args, "type");
    mp_write_text(&args, "incident");
    mp_write_text(&args, "limit");
    mp_write_uint(&args, INT64_MAX);
    node_world_say(idle, "list", span_of_buffer(&args));
    buffer_free(&args);
    struct pollfd begun = {.fd = idle->api, .events = POLLIN};
    assert_int_equal(poll(&begun, 1, ASKS_MAX), 1);
    assert_true(grown_by_puts("V") < CHURN_BYTES_MAX);
    struct store_options walk = {.dir = at("V")->dir, .read_only = true};
    assert_int_equal(store_open(&walk, &store, &error), ERR_OK);
    assert_int_equal(store_snapshot_begin(store, &snapshot, &view, &error), ERR_OK);
    assert_true(grown_by_puts("V") > CHURN_BYTES_MAX);
    store_snapshot_end(snapshot);
    store_close(store);
    close(idle->api);
    buffer_free(&idle->heard);
}

static void fill_until_refused(const char *code)
{
    unsigned seed = 1, batches = 0;
    while (!node_world_bulk_is_refused(at(code), BULK_RECORDS, &seed))
        assert_true(++batches < 1000);
}

static void is_refused_in_words(const char *code)
{
    struct api_answer answer;
    char id[33];
    assert_true(put(code, "no room", &answer, id));
    assert_int_equal(answer.status, API_ERROR);
    assert_int_equal(answer.error.code, ERR_FULL);
    assert_non_null(strstr(answer.error.what, "full"));
    assert_string_not_equal(answer.error.why, "");
    assert_non_null(strstr(answer.error.next, "free space"));
}

static bool write_whole(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool written = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    if (fd >= 0)
        close(fd);
    return written;
}

/* Whoever isn't root is so in a namespace of its own, where that is allowed. */
static bool become_mounter(void)
{
    char users[64], groups[64];
    snprintf(users, sizeof users, "0 %u 1", (unsigned)geteuid());
    snprintf(groups, sizeof groups, "0 %u 1", (unsigned)getegid());
    if (geteuid() == 0 && unshare(CLONE_NEWNS) == 0)
        return mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
    return unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 &&
           write_whole("/proc/self/setgroups", "deny") &&
           write_whole("/proc/self/uid_map", users) && write_whole("/proc/self/gid_map", groups);
}

/* Before there is a world: whether a file system can be mounted here. */
static bool may_mount(void)
{
    char place[] = "/tmp/terrace-mount-XXXXXX";
    if (mkdtemp(place) == NULL || !become_mounter() ||
        mount("terrace-test", place, "tmpfs", MS_NOSUID | MS_NODEV, "size=1m,mode=700") != 0) {
        print_message("skipped: mounting a small file system needs root or a user namespace: %s\n",
                      strerror(errno));
        rmdir(place);
        return false;
    }
    return umount(place) == 0 && rmdir(place) == 0;
}

/* A file system of 16 MiB under the township. */
static void move_to_small_disk(struct node_world_seat *seat)
{
    char place[160], command[512];
    snprintf(place, sizeof place, "%s.small", seat->dir);
    assert_int_equal(mkdir(place, 0700), 0);
    assert_int_equal(
        mount("terrace-test", place, "tmpfs", MS_NOSUID | MS_NODEV, "size=16m,mode=700"), 0);
    snprintf(command, sizeof command, "cp -a '%s/.' '%s/'", seat->dir, place);
    assert_int_equal(system(command), 0);
    snprintf(seat->dir, sizeof seat->dir, "%.120s", place);
}

static void leave_small_disk(struct node_world_seat *seat)
{
    if (seat->process != 0)
        node_world_kill(seat);
    assert_int_equal(umount2(seat->dir, MNT_DETACH), 0);
}

/* Somebody else takes all that is left on the disk. */
static void others_fill_it(const struct node_world_seat *seat)
{
    static const char bytes[64 << 10];
    char path[256];
    snprintf(path, sizeof path, "%s/of others", seat->dir);
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    assert_true(fd >= 0);
    while (write(fd, bytes, sizeof bytes) > 0)
        continue;
    assert_int_equal(errno, ENOSPC);
    close(fd);
}

static void others_leave(const struct node_world_seat *seat)
{
    char path[256];
    snprintf(path, sizeof path, "%s/of others", seat->dir);
    assert_int_equal(unlink(path), 0);
}

static void must_be_as_it_was(const char *first, const char *below)
{
    char id[33];
    until_level("T", "roomy");
    assert_true(file_exists(at("T"), "ballast"));
    must_come("T", below);
    must_come("C", below);
    must_put("T", "after", id);
    must_come("C", id);
    assert_true(is_there("T", first));
    epoch_is("T", 1);
}

static void a_full_disk_refuses_and_resumes(void **state)
{
    char first[33], below[33];
    (void)state;
    move_to_small_disk(at("T"));
    node_world_start(at("C"));
    node_world_start(at("T"));
    node_world_start(at("V"));
    until_live("V");
    until_live("T");
    must_put("T", "before", first);
    must_come("C", first);
    until_level("T", "roomy");
    assert_true(file_exists(at("T"), "ballast"));
    others_fill_it(at("T"));
    fill_until_refused("T");
    until_level("T", "tight");
    assert_false(file_exists(at("T"), "ballast"));
    is_refused_in_words("T");
    assert_in_range(alarm_count("T", "the disk is full"), 1, 1);
    until_live("T");
    until_live("V");
    must_put("V", "meanwhile", below);
    reads_go_on("T", first);
    until_live("V");
    assert_false(is_there("T", below)); /* what others send stays with them */
    others_leave(at("T"));
    must_be_as_it_was(first, below);
    assert_int_equal(alarm_count("T", "the disk is full"), 0);
    leave_small_disk(at("T"));
}

/* What was kept back is gone as well: nothing can be committed, and nothing is tried. */
static void a_disk_full_to_the_last_still_serves(void **state)
{
    char first[33], below[33];
    (void)state;
    move_to_small_disk(at("T"));
    struct disk_control *disk = disk_control_make(at("T")->dir);
    node_world_start(at("C"));
    node_world_start(at("T"));
    node_world_start(at("V"));
    until_live("V");
    must_put("T", "before", first);
    must_come("C", first);
    until_level("T", "roomy");
    others_fill_it(at("T"));
    fill_until_refused("T");
    disk->target = DISK_DATA;
    disk->write_errno = ENOSPC; /* not even what LMDB has free in its file */
    until_level("T", "full");
    disk->write_errno = 0;
    must_put("V", "meanwhile", below);
    reads_go_on("T", first);
    is_refused_in_words("T");
    node_world_kill(at("T")); /* and a start there serves, too */
    node_world_start(at("T"));
    reads_go_on("T", first);
    until_live("V");
    others_leave(at("T"));
    must_be_as_it_was(first, below);
    leave_small_disk(at("T"));
}

static uint64_t list_count(const char *code)
{
    struct buffer args = node_world_args("name", "records", NULL);
    struct api_answer answer = node_world_ask(at(code), "rollup", span_of_buffer(&args), NULL);
    buffer_free(&args);
    return answer.status == API_DONE ? node_world_number(answer.value, "value") : 0;
}

/* History 46: one batch of a local put and the village's blocks finds no room, again and again. */
static void a_failed_commit_never_happened(void **state)
{
    enum { ROUNDS = 6, EACH = 5 };
    char ids[ROUNDS * EACH * 2][33];
    size_t count = 0, refused = 0;
    (void)state;
    struct disk_control *disk = disk_control_make(at("T")->dir);
    node_world_start(at("C"));
    node_world_start(at("T"));
    node_world_start(at("V"));
    until_live("V");
    until_live("T");
    for (unsigned round = 0; round < ROUNDS; round++) {
        static const enum disk_target targets[] = {DISK_DATA, DISK_HIGH_WATER};
        struct api_answer answer;
        until_level("T", "roomy");
        disk->target = targets[round % 2];
        disk->write_errno = ENOSPC;
        disk->failed = 0;
        for (unsigned i = 0; i < EACH; i++) {
            must_put("V", "from below", ids[count++]);
            say_put("T", "own");
            assert_true(node_world_hear(at("T"), &answer));
            if (answer.status == API_DONE)
                node_world_id(answer.value, ids[count++]);
            else
                refused += answer.error.code == ERR_FULL;
        }
        wait_for(&disk->failed);
        disk->write_errno = 0;
    }
    assert_true(refused > 0);
    until_level("T", "roomy");
    for (size_t i = 0; i < count; i++) {
        must_come("T", ids[i]);
        must_come("C", ids[i]);
    }
    assert_int_equal(list_count("T"), count);
    epoch_is("T", 1);
    struct api_answer answer = node_world_ask(at("C"), "status", SPAN_EMPTY, NULL);
    assert_int_equal(node_world_number(answer.value, "refused.forged"), 0);
    assert_int_equal(node_world_number(answer.value, "quarantine"), 0);
}

/* Without a word: what no mounting is needed for; `small`: the rest; else the tests so named. */
int main(int argument_count, char **arguments)
{
    enum { SKIPPED = 77 }; /* for meson */
    if (argument_count == 3 && strcmp(arguments[1], "--serve") == 0)
        disk_shim_begin(arguments[2]);
    node_world_child(argument_count, arguments);
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_world, end_world)
    const struct CMUnitTest tests_of_small_disks[] = {
        TEST(a_full_disk_refuses_and_resumes),
        TEST(a_disk_full_to_the_last_still_serves),
    };
    const struct CMUnitTest tests[] = {
        TEST(a_disk_that_fails_ends_the_node_at_once),
        TEST(any_call_may_fail),
        TEST(a_first_start_on_a_bad_disk_is_made_good),
        TEST(a_disk_that_takes_long_delays_answers_alone),
        TEST(who_does_not_read_keeps_no_pages),
        TEST(a_failed_commit_never_happened),
    };
#undef TEST
    if (argument_count == 2 && strcmp(arguments[1], "small") == 0)
        return may_mount() ? cmocka_run_group_tests(tests_of_small_disks, NULL, NULL) : SKIPPED;
    if (argument_count == 2)
        cmocka_set_test_filter(arguments[1]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
