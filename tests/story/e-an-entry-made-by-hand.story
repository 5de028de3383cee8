# History 17 in part: an entry that V1's core would never write stands in V1's own log, truly
# signed, on a directive of the county's. Whoever gets it keeps it, passes it on, excludes it, and
# says why; what stands behind it flows.

story
  nodes C T1 V1
  put V1 incident own title=road
  put C directive r title=flood
  run
  crash V1
  handmade V1 V1:1/1 r s=mine
  start V1
  run
  record C r title=flood excluded=1
  record T1 r title=flood excluded=1
  quarantined T1 1
  quarantined C 1
  put V1 incident next title=bridge
  run
  held C V1:1/1 4
  record C next title=bridge
  # nor do the receipts mistake it for the directive
  wait 1m
  received C r "2, 2 of 7; D waiting; D2 waiting; T2 waiting; V2 waiting; V3 waiting"
  equal next C T1 V1
  # the county's own edit goes on as if nothing had been said
  set C r s=over
  run
  record T1 r s=over
  record C r s=over conflicts
  # V1 has cheated itself alone: its state lacks the entry that its log holds
  record V1 r title=flood
