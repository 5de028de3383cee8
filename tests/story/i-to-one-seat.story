# Records made for one seat: they stand at the seats on the way to it and nowhere else. What a holder
# must know of the others on the way - whose keys, whose parents - comes to it with proofs, before
# the first block.

story the county to one township: its villages hold nothing
  nodes C D T1 T2 V1 V2
  put C matter m to=T1 title=bridge
  run
  record T1 m title=bridge
  circle T1 m C,T1
  equal m C T1
  record V1 m absent
  record T2 m absent
  record D m absent
  held V1 C:1/1 0
  # the addressee writes too
  set T1 m s=done
  run
  record C m title=bridge s=done
  equal m C T1

story a village to a department, which learns who the village is
  nodes C D T1 T2 V1 V2
  # the village has never heard of D: its node asks, and then it knows
  put V1 matter - to=D title=early refused=parked
  run
  put V1 matter m to=D title=pipe
  run
  record D m title=pipe
  circle D m V1,T1,C,D
  equal m V1 T1 C D
  record V2 m absent
  record T2 m absent
  refused D unknown_key 0
  refused D not_allowed 0
  # the far end and a member in the middle write
  set D m s=coming
  run
  set T1 m s=looked-at
  put T1 matter m2 to=D title=second
  run
  record V1 m s=looked-at operations=3
  equal m V1 T1 C D
  equal m2 T1 C D
  record V1 m2 absent
  refused V1 unknown_key 0
  refused T1 unknown_key 0
  parked V1 0
  parked D 0

story a village to its neighbour, and to a cousin under another township
  nodes C T1 T2 V1 V2 V3
  put V1 matter - to=V2 title=early refused=parked
  put V1 matter - to=V3 title=early refused=parked
  run
  put V1 matter near to=V2 title=ditch
  put V1 matter far to=V3 title=road
  run
  circle V2 near V1,T1,V2
  equal near V1 T1 V2
  record C near absent
  circle V3 far V1,T1,C,T2,V3
  equal far V1 T1 C T2 V3
  record V2 far absent
  set V3 far s=seen
  set V2 near s=seen
  run
  equal near V1 T1 V2
  equal far V1 T1 C T2 V3
  record V1 far s=seen
  parked C 0

story there is no such seat, and other words that don't do
  nodes C D T1 V1
  put V1 matter - to=X9 title=x refused=parked
  run
  put V1 matter - to=X9 title=x refused=not_found
  put V1 matter - to=V1 title=x refused=invalid
  put V1 matter - title=x refused=invalid
  put V1 incident - to=C title=x refused=invalid
  put C matter - to=T9 title=x refused=not_found
  run
  no-entries V1
  no-entries C

story a link on the way is cut
  nodes C D T1 V1
  put V1 matter - to=D title=early refused=parked
  run
  cut D
  put V1 matter m to=D title=pipe
  run
  record C m title=pipe
  record D m absent
  cut T1
  set V1 m s=worse
  heal D
  run
  record D m title=pipe operations=1
  heal T1
  run
  record D m s=worse
  equal m V1 T1 C D

story the asking waits for a link
  nodes C D T1 V1
  cut V1
  put V1 matter - to=D title=early refused=parked
  run
  put V1 matter - to=D title=early refused=parked
  heal V1
  run
  put V1 matter m to=D title=now
  run
  equal m V1 T1 C D

story a middle whose disk is empty again asks for whom it must know
  nodes C D T1 V1
  put V1 matter - to=D title=early refused=parked
  run
  put V1 matter m to=D title=pipe
  run
  set D m s=coming
  run
  cut T1
  wipe T1 all
  start T1
  run
  # what V1 hands up is of seats that T1 doesn't know now
  record T1 m absent
  refused T1 unknown_key 0
  refused T1 not_allowed 0
  heal T1
  run
  record T1 m title=pipe s=coming
  equal m V1 T1 C D
  parked T1 0

story a department that comes late
  nodes C T1 V1
  put V1 matter - to=D title=early refused=parked
  run
  put V1 matter m to=D title=pipe
  set V1 m s=again
  run
  record C m s=again
  nodes D
  run
  equal m V1 T1 C D

story who is on the way can tell whether he has all that was addressed to him
  nodes C D T1 T2 V1 V2 V3
  put V1 matter - to=D title=early refused=parked
  put V1 matter - to=V3 title=early refused=parked
  run
  put V1 matter m to=D title=pipe
  put V1 matter far to=V3 title=road
  run
  wait 31s
  run
  complete D V1 now
  complete V3 V1 now
  complete T2 V1 now
  complete C V1 now
  complete V2 V1 unknown
  # what comes later is withheld on the way
  withhold C D V1:1/1
  put V1 matter more to=D title=more
  run
  wait 31s
  run
  complete C V1 now
  complete D V1 "withheld 2 of 3, 1 missing"
  complete V3 V1 now
  pass
  cut D
  heal D
  run
  complete D V1 now
  equal more V1 T1 C D

story whom a node has heard of it knows after a restart, too, without any link
  nodes C D T1 V1
  put V1 matter - to=D title=early refused=parked
  run
  crash V1
  cut V1
  start V1
  put V1 matter m to=D title=alone
  record V1 m title=alone
  # in between everybody forgets his sessions
  crash C
  crash T1
  start C
  start T1
  heal V1
  run
  equal m V1 T1 C D

story an addressee knows what the county has written to him alone
  nodes C D T1
  put C matter m to=T1 title=one
  run
  wait 31s
  run
  complete T1 C now
  complete D C unknown
  withhold C T1 C:1/1
  put C matter m2 to=T1 title=two
  run
  wait 31s
  run
  complete T1 C "withheld 2 of 3, 1 missing"
