# History 20: a cloned disk, and both lives run. On another machine or in another directory the clone
# opens an epoch of its own with its first write. An exact clone can't know: both lives sign the same
# places; both branches are kept and folded, and the author goes on in a new epoch.

story (a) the marker differs
  nodes C T1 V1
  put V1 incident r title=r
  run
  image V1 disk
  cut V1
  put V1 incident - title=one
  crash V1
  image V1 first
  restore V1 disk exact
  machine V1 77
  start V1
  put V1 incident - title=other
  epoch V1 2 "the store comes from another machine or directory"
  heal V1
  run
  crash V1
  image V1 second
  restore V1 first exact
  machine V1 5
  start V1
  run
  crash V1
  restore V1 second exact
  machine V1 77
  start V1
  run
  branches T1 V1:1/1 1
  alarm T1 "two machines live with the key of V1"
  listed C incident 3
  listed T1 incident 3
  listed V1 incident 3

story (b) an exact clone: one place, one name, two blocks
  nodes C T1 V1
  put V1 incident r title=r
  run
  cut V1
  image V1 disk
  set V1 r s=a @5
  put V1 incident one title=of-one @5
  crash V1
  image V1 first
  restore V1 disk exact
  start V1
  set V1 r s=b @6
  put V1 incident other title=of-other @6
  crash V1
  image V1 second
  same one other
  heal V1
  restore V1 first exact
  start V1
  run
  branches T1 V1:1/1 1
  crash V1
  restore V1 second exact
  start V1
  run
  # both are kept, at every node, and reported with both hashes
  branches V1 V1:1/1 2
  branches T1 V1:1/1 2
  branches C V1:1/1 2
  branch C V1:1/1 first kept
  branch C V1:1/1 second kept
  alarm V1 "fork: V1:1 signed two blocks at place 2 of stream 1"
  alarm T1 "fork: V1:1 signed two blocks at place 2 of stream 1"
  alarm C "fork: V1:1 signed two blocks at place 2 of stream 1"
  record C r s=b title=r conflicts s=a
  record C one title=of-other
  equal r C T1 V1
  equal one C T1 V1
  listed C incident 2
  # a watch tells what either life wrote: r, two edits of it, two creations of one name
  watched T1 5
  watched C 5
  # the author goes on, in an epoch that nobody else has
  epoch V1 2 "another machine has written in this epoch with this key"
  put V1 incident later title=later
  run
  equal later C T1 V1
  listed C incident 3
  parked C 0
  quarantined C 0
