/* Every bound of the system, each with its reason. Related ones are tied by static_assert. */
#ifndef TERRACE_BASE_LIMITS_H
#define TERRACE_BASE_LIMITS_H

enum {
    /* values (formats.md 1): a hostile value costs its reader no more than this */
    VALUE_DEPTH_MAX = 8,
    VALUE_ITEMS_MAX = 4096,

    SEAT_BYTES_MAX = 32, /* a code, not a title */
    SEAT_NAME_BYTES_MAX = 96,
    TIERS_MAX = 16, /* a country has five or six */
    ADMIN_KEYS_MAX = 16,
    ENDPOINTS_MAX = 8,
    ENDPOINT_BYTES_MAX = 128,
    FALLBACKS_MAX = 8,
    CUT_OFF_MAX = 64,
    DECISIONS_MAX = 64, /* moves in one header; long seat ids leave room for fewer */

    DOCUMENT_HEADER_BYTES_MAX = 4 << 10,
    DOCUMENT_ROWS_MAX = 4096, /* children of one node, former generations included */
    DOCUMENT_ROW_BYTES_MAX = 32 << 10,
    DOCUMENT_BYTES_MAX = 1 << 20,
    DOCUMENT_SIGNATURES_MAX = 16,

    ENTRY_BYTES_MAX = 32 << 10,
    CARRY_BYTES_MAX = 48 << 10,
    BLOCK_ENTRIES_MAX = 1024,
    BLOCK_ENTRIES_USUAL = 256, /* where a batch is cut: past this zstd gains little */
    BLOCK_PLAIN_BYTES_MAX = 256 << 10,
    BLOCK_PLAIN_BYTES_USUAL = 48 << 10, /* so that even what does not compress fits a message */
    BLOCK_PAYLOAD_BYTES_MAX = 60000,    /* a block is always one message */
    BLOCK_AUTHORS_MAX = 255,
    BLOCK_WINDOW_BYTES_MAX = 256 << 10, /* zstd */
    CONTEXT_PAIRS_MAX = 64,
    HOLDERS_MAX = 64,
    STREAM_ENTRIES_MAX = 1 << 20, /* then the stream is closed and the next one opened */
    STREAM_NUMBER_MAX = 65535,

    NOTE_BYTES_MAX = 32 << 10,
    STATEMENT_STREAMS_MAX = 256,
    REPORT_CELLS_MAX = 1024, /* in one note */
    REPORT_PART_BYTES_MAX = 8 << 10,
    REPORT_PART_CELLS_MAX = 256,
    REPORT_PART_CELLS_USUAL = 128, /* a figure that changes sends its part again, not the report */
    REPORT_PARTS_MAX = 256,
    REPORT_BYTES_MAX = 512 << 10, /* of all parts: a village's figures of twenty years */
    REPORT_PARTED_CELLS_MAX = 16384,
    REPORTS_WAITING_BYTES_MAX = 1 << 20, /* of reports from one child that wait for parts */
    REPORT_PARTS_ASKED_MAX = 8,          /* at once: no more is under way than two notes take */
    CELL_GROUP_MAX = 8,
    CELL_VALUES_MAX = 8,

    FRAME_BYTES_MAX = 65535,
    FRAME_SLICE_BYTES = 16 << 10, /* so that an urgent message waits for one slice at most */
    MESSAGE_BYTES_MAX = 65535,
    CHANNELS = 4, /* control, urgent, normal, bulk */
    DIGEST_RANGES_MAX = 64,
    DIGEST_RANGE_STREAMS = 512, /* a differing range this small is listed head by head */
    DIGEST_SPLIT = 16,
    HANDLES_MAX = 4096,
    CREDIT_BYTES = 256 << 10, /* window a class: two round trips of a fast link */
    CREDIT_ENTRIES = 8192,
    CREDIT_TOTAL_BYTES = 6 << 20,  /* normal and bulk windows of all links together, as far as */
    CREDIT_BYTES_LEAST = 96 << 10, /* ... each has this: a block, and some before it is used up */
    CHILD_SHARE_PERCENT = 50,      /* a child may bring as much in a day as it leaves free */
    STORE_RESERVE_SHARE = 32,      /* of the store: for what is written here, and what is urgent */
    HANDSHAKES_MAX = 32,           /* connections that have not proved who they are */
    LINKS_MAX = 4160,              /* children of one node, and its parent */

