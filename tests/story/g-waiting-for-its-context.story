# T1's edit reaches C before V1's creation: it waits under the name of what it waits for, is passed
# over by everything else, and is applied when that comes.

story
  nodes C T1 V1
  withhold T1 C V1:1/1
  put V1 incident r title=road
  run
  set T1 r s=seen
  set T1 r notes=first
  put T1 incident other title=other
  run
  record C r absent
  record C other title=other
  parked C 2
  listed C incident 1
  pass
  cut T1
  heal T1
  run
  record C r title=road s=seen notes+first operations=3 conflicts
  parked C 0
  listed C incident 2
  equal r C T1 V1
  equal other C T1
