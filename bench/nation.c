/* A whole country's tree: written, signed by delegation, verified; and what one village holds of
 * it.
 *
 *     bench_nation NATION.csv [SEATS]
 *
 * 665,000 seats unless told otherwise. Every seat has keys of its own, and an endpoint; every seat
 * with children an admin key that signs its document. Keys are made from the seat's number. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/country.h"
#include "bench/share.h"

enum { SAMPLES = 1000, SHARE_BYTES_MAX = 64 << 10 };

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void make_keys(struct author_seat *seat, size_t number)
{
    uint8_t seed[32] = {0}, secret[SECRET_BYTES];
    memcpy(seed, &number, sizeof number);
    sign_key_pair(seed, seat->signing_key, secret);
    memcpy(seat->link_key, seat->signing_key, KEY_BYTES);
    seat->link_key[31] ^= 1;
    memcpy(seat->seal_key, seat->link_key, KEY_BYTES);
    seat->has_seal_key = true;
    seed[31] = 1;
    uint8_t public_key[KEY_BYTES];
    sign_key_pair(seed, public_key, seat->admin_secret);
    seat->has_admin = true;
}

static struct author_seat *describe(const struct country *country)
{
    struct author_seat *seats = mem_alloc(country->count * sizeof *seats);
    for (size_t i = 0; i < country->count; i++) {
        const struct country_row *row = &country->rows[i];
        seats[i] = (struct author_seat){
            .code = span_of_text(row->code),
            .name = span_of_text(row->code),
            .tier = span_of_text(row->tier),
            .parent = row->parent == NULL ? SPAN_EMPTY : span_of_text(row->parent),
            .endpoint = span_of_text("tcp://192.0.2.1:7000"),
        };
        make_keys(&seats[i], i);
    }
    return seats;
}

/* As a node that holds everything takes it. */
static bool verify_all(const struct author_tree *made)
{
    struct tree *tree = tree_new(&made->tree_id);
    bool good = true;
    for (size_t i = 0; i < made->document_count && good; i++) {
        const struct author_document *document = &made->documents[i];
        struct span *rows = mem_alloc((document->row_count + 1) * sizeof *rows);
        for (size_t j = 0; j < document->row_count; j++)
            rows[j] = span_of_buffer(&document->rows[j]);
        good = tree_offer_document(tree, span_of_buffer(&document->envelope), NULL) == ERR_OK &&
               tree_offer_rows(tree, document->kind, span_of_text(document->seat), rows,
                               document->row_count, 0, NULL, NULL) == ERR_OK;
        free(rows);
    }
    printf("  seats seen in it                  %12zu\n", tree_seat_count(tree));
    tree_free(tree);
    return good;
}

static bool sample_shares(const struct share_tree *tree)
{
    const struct author_plan *plan = tree->plan;
    size_t most = 0, total = 0, count = 0;
    double spent = 0;
    for (size_t i = 0; i < SAMPLES; i++) {
        size_t seat = plan->order[plan->seat_count - 1 - i * (plan->seat_count / 2 / SAMPLES)];
        struct tree *taken = tree_new(&tree->tree->tree_id);
        double began = now_s();
        size_t size = share_of(tree, seat, taken);
        spent += now_s() - began;
        tree_free(taken);
        if (size == SIZE_MAX)
            return false;
        most = size > most ? size : most;
        total += size;
        count++;
    }
    printf("  a village's share                 %12zu bytes, at most %zu (bound %d)\n",
           total / count, most, (int)SHARE_BYTES_MAX);
    printf("  its check, proofs made as well    %12.2f ms\n", spent * 1000 / (double)count);
    return most < SHARE_BYTES_MAX;
}

int main(int count, char **values)
{
    struct country country = {0};
    struct error error = {0};
    size_t seats_most = count > 2 ? strtoul(values[2], NULL, 10) : 0;
    if (count < 2 || !crypto_start() || !country_read(&country, values[1], seats_most)) {
        fprintf(stderr, "usage: bench_nation NATION.csv [SEATS]\n");
        country_free(&country);
        return 2;
    }
    double began = now_s();
    struct author_seat *seats = describe(&country);
    double keyed = now_s();
    struct author_plan *plan = author_plan_new(seats, country.count, &error);
    struct author_tree *tree =
        plan == NULL
            ? NULL
            : author_tree_new(plan, seats, &(struct author_options){.issued_ms = 1}, &error);
    double signed_s = now_s();
    bool good = tree != NULL;
    if (good) {
        printf("a tree of %zu seats, %zu documents\n", country.count, tree->document_count);
        printf("  keys made                         %12.1f s\n", keyed - began);
        printf("  written and signed by delegation  %12.1f s\n", signed_s - keyed);
        good = verify_all(tree);
        printf("  verified by who holds all of it   %12.1f s\n", now_s() - signed_s);
        struct share_tree share = share_tree_of(plan, tree);
        good = good && sample_shares(&share);
        share_tree_free(&share);
    } else {
        fprintf(stderr, "bench_nation: %s: %s\n", error.what, error.why);
    }
    author_tree_free(tree);
    author_plan_free(plan);
    free(seats);
    country_free(&country);
    return good ? 0 : 1;
}