    STORE_KEY_BYTES_MAX = 511, /* LMDB's own */
    BLOCK_PIECE_BYTES = 2000,  /* two a page */
    /* what is kept back, for what must be written when all else is full: of the map, and as a file
     * of the disk (1 MiB for a small store, 16 for a usual one) */
    STORE_RESERVE_MAP_PART = 16,
    STORE_RESERVE_BYTES_MAX = 64 << 20,
    BALLAST_MAP_PART = 1024,
    BALLAST_BYTES_MIN = 1 << 20,
    BALLAST_BYTES_MAX = 64 << 20,
    BALLAST_DISK_PART = 16, /* on a small disk */

    API_MESSAGE_BYTES_MAX = 1 << 20,
    API_IN_FLIGHT_MAX = 256,
    API_CLIENTS_MAX = 64,
    PUT_RECORDS_MAX = 1024,
    LIST_LIMIT_DEFAULT = 100,

    TYPES_MAX = 256,
    FIELDS_MAX = 256,
    FIELD_NAME_BYTES_MAX = 64,
    TEXT_BYTES_MAX = 16 << 10,
    RECORD_OPERATIONS_MAX = 4096, /* each operation rewrites the record's row */

    YAML_BYTES_MAX = 1 << 20,
    YAML_DEPTH_MAX = 16,
    CORE_IDLE_BYTES_MAX = 16 << 10,
};

/* Times, in milliseconds. */
enum {
    HANDSHAKE_MS = 5 * 1000,
    PING_MS = 15 * 1000,      /* the dialler pings after this long without a frame sent */
    LINK_DEAD_MS = 60 * 1000, /* without a frame heard */
    REDIAL_FIRST_MS = 80,     /* before jitter; a passing cut costs no more */
    REDIAL_MOST_MS = 30 * 1000,
    REDIAL_UNANSWERED_MS = 5 * 1000, /* where nobody answers, an attempt costs a packet or two */
    REDIAL_SHARE = 64,   /* of the time without a link: who was away long isn't missed for long */
    GROUP_COMMIT_MS = 0, /* what the inbox holds is one batch: no waiting */
    TOKEN_EVERY_MS = 60 * 1000,
    STATEMENT_AFTER_DATA_MS = 30 * 1000,
    STATEMENT_IDLE_MS = 10 * 60 * 1000,
    REPORT_EVERY_MS = 1000,
    QUOTA_MS = 24 * 60 * 60 * 1000,
    URGENT_TRICKLE_MS = 60 * 1000, /* who has used up its share still brings a block so often */
    ROOM_EVERY_MS = 1000,          /* how often the store is asked what is free; and */
    ROOM_EVERY_BYTES = 1 << 20,    /* ... whenever so much has been put */
    TOKEN_AHEAD_MS = 24 * 60 * 60 * 1000, /* a time from further ahead isn't believed */
    CLOCK_SUSPECT_MS = 10 * 60 * 1000,    /* this far from the newest token */
    READER_AGE_MS = 2 * 1000,
};

_Static_assert(BLOCK_PAYLOAD_BYTES_MAX + 4096 <= MESSAGE_BYTES_MAX, "a block is one message");
_Static_assert(BLOCK_PLAIN_BYTES_USUAL + 4096 <= BLOCK_PAYLOAD_BYTES_MAX,
               "a usual block fits even when nothing compresses");
_Static_assert(CARRY_BYTES_MAX > ENTRY_BYTES_MAX, "a carried entry holds an entry");
_Static_assert(CREDIT_BYTES >= 2 * MESSAGE_BYTES_MAX, "half a window is at least one block");
_Static_assert(CREDIT_BYTES_LEAST > MESSAGE_BYTES_MAX, "a block always fits");
_Static_assert(BLOCK_ENTRIES_USUAL <= BLOCK_ENTRIES_MAX, "blocks");
_Static_assert(PING_MS * 2 < LINK_DEAD_MS, "a lost ping does not kill a link");

#endif
