# History 16, the backup: what a seat alone holds of a type with `backup: sealed` lies at its parent
# too, which can't read it, and comes back when the disk is lost. It is counted once.

story a disk is lost
  nodes C T1 V1
  types C
  run
  listen
  put V1 diary r title=morning name=aunt-zhang
  set V1 r s=evening
  put V1 visit q title=not-kept
  run
  circle V1 r V1
  private V1 r V1
  record T1 r absent
  listed T1 diary 0
  parked T1 0
  quarantined T1 0
  unread T1 morning
  unread T1 aunt-zhang
  unread C morning
  unheard T1 morning
  unheard T1 aunt-zhang
  wait 10m
  run
  total C "2, 3 of 8; D unknown; D2 unknown; T2 unknown; V2 unknown; V3 unknown"
  complete T1 V1 now
  wipe V1
  start V1
  run
  record V1 r title=morning s=evening name=aunt-zhang
  record V1 q absent
  # what is written on goes on
  set V1 r s=night
  run
  record V1 r s=night operations=3
  wait 10m
  run
  sound V1 T1 C

story who is let see it later
  nodes C T1 V1
  types C
  run
  put V1 diary r title=morning name=aunt-zhang
  set V1 r s=evening
  run
  extend V1 r T1
  run
  record T1 r title=morning s=evening no-name
  circle T1 r V1,T1
  unread T1 aunt-zhang
  set T1 r s=seen
  run
  record V1 r s=seen
  extend V1 r T1 private
  run
  record T1 r name=aunt-zhang
  equal r V1 T1
  sound V1 T1 C

# The machine is burnt, its keys with it. The new one has other keys: what the parent kept opens with
# the escrow key alone, which the people of the seat kept elsewhere.
story a village's machine is burnt
  nodes C T2 V3
  types C
  run
  put V3 diary r title=morning name=aunt-zhang
  set V3 r s=evening
  put V3 diary q title=second name=uncle-li
  run
  unread T2 morning
  image V3 burnt
  crash V3
  sign replace V3 burnt
  tell C
  tell T2
  run
  machine-new V3
  run
  record V3 r absent
  unread V3 aunt-zhang
  lend V3
  run
  wait 1m
  run
  record V3 r title=morning s=evening name=aunt-zhang operations=2
  record V3 q title=second name=uncle-li
  private V3 q V3
  unread T2 aunt-zhang
  unread T2 morning
  # what it writes from now on is kept for the next machine
  set V3 r s=anew
  run
  record V3 r s=anew operations=3
  quarantined V3 0
  parked V3 0
  sound V3 T2 C
  # and that one reads all of it, when it is lent the key before it hears of anything
  image V3 burnt2
  crash V3
  sign replace V3 burnt2
  tell C
  tell T2
  run
  cut V3
  machine-new V3
  lend V3
  heal V3
  run
  wait 1m
  run
  record V3 r title=morning s=anew name=aunt-zhang operations=3
  record V3 q title=second name=uncle-li
  sound V3 T2 C

# After a theft the people of the seat make another escrow key. All that is kept goes again, sealed to
# that one; what was sealed before opens with the former key as long as somebody keeps it.
story another escrow key
  nodes C T2 V3
  types C
  run
  put V3 diary r title=morning name=aunt-zhang
  put V3 diary q title=second
  run
  sign escrow V3
  tell C
  tell T2
  run
  wait 1m
  set V3 r s=evening
  set V3 q name=uncle-li
  run
  image V3 burnt
  crash V3
  sign replace V3 burnt
  tell C
  tell T2
  run
  machine-new V3
  run
  record V3 r absent
  lend V3
  run
  wait 1m
  run
  record V3 r title=morning s=evening name=aunt-zhang operations=2
  record V3 q title=second name=uncle-li
  private V3 q V3
  unread T2 aunt-zhang
  unread T2 uncle-li
  quarantined V3 0
  parked V3 0
  sound V3 T2 C

