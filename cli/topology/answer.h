/* Requests that come in, and the files that answer them. */
#ifndef TERRACE_CLI_TOPOLOGY_ANSWER_H
#define TERRACE_CLI_TOPOLOGY_ANSWER_H

#include "cli/topology/topology.h"
#include "node/author/request.h"

/* The request of --request, for the seat of words[0] and this tree, its fingerprint compared with
 * --fingerprint when given, and told. ERR_NOT_ALLOWED: of another seat, another tree, or another
 * fingerprint; ERR_USAGE: none was given. */
enum error_code answer_request(const struct arguments *arguments, const struct tree *tree,
                               struct node_request *request, struct error *error);
/* Writes --answer, or SEAT.answer: what the machine of the seat joins with. And tells so. */
enum error_code answer_write(const struct arguments *arguments, const char *directory,
                             const char *seat, struct error *error);
/* What a new seat is: --name (the seat's code when absent), --tier (as the seats beside it, or the
 * next one below), --admin with --threshold (none: count 0). ERR_USAGE. */
enum error_code answer_name(const struct arguments *arguments, const char *seat,
                            char name[static SEAT_NAME_BYTES_MAX + 1], struct error *error);
enum error_code answer_tier(const struct arguments *arguments, const struct tree *tree,
                            const struct seat *parent, uint8_t *tier, struct error *error);
enum error_code answer_admins(const struct arguments *arguments, uint8_t (*admins)[KEY_BYTES],
                              uint8_t *count, uint8_t *threshold, struct error *error);
/* A row of these keys; nothing else of it is set. */
void answer_row(const struct node_keys *keys, const char *seat, const char *name, uint8_t tier,
                struct seat_row *row);

/* The seat of a node's directory, from its node.yaml. */
enum error_code answer_own_seat(const char *directory, char seat[static SEAT_BYTES_MAX + 1],
                                struct error *error);
/* The seat that an option names, else that of the directory, which `own` has room for. */
enum error_code answer_seat(const struct arguments *arguments, const char *option,
                            const char *directory, char own[static SEAT_BYTES_MAX + 1],
                            const char **seat, struct error *error);

#endif
