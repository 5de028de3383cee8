# A stream that is withheld from its very first block: whoever passes the statement and nothing of
# the stream is found out too, since the statement says for whom each stream is.

story
  nodes C T1 V1
  withhold T1 C V1:1/1
  put V1 incident r title=road
  put V1 mediation m title=quarrel
  wait 11m
  record T1 r title=road
  record C r absent
  complete T1 V1 now
  # the mediation's own stream is for V1 alone and nobody misses it
  complete C V1 "withheld 0 of 2, 2 missing"
  total C "2, 3 of 8; D unknown; D2 unknown; T2 unknown; V1 withheld; V2 unknown; V3 unknown"
  pass
  cut T1
  heal T1
  run
  record C r title=road
  record C m absent
  complete C V1 now
