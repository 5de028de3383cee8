# A block that its own author signed and made undecodable: taken in the opaque form, which proves
# whose fault it is. It is kept, passed on, set aside with the reason, and what stands behind it
# flows.

story
  nodes C T1 V1
  put V1 incident before title=before
  run
  crash V1
  poison V1 V1:1/1
  start V1
  run
  put V1 incident behind title=behind
  run
  held T1 V1:1/1 4
  held C V1:1/1 4
  quarantined T1 1
  quarantined C 1
  record C behind title=behind
  record T1 behind title=behind
  equal behind T1 C
  refused T1 flood 0
