# History 8: inventions. Who takes another's record id, or says that it saw what doesn't exist, has
# written bytes that are truly signed. They are kept, passed on, and change nothing.

story a record id that is another's to give, and contexts that are made up
  nodes C T1 V1 V2
  put V1 matter - to=V2 title=early refused=parked
  put V2 matter - to=V1 title=early refused=parked
  run
  put V1 matter r to=V2 title=ditch
  put V2 matter own to=V1 title=mine
  run
  equal r V1 T1 V2
  crash V2
  squat V2 V2:1/1 r stolen V1
  handmade V2 V2:1/1 r lie saw=99
  handmade V2 V2:1/1 r x n=2
  start V2
  run
  # nothing is decidable yet: the id isn't given, the context isn't here
  parked V1 3
  parked T1 3
  quarantined T1 0
  # V1 gives the id itself
  put V1 matter next to=V2 title=whole
  set V1 r s=by-V1
  run
  set T1 r s=by-T1
  run
  record V1 next title=whole operations=2 excluded=1
  record T1 next title=whole operations=2 excluded=1
  quarantined V1 1
  quarantined T1 1
  # the two others wait, with the reason; r goes on without them
  parked V1 2
  parked T1 2
  record V1 r s=by-T1
  equal r V1 T1 V2
  record V2 next title=whole
  # one that never comes is no hindrance to what stands behind it
  put V2 matter after to=V1 title=after
  run
  equal after V1 T1 V2
  record C r absent

story a creation that says it is for one seat and stands on the way to another
  nodes C D T1 V1 V2
  put V1 matter - to=D title=early refused=parked
  put V1 matter - to=V2 title=early refused=parked
  run
  put V1 matter m to=D title=pipe
  run
  crash V1
  # in the stream to D stands a record for V2: two members would see two circles
  astray V1 V1:1/1 wrong V2
  start V1
  run
  record T1 wrong absent
  record C wrong absent
  record D wrong absent
  quarantined T1 1
  quarantined C 1
  quarantined D 1
  parked D 0
