# History 32: a village two days ahead. It is Friday, 6 June 2025, 17:00. Completeness goes by the
# county's tokens, never by the village's clock.

story
  tuning token_every_ms 600000
  tuning statement_idle_ms 240000
  clock V1 off 2d
  nodes C T1 V1
  put V1 incident r title=bridge
  wait 54m
  # 17:54: the statement of 17:52 names the token of 17:50
  complete C V1 now 1749232200000 suspect
  complete C T1 now 1749232200000
  cut V1
  wait 36m
  # 18:30, and Sunday by the village's clock: a write that nobody above can know of
  set V1 r s=unheard
  record C r title=bridge operations=1
  complete C V1 now 1749232200000 suspect
  wait 30m
  # 19:00: the token that counts is more than an hour old
  complete C V1 silent 1749232200000 suspect
  heal V1
  wait 5m
  record C r s=unheard
  # 19:05: the token of 19:00 decides
  complete C V1 now 1749236400000 suspect
  parked C 0
