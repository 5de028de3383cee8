# History 36: a moved village under folded totals. The county C is the province, the townships T1 and
# T2 are its counties A and B, which state folds; V1 is a with 7, V3 is b with 3, V2 is V with 5.
# The departments aren't running: two of the eight seats. What isn't there is named, every time.

story
  folds township
  nodes C T1 T2 V1 V2 V3
  repeat 7
    put V1 incident - title=a
  end
  repeat 3
    put V3 incident - title=b
  end
  repeat 5
    put V2 incident - title=v
  end
  run
  wait 3m
  total C "15, 6 of 8; D unknown; D2 unknown"
  # V moves from A to B. B hears first, V adds 2
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
  repeat 2
    put V2 incident - title=more
  end
  run
  wait 3m
  total T2 "10, 3 of 3"
  # V's 5 stand in A's fold; its own 7 are here and not used
  total C "15, 6 of 8; D unknown; D2 unknown"
  heal T1
  run
  wait 3m
  total C "17, 6 of 8; D unknown; D2 unknown"

story
  folds township
  nodes C T1 T2 V1 V2 V3
  repeat 7
    put V1 incident - title=a
  end
  repeat 3
    put V3 incident - title=b
  end
  repeat 5
    put V2 incident - title=v
  end
  run
  wait 3m
  # A hears before B
  cut T2
  cut V2
  sign release V2 - T1 T2
  sign take V2 - T2
  tell C
  run
  repeat 2
    put V2 incident - title=more
  end
  run
  wait 3m
  total T1 "7, 2 of 2"
  total C "10, 5 of 8; D unknown; D2 unknown; V2 unknown"
  heal T2
  run
  heal V2
  run
  wait 3m
  total C "17, 6 of 8; D unknown; D2 unknown"
  # V moves back, A hears before B, V adds 1
  cut T2
  cut V2
  sign release V2 - T2 T1
  sign take V2 - T1
  tell C
  run
  crash V2
  start V2 documents
  tell V2
  put V2 incident - title=back
  heal V2
  run
  wait 3m
  total T1 "15, 3 of 3"
  total C "18, 6 of 8; D unknown; D2 unknown"
  heal T2
  run
  wait 3m
  total T2 "3, 2 of 2"
  total C "18, 6 of 8; D unknown; D2 unknown"
  # it is in no fold since: what it says goes up as it is
  put V2 incident - title=again
  run
  wait 3m
  total C "19, 6 of 8; D unknown; D2 unknown"
