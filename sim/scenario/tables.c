/* The rows: what links, disks, clocks, nodes, occasions and work can be said to be. */
#include "sim/scenario/fields.h"

enum { DAY_MINUTES = 24 * 60, MS_32_MAX = INT32_MAX, DELAY_MS_MAX = 3600 * 1000 };

const char *const way_names[] = {"neither", "up", "down", "both"};

#define LINK struct link_profile
const struct scenario_field link_fields[] = {
    FIELD_ONE(LINK, latency_ms, "latency", UNIT_TIME, 0, DELAY_MS_MAX),
    FIELD_ONE(LINK, jitter_ms, "jitter", UNIT_TIME, 0, DELAY_MS_MAX),
    FIELD_ONE(LINK, rate_bytes_s, "rate", UNIT_RATE, 0, INT32_MAX),
    FIELD_ONE(LINK, loss_permille, "loss", UNIT_PERMILLE, 0, 1000),
    FIELD_ONE(LINK, corrupt_permille, "corrupt", UNIT_PERMILLE, 0, 1000),
    FIELD_ONE(LINK, damage_permille, "damage", UNIT_PERMILLE, 0, 1000),
    FIELD_ONE(LINK, duplicate_permille, "duplicate", UNIT_PERMILLE, 0, 1000),
    FIELD_FLAG(LINK, overtaking, "overtaking"),
    FIELD_RANGE(LINK, window_from_minute, window_to_minute, "window", UNIT_DAYTIME, 0, DAY_MINUTES),
    FIELD_ONE(LINK, cap_bytes_day, "cap", UNIT_SIZE_A_DAY, 0, SCENARIO_SIZE_MAX),
    {0},
};

#define DISK struct disk_profile
const struct scenario_field disk_fields[] = {
    FIELD_RANGE(DISK, sync_ms_min, sync_ms_max, "sync", UNIT_TIME, 0, DELAY_MS_MAX),
    FIELD_ONE(DISK, bytes_max, "size", UNIT_SIZE, 0, SCENARIO_SIZE_MAX),
    FIELD_ONE(DISK, full_permille, "full", UNIT_PERMILLE, 0, 1000),
    FIELD_ONE(DISK, unreadable_permille, "unreadable", UNIT_PERMILLE, 0, 1000),
    FIELD_FLAG(DISK, lies, "lies"),
    FIELD_FLAG(DISK, tears, "tears"),
    {0},
};

#define CLOCK struct clock_profile
const struct scenario_field clock_fields[] = {
    FIELD_SIGNED(CLOCK, offset_ms, "offset", UNIT_TIME, 100 * SCENARIO_MS_MAX),
    FIELD_SIGNED(CLOCK, drift_ppm, "drift", UNIT_PPM, 1000000),
    FIELD_FLAG(CLOCK, stands, "stands"),
    FIELD_ONE(CLOCK, stands_at_ms, "stands-at", UNIT_MOMENT, 0, UINT64_MAX),
    {0},
};

#define CONDUCT struct conduct
const struct scenario_field conduct_fields[] = {
    FIELD_ONE(CONDUCT, withhold_permille, "withhold", UNIT_PERMILLE, 0, 1000),
    FIELD_ONE(CONDUCT, delay_ms, "delay", UNIT_TIME, 0, MS_32_MAX),
    FIELD_ONE(CONDUCT, replay_permille, "replay", UNIT_PERMILLE, 0, 1000),
    FIELD_ONE(CONDUCT, forge_permille, "forge", UNIT_PERMILLE, 0, 1000),
    FIELD_FLAG(CONDUCT, forks, "forks"),
    {0},
};

#define WORLD struct world_options
const struct scenario_field world_fields[] = {
    FIELD_ONE(WORLD, batch_ms_max, "gather", UNIT_TIME, 0, DELAY_MS_MAX),
    FIELD_ONE(WORLD, batch_events_max, "batch", UNIT_COUNT, 0, 1000000),
    FIELD_RANGE(WORLD, redial_ms_min, redial_ms_max, "redial", UNIT_TIME, 1, MS_32_MAX),
    FIELD_ONE(WORLD, down_ms_max, "down", UNIT_TIME, 0, DELAY_MS_MAX),
    FIELD_ONE(WORLD, fallback_ms, "fallback", UNIT_TIME, 0, MS_32_MAX),
    FIELD_ONE(WORLD, gift_types_permille, "without-types", UNIT_PERMILLE, 0, 1000),
    FIELD_ONE(WORLD, gift_subtree_permille, "without-subtree", UNIT_PERMILLE, 0, 1000),
    {0},
};

