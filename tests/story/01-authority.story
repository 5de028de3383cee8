# History 1: authority, not number of edits. A higher tier's value is shown however often the lower
# one wrote; what it had seen doesn't count as a conflict. The same for every order of arrival.

define two-edits-against-one
  nodes C T1 V1
  put V1 incident r title=bridge @1
  run
  cut all
  set V1 r s=v1 @10
  set V1 r s=v2 @11
  set C r s=county @5
end
define county-shows
  run
  record C r s=county operations=4 conflicts s=v2
  record T1 r s=county conflicts s=v2
  record V1 r s=county conflicts s=v2
  equal r C T1 V1
  set T1 r s=agreed @1
  run
  record C r s=agreed operations=5 conflicts
  equal r C T1 V1
  parked C 0
  parked T1 0
  parked V1 0
end

story the village heals first
  do two-edits-against-one
  heal V1
  run
  record T1 r s=v2 conflicts
  heal T1
  do county-shows

story the county heals first
  do two-edits-against-one
  heal T1
  run
  record T1 r s=county conflicts
  heal V1
  do county-shows

story both at once
  do two-edits-against-one
  heal all
  do county-shows

# The second run: the county has seen V1's value and not T1's, so V1's is replaced for good, and
# T1's stands as the conflict.
define county-saw-one
  nodes C T1 V1
  put V1 incident r title=bridge @1
  run
  cut V1
  set V1 r s=v @2
  image V1 stick
  withhold C T1 V1:1/1
  stick stick V1:1/1 T1 C 2
  run
  record C r s=v conflicts
  cut T1
  set T1 r s=t @9
  record T1 r s=t conflicts
  set C r s=c @1
  pass
end
define county-and-township
  run
  record C r s=c operations=4 conflicts s=t
  record T1 r s=c conflicts s=t
  record V1 r s=c conflicts s=t
  equal r C T1 V1
  parked C 0
  parked T1 0
  parked V1 0
end

story second run, the county heals first
  do county-saw-one
  heal T1
  run
  heal V1
  do county-and-township

story second run, the village heals first
  do county-saw-one
  heal V1
  run
  record T1 r s=t conflicts s=v
  heal T1
  do county-and-township

story second run, both at once
  do county-saw-one
  heal all
  do county-and-township
