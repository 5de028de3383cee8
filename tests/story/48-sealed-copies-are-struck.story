# History 48, for those who can't read what they keep: the parent, and whoever stands on the way to a
# member. The author of the sealed stream strikes out what is erased; what is left of it is proved by
# the same signature, and reads for whom it was sealed to.

story what the parent keeps for its child
  nodes C T1 V1
  types C
  run
  put V1 diary r title=morning-paper name=aunt-zhang
  set V1 r s=evening
  run
  kept T1 aunt-zhang
  image T1 last-month
  erase V1 r name
  run
  record V1 r title=morning-paper s=evening name=erased
  gone V1 aunt-zhang
  gone T1 aunt-zhang
  kept T1 morning-paper
  parked T1 0
  quarantined T1 0
  sound V1 T1
  # an old disk of the parent, and with it what was struck
  restore T1 last-month
  start T1
  run
  gone T1 aunt-zhang
  kept T1 morning-paper
  sound T1
  # the child loses its disk: it gets back what is left, and that it was erased
  wipe V1
  start V1
  run
  record V1 r title=morning-paper s=evening name=erased
  gone V1 aunt-zhang
  set V1 r s=night name=somebody
  run
  record V1 r s=night name=somebody
  gone T1 aunt-zhang
  kept T1 somebody
  parked V1 0
  quarantined V1 0
  sound V1 T1 C

story who stands on the way
  nodes C T1 T2
  types C
  run
  listen
  put T1 visit q title=li name=aunt-zhang phone=13800000002
  extend T1 q T2 private refused=parked
  run
  extend T1 q T2 private
  run
  set T1 q phone=13800000003
  set T2 q name=auntie
  run
  record T2 q name=auntie phone=13800000003
  kept C aunt-zhang
  kept C 13800000003
  kept C auntie
  unread C aunt-zhang
  unheard C aunt-zhang
  unheard C 1380000000
  erase T1 q
  run
  record T1 q name=erased phone=erased
  record T2 q name=erased phone=erased
  gone C aunt-zhang
  gone C 1380000000
  gone C auntie
  gone T1 aunt-zhang
  gone T1 1380000000
  gone T2 aunt-zhang
  gone T2 1380000000
  equal q T1 T2
  sound C T1 T2
  # whoever joins now gets it with its holes
  extend T1 q D private refused=parked
  run
  extend T1 q D private
  start D
  run
  record D q title=li name=erased phone=erased
  equal q T1 D
  gone D 1380000000
  sound D

story the stream has ended when the word comes
  nodes C T2 V3
  types C
  run
  put V3 diary r title=morning-paper name=aunt-zhang
  put V3 diary q title=second name=uncle-li
  run
  image V3 burnt
  crash V3
  sign replace V3 burnt
  tell C
  tell T2
  run
  machine-new V3
  run
  lend V3
  run
  wait 1m
  run
  record V3 r title=morning-paper name=aunt-zhang
  kept T2 aunt-zhang
  erase V3 r name
  run
  record V3 r title=morning-paper name=erased
  record V3 q name=uncle-li
  gone V3 aunt-zhang
  gone T2 aunt-zhang
  kept T2 uncle-li
  sound V3 T2 C
  image V3 burnt2
  crash V3
  sign replace V3 burnt2
  tell C
  tell T2
  run
  machine-new V3
  run
  lend V3
  run
  wait 1m
  run
  record V3 r title=morning-paper name=erased
  record V3 q title=second name=uncle-li
  sound V3 T2 C

# What comes of another's pen counts for nothing.
story nobody strikes what others wrote
  nodes C T1 T2 D
  types C
  run
  put T1 visit q title=li name=aunt-zhang
  put D incident i title=bridge
  extend T1 q T2 private refused=parked
  run
  extend T1 q T2 private
  run
  crash D
  handstrike D D:1/1 C T1:1/2
  start D
  run
  kept C aunt-zhang
  quarantined C 0
  sound C
