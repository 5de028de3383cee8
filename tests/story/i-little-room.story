# A store that has little room, or none: what peers have stays with them, links live on, nothing is
# lost and nothing comes twice when there is room again.

define write-below-and-above
  put V1 incident a title=a
  put C directive d title=d
  run
end
define everything-once
  run
  record T1 a title=a operations=1
  record T1 d title=d operations=1
  equal a V1 T1 C
  equal d V1 T1 C
  epoch T1 1
  held C V1:1/1 3
  parked T1 0
  quarantined T1 0
  refused T1 forged 0
  refused C forged 0
end

story little room
  nodes C T1 V1
  put V1 incident before title=before
  run
  room T1 little
  # sessions that begin now give no credit
  cut T1
  cut V1
  run
  heal T1
  heal V1
  run
  do write-below-and-above
  record T1 a absent
  record T1 d absent
  record C a absent
  record T1 before title=before operations=1
  room T1 enough
  do everything-once

story no room
  nodes C T1 V1
  put V1 incident before title=before
  run
  room T1 none
  do write-below-and-above
  record T1 a absent
  record T1 d absent
  record T1 before title=before operations=1
  wait 600000
  record T1 a absent
  room T1 enough
  do everything-once

story no room, then little, then enough
  nodes C T1 V1
  put V1 incident before title=before
  run
  room T1 none
  do write-below-and-above
  room T1 little
  run
  record T1 a absent
  crash T1
  start T1
  do everything-once
