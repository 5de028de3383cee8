# A village goes from one township to another: its figures stand under one of them at any time, and in
# the county's total once, also while the new township has its report in part alone.

story figures of a village that moves
  tuning report_part_cells 1
  nodes C T1 T2 V1
  types C
  run
  put V1 case r title=bridge calls=3
  put T1 case p title=dam calls=1
  run
  wait 11m
  figure T1 case_calls - "4, 2 of 3; behind V2=unknown"
  figure T2 case_calls - "0, 1 of 2; behind V3=unknown"
  figure C case_calls tier "4, 4 of 8; township=1 village=3; behind D=unknown D2=unknown V2=unknown V3=unknown"
  parts V1 T2 1
  sign release V1 - T1 T2
  sign take V1 - T2
  tell C
  tell T1
  tell T2
  run
  put V1 case q title=road calls=4
  run
  wait 11m
  figure T1 case_calls - "1, 1 of 2; behind V2=unknown"
  figure T2 case_calls - "0, 1 of 3; behind V1=unknown V3=unknown"
  figure C case_calls tier "4, 4 of 8; township=1 village=3; behind D=unknown D2=unknown V2=unknown V3=unknown"
  pass
  cut V1
  heal V1
  run
  wait 11m
  figure T1 case_calls - "1, 1 of 2; behind V2=unknown"
  figure T2 case_calls - "7, 2 of 3; behind V3=unknown"
  figure C case_calls tier "8, 4 of 8; township=1 village=7; behind D=unknown D2=unknown V2=unknown V3=unknown"
  sound T1
  sound T2
  sound C
