# History 12: the carrier's disk is put back to before its own extension. What comes meanwhile is
# carried when the extension comes back.

story restored behind the extension
  nodes C T1 V1
  put V1 mediation r title=wall
  extend V1 r T1
  run
  cut V1
  crash T1
  image T1 before
  start T1
  run
  extend T1 r C
  run
  record C r title=wall operations=3
  cut T1
  crash T1
  restore T1 before
  start T1
  set V1 r s=late
  heal V1
  run
  record T1 r title=wall s=late operations=3
  heal T1
  run
  record C r title=wall s=late operations=4
  equal r V1 T1 C
  parked C 0
  parked V1 0
  sound C T1 V1
