# A damaged store is made anew out of what proves itself. What came in carry entries, and what keys
# have signed that no document names just now, is among it: here nobody else has it any more.

story what was carried
  nodes C D T1 V1
  put V1 mediation r title=wall
  extend V1 r T1
  run
  extend T1 r C,D refused=parked
  run
  extend T1 r C,D
  run
  record D r title=wall operations=3
  crash V1
  crash T1
  crash C
  damage D records
  start D
  run
  record D r title=wall operations=3
  circle D r V1,C,D,T1
  parked D 0
  quarantined D 0

story a key that no document names
  nodes C T1 V1
  cut T1
  put V1 incident r title=only-here
  run
  wait 60000
  record T1 r title=only-here
  crash V1
  wipe V1 all
  # the county raises the township's term; until its first document of that term is here, nobody
  # whom it listed is known
  sign overrule T1
  tell T1 1
  run
  record T1 r absent
  damage T1 streams
  start T1
  run
  record T1 r absent
  tell T1
  run
  record T1 r title=only-here
  heal T1
  run
  wait 60000
  record C r title=only-here
  equal r C T1
  total C "1, 3 of 8; D unknown; D2 unknown; T2 unknown; V3 unknown; V2 unknown"
