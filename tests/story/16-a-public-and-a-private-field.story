# History 16: one command, a public and a private field. Two records of one id: the private one has a
# circle of its own, at first its author's seat alone, and nothing waits across the two.

story what each seat sees of it
  nodes C T1 V1 D
  types C
  run
  listen
  put V1 visit r title=roof name=aunt-zhang
  run
  record V1 r title=roof name=aunt-zhang operations=1
  private V1 r V1
  record T1 r absent
  extend V1 r T1
  run
  record T1 r title=roof no-name
  private T1 r elsewhere
  unread T1 aunt-zhang
  # whoever doesn't hold them can't write them, nor hand them on
  set T1 r phone=1390 refused=not_allowed
  extend T1 r C private refused=not_allowed
  # one command, both records: the department gets both, sealed on the way
  extend V1 r D private refused=parked
  run
  extend V1 r D private
  set V1 r s=seen name=uncle-li
  run
  record V1 r title=roof s=seen name=uncle-li
  record T1 r s=seen no-name
  record D r title=roof s=seen name=uncle-li
  private V1 r V1,D
  private D r V1,D
  private T1 r elsewhere
  record C r absent
  circle T1 r V1,T1,D
  unread T1 uncle-li
  unread T1 aunt-zhang
  unread C uncle-li
  unread C roof
  unheard T1 uncle-li
  unheard T1 aunt-zhang
  unheard C uncle-li
  unheard C roof
  # T1 applies what is public without waiting for what it will never get
  parked T1 0
  parked C 0
  quarantined T1 0
  # both write at once: the conflict is shown where it is held
  cut D
  set D r name=from-d @5
  set V1 r name=from-v @9
  set T1 r s=t-late
  heal D
  run
  record V1 r s=t-late name=from-d conflicts name=from-v
  record D r s=t-late name=from-d conflicts name=from-v
  record T1 r s=t-late no-name conflicts
  sound V1 T1 C D
  # the record deleted: its private fields aren't told, and come back with it
  delete T1 r
  run
  record V1 r deleted no-name
  set V1 r phone=1391 refused=invalid
  set V1 r _deleted=false
  run
  record V1 r name=from-d
  record D r name=from-d

story a step that hands on both
  nodes C T1 V1 D
  types C
  run
  put V1 visit r title=flood name=secret-name
  step V1 r hand to=T1 phone=1380
  run
  record T1 r title=flood state=handed name=secret-name phone=1380
  private T1 r V1,T1
  # T1's step takes the private fields along, C between reads nothing
  step T1 r hand to=D refused=parked
  run
  step T1 r hand to=D
  run
  record D r title=flood name=secret-name
  private V1 r V1,D,T1
  private D r V1,D,T1
  unread C secret-name
  # who holds the record alone takes the step all the same, and hands on what it holds
  put V1 visit q title=alone name=stays-here
  extend V1 q T1
  run
  step T1 q hand to=C
  run
  record C q title=alone no-name
  private C q elsewhere
  private V1 q V1
  unread T1 stays-here
  unread C stays-here
  parked C 0
  sound V1 T1 C D

story all of it or nothing
  nodes C T1 V1
  types C
  run
  put V1 visit - title=a height=3 refused=unknown_field
  put V1 visit r name=only-private refused=invalid
  put V1 visit q title=q
  set V1 q nosuch=1 name=x refused=unknown_field
  record V1 q no-name operations=1
  private V1 q elsewhere
  set V1 q name=later
  record V1 q name=later operations=1
  put V1 visit-private - name=x refused=invalid
  set V1 q title=t2 name=both
  crash V1
  start V1
  run
  record V1 q title=t2 name=both
  listed V1 visit 1
  sound V1
