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
