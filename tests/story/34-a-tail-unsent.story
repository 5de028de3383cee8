# History 34: a stream ended with its tail unsent. An ended stream stays in the statement, and every
# epoch's newest statement counts (A9, A10), so that the gap shows.

story V1's stream ends at 500, the county holds 490
  tuning stream_entries 500
  nodes C T1 V1
  repeat 489
    put V1 incident - title=a
  end
  repeat 1
    run
  end
  held C V1:1/1 490
  withhold T1 C V1:1/1
  repeat 10
    put V1 incident - title=b
  end
  # the 499th entry would be the 500th place: the stream is closed and the next one opened
  put V1 incident next title=c
  put V1 incident - title=c
  run
  wait 1m
  held V1 V1:1/1 500
  held T1 V1:1/1 500
  held C V1:1/1 490
  held C V1:1/2 4
  record C next title=c
  complete C V1 "withheld 490 of 500, 10 missing"
  pass
  cut T1
  heal T1
  run
  held C V1:1/1 500
  complete C V1 now
  parked C 0

story an epoch of 50, the county holds 45, and the village is put back
  nodes C T1 V1
  repeat 44
    put V1 incident - title=a
  end
  repeat 1
    run
  end
  image V1 yesterday
  withhold T1 C V1:1/1
  repeat 5
    put V1 incident - title=b
  end
  wait 1m
  held T1 V1:1/1 50
  held C V1:1/1 45
  complete C V1 "withheld 45 of 50, 5 missing"
  restore V1 yesterday
  start V1
  epoch V1 2
  put V1 incident new title=new
  wait 1m
  record C new title=new
  held V1 V1:1/1 50
  # epoch 2's statement has come; epoch 1's is still the newest of its epoch
  complete C V1 "withheld 45 of 50, 5 missing"
  pass
  cut T1
  heal T1
  run
  held C V1:1/1 50
  complete C V1 now
  parked C 0
