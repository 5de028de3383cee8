# A store put back by exactly one commit that signed looks like a commit cut short (rules.md A5), so
# it goes on in its epoch. Isolated, it forks once: both branches are kept, nothing is lost.

story one commit back, and isolated
  nodes C T1 V1
  put V1 incident r title=r
  run
  image V1 before
  put V1 incident sent title=sent
  run
  cut V1
  restore V1 before
  start V1
  epoch V1 1
  put V1 incident other title=other
  same sent other
  put V1 incident further title=further
  heal V1
  run
  branches C V1:1/1 2
  branches V1 V1:1/1 2
  record C sent title=other conflicts title=sent
  equal sent C T1 V1
  equal further C T1 V1
  listed C incident 3
  epoch V1 2 "another machine has written in this epoch with this key"
  alarm C "fork: V1:1 signed two blocks at place 2 of stream 1"
  put V1 incident onwards title=onwards
  run
  equal onwards C T1 V1
  wait 11m
  complete C V1 now

story one commit back, and connected: what was lost comes back first
  nodes C T1 V1
  put V1 incident r title=r
  run
  image V1 before
  put V1 incident sent title=sent
  run
  restore V1 before
  start V1
  run
  epoch V1 2 "a peer holds more of this epoch than this store"
  put V1 incident other title=other
  run
  branches C V1:1/1 1
  alarm C none
  listed C incident 3
  equal sent C T1 V1
