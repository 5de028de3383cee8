# History 13, second run: what a restored author wrote lies in one sealed stream alone, on the disk of
# a seat that can't read it. It comes back from there, and the author opens its own seals.

story the county keeps what it can't read
  nodes C T1 T2
  put T1 mediation early title=early
  extend T1 early T2 refused=parked
  run
  cut T2
  image T1 before
  put T1 mediation q title=only-sealed
  extend T1 q T2
  set T1 q s=lost-with-the-disk
  run
  unread C only-sealed
  crash T1
  restore T1 before
  start T1
  run
  record T1 q title=only-sealed s=lost-with-the-disk operations=3
  circle T1 q T1,T2
  set T1 q s=goes-on
  heal T2
  run
  record T2 q title=only-sealed s=goes-on operations=4
  equal q T1 T2
  record C q absent
  unread C only-sealed
  unread C goes-on
  parked T1 0
  parked T2 0
  quarantined T1 0
  quarantined C 0
  sound C T1 T2
