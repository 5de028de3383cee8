# Documents first, then data: a village that has only the row that names it gets the types over the
# link before anything else moves; a township that has not got its own branch document refuses its
# villages until it has.

story
  start C
  start T1 no-subtree
  start V1 no-types
  put V1 incident - title=early refused=unknown_type
  put C directive d title=flood
  run
  # the township was a stranger to the village's call at first
  record T1 d title=flood
  record V1 d title=flood
  refused V1 malformed 0
  put V1 incident r title=road
  run
  record C r title=road
  equal d C T1 V1
  equal r C T1 V1
  parked V1 0

story the second version of the types comes down, entries wait for it
  nodes C T1 V1
  put C directive before title=one
  run
  cut V1
  types C
  run
  put C directive after title=two
  put T1 incident r title=three
  run
  record T1 after title=two
  heal V1
  run
  record V1 after title=two
  equal after C T1 V1
  put V1 incident mine title=four
  run
  equal mine C T1 V1
  parked V1 0
  parked T1 0