/* Absent: the node's own, see limits.h. What a node's own file may not say can't be said here: a
 * window that no block fits into would be granted anew for ever. */
#define TUNING struct replica_tuning
const struct scenario_field tuning_fields[] = {
    FIELD_ONE(TUNING, stream_entries_max, "stream-entries", UNIT_COUNT, 0, INT32_MAX),
    FIELD_ONE(TUNING, token_every_ms, "token", UNIT_TIME, 0, MS_32_MAX),
    FIELD_ONE(TUNING, statement_after_data_ms, "statement", UNIT_TIME, 0, MS_32_MAX),
    FIELD_ONE(TUNING, statement_idle_ms, "statement-idle", UNIT_TIME, 0, MS_32_MAX),
    FIELD_ONE(TUNING, report_every_ms, "report", UNIT_TIME, 0, MS_32_MAX),
    FIELD_ONE(TUNING, report_part_cells, "report-part", UNIT_COUNT, 1, REPORT_PART_CELLS_USUAL),
    FIELD_ONE(TUNING, credit_bytes, "credit", UNIT_SIZE, 2 * MESSAGE_BYTES_MAX, 16 << 20),
    FIELD_ONE(TUNING, credit_entries, "credit-entries", UNIT_COUNT, BLOCK_ENTRIES_USUAL, 1 << 20),
    FIELD_ONE(TUNING, block_entries, "block-entries", UNIT_COUNT, 1, BLOCK_ENTRIES_USUAL),
    FIELD_ONE(TUNING, child_share_percent, "child-share", UNIT_PERCENT, 1, 100),
    {0},
};

#define OCCASION struct occasion
const struct scenario_field occasion_fields[] = {
    FIELD_RANGE(OCCASION, at.low, at.high, "at", UNIT_TIME, 0, SCENARIO_MS_MAX),
    FIELD_RANGE(OCCASION, every.low, every.high, "every", UNIT_TIME, 1, SCENARIO_MS_MAX),
    FIELD_ONE(OCCASION, per_day_milli, "often", UNIT_OFTEN, 1, INT32_MAX),
    FIELD_ONE(OCCASION, until, "until", UNIT_TIME, 0, SCENARIO_MS_MAX),
    FIELD_RANGE(OCCASION, lasts.low, lasts.high, "lasts", UNIT_TIME, 0, SCENARIO_MS_MAX),
    {0},
};

#define WORK struct work
const struct scenario_field work_fields[] = {
    FIELD_RANGE(WORK, per_day.low, per_day.high, "records", UNIT_COUNT_A_DAY, 0, 1000000),
    FIELD_ONE(WORK, total, "total", UNIT_COUNT, 0, 100000000),
    FIELD_RANGE(WORK, from_minute, to_minute, "hours", UNIT_DAYTIME, 0, DAY_MINUTES),
    FIELD_ONE(WORK, from, "from", UNIT_TIME, 0, SCENARIO_MS_MAX),
    FIELD_ONE(WORK, until, "until", UNIT_TIME, 0, SCENARIO_MS_MAX),
    FIELD_ONE(WORK, set_percent, "change", UNIT_PERCENT, 0, 100),
    FIELD_ONE(WORK, delete_percent, "delete", UNIT_PERCENT, 0, 100),
    FIELD_ONE(WORK, erase_percent, "erase", UNIT_PERCENT, 0, 100),
    FIELD_ONE(WORK, extend_percent, "extend", UNIT_PERCENT, 0, 100),
    FIELD_ONE(WORK, burst_max, "burst", UNIT_COUNT, 0, 10000),
    FIELD_RANGE(WORK, bytes.low, bytes.high, "text", UNIT_SIZE, 0, 16000),
    {0},
};

#define SCENARIO struct scenario
const struct scenario_field scenario_fields[] = {
    FIELD_ONE(SCENARIO, begins_wall_ms, "begins", UNIT_MOMENT, 0, UINT64_MAX),
    FIELD_ONE(SCENARIO, lasts_ms, "lasts", UNIT_TIME, 1, SCENARIO_MS_MAX),
    FIELD_ONE(SCENARIO, rest_ms_max, "rest", UNIT_TIME, 1, SCENARIO_MS_MAX),
    FIELD_FLAG(SCENARIO, injects_expected, "cheats"),
    FIELD_FLAG(SCENARIO, deadlines, "deadlines"),
    FIELD_ONE(SCENARIO, expires_ms, "expires", UNIT_MOMENT, 0, UINT64_MAX),
    {0},
};
