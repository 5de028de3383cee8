# One wrong clock at the top must not poison the tree (rules.md B28). The county's clock stands in
# 2099: nobody who has seen the time pass takes its time; a village that has just started, and whose
# own clock knows nothing, does. When the clock is put right, the time comes back everywhere.

story the county in 2099
  nodes C T1 V1
  put V1 incident r title=road
  run
  wait 12m
  complete C V1 now
  clock C at 4070908800000
  wait 12m
  alarm T1 "the clock of C is more than a day ahead of the time that has passed here: its time isn't taken"
  # below, all goes on as of the last good time
  put V1 incident s title=river
  run
  record C s title=river
  complete T1 V1 now
  complete C V1 silent
  # a start at 1970, and the only time that it hears of is the county's
  cut V1
  crash V1
  clock V1 at 5000
  start V1
  heal V1
  run
  clock C off 0
  wait 25m
  run
  complete C V1 now
  complete T1 V1 now
  total C "2, 3 of 8; D unknown; D2 unknown; T2 unknown; V2 unknown; V3 unknown"
