# A statement that is signed while a report is still due names the next report: until that has come,
# the figures are as old as those that are here, however often their origin says that it is there.

story
  tuning token_every_ms 3600000
  tuning statement_idle_ms 3600000
  tuning report_every_ms 172800000
  nodes C T1 V1
  put V1 incident first title=road
  wait 2m
  put V1 incident second title=bridge
  wait 30h
  listed C incident 2
  complete C V1 now
  total C "0, 3 of 8; D unknown; D2 unknown; T2 unknown; V1 withheld; V2 unknown; V3 unknown"
  wait 20h
  total C "2, 3 of 8; D unknown; D2 unknown; T2 unknown; V2 unknown; V3 unknown"
