# History 14: who joins is given what each author signed, and a proof. What was altered on the way is
# refused; what was left out is missed by what had seen it, and named.

story altered, left out, honest
  nodes C T1 V1
  put V1 mediation q title=road
  extend V1 q T1
  put V1 mediation r title=wall
  extend V1 r T1
  run
  set V1 r s=a
  run
  set V1 r s=b
  run
  # a stream from T1 to C
  extend T1 q C
  run
  record C q title=road
  cut T1
  crash T1
  carried T1 T1:1/1 r V1:1/2 5 altered
  start T1
  heal T1
  run
  refused C forged 1
  quarantined C 1
  parked C 0
  record C r absent
  # s=b alone: it had seen s=a
  cut T1
  crash T1
  carried T1 T1:1/1 r V1:1/2 6
  start T1
  heal T1
  run
  parked C 1
  record C r absent
  extend T1 r C
  run
  parked C 0
  record C r title=wall s=b operations=5
  equal q V1 T1 C
  equal r V1 T1 C
  refused C forged 1
  sound C V1

story cut off after it was carried
  nodes C T1 V1
  put V1 mediation r title=wall
  extend V1 r T1
  set V1 r s=a
  run
  image V1 trusted
  set V1 r s=b
  run
  extend T1 r C
  run
  cut V1
  record C r title=wall s=b operations=5
  equal r V1 T1 C
  # C has V1's entries in T1's carry alone
  held C V1:1/2 0
  held C T1:1/1 6
  sign revoke V1 trusted
  tell T1
  run
  record T1 r title=wall s=a excluded=1
  record C r title=wall s=a excluded=1
  circle C r V1,C,T1
  equal r T1 C
  parked C 0
  sound C T1
