# History 37 with the cut in the middle of a report: each figure is a part of its own here, and the
# link is cut when some have passed. What C shows is the former report until the new one is whole:
# never two cases open and closed at once, never none. What has passed isn't sent again.

story the link is cut in the middle of a report
  tuning report_part_cells 1
  nodes C T1 V1
  types C
  run
  put V1 case r title=bridge calls=3
  run
  wait 11m
  figure C cases state "1, 3 of 8; open=1; behind D=unknown D2=unknown T2=unknown V2=unknown V3=unknown"
  # two figures change, and one of them passes
  parts T1 C 1
  step V1 r accept
  run
  wait 11m
  record C r state=accepted
  passed 1
  figure T1 cases state "1, 2 of 3; accepted=1; behind V2=unknown"
  figure C cases state "1, 3 of 8; open=1; behind D=unknown D2=unknown T2=unknown V2=unknown V3=unknown"
  figure C case_calls state "3, 3 of 8; open=3; behind D=unknown D2=unknown T2=unknown V2=unknown V3=unknown"
  cut T1
  pass
  wait 5m
  figure C cases state "1, 3 of 8; open=1; behind D=unknown D2=unknown T2=unknown V2=unknown V3=unknown"
  sound C
  # C's process dies in between, and goes on where it stood: the other figure passes, and no more
  crash C
  start C
  parts T1 C 100
  heal T1
  run
  wait 11m
  passed 1
  figure C cases state "1, 3 of 8; accepted=1; behind D=unknown D2=unknown T2=unknown V2=unknown V3=unknown"
  figure C case_calls state "3, 3 of 8; accepted=3; behind D=unknown D2=unknown T2=unknown V2=unknown V3=unknown"
  sound C
  sound T1
  sound V1

story a newer report comes while one waits
  tuning report_part_cells 1
  nodes C T1 V1
  types C
  run
  put V1 case r title=bridge calls=3
  run
  wait 11m
  parts V1 T1 1
  put V1 case q title=road calls=5
  run
  wait 11m
  figure T1 cases - "1, 2 of 3; behind V2=unknown"
  # in the next session the newer one takes the place of the one that waits
  cut V1
  delete V1 r
  put V1 case p title=dam calls=7
  heal V1
  run
  wait 11m
  figure T1 cases - "1, 2 of 3; behind V2=unknown"
  cut V1
  pass
  heal V1
  run
  wait 11m
  figure T1 cases - "2, 2 of 3; behind V2=unknown"
  figure C case_calls - "12, 3 of 8; behind D=unknown D2=unknown T2=unknown V2=unknown V3=unknown"
  sound T1
  sound C

story a village is replaced while its report waits above
  tuning report_part_cells 1
  nodes C T1 V1
  types C
  run
  put V1 case r title=bridge calls=3
  run
  wait 11m
  parts V1 T1 1
  put V1 case q title=road calls=5
  run
  wait 11m
  image V1 disk
  crash V1
  sign replace V1 disk
  tell T1
  run
  pass
  wait 11m
  figure C case_calls - "3, 3 of 8; behind D=unknown D2=unknown T2=unknown V1=unknown V2=unknown V3=unknown"
  machine-new V1
  run
  wait 11m
  figure C case_calls - "8, 3 of 8; behind D=unknown D2=unknown T2=unknown V2=unknown V3=unknown"
  figure V1 case_calls - "8, 1 of 1"
  sound T1
  sound C
  sound V1
