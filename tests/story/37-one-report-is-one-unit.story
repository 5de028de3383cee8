# History 37, and what a declared roll-up must bear: cases by state, their calls, words and levels
# follow every fold; a case that is closed above a dead village stays open in the total, which says
# as of when; nothing is counted twice or forgotten.

story figures follow the records
  nodes C T1 V1
  put V1 incident old title=before
  types C
  run
  wait 11m
  figure C cases - "0, 3 of 8; behind D=unknown D2=unknown T2=unknown V2=unknown V3=unknown"
  put V1 case r title=bridge s=wet level=4 calls=3
  put V1 case q title=road s=dry level=2
  put T1 case p title=dam s=wet calls=2
  run
  wait 11m
  figure C cases state "3, 3 of 8; open=3; behind D=unknown D2=unknown T2=unknown V2=unknown V3=unknown"
  figure C case_calls seat "5, 3 of 8; T1=2 V1=3; behind D=unknown D2=unknown T2=unknown V2=unknown V3=unknown"
  figure C case_level - "4, 3 of 8; behind D=unknown D2=unknown T2=unknown V2=unknown V3=unknown"
  figure C case_words - "2, 3 of 8; behind D=unknown D2=unknown T2=unknown V2=unknown V3=unknown"
  # the greatest goes, and the next one stands; a word more than is told
  set V1 r level=1 s=late
  put V1 case o title=well s=cold
  step T1 q accept
  run
  wait 11m
  figure V1 case_words - "3+, 1 of 1"
  figure C case_words - "3+, 3 of 8; behind D=unknown D2=unknown T2=unknown V2=unknown V3=unknown"
  figure C case_level - "2, 3 of 8; behind D=unknown D2=unknown T2=unknown V2=unknown V3=unknown"
  figure C cases state "4, 3 of 8; accepted=1 open=3; behind D=unknown D2=unknown T2=unknown V2=unknown V3=unknown"
  delete V1 o
  run
  wait 11m
  figure V1 case_words - "2, 1 of 1"
  figure C case_words - "3, 3 of 8; behind D=unknown D2=unknown T2=unknown V2=unknown V3=unknown"
  figure C cases state "3, 3 of 8; accepted=1 open=2; behind D=unknown D2=unknown T2=unknown V2=unknown V3=unknown"
  # two steps from one state: the one that is void takes nothing with it
  cut T1
  step V1 q close s=done
  step T1 q attempt notes=no
  run
  heal T1
  run
  wait 11m
  equal q V1 T1 C
  figure C case_closed - "3333/3, 3 of 8; behind D=unknown D2=unknown T2=unknown V2=unknown V3=unknown"

story a case closed above a dead village
  nodes C T1 V1
  types C
  run
  put V1 case r title=bridge
  put V1 case q title=road
  run
  wait 11m
  figure C cases state "2, 3 of 8; open=2; behind D=unknown D2=unknown T2=unknown V2=unknown V3=unknown"
  crash V1
  step T1 r accept
  run
  wait 11m
  record C r state=accepted
  figure C cases state "2, 3 of 8; open=2; behind D=unknown D2=unknown T2=unknown V2=unknown V3=unknown"
  wait 2h
  figure C cases state "2, 3 of 8; open=2; behind D=unknown D2=unknown T2=unknown V1=silent V2=unknown V3=unknown"
  start V1
  run
  wait 11m
  figure C cases state "2, 3 of 8; accepted=1 open=1; behind D=unknown D2=unknown T2=unknown V2=unknown V3=unknown"

story a new machine counts the figures of the one before
  nodes C T1 V1
  types C
  run
  put V1 case r title=bridge calls=2 s=wet
  put V1 case q title=road calls=3 s=dry
  run
  wait 11m
  figure C case_calls state "5, 3 of 8; open=5; behind D=unknown D2=unknown T2=unknown V2=unknown V3=unknown"
  image V1 disk
  crash V1
  sign replace V1 disk
  tell T1
  run
  wait 11m
  machine-new V1
  run
  wait 11m
  figure C case_calls state "5, 3 of 8; open=5; behind D=unknown D2=unknown T2=unknown V2=unknown V3=unknown"
  figure C case_words - "2, 3 of 8; behind D=unknown D2=unknown T2=unknown V2=unknown V3=unknown"
  step V1 q accept
  put V1 case o title=well calls=10 s=cold
  delete V1 r
  run
  wait 11m
  figure C case_calls state "13, 3 of 8; accepted=3 open=10; behind D=unknown D2=unknown T2=unknown V2=unknown V3=unknown"
  figure C cases - "2, 3 of 8; behind D=unknown D2=unknown T2=unknown V2=unknown V3=unknown"
  figure V1 cases - "2, 1 of 1"

story a correction comes when its day has ended
  nodes C T1 V1
  types C
  run
  put V1 case r title=bridge level=3
  run
  wait 11m
  figure C case_level - "3, 3 of 8; behind D=unknown D2=unknown T2=unknown V2=unknown V3=unknown" since
  wait 30h
  set V1 r level=5
  put V1 case q title=road level=4
  run
  wait 11m
  figure C case_level - "5, 3 of 8; behind D=unknown D2=unknown T2=unknown V2=unknown V3=unknown; late V1=2025-06-06" since
