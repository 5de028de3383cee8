# History 22: power cut at every point of a write, a thousand times over. No write is invented, no
# acknowledged one is lost, no sequence number is used twice, and the epoch stays: a power cut is no
# restore. Yesterday's data file, copied back by hand, is one.

define cut-before-the-high-water-mark
  fault V1 before-high-water
  put V1 incident - title=a
  run
  start V1
  run
  epoch V1 1
  grown V1 0
  grown T1 0
end
define cut-before-the-commit
  fault V1 after-high-water
  put V1 incident - title=b
  run
  start V1
  run
  epoch V1 1
  grown V1 0
  grown T1 0
end
define cut-after-the-commit
  fault V1 after-commit
  put V1 incident - title=c
  run
  start V1
  run
  epoch V1 1
  grown V1 1
  grown T1 1
end
define cut-when-sent
  put V1 incident - title=d
  run
  crash V1
  run
  start V1
  run
  epoch V1 1
  grown V1 2
  grown T1 2
end
define four-cuts
  count V1
  count T1
  do cut-before-the-high-water-mark
  do cut-before-the-commit
  do cut-after-the-commit
  do cut-when-sent
end

story each point once
  nodes T1 V1
  put V1 incident r title=first
  run
  do four-cuts
  held V1 V1:1/1 4
  held T1 V1:1/1 4

story a thousand times, then yesterday's file
  tuning stream_entries 2000
  nodes T1 V1
  put V1 incident r title=first
  run
  image V1 yesterday
  repeat 250
    do four-cuts
  end
  listed V1 incident 501
  listed T1 incident 501
  held T1 V1:1/1 502
  epoch V1 1
  restore V1 yesterday
  start V1
  epoch V1 2 "the store is not the newest: it was restored, or has lost commits"
  repeat 1
    put V1 incident today title=today
    run
  end
  listed V1 incident 502
  listed T1 incident 502
  held V1 V1:1/1 502
  held T1 V1:2/1 2
  parked V1 0
  quarantined V1 0