# The machine is burnt before it could seal what it keeps to the new escrow key, and the next one before
# it could seal all of it anew: each key alone opens what was sealed to it, and a machine is lent both.
story two escrow keys are lent
  nodes C T2 V3
  types C
  run
  put V3 diary r title=morning name=aunt-zhang
  run
  image V3 burnt
  crash V3
  sign escrow V3
  sign replace V3 burnt
  tell C
  tell T2
  run
  machine-new V3
  run
  put V3 diary q title=second name=uncle-li
  run
  record V3 r absent
  image V3 burnt2
  crash V3
  sign replace V3 burnt2
  tell C
  tell T2
  run
  machine-new V3
  run
  record V3 r absent
  record V3 q absent
  # the former key first, then the other beside it
  cut V3
  lend V3 former
  heal V3
  run
  wait 1m
  run
  record V3 r title=morning name=aunt-zhang
  record V3 q absent
  lend V3
  run
  wait 1m
  run
  record V3 r title=morning name=aunt-zhang
  record V3 q title=second name=uncle-li
  private V3 r V3
  sound V3 T2 C
  set V3 r s=evening
  run
  record V3 r s=evening name=aunt-zhang
  # the same key twice is one
  lend V3
  run
  record V3 r s=evening name=aunt-zhang
  quarantined V3 0
  parked V3 0
  sound V3 T2 C

# Nobody has the escrow key any more: what the parent keeps opens for nobody. The new machine works on,
# nothing waits, and what it writes is kept as ever.
story a lost escrow key
  nodes C T2 V3
  types C
  run
  put V3 diary r title=morning name=aunt-zhang
  put V3 diary q title=handed-on
  extend V3 q T2
  run
  image V3 burnt
  crash V3
  sign replace V3 burnt
  tell C
  tell T2
  run
  machine-new V3
  run
  wait 10m
  run
  record V3 r absent
  record V3 q title=handed-on no-name
  unread V3 aunt-zhang
  listed V3 diary 1
  quarantined V3 0
  parked V3 0
  # private fields of what came back are begun anew
  set V3 q name=uncle-li
  put V3 diary s title=new name=cousin
  run
  record V3 q name=uncle-li
  record V3 s title=new name=cousin
  unread T2 cousin
  # the people make another key, and what is there is kept for the next machine
  sign escrow V3
  tell C
  tell T2
  run
  wait 1m
  run
  image V3 burnt2
  crash V3
  sign replace V3 burnt2
  tell C
  tell T2
  run
  machine-new V3
  lend V3
  run
  wait 1m
  run
  record V3 q title=handed-on name=uncle-li
  record V3 s title=new name=cousin
  record V3 r absent
  sound V3 T2 C

# The seat moves. What its parent kept goes again whole, to the new one; of its companions those go on
# that others above it held.
story a seat that moves
  nodes C T1 T2 V1
  types C
  run
  put V1 diary r title=morning name=aunt-zhang
  put V1 visit q title=roof name=uncle-li
  extend V1 q T1 private
  put V1 visit p title=tap
  extend V1 p T1
  set V1 p name=cousin
  run
  unread T1 morning
  record T1 q title=roof name=uncle-li
  record T1 p title=tap no-name
  sign release V1 - T1 T2
  sign take V1 - T2
  tell C
  tell T1
  tell T2
  run
  wait 10m
  run
  record T2 q title=roof name=uncle-li
  private T2 q V1,T1,T2
  record T2 p title=tap no-name
  private V1 p V1
  record T2 r absent
  unread T2 morning
  unread T2 aunt-zhang
  unread T2 cousin
  # what is said from now on is kept by the new parent
  set V1 r s=evening
  put V1 visit o title=gate
  run
  complete T2 V1 now
  wipe V1
  start V1
  run
  wait 1m
  run
  record V1 r title=morning s=evening name=aunt-zhang
  record V1 q title=roof name=uncle-li
  record V1 o absent
  set V1 q phone=1390
  run
  record T2 q phone=1390
  record T1 q phone=1390
  equal q V1 T1 T2
  quarantined V1 0
  sound V1 T1 T2 C
