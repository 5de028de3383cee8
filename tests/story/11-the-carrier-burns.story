# History 11: the carrier's disk burns; the duty to carry is its seat's.

story an empty disk at the same seat
  nodes C T1 V1
  put V1 mediation r title=wall
  extend V1 r T1
  run
  extend T1 r C
  run
  record C r title=wall operations=3
  crash T1
  cut V1
  wipe T1
  set V1 r s=late
  start T1
  run
  heal V1
  run
  record C r s=late operations=4
  equal r V1 T1 C
  parked C 0
  sound C T1 V1

# The same when another machine takes the seat: generation 2, empty.
story another machine at the same seat
  nodes C T1 V1
  put V1 mediation r title=wall
  extend V1 r T1
  run
  extend T1 r C
  run
  record C r title=wall operations=3
  image T1 disk
  crash T1
  cut V1
  set V1 r s=late
  sign replace T1 disk
  tell C
  tell V1
  run
  machine-new T1
  run
  heal V1
  run
  record C r s=late operations=4
  equal r V1 T1 C
  parked C 0
  parked T1 0
  sound C T1 V1
