# History 10: what the carrier excludes, or doesn't know, travels too; else what saw it would wait for
# ever at those who joined.

story excluded at the carrier
  nodes C T1 V1 V2
  put V2 mediation r title=well
  extend V2 r T1,V1 refused=parked
  run
  extend V2 r T1,V1
  run
  cut V2
  extend T1 r C
  run
  # b sets a number to a text; s=good has seen it
  crash V2
  handmade V2 V2:1/2 r many n=3 field=3
  handmade V2 V2:1/2 r good n=4
  start V2
  heal V2
  run
  record C r title=well s=good excluded=1
  record T1 r title=well s=good excluded=1
  record V1 r title=well s=good excluded=1
  quarantined C 1
  quarantined T1 1
  quarantined V1 1
  parked C 0
  parked T1 0
  parked V1 0
  equal r T1 C V1
  sound C T1 V1

story not known to the carrier
  nodes C T1 V1 V2
  put V2 mediation r title=well
  extend V2 r T1,V1 refused=parked
  run
  extend V2 r T1,V1
  run
  cut V2
  extend T1 r C
  run
  crash V2
  handmade V2 V2:1/2 r more n=3 field=6 schema=2
  handmade V2 V2:1/2 r good n=4 schema=2
  start V2
  cut T1
  heal V2
  run
  parked T1 2
  parked V1 2
  # only C hears of version 2 before it gets them: they came while the types were on their way
  heal T1
  run
  parked C 2
  record C r title=well operations=3
  cut T1
  types C
  run
  parked C 0
  parked T1 2
  record C r s=good operations=5
  record T1 r title=well operations=3
  heal T1
  run
  parked T1 0
  record T1 r s=good operations=5
  heal V2
  run
  equal r T1 C V1
  sound C T1 V1
