# What types declare, under folds: counts by state, sums, the greatest, different words and shares are
# the same as without them, a township that is cut off has the figures of before, and a village that
# moves counts once. The departments aren't running.

story all kinds of figures
  folds township
  nodes C T1 T2 V1 V2 V3
  types C
  run
  put V1 case r title=bridge s=wet level=4 calls=3
  put V1 case q title=road s=dry level=2
  put V2 case p title=dam s=wet level=5 calls=7
  put V3 case o title=well s=wet level=1 calls=2
  put T2 case n title=roof s=late calls=1
  put C case m title=gate s=dry calls=10
  step V1 r accept
  run
  wait 11m
  figure C cases state "6, 6 of 8; accepted=1 open=5; behind D=unknown D2=unknown"
  figure C case_calls - "23, 6 of 8; behind D=unknown D2=unknown"
  figure C case_level - "5, 6 of 8; behind D=unknown D2=unknown"
  figure C case_words - "3, 6 of 8; behind D=unknown D2=unknown"
  figure C case_closed - "0/6, 6 of 8; behind D=unknown D2=unknown"
  figure T1 case_calls - "10, 3 of 3"
  # the greatest goes in one fold, and a word in another
  set V2 p level=3
  set T2 n s=wet
  step V3 o accept
  run
  wait 11m
  figure C case_level - "4, 6 of 8; behind D=unknown D2=unknown"
  figure C case_words - "2, 6 of 8; behind D=unknown D2=unknown"
  figure C cases state "6, 6 of 8; accepted=2 open=4; behind D=unknown D2=unknown"
  # cut off, its fold says what it said
  cut T1
  put V1 case l title=mill calls=100
  run
  wait 11m
  figure T1 case_calls - "110, 3 of 3"
  figure C case_calls - "23, 6 of 8; behind D=unknown D2=unknown"
  heal T1
  run
  wait 11m
  figure C case_calls - "123, 6 of 8; behind D=unknown D2=unknown"

story a village moves under declared figures
  folds township
  nodes C T1 T2 V1 V2 V3
  types C
  run
  put V1 case r title=bridge calls=7
  put V2 case q title=road calls=5
  put V3 case p title=dam calls=3
  run
  wait 11m
  figure C case_calls - "15, 6 of 8; behind D=unknown D2=unknown"
  cut T1
  crash V2
  sign release V2 - T1 T2
  sign take V2 - T2
  tell T2
  tell C
  run
  start V2 documents
  tell V2
  run
  set V2 q calls=7
  run
  wait 11m
  figure C case_calls - "15, 6 of 8; behind D=unknown D2=unknown"
  heal T1
  run
  wait 11m
  figure C case_calls - "22, 6 of 8; behind D=unknown D2=unknown"
  figure T2 case_calls - "15, 3 of 3"

story who has received what
  folds township
  nodes C T1 T2 V1 V2 V3
  types C
  run
  wait 11m
  cut V3
  put C directive r title=boats
  run
  wait 11m
  received T2 r "0, 0 of 1; V3 waiting"
  # above a fold it is known how many, and below which seat one is missing
  received C r "4, 4 of 7; D waiting; D2 waiting; T2 waiting"
  heal V3
  run
  wait 11m
  received C r "5, 5 of 7; D waiting; D2 waiting"
