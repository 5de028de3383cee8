# History 3: deleted, then an absentee of ninety days. What was written beside the deletion stands in
# its conflicts; it is listed and counted nowhere until somebody who saw both takes it back.

story nothing comes back by itself, and nothing is lost
  nodes C T1 V1
  tuning token_every_ms 7200000
  tuning statement_idle_ms 43200000
  put V1 incident r title=old
  run
  listed T1 incident 1
  cut V1
  repeat 1
    wait 24h
  end
  delete T1 r
  run
  repeat 2
    wait 24h
  end
  set V1 r title=new
  run
  record V1 r title=new
  listed V1 incident 1
  listed T1 incident 0
  repeat 87
    wait 24h
  end
  heal V1
  run
  record V1 r deleted conflicts title=new
  record T1 r deleted conflicts title=new
  listed V1 incident 0
  listed T1 incident 0
  listed C incident 0
  equal r C T1 V1
  parked T1 0
  set T1 r _deleted=false
  run
  record V1 r title=new conflicts
  listed V1 incident 1
  listed C incident 1
  equal r C T1 V1
