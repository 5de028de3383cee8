# History 9: a write that is late for one extension, and for three. An entry goes to whom its author
# knew; whoever extended the circle without having seen it carries it to those who joined.

story one extension
  nodes C D D2 T1 T2 V1 V2 V3
  put V1 mediation r title=wall
  extend V1 r T1
  run
  record T1 r title=wall operations=2
  circle T1 r V1,T1
  equal r V1 T1
  record C r absent
  # T1 has never heard of D: its node asks, and then it knows
  extend T1 r C,D refused=parked
  run
  cut V1
  extend T1 r C,D
  set V1 r s=late
  run
  record D r title=wall operations=3
  heal V1
  run
  record D r title=wall s=late operations=4
  circle D r V1,C,D,T1
  equal r V1 T1 C D
  # opening, the carried creation, V1's extension, T1's own, and the late one, carried once
  held C T1:1/1 5
  held D T1:1/1 5
  # what V1 writes now goes to all of the circle by itself
  set V1 r s=next
  run
  record D r s=next operations=5
  equal r V1 T1 C D
  record T2 r absent
  record V2 r absent
  record D2 r absent
  no-entries V2
  no-entries T2
  no-entries D2
  parked C 0
  parked D 0
  quarantined C 0
  sound C D T1 V1

story three extensions, one after the other
  nodes C D D2 T1 T2 V1 V2
  put V1 mediation r title=wall
  extend V1 r T1
  run
  cut V1
  extend T1 r C
  run
  extend C r D
  run
  extend D r D2 refused=parked
  run
  extend D r D2
  run
  set V1 r s=late
  heal V1
  run
  record D2 r title=wall s=late operations=6
  equal r V1 T1 C D D2
  no-entries V2
  no-entries T2
  parked D2 0
  sound C D T1 V1
