# History 30: an ordinary change of key. All that the old key wrote counts on, what was this machine's
# alone too; what a copy of the old disk signs later doesn't. (A tenth of its cases.)

story a new key at the same disk
  nodes C T1 V1
  repeat 19
    put V1 mediation - title=own
  end
  repeat 4
    put V1 incident - title=shared
  end
  put V1 mediation own title=own
  put V1 incident both title=shared
  run
  wait 11m
  total C "25, 3 of 8; D unknown; D2 unknown; T2 unknown; V2 unknown; V3 unknown"
  listed V1 mediation 20
  listed T1 incident 5
  # a copy of the disk, started elsewhere later, signs two entries more
  image V1 disk
  cut V1
  set V1 both s=late
  set V1 both s=later
  image V1 old
  restore V1 disk exact
  start V1
  heal V1
  # the last one is in no report yet
  put V1 mediation - title=own
  run
  put V1 mediation last title=own
  run
  image V1 heads
  sign renew V1 heads
  # nobody takes a store that the tree, as it stands there, doesn't give to his key
  rekey V1 refused
  # the link keys are as before: the document comes by the link
  tell T1
  wait 20
  rekey V1
  epoch V1 1 "this machine has a new key"
  run
  listed V1 mediation 22
  listed V1 incident 5
  quarantined V1 0
  sound V1
  total V1 "27, 1 of 1"
  # what was the machine's own stays its own, and is written on
  set V1 own title=mine
  put V1 mediation fresh title=own
  set V1 both title=ours
  run
  record V1 own title=mine
  record V1 both title=ours
  equal both V1 T1 C
  record T1 own absent
  # the old disk
  stick old V1:1/2 V1 T1
  run
  cut V1
  heal V1
  wait 11m
  listed V1 mediation 23
  listed V1 incident 5
  listed T1 incident 5
  record T1 both title=ours excluded=2
  equal both V1 T1 C
  quarantined T1 2
  total C "28, 3 of 8; D unknown; D2 unknown; T2 unknown; V2 unknown; V3 unknown"
  sound V1
  sound T1
  # a case of the former key is extended like any other
  extend V1 own T1
  run
  record T1 own title=mine
  equal own V1 T1
  # and after a restart of the same key nothing is new
  crash V1
  start V1
  epoch V1 1 "this machine has a new key"
  set V1 own title=still
  run
  equal own V1 T1

# Second run: the seat is raised a tier with its new key. What the former key wrote keeps the former
# rank at every node, whether it heard of the new one before or after. (A township is raised to a
# department: a village would have to be moved as well.)
define at-once
  nodes C D T1 V1
  put V1 incident r title=bridge @1
  run
  extend C r D
  run
  cut T1
  set T1 r s=township @9
  set D r s=department @1
  image T1 disk
  sign raise T1 disk
end
define the-rank-of-then
  wait 20
  rekey T1
  run
  record C r s=department conflicts s=township
  record D r s=department conflicts s=township
  record V1 r s=department conflicts s=township
  equal r C D T1 V1
end

story raised, and what it wrote comes after
  do at-once
  tell C
  tell D
  run
  heal T1
  do the-rank-of-then
  # of one rank with the department now: the later clock
  cut T1
  set T1 r s=raised @9
  set D r s=again @5
  heal T1
  run
  record C r s=raised conflicts s=again
  record V1 r s=raised conflicts s=again
  equal r C D T1 V1
  parked C 0
  parked D 0
  parked T1 0
  parked V1 0

story what it wrote is there when it is raised
  do at-once
  heal T1
  run
  record C r s=department conflicts s=township
  tell C
  do the-rank-of-then
