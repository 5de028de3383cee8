# A village is told by hand that it moves, while its township is cut off. It passes the township's
# newer document up with its own row alone: the township waits for the whole of it, and goes on with
# all its other villages meanwhile.

story a township hears of its own document from a village
  nodes C T1 T2 V1 V2
  types C
  run
  put V1 incident r title=before
  run
  cut T1
  sign release V2 - T1 T2
  sign take V2 - T2
  tell V2
  run
  put V1 incident q title=meanwhile
  put V2 incident p title=on-the-way
  run
  record T1 q title=meanwhile
  parked T1 0
  quarantined T1 0
  tell C
  tell T2
  heal T1
  run
  wait 1m
  run
  record C q title=meanwhile
  record C p title=on-the-way
  record T2 p title=on-the-way
  set V1 q title=afterwards
  run
  record C q title=afterwards
  parked T1 0
  parked C 0
  sound V1 V2 T1 T2 C

story the county hears of its own document from a township
  nodes C T1 T2 V3
  types C
  run
  sign revoke D2 -
  tell T1
  run
  put T2 incident r title=still-here
  put V3 incident q title=here-too
  run
  record C r title=still-here
  record C q title=here-too
  parked C 0
  tell C
  run
  wait 1m
  run
  put T2 incident p title=afterwards
  run
  record C p title=afterwards
  sound T1 T2 V3 C
