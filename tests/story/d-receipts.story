# History 17 in part: a directive to a subtree and its receipts. Receipts are cells, never
# operations: the record has one entry everywhere, and who has not got it yet is named.

story
  nodes C D D2 T1 T2 V1 V2 V3
  cut V3
  put C directive r title=flood
  wait 1m
  received C r "6, 6 of 7; V3 waiting"
  received T2 r "0, 0 of 1; V3 waiting"
  received T1 r "2, 2 of 2"
  record V1 r title=flood operations=1
  record V3 r absent
  set V1 r s=seen refused=not_allowed
  set T1 r s=seen refused=not_allowed
  heal V3
  wait 1m
  received C r "7, 7 of 7"
  received T2 r "1, 1 of 1"
  record C r operations=1
  record V3 r operations=1
  equal r C D D2 T1 T2 V1 V2 V3
