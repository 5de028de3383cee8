# History 2: a later edit wins whatever clock and tier say. The county's clock stands in 2099, the
# village's in 1970; the village has seen what it replaces.

define county-in-2099
  nodes C T1 V1
  put V1 incident r title=bridge @1
  run
  withhold C T1 C:1/1
  withhold V1 T1 C:1/1
  set C r s=c @4070908800000
  run
  record C r s=c
  image C saved
end

story the county's edit comes to T1 first
  nodes C T1 V1
  put V1 incident r title=bridge @1
  run
  set C r s=c @4070908800000
  run
  record V1 r s=c
  set V1 r s=v @0
  run
  record C r s=v operations=3 conflicts
  record T1 r s=v conflicts
  record V1 r s=v conflicts
  equal r C T1 V1
  parked T1 0

story the village's edit comes to T1 first
  do county-in-2099
  stick saved C:1/1 T1 V1
  run
  record V1 r s=c
  record T1 r title=bridge operations=1
  set V1 r s=v @0
  run
  parked T1 1
  parked C 0
  record C r s=v
  pass
  cut all
  heal all
  run
  record T1 r s=v operations=3 conflicts
  equal r C T1 V1
  parked T1 0
