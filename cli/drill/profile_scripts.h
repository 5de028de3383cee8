/* The scripts of a profile's matters: for profile.c alone. */
#ifndef TERRACE_CLI_DRILL_PROFILE_SCRIPTS_H
#define TERRACE_CLI_DRILL_PROFILE_SCRIPTS_H

#include "cli/drill/profile.h"

/* What stands around a seat. */
struct around {
    const struct profile *profile;
    const struct drill *drill;
    uint64_t state; /* of the draws */
    size_t origin;
    size_t parent, grandparent; /* DRILL_NO_SEAT */
};

bool around_is_tier(const struct around *around, size_t seat, const char *tier);
/* Any seat of a tier; DRILL_NO_SEAT: there is none. */
size_t around_one_of(struct around *around, const char *tier);
/* Any child of the origin; DRILL_NO_SEAT. */
size_t around_child(struct around *around);

typedef void script_writer(struct around *around, struct script *script);
script_writer write_mediation, write_incident, write_request, write_matter, write_whistle,
    write_directive, write_service, write_county_service, write_report, write_assessment,
    write_zero, write_equipment, write_health;

#endif
