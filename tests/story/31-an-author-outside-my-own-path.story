# History 31: a department is given what a village signed that it has never heard of. It waits for the
# village's row, shows the entries then, and takes them out when the village is revoked.

story carried before the row is known
  nodes C T1 D V1
  put V1 mediation r title=wall
  extend V1 r T1
  set V1 r s=a
  run
  image V1 trusted
  set V1 r s=b
  run
  extend T1 r D refused=parked
  run
  extend T1 r D
  run
  record D r title=wall s=b
  equal r V1 T1 D
  record C r absent
  parked D 0
  cut V1
  sign revoke V1 trusted
  tell T1
  run
  record D r title=wall s=a excluded=1
  record T1 r title=wall s=a excluded=1
  equal r T1 D
  parked D 0
  quarantined D 1
  # of T1's rows D has V1's, and no other
  extend D r V2 refused=parked
  sound C T1 D
