/* Between the files of a county. */
#ifndef TERRACE_SIM_COUNTY_PARTS_H
#define TERRACE_SIM_COUNTY_PARTS_H

#include "sim/world/county.h"

/* The seat's newest keys are those of this generation. */
void county_take_generation(struct county *county, size_t seat, uint32_t generation);
/* The admin key of a seat in a term; the secret's last KEY_BYTES are the public key. */
struct county_admin {
    uint8_t secret[SECRET_BYTES];
};
void county_admin(const struct county *county, size_t seat, uint64_t term,
                  struct county_admin *admin);
/* To the county's own tree. As tree_offer_document and tree_offer_rows say. */
enum error_code county_offer(struct county *county, const struct author_document *document);
/* The types that follow a version, as YAML; after 0 the first. False: none do. */
bool county_types_of(uint32_t version, struct buffer *yaml);
/* Parents, and what is said of seats, as the county's own tree says now. */
void county_look_again(struct county *county);

#endif
