# History 7: what is overdue is put before the next tier by one seat. The world begins on a Friday at
# 17:00 (UTC); a duty that is given is to be taken within an hour, and the grace is a day. Whoever
# stands highest among those that hold it writes the rise; here that machine is dead. The village
# knows that its clock is wrong, so it shows "overdue", says that it may be wrong, and writes nothing.

story the village writes it a day later, the township once more
  nodes C D T1 V1
  types C
  run
  types C
  run
  tuning token_every_ms 300000
  put V1 duty r to=T1 title=bridge
  run
  circle V1 r V1,T1
  due V1 r at=1749232800027 later sure
  due T1 r later
  record C r absent
  crash T1
  clock V1 off 2d
  run
  due V1 r overdue suspect
  record V1 r operations=1
  repeat 1
    wait 22h
  end
  # its machine is up for a moment, with a clock that begins at 1970: it passes on the time, and
  # doesn't rise either, though it is its turn
  clock T1 at 5000
  start T1
  run
  due T1 r overdue suspect
  record T1 r operations=1
  record V1 r operations=1
  crash T1
  # by the signed time the village's clock can be set; it is Saturday, 15:00
  clock V1 off 0
  run
  due V1 r overdue sure
  record V1 r operations=1
  repeat 1
    wait 170m
  end
  record V1 r operations=1
  # 18:00: due and a day
  wait 15m
  circle V1 r V1,T1,C
  record V1 r operations=2
  # nobody hears of it: the township boots, by a good clock, and writes it too
  cut V1
  clock T1 off 0
  start T1
  run
  wait 10m
  run
  circle T1 r V1,T1,C
  record T1 r operations=2
  record C r title=bridge operations=2
  heal V1
  run
  circle C r V1,T1,C
  record C r operations=3 excluded=0
  record D r absent
  equal r C T1 V1
  parked T1 0
  # and no more of it
  repeat 1
    wait 50h
  end
  record C r operations=3
  due C r overdue sure
  step T1 r take
  run
  record V1 r operations=4

story heard by all it rises once, and only where it has to
  nodes C T1 V1
  types C
  run
  types C
  run
  tuning token_every_ms 300000
  put V1 duty r to=T1 title=bridge
  put V1 duty in-time to=T1 title=ditch
  put V1 duty gone to=T1 title=bank
  run
  step T1 in-time take
  delete V1 gone
  run
  due V1 gone never
  repeat 1
    wait 55m
  end
  record V1 r operations=1
  wait 10m
  run
  circle V1 r V1,T1,C
  record V1 r operations=2
  record V1 in-time operations=2
  circle V1 gone V1,T1
  repeat 1
    wait 30h
  end
  record V1 r operations=2
  equal r C T1 V1
  # a restart finds its place again
  crash T1
  start T1
  run
  step T1 r finish
  run
  due T1 r never
  due C r never
  # another stay in the state is another limit; all who stand above hold it by now
  step V1 r again
  run
  due V1 r later
  repeat 1
    wait 70m
  end
  due V1 r overdue
  record V1 r operations=4

story two working days by the nearest calendar
  nodes C T1 V1
  types C
  run
  types C
  run
  tuning token_every_ms 300000
  # Friday, 17:00, in UTC: Monday and Tuesday, to midnight
  put V1 duty r to=T1 title=bridge
  run
  step T1 r take
  run
  due V1 r at=1749600000000 later
  # a step that stays where it is doesn't begin it anew
  repeat 1
    wait 30h
  end
  step T1 r note s=seen
  run
  due V1 r at=1749600000000 later
  # China's time, where it is Saturday by now, and Monday is a holiday; the township works on Sunday
  put C calendar c year=2025 offset=480 holidays=2025-06-09
  run
  due V1 r at=1749657600000
  due T1 r at=1749657600000
  put T1 calendar t year=2025 offset=480 workdays=2025-06-08
  run
  due V1 r at=1749484800000
  due T1 r at=1749484800000
  set C c weekdays=1234567
  run
  due V1 r at=1749484800000
  delete T1 t
  run
  due V1 r at=1749571200000
  set C c weekdays=12345
  run
  due V1 r at=1749657600000

story limits are those of the types in force, for what was there before too
  nodes C T1 V1
  types C
  run
  types C
  run
  put V1 duty r to=T1 title=bridge
  put V1 case k title=ditch
  run
  step T1 k accept
  run
  due V1 r later
  due V1 k never
  types C
  run
  due V1 r never
  due T1 r never
  due V1 k later
  due C k later
  repeat 1
    wait 26h
  end
  record V1 r operations=1
