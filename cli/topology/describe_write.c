/* From documents and tables to YAML. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/topology/describe.h"
#include "node/author/keys.h"

__attribute__((format(printf, 2, 3))) static void put(struct buffer *text, const char *format, ...)
{
    char line[1024]; /* the longest is an address */
    va_list list;
    va_start(list, format);
    int length = vsnprintf(line, sizeof line, format, list);
    va_end(list);
    buffer_append(text, line, length < 0 ? 0 : (size_t)length);
}

/* In quotes, with what has a meaning inside them escaped. */
static void put_text(struct buffer *text, struct span value)
{
    buffer_append_byte(text, '"');
    for (size_t i = 0; i < value.size; i++) {
        if (value.data[i] == '"' || value.data[i] == '\\')
            buffer_append_byte(text, '\\');
        buffer_append_byte(text, value.data[i]);
    }
    buffer_append_byte(text, '"');
}

static void put_line(struct buffer *text, const char *key, struct span value)
{
    put(text, "%s", key);
    put_text(text, value);
    put(text, "\n");
}

static void put_list(struct buffer *text, const char *key, const struct text_list *list)
{
    if (list->count == 0)
        return;
    put(text, "%s[", key);
    for (unsigned i = 0; i < list->count; i++) {
        put(text, "%s", i == 0 ? "" : ", ");
        put_text(text, text_list_at(list, i));
    }
    put(text, "]\n");
}

static void put_admins(struct buffer *text, const char *indent, const char *key,
                       const struct admin_keys *admins, const struct people *people)
{
    char hex[2 * KEY_BYTES + 1];
    if (admins->threshold == 0)
        return;
    put(text, "%s%s:\n%s  threshold: %u\n%s  keys:\n", indent, key, indent, admins->threshold,
        indent);
    for (unsigned i = 0; i < admins->count; i++) {
        const char *name = people_name(people, admin_key(admins, i));
        hex_write(hex, admin_key(admins, i), KEY_BYTES);
        put(text, "%s    - ", indent);
        if (name != NULL) {
            put(text, "name: ");
            put_text(text, span_of_text(name));
            put(text, "\n%s      ", indent);
        }
        put(text, "key: %s\n", hex);
    }
}

static void put_expiry(struct buffer *text, uint64_t expires_ms)
{
    time_t seconds = (time_t)(expires_ms / 1000);
    struct tm day;
    char date[32] = "never";
    if (expires_ms != 0 && gmtime_r(&seconds, &day) != NULL)
        strftime(date, sizeof date, "%Y-%m-%d", &day);
    put(text, "expires: %s\n", date);
}

static void put_row(struct buffer *text, const struct tree *tree, const struct people *people,
                    const struct seat_row *row)
{
    if (row->status == SEAT_RETIRED || row->status == SEAT_REVOKED || row->standby) {
        put(text, "  # %s, generation %u%s: %s\n", row->seat, row->generation,
            row->standby ? ", standby" : "",
            row->status == SEAT_RETIRED   ? "retired"
            : row->status == SEAT_REVOKED ? "revoked"
                                          : "in force");
        return;
    }
    put_line(text, "  - code: ", span_of_text(row->seat));
    put_line(text, "    name: ", span_of_text(row->name));
    put_line(text, "    tier: ", span_of_text(tree_tier_name(tree, row->tier)));
    put_list(text, "    endpoints: ", &row->endpoints);
    put_list(text, "    fallbacks: ", &row->fallbacks);
    if (row->escrow_key != NULL) {
        char hex[2 * KEY_BYTES + 1];
        hex_write(hex, row->escrow_key, KEY_BYTES);
        put(text, "    escrow: %s\n", hex);
    }
    if (row->status == SEAT_RELEASED)
        put_line(text, "    released_to: ",
                 row->released_to.size == 0 ? span_of_text("anybody") : row->released_to);
    put_admins(text, "    ", "admins", &row->admins, people);
}

void describe_document(const struct tree *tree, const struct people *people,
                       const struct held_document *held, struct buffer *text)
{
    const struct document_header *header = &held->header;
    char title[96];
    draft_title(header, title);
    put(text,
        "# %s, term %llu, version %llu. What you change makes version %llu.\n"
        "# A new seat: code, name, tier, and request: the file that its machine made.\n"
        "# New machines, revocations and moves have commands of their own: topology replace,\n"
        "# revoke, retire, move. Where those below call a seat: endpoints: "
        "[\"tcp://ADDRESS:PORT\"]\n",
        title, (unsigned long long)header->term, (unsigned long long)header->version,
        (unsigned long long)header->version + 1);
    if (held->kind == DOCUMENT_BRANCH)
        put_line(text, "seat: ", span_of_text(header->seat));
    put_expiry(text, header->expires_ms);
    if (held->kind == DOCUMENT_ROOT) {
        put_list(text, "tiers: ", &header->tiers);
        if (header->fold_tier != 0)
            put_line(text, "fold_tier: ", text_list_at(&header->tiers, header->fold_tier));
        put_admins(text, "", "root", &header->admins, people);
    }
    if (held->row_count == 0)
        return;
    put(text, "seats:\n");
    for (size_t i = 0; i < held->row_count; i++) {
        struct seat_row row;
        if (seat_row_decode(held->rows[i], &row, NULL) == ERR_OK)
            put_row(text, tree, people, &row);
    }
}

enum error_code describe_table(const struct csv_tree *table, struct buffer *text,
                               struct error *error)
{
    struct author_seat *seats = author_seats_of(table);
    struct author_plan *plan = author_plan_new(seats, table->row_count, error);
    if (plan == NULL) {
        free(seats);
        return error->code;
    }
    put(text,
        "# A tree. Fill in who signs: for the root below, and as admins: under each seat that\n"
        "# has seats below it. A seat is let in when its machine's request is there; those\n"
        "# without one can come later, by `terrace topology admit`. Keys are made by\n"
        "# `terrace key new FILE`, requests by `terrace init` on the machine, with --listen where\n"
        "# others call it.\nexpires: never\ntiers: [");
    for (uint8_t i = 0; i < plan->tier_count; i++) {
        put(text, "%s", i == 0 ? "" : ", ");
        put_text(text, plan->tiers[i]);
    }
    put(text, "]\nroot:\n  threshold: 1\n  keys:\n    - name: \"\"\n      key: root.key\nseats:\n");
    for (size_t i = 0; i < plan->seat_count; i++) {
        const struct author_seat *seat = &seats[plan->order[i]];
        put_line(text, "  - code: ", seat->code);
        put_line(text, "    name: ", seat->name);
        put_line(text, "    tier: ", seat->tier);
        if (seat->parent.size > 0)
            put_line(text, "    parent: ", seat->parent);
        if (plan->child_count[plan->order[i]] > 0)
            put(text, "    admins: {keys: [{key: %.*s.key}]}\n", (int)seat->code.size,
                (const char *)seat->code.data);
        put(text, "    # request: %.*s/request.yaml\n", (int)seat->code.size,
            (const char *)seat->code.data);
    }
    author_plan_free(plan);
    free(seats);
    return ERR_OK;
}
