# History 21: three branches at one place, met in different pairs. Whoever has seen the same blocks
# keeps the same two, those with the lowest hashes; the third leaves the state. Hashes: y < z < x.

define three-lives
  nodes C T1 V1
  put V1 incident r title=r
  run
  cut all
  image V1 disk
  set V1 r s=x @4
  crash V1
  image V1 x
  restore V1 disk exact
  start V1
  set V1 r s=y @6
  crash V1
  image V1 y
  restore V1 disk exact
  start V1
  set V1 r s=z @8
  crash V1
  image V1 z
end
define two-lowest-at-all
  wait 1s
  branches T1 V1:1/1 2
  branches C V1:1/1 2
  branch T1 V1:1/1 x gone
  branch T1 V1:1/1 y kept
  branch T1 V1:1/1 z kept
  branch C V1:1/1 x gone
  branch C V1:1/1 y kept
  branch C V1:1/1 z kept
  record C r s=z title=r operations=3 conflicts s=y
  equal r C T1 V1
  listed C incident 1
  listed T1 incident 1
  quarantined T1 0
  quarantined C 0
  watched T1 3
  watched C 3
  parked T1 0
  parked C 0
end

story the parent has b and c, the county a and c, and they meet
  do three-lives
  heal T1
  run
  stick x V1:1/1 T1 C 2
  run
  stick y V1:1/1 T1 C 2
  run
  branch C V1:1/1 x kept
  branch C V1:1/1 y kept
  branch T1 V1:1/1 x kept
  cut T1
  heal V1
  restore V1 z exact
  start V1
  run
  branches T1 V1:1/1 2
  branch T1 V1:1/1 z kept
  heal T1
  run
  do two-lowest-at-all
  branches V1 V1:1/1 2
  wait 11m
  do two-lowest-at-all

story one after the other, the highest first
  do three-lives
  heal all
  restore V1 x exact
  start V1
  run
  restore V1 z exact
  start V1
  run
  branches C V1:1/1 2
  restore V1 y exact
  start V1
  run
  do two-lowest-at-all

story the lowest first: the third is refused, and its author hears why
  do three-lives
  heal all
  restore V1 y exact
  start V1
  run
  restore V1 z exact
  start V1
  run
  restore V1 x exact
  start V1
  run
  do two-lowest-at-all
  branch V1 V1:1/1 x gone
  alarm V1 "fork: V1:1 signed two blocks at place 2 of stream 1"

# The cut-off names the third one: that alone counts, and it stays, however many lower ones are here.
define two-and-the-third
  do three-lives
  heal T1
  run
  stick x V1:1/1 T1 C 2
  run
  cut T1
  heal V1
  restore V1 y exact
  start V1
  run
  restore V1 z exact
  start V1
  run
  cut V1
  branch T1 V1:1/1 x gone
  branch T1 V1:1/1 y kept
  branch T1 V1:1/1 z kept
  branch C V1:1/1 x kept
  sign revoke V1 x T1
end
define the-third-alone
  wait 1s
  branch T1 V1:1/1 x kept
  branch C V1:1/1 x kept
  record C r s=x title=r operations=2 conflicts
  record T1 r s=x title=r operations=2 conflicts
  equal r C T1
  parked T1 0
  parked C 0
  wait 11m
  branch T1 V1:1/1 x kept
  equal r C T1
end

story named before they meet
  do two-and-the-third
  tell T1
  tell C
  heal T1
  run
  do the-third-alone

story only one has heard
  do two-and-the-third
  tell T1
  heal T1
  do the-third-alone

story the one that has it hears first
  do two-and-the-third
  tell C
  heal T1
  do the-third-alone

story what is named is asked for, by those who linked before
  do two-and-the-third
  withhold C T1 V1:1/1
  withhold T1 C V1:1/1
  heal T1
  run
  branch T1 V1:1/1 x gone
  pass
  tell C
  do the-third-alone

story a thief's branch at the first place doesn't blank the village
  nodes C T1 V1
  put V1 incident r title=r
  run
  image V1 early
  put V1 incident second title=second
  run
  put V1 incident third title=third
  run
  cut V1
  crash V1
  image V1 whole
  restore V1 early exact
  start V1
  put V1 incident thief title=thief
  crash V1
  heal V1
  start V1
  run
  branches C V1:1/1 2
  record C second title=thief conflicts title=second
  record C third title=third
  equal second C T1 V1
  equal third C T1 V1
  listed C incident 3
  epoch V1 2 "another machine has written in this epoch with this key"
