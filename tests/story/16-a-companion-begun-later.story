# History 16: private fields that nobody gave at first. The seat that made the record begins them when
# there is something to say, or somebody to hand them to, in whichever epoch, on whichever machine.

story when there is something to say
  nodes C T1 V1
  types C
  run
  put V1 visit r title=roof
  image V1 monday
  extend V1 r T1
  put V1 visit - title=beyond-the-image
  run
  private V1 r elsewhere
  record T1 r title=roof
  # nobody else begins them, whatever it holds
  set T1 r phone=1390 refused=not_allowed
  set T1 r s=x phone=1390 refused=not_allowed
  extend T1 r C private refused=not_allowed
  record T1 r title=roof operations=2
  # another epoch of the same machine
  cut V1
  restore V1 monday
  start V1
  epoch V1 2
  set V1 r s=seen name=aunt-zhang
  heal V1
  run
  record V1 r s=seen name=aunt-zhang operations=3
  private V1 r V1
  record T1 r s=seen no-name
  unread T1 aunt-zhang
  set V1 r phone=1391
  extend V1 r T1 private
  run
  private T1 r V1,T1
  record T1 r name=aunt-zhang phone=1391
  set T1 r phone=1392
  run
  record V1 r phone=1392 conflicts
  equal r V1 T1
  sound V1 T1 C

# One image, two lives, and each begins them. Neither knew of the other: both count, and people see
# the conflict, on every disk alike.
story twins
  nodes C T1 V1 D
  types C
  run
  put V1 visit r title=roof
  extend V1 r T1
  run
  image V1 full
  put V1 visit - title=beyond-the-image
  set V1 r name=monday
  extend V1 r T1 private
  run
  record T1 r name=monday
  cut V1
  restore V1 full
  machine V1 61
  start V1
  epoch V1 2
  private V1 r elsewhere
  extend V1 r D private refused=parked
  set V1 r name=wednesday
  set V1 r phone=1390
  cut T1
  set T1 r phone=1391
  heal V1
  heal T1
  run
  record V1 r name=wednesday phone=1391 conflicts name=monday phone=1390
  record T1 r name=wednesday phone=1391 conflicts name=monday phone=1390
  private V1 r V1,T1
  private T1 r V1,T1
  equal r V1 T1
  set T1 r name=both phone=1392
  run
  record V1 r name=both phone=1392 conflicts
  # who joins now gets both beginnings
  extend V1 r D private
  run
  record D r name=both phone=1392 conflicts
  equal r V1 T1 D
  quarantined D 0
  parked D 0
  unread C monday
  sound V1 T1 C D

# The machine is gone and its keys with it. What it had begun and nobody else held is lost; the new one
# begins them anew.
story a new machine
  nodes C T1 V1
  types C
  run
  put V1 visit r title=roof
  put V1 visit q title=tap name=lost-with-the-disk
  extend V1 r T1
  extend V1 q T1
  run
  image V1 disk
  crash V1
  sign replace V1 disk
  tell T1
  run
  machine-new V1
  run
  record V1 r title=roof
  set T1 r phone=1390 refused=not_allowed
  set V1 r name=aunt-zhang
  set V1 q name=uncle-li
  extend V1 q T1 private
  run
  private V1 r V1
  record V1 r name=aunt-zhang
  record V1 q name=uncle-li conflicts
  record T1 q name=uncle-li
  record T1 r no-name
  set T1 q phone=1391
  run
  record V1 q name=uncle-li phone=1391
  equal q V1 T1
  quarantined T1 0
  sound V1 T1 C

# T1 is a member, its key counts, and it begins what isn't its own. Excluded everywhere alike, whatever
# came first; and what V1 says stands.
story somebody elses
  nodes C T1 V1 D
  types C
  run
  put V1 visit r title=roof
  put V1 visit q title=tap
  extend V1 r T1
  extend V1 q T1
  run
  set T1 r s=seen
  set T1 q s=seen
  run
  cut V1
  set V1 q name=li-was-first
  crash T1
  begun T1 T1:1/1 r t1-says
  begun T1 T1:1/1 q t1-says
  start T1
  heal V1
  run
  # nobody can say yet: it waits for the one whom the id names
  private V1 r elsewhere
  parked V1 1
  quarantined V1 1
  record V1 q name=li-was-first conflicts
  set V1 r name=aunt-zhang
  run
  parked V1 0
  quarantined V1 2
  record V1 r name=aunt-zhang conflicts
  extend V1 r D private refused=parked
  run
  extend V1 r D private
  extend V1 q D private
  run
  record D r name=aunt-zhang conflicts
  record D q name=li-was-first conflicts
  quarantined D 2
  set D r phone=1390
  set D q phone=1391
  run
  record V1 r name=aunt-zhang phone=1390 conflicts
  record V1 q name=li-was-first phone=1391 conflicts
  equal r V1 D
  equal q V1 D
  unread C aunt-zhang
  sound V1 C D

# V1's answer comes before the beginning, and before the word that hands it on.
story out of order
  nodes C T1 V1 D
  types C
  run
  put V1 visit r title=roof
  image V1 before
  put V1 visit - title=later
  put V1 visit - title=latest
  cut V1
  restore V1 before
  start V1
  epoch V1 2
  heal V1
  run
  extend V1 r T1
  run
  extend T1 r D refused=parked
  run
  set V1 r name=aunt-zhang
  extend V1 r T1 private
  run
  withhold T1 C T1:1/1
  extend T1 r D private
  run
  set V1 r phone=1390
  run
  record D r absent
  parked D 1
  pass
  cut T1
  heal T1
  run
  record D r name=aunt-zhang phone=1390
  equal r V1 T1 D
  parked D 0
  quarantined D 0
  sound V1 T1 C D

story handed on before there is anything
  nodes C T1 V1 D
  types C
  run
  put V1 visit r title=flood
  step V1 r hand to=T1
  run
  private V1 r V1,T1
  private T1 r V1,T1
  step T1 r hand to=D refused=parked
  run
  step T1 r hand to=D
  run
  # what is said later goes where the case went
  set V1 r name=aunt-zhang
  run
  record T1 r name=aunt-zhang
  record D r name=aunt-zhang
  unread C aunt-zhang
  # with a step, at once
  put V1 visit q title=tap
  step V1 q hand to=T1 phone=1390
  run
  record T1 q phone=1390
  # by hand, before anything is said
  put V1 visit s title=gate
  extend V1 s T1 private
  run
  private T1 s V1,T1
  set T1 s name=from-t
  run
  record V1 s name=from-t
  equal s V1 T1
  listed V1 visit 3
  sound V1 T1 C D

# What was erased isn't begun anew: what is said after that is another operation of the same companion.
story erased
  nodes C T1 V1
  types C
  run
  put V1 visit r title=roof
  set V1 r name=aunt-zhang phone=1390
  extend V1 r T1 private
  run
  erase V1 r name
  run
  record V1 r name=erased phone=erased
  set V1 r phone=1391
  run
  record V1 r name=erased phone=1391
  record T1 r name=erased phone=1391
  unread T1 aunt-zhang
  equal r V1 T1
  put V1 visit q title=nothing-private
  erase V1 q name refused=not_found
  sound V1 T1 C
