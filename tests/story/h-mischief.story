# I4: what is forged, altered, by nobody, not for this link, or garbage is refused and counted, and
# nothing of the good data is lost.

define good-data-flows
  run
  put V1 incident r title=good
  run
  record T1 r title=good
  record C r title=good
  equal r C T1 V1
  listed T1 incident 1
  quarantined T1 0
  parked T1 0
end

story a block of another author, signed by the sender
  nodes C T1 V1
  mischief V1 T1 FORGED_BLOCK
  do good-data-flows
  refused T1 damaged 1

story a value changed under a true signature
  nodes C T1 V1
  mischief V1 T1 ALTERED_BLOCK
  do good-data-flows
  refused T1 damaged 1

story a key that no document names
  nodes C T1 V1
  mischief V1 T1 UNKNOWN_KEY
  do good-data-flows
  refused T1 unknown_key 1

story a true block of a stream that isn't for this link
  nodes C T1 V1
  mischief V1 T1 NOT_ALLOWED
  do good-data-flows
  refused T1 not_allowed 1

story bytes that are no block
  nodes C T1 V1
  mischief V1 T1 GARBAGE
  do good-data-flows

story a statement of another author, signed by the sender
  nodes C T1 V1
  mischief V1 T1 FORGED_NOTE
  do good-data-flows
  refused T1 forged 1
  wait 11m
  complete C V1 now
