# History 44: a backlog of bulk is on its way. V1 signs x1, whose payload doesn't decode, then x2,
# in a class before bulk. Both pass the backlog at every hop; x1 is kept opaque and set aside with
# the reason, and what stands behind it in its stream flows. (What is damaged on the wire, and how
# many blocks of bulk may go before, is counted in sim/test_floods.c.)

story
  tuning block_entries 1
  nodes C T1 V1
  put V1 incident before title=before
  run
  cut V1
  put V1 survey b1 title=one
  put V1 survey b2 title=two
  put V1 survey b3 title=three
  put V1 survey b4 title=four
  put V1 incident x1 title=x1
  run
  crash V1
  poison V1 V1:1/1
  start V1
  put V1 incident x2 title=x2
  heal V1
  run
  record C x2 title=x2
  record T1 x2 title=x2
  record C b4 title=four
  equal x2 T1 C V1
  equal b1 T1 C V1
  quarantined T1 1
  quarantined C 1
  refused T1 damaged 0
  refused C damaged 0
