/* The doctor's look at a node's directory. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "cli/doctor.h"
#include "cli/print.h"
#include "node/author/config.h"
#include "node/author/document_file.h"
#include "node/author/file.h"
#include "node/author/keys.h"

enum { DISK_BYTES_LEAST = 256 << 20 };
static const uint64_t year_2024_ms = UINT64_C(1704067200000);

static bool is_there(const char *directory, const char *name, struct stat *status)
{
    char path[PATH_MAX];
    struct error error;
    return path_join(path, directory, name, &error) == ERR_OK && stat(path, status) == 0;
}

static void look_at_configuration(struct doctor *doctor, const char *directory)
{
    struct node_config config;
    struct node_keys keys;
    struct error error = {0};
    if (config_load(directory, &config, &error) != ERR_OK)
        doctor_error(doctor, &error);
    if (keys_load(directory, &keys, &error) != ERR_OK)
        doctor_error(doctor, &error);
    node_keys_wipe(&keys);
}

/* A node that has none and holds none doesn't know its own place. */
static void look_at_documents(struct doctor *doctor, const char *directory)
{
    struct document_files files = {0};
    struct error error = {0};
    struct stat status;
    if (document_files_load(directory, &files, &error) != ERR_OK) {
        if (error.next[0] == '\0')
            error_next(&error, "ask the seat above for this document again");
        doctor_error(doctor, &error);
        return;
    }
    if (files.count == 0 && !is_there(directory, "data", &status))
        doctor_problem(doctor, "there are no signed documents",
                       "the node was made and not signed in yet",
                       "give request.yaml to those who sign for the seat above, put what they "
                       "return into documents/");
    document_files_free(&files);
}

static void look_at_disk(struct doctor *doctor, const char *directory)
{
    struct statvfs disk;
    char why[160], free_text[32];
    if (statvfs(directory, &disk) != 0)
        return;
    uint64_t free_bytes = (uint64_t)disk.f_bavail * disk.f_frsize;
    uint64_t all_bytes = (uint64_t)disk.f_blocks * disk.f_frsize;
    if ((disk.f_flag & ST_RDONLY) != 0)
        doctor_problem(doctor, "the disk can't be written to", "it is mounted read-only",
                       "look at the system's log for what is wrong with the disk, then mount it "
                       "again");
    if (free_bytes >= DISK_BYTES_LEAST && free_bytes >= all_bytes / 50)
        return;
    bytes_text(free_bytes, free_text);
    snprintf(why, sizeof why, "%s are free of it; without room nothing new is taken", free_text);
    doctor_problem(doctor, "the disk is nearly full", why,
                   "free some of it, or move the node's directory to a larger disk");
}

static void look_at_store(struct doctor *doctor, const char *directory)
{
    struct stat status;
    bool store = is_there(directory, "data", &status);
    if (store && !is_there(directory, "high_water", &status))
        doctor_problem(doctor, "the file high_water is missing",
                       "it lies beside the store and says what was signed; without it the node "
                       "begins a new epoch at its next start",
                       "nothing need be done; find out who removed it");
    if (is_there(directory, "data.new", &status))
        doctor_note(doctor, "data.new is left over", "making the store was interrupted",
                    "nothing: the next start throws it away");
    if (is_there(directory, "suspect", &status))
        doctor_problem(doctor, "the disk has answered with an error before",
                       "the store may hold damage that only a check of every hash finds",
                       "look at the disk and the system's log, then `terrace verify`");
}

static void look_at_clock(struct doctor *doctor)
{
    if (wall_now_ms() < year_2024_ms)
        doctor_problem(doctor, "the machine's clock is wrong",
                       "it stands before 2024: records would carry that date",
                       "set it; a battery on the board may be empty");
}

/* Told by the system's list of locks: trying to take it could keep a node from starting. */
static bool is_locked(const struct stat *lock)
{
    char line[256], inode[32];
    bool held = false;
    FILE *locks = fopen("/proc/locks", "re");
    snprintf(inode, sizeof inode, ":%llu ", (unsigned long long)lock->st_ino);
    while (locks != NULL && !held && fgets(line, sizeof line, locks) != NULL)
        held = strstr(line, " FLOCK ") != NULL && strstr(line, inode) != NULL;
    if (locks != NULL)
        fclose(locks);
    return held;
}

/* Whether a node holds the directory's lock and can be asked. */
static bool look_at_lock(struct doctor *doctor, const char *directory)
{
    struct stat lock, socket;
    if (!is_there(directory, "node.lock", &lock) || !is_locked(&lock)) {
        doctor_problem(doctor, "the node is not running", "nobody holds its lock",
                       "start it with `terrace -d DIRECTORY run`; its log or the service's says "
                       "why it ended");
        return false;
    }
    if (is_there(directory, "api.sock", &socket))
        return true;
    doctor_problem(doctor, "the node runs and can't be asked",
                   "a process holds node.lock, which names it, and the socket api.sock is gone",
                   "stop that process with SIGTERM and start the node again");
    return false;
}

void doctor_files(struct doctor *doctor, const char *directory, bool *running)
{
    struct stat status;
    *running = false;
    if (stat(directory, &status) != 0 || !S_ISDIR(status.st_mode)) {
        doctor_problem(doctor, directory, "there is no such directory",
                       "name the node's directory with -d, or make one with `terrace init`");
        return;
    }
    look_at_configuration(doctor, directory);
    look_at_documents(doctor, directory);
    look_at_store(doctor, directory);
    look_at_disk(doctor, directory);
    look_at_clock(doctor);
    *running = look_at_lock(doctor, directory);
}
