# History 33: quiet, withheld, silent are three things. V1 writes nothing and goes on signing; T1
# passes V2's statement and not its last block; V3 is off.

story
  tuning token_every_ms 600000
  tuning statement_idle_ms 240000
  nodes C T1 T2 V1 V2 V3
  put V3 incident - title=storm
  repeat 10
    put V2 incident - title=road
  end
  run
  wait 10m
  crash V3
  withhold T1 C V2:1/1
  put V2 incident - title=bridge
  wait 2h
  held T1 V2:1/1 12
  held C V2:1/1 11
  # 19:10: the statement of 19:08 names the token of 19:00
  complete C V1 now 1749236400000
  complete C V2 "withheld 11 of 12, 1 missing"
  complete C V3 silent 1749229200000
  complete T1 V2 now
  # V2's own count has come up though its block has not: 11 of V2, 1 of V3
  total C "12, 6 of 8; D unknown; D2 unknown; V2 withheld; V3 silent"
  pass
  cut T1
  heal T1
  run
  held C V2:1/1 12
  complete C V2 now
  total C "12, 6 of 8; D unknown; D2 unknown; V3 silent"
