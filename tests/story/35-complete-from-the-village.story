# History 35: T1 holds what it has to carry to C, and dies. V1 is complete at C all the same, for
# what V1 itself addressed to C: what T1 owes is T1's silence, and shows there alone.

story late from the carrier
  fallback V1 T2
  tuning token_every_ms 600000
  tuning statement_after_data_ms 1000
  tuning statement_idle_ms 240000
  nodes C T1 T2 V1
  put V1 mediation r title=wall
  extend V1 r T1
  run
  cut V1
  extend T1 r C
  run
  record C r title=wall operations=3
  put V1 incident i title=road
  cut T1
  heal V1
  set V1 r s=late
  run
  record T1 r s=late operations=4
  record T1 i title=road
  crash T1
  heal T1
  wait 2h
  # 19:00 and later: V1 speaks for itself, over T2
  record C i title=road operations=1
  record C r title=wall operations=3
  complete C V1 now 1749236400000
  complete C T1 silent 1749229200000
  total C "2, 4 of 8; D unknown; D2 unknown; T1 silent; V2 unknown; V3 unknown"
  start T1
  run
  wait 20m
  record C r title=wall s=late operations=4
  equal r V1 T1 C
  equal i V1 T1 C
  complete C V1 now
  complete C T1 now
  held C T1:1/1 5
  sound C T1 V1
