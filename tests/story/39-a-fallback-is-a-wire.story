# History 39: V1's parent is dead, and V1 talks to C over T2. What is for C gets there; what is for
# T1 waits; T2 hears nothing. When T1 is back, both come by it, each once.

story by the fallback, and back
  fallback V1 T2
  tuning token_every_ms 60000
  tuning statement_after_data_ms 1000
  nodes C T1 T2 V1
  put V1 mediation r1 title=wall
  extend V1 r1 T1
  run
  crash T1
  listen
  set V1 r1 s=waits
  put V1 incident r2 title=flood
  run
  wait 2m
  record C r2 title=flood operations=1
  record C r1 absent
  no-entries T2
  unheard T2 flood
  unheard T2 waits
  complete C V1 now
  complete C T1 silent
  # from above comes what is for V1, too
  put C directive d title=higher
  run
  record V1 d title=higher operations=1
  start T1
  run
  wait 2m
  record T1 r1 title=wall s=waits operations=3
  record T1 r2 title=flood operations=1
  record C r2 operations=1
  equal r1 V1 T1
  equal r2 V1 T1 C
  record T1 d title=higher operations=1
  record T2 r1 absent
  record T2 r2 absent
  unheard T2 flood
  unheard T2 waits
  parked T1 0
  parked C 0
  complete C V1 now
  complete C T1 now
  sound C T1 T2 V1

story whose line is cut, with the parent alive
  fallback V1 T2
  tuning statement_after_data_ms 1000
  nodes C T1 T2 V1
  cut V1
  put V1 incident r title=flood
  run
  # C passes down to T1 what both of them hold
  record C r title=flood operations=1
  record T1 r title=flood operations=1
  # what T1 writes for the two goes two ways, and the one to V1 waits for V1's line
  set T1 r s=seen
  run
  record C r title=flood s=seen operations=2
  record V1 r title=flood operations=1
  # the host goes, and V1 waits; it comes back
  crash T2
  put V1 incident r2 title=bridge
  run
  record C r2 absent
  start T2
  run
  record C r2 title=bridge operations=1
  # its own line again: nothing goes past the parent any more
  heal V1
  run
  record V1 r title=flood s=seen operations=2
  cut T1
  put V1 incident r3 title=road
  run
  record T1 r3 title=road operations=1
  record C r3 absent
  heal T1
  run
  record C r3 title=road operations=1
  equal r V1 T1 C
  equal r2 V1 T1 C
  equal r3 V1 T1 C
  sound C T1 T2 V1

story both lines come back at once, and both bring the same
  fallback V1 T2
  tuning statement_after_data_ms 1000
  nodes C T1 T2 V1
  put V1 incident r title=flood
  put C matter m to=V1 title=answer
  run
  cut V1
  cut T1
  repeat 6
    put V1 incident - title=road
    set V1 r level=1
    run
    set C m notes=n
    set C r s=seen
    run
  end
  record C r level=1 s=seen operations=13
  record V1 m operations=7
  heal T1
  heal V1
  run
  equal r V1 T1 C
  equal m V1 T1 C
  refused T1 damaged 0
  refused V1 damaged 0
  refused C damaged 0
  refused C forged 0
  refused V1 forged 0
  refused T1 forged 0
  sound C T1 T2 V1
