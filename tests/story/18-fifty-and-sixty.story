# History 18: the parent has 50, a stick has 60. A restored village opens a new epoch at once and
# writes without waiting for anybody; its own past comes back later, from wherever it is held.

story a village is put back to place 41 of its stream
  nodes T1 V1
  # the stream's first entry opens it, so the n-th write stands at place n
  repeat 40
    put V1 incident - title=early @1
  end
  image V1 forty
  repeat 10
    put V1 incident - title=middle @2
  end
  run
  held T1 V1:1/1 51
  cut V1
  repeat 10
    put V1 incident - title=late @3
  end
  image V1 stick
  held V1 V1:1/1 61
  restore V1 forty
  start V1
  epoch V1 2 "the store is not the newest: it was restored, or has lost commits"
  held V1 V1:1/1 41
  # five at once, with all links down: one batch, answered at once
  hold V1
  put V1 incident n1 title=new @4
  put V1 incident n2 title=new @4
  put V1 incident n3 title=new @4
  put V1 incident n4 title=new @4
  put V1 incident n5 title=new @4
  release V1
  record V1 n1 title=new
  record V1 n5 title=new
  listed V1 incident 45
  heal V1
  run
  held V1 V1:1/1 51
  held T1 V1:1/1 51
  held V1 V1:2/1 6
  held T1 V1:2/1 6
  listed V1 incident 55
  listed T1 incident 55
  stick stick V1:1/1 V1 T1
  run
  cut V1
  heal V1
  run
  held T1 V1:1/1 61
  held V1 V1:1/1 61
  listed V1 incident 65
  listed T1 incident 65
  equal n1 V1 T1
  parked T1 0
  parked V1 0
  quarantined T1 0
  quarantined V1 0
  refused T1 forged 0
  refused V1 forged 0
  epoch V1 2
