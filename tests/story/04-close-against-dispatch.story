# History 4: the village closes, the county dispatches, neither knowing of the other. Canonical order
# begins at the top: the close is void, and what it set is undone.

story the higher tier's step stands
  nodes C T1 V1
  types C
  run
  put V1 case r title=bridge
  run
  step T1 r accept
  run
  cut all
  step V1 r close s=agreed @2
  run
  record V1 r state=closed s=agreed no-void
  step C r dispatch @9
  run
  heal all
  run
  record C r state=dispatched no-s void=close operations=4 excluded=0
  record V1 r state=dispatched no-s void=close conflicts
  equal r C T1 V1
  parked T1 0
  # what may be done next is judged by the state that came out
  step V1 r close s=again refused=invalid
  step V1 r reject refused=not_allowed
  step V1 r clsoe s=x refused=invalid
  set V1 r state=closed refused=invalid
  set V1 r s=later
  run
  record C r state=dispatched s=later void=close
  equal r C T1 V1

story a close that comes late is told as void where it was written
  nodes C T1 V1
  types C
  run
  put V1 case r title=bridge s=old
  run
  step T1 r accept
  run
  cut V1
  step V1 r close s=agreed @2
  run
  step T1 r reject @9
  run
  record C r state=rejected s=old
  heal V1
  run
  record V1 r state=rejected s=old void=close operations=4
  equal r C T1 V1
