# History 5: the township hands the case to a department; the county, which hasn't heard, rejects it.
# The step is void, the department keeps what it was given, and its note stands.

story who got the record keeps it
  nodes C T1 V1 D
  types C
  run
  put V1 case r title=bridge
  run
  # the township asks who D is: nobody is handed anything unknown
  step T1 r accept
  step T1 r hand to=D refused=parked
  run
  cut T1
  step T1 r hand to=D @2
  run
  record T1 r state=dispatched operations=4
  circle T1 r V1,T1,C,D
  step C r reject @9
  run
  heal T1
  run
  record D r state=rejected void=hand operations=5 excluded=0
  circle D r V1,T1,C,D
  # told to who took the step
  record T1 r state=rejected void=hand
  # and once to whoever begins to watch then
  watched T1 5
  set D r notes=here
  run
  record V1 r state=rejected notes+here void=hand excluded=0
  equal r C T1 V1 D
  parked D 0
  step D r hand to=D2 refused=invalid
