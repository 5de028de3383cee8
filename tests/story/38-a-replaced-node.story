# History 38: the disk of a village is dead. What it had reported stands until its new machine has what
# others hold of it; then that counts, once, and what only the village had is named as lost. A report
# that the old disk signs later says nothing.

story a new machine counts for the one before
  nodes C T1 V1
  put V1 incident a title=a
  put V1 incident b title=b
  put V1 mediation m title=m
  run
  wait 11m
  total C "3, 3 of 8; D unknown; D2 unknown; T2 unknown; V2 unknown; V3 unknown"
  image V1 disk
  crash V1
  sign replace V1 disk
  tell T1
  run
  wait 11m
  total C "3, 3 of 8; D unknown; D2 unknown; T2 unknown; V1 unknown; V2 unknown; V3 unknown"
  # the old disk was started once more: its report, by whatever way it comes, is past the cut-off
  old-report V1 C 999 2 100
  run
  total C "3, 3 of 8; D unknown; D2 unknown; T2 unknown; V1 unknown; V2 unknown; V3 unknown"
  refused C not_allowed 1
  machine-new V1
  run
  wait 11m
  record V1 a title=a
  equal b V1 T1 C
  record V1 m absent
  total C "2, 3 of 8; D unknown; D2 unknown; T2 unknown; V2 unknown; V3 unknown; 1 lost"
  refused T1 not_allowed 1
  refused C not_allowed 1
  old-report V1 T1 999 2 100
  old-report V1 C 999 2 100
  run
  wait 11m
  refused T1 not_allowed 2
  refused C not_allowed 2
  total T1 "2, 2 of 3; V2 unknown; 1 lost"
  total C "2, 3 of 8; D unknown; D2 unknown; T2 unknown; V2 unknown; V3 unknown; 1 lost"
  sound T1
  sound C
  put V1 incident c title=c
  set V1 a title=changed
  delete V1 b
  run
  wait 11m
  record C a title=changed
  equal a V1 T1 C
  total C "2, 3 of 8; D unknown; D2 unknown; T2 unknown; V2 unknown; V3 unknown; 1 lost"
  total V1 "2, 1 of 1"

story the new machine is revoked as well
  nodes C T1 T2 V1
  types C
  run
  put V1 case r title=bridge calls=7
  put V1 case q title=road calls=5
  run
  wait 11m
  image V1 disk
  crash V1
  sign replace V1 disk
  tell T1
  run
  machine-new V1
  run
  wait 11m
  # it counts for the one before, and its former's record changes in its time
  set V1 q calls=6
  put V1 case p title=dam calls=100
  run
  wait 11m
  figure C case_calls - "118, 4 of 8; behind D=unknown D2=unknown V2=unknown V3=unknown"
  crash V1
  sign release V1 - T1 T2
  sign take V1 - T2
  tell T1
  tell T2
  run
  start V1 documents
  tell V1
  run
  wait 11m
  # the new parent has never had the former one's report
  figure T2 case_calls - "118, 2 of 3; behind V3=unknown"
  image V1 last
  crash V1
  sign revoke V1 last
  tell T2
  run
  wait 11m
  # what it said last stands, of its former as well, whoever has that one's report
  figure T2 case_calls - "118, 2 of 3; behind V1=final V3=unknown"
  figure C case_calls - "118, 4 of 8; behind D=unknown D2=unknown V2=unknown V1=final V3=unknown"
  figure T1 case_calls - "0, 1 of 2; behind V2=unknown"
  total T2 "3, 2 of 3; V1 final; V3 unknown"
  sound T2
  sound C
