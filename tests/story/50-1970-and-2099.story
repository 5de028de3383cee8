# History 50: clocks that are wrong by a lifetime, and documents that have expired. No node waits for
# the time, nobody's clock moves another's.

story 1970 and expired, then 2099
  expire 1000
  nodes C T1 V1 V2
  put V1 incident r title=road
  put V1 matter - to=V2 title=early refused=parked
  run
  put V1 matter m to=V2 title=ditch
  run
  # a power cut; no link; the clock begins at 1970
  cut V1
  crash V1
  clock V1 at 5000
  start V1
  expired V1
  record V1 r title=road
  set V1 r s=in-1970
  record V1 r s=in-1970
  # the other's clock stands in 2099
  clock V2 at 4070908800000
  expired V2
  set V2 m s=in-2099
  heal V1
  run
  # what V1 wrote replaces what it had seen, whatever its clock said
  record C r title=road s=in-1970
  record T1 m s=in-2099
  wait 11m
  run
  complete T1 V2 now suspect
  # V2's clock falls back; its next edit stands though its clock is lower
  clock V2 off 0
  set V2 m s=back-again
  run
  record T1 m s=back-again
  record V1 m s=back-again conflicts
  equal m V1 T1 V2
  equal r V1 T1 C
