# History 13: a restored author had reached one stream of two. What comes back goes to the other one
# too, under its old name.

story an extension that one of two had
  nodes C T1 V1 V2
  put V1 mediation r title=wall
  extend V1 r T1
  run
  cut V1
  crash T1
  image T1 before
  start T1
  run
  extend T1 r V2
  run
  set V2 r s=y
  run
  record V2 r s=y operations=4
  cut V2
  crash T1
  restore T1 before
  start T1
  run
  heal V2
  run
  heal V1
  run
  record V1 r s=y operations=4
  circle V1 r V1,V2,T1
  equal r V1 T1 V2
  parked V1 0
  parked V2 0
  sound T1 V1 V2
