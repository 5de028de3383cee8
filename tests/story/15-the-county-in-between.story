# History 15: the county in between reads nothing. What T1 and D share goes through C sealed; when C
# joins, what was before comes to it with proofs, and from then on the way is clear.

story what a township shares with a department
  nodes C T1 D V1
  put T1 mediation r title=quarrel
  set T1 r s=whispered-x
  extend T1 r D refused=parked
  run
  extend T1 r D
  run
  record D r title=quarrel s=whispered-x
  circle D r T1,D
  equal r T1 D
  # C holds sealed bodies only, and nothing of it counts or is listed there
  record C r absent
  listed C mediation 0
  parked C 0
  quarantined C 0
  unread C whispered-x
  unread C quarrel
  set D r s=whispered-back
  run
  record T1 r s=whispered-back
  unread C whispered-back
  # now the county joins
  extend T1 r C
  set T1 r s=y
  run
  record C r s=y title=quarrel
  circle C r T1,D,C
  equal r T1 C D
  parked D 0
  parked C 0
  record V1 r absent
  unread V1 whispered-x
  sound C T1 D

story the clear stream before the sealed one
  nodes C T1 D
  run
  put T1 mediation r title=quarrel
  extend T1 r D refused=parked
  run
  withhold C D T1:1/2
  extend T1 r D
  set T1 r s=whispered-x
  run
  # the county joins: what comes by the clear way has to wait for what went sealed
  extend T1 r C
  set T1 r s=y
  run
  record C r s=y title=quarrel
  record D r absent
  parked D 2
  pass
  cut D
  run
  heal D
  run
  record D r s=y title=quarrel operations=5
  circle D r T1,D,C
  equal r T1 C D
  parked D 0

story two villages through their township
  nodes C T1 V1 V2
  put V1 mediation r title=fence
  extend V1 r V2 refused=parked
  run
  extend V1 r V2
  run
  set V2 r s=mended-a
  run
  set V1 r s=mended-b
  run
  circle V2 r V1,V2
  record V1 r s=mended-b operations=4
  equal r V1 V2
  record T1 r absent
  record C r absent
  unread T1 fence
  unread T1 mended-a
  unread T1 mended-b
  unread C mended
  listed T1 mediation 0
  sound T1 V1 V2 C
