# History 28: what a stolen node wrote after its last trusted place arrives late. Whoever has folded it
# in takes it out when the cut-off comes; whoever knows the cut-off first never folds it in; both are
# equal. A later document raises the cut-off, and what it lists then counts again.

story (a) the stick is there first
  nodes C T1 V1
  put V1 incident r title=r
  set V1 r s=honest
  run
  image V1 trusted
  cut V1
  set V1 r s=late
  image V1 raised
  set V1 r s=stolen
  put V1 incident x title=x
  image V1 stick
  crash V1
  stick stick V1:1/1 T1 C
  stick stick V1:1/1 C T1
  run
  record C r s=stolen operations=4
  record T1 r s=stolen
  equal x C T1
  sign revoke V1 trusted
  tell T1
  run
  record C r s=honest operations=4 excluded=2
  record T1 r s=honest operations=4 excluded=2
  equal r C T1
  record C x absent
  record T1 x absent
  listed C incident 1
  quarantined C 3
  quarantined T1 3
  sign revoke V1 raised
  tell C
  run
  record C r s=late operations=4 excluded=1
  equal r C T1
  record T1 x absent
  quarantined T1 2
  watched C 5
  watched T1 5

story (b) the cut-off is there first
  nodes C T1 V1
  put V1 incident r title=r
  set V1 r s=honest
  run
  image V1 trusted
  cut V1
  set V1 r s=stolen
  put V1 incident x title=x
  image V1 stick
  crash V1
  sign revoke V1 trusted
  tell T1
  run
  stick stick V1:1/1 T1 C
  stick stick V1:1/1 C T1
  run
  record C r s=honest operations=3 excluded=1
  record T1 r s=honest operations=3 excluded=1
  equal r C T1
  record C x absent
  listed T1 incident 1
  quarantined C 2
  quarantined T1 2

story (c) what waits when the cut-off comes isn't told before it is settled
  nodes C T1 V1
  withhold T1 C V1:1/1
  put V1 incident r title=r
  run
  set T1 r s=seen
  run
  parked C 1
  watched C 0
  image T1 trusted
  crash T1
  sign revoke T1 trusted
  tell C
  run
  watched C 0
  parked C 1

story (d) a record of which nothing counts any more: what stands in two streams is told once
  nodes C T1 V1 V2
  put V1 incident r title=r
  put V2 incident met title=met
  run
  image V1 trusted
  put V1 matter - to=V2 title=early refused=parked
  run
  put V1 matter m to=V2 title=m
  run
  set T1 m s=seen
  run
  crash V1
  sign revoke V1 trusted
  tell T1
  run
  record T1 m absent
  # r, V2's incident, the matter and what T1 set of it, which goes to V1 and to V2
  watched T1 4
