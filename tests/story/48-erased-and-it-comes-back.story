# History 48: a telephone number is erased. It is nowhere any more, the chain verifies with the holes,
# and no copy brings it back.

story the number leaves every holder
  nodes C T1 V1
  types C
  run
  put V1 person r title=zhao s=13800000001
  run
  set V1 r s=13800000002
  set V1 r notes=called level=3
  run
  record C r s=13800000002 notes+called level=3
  image T1 last-month
  cut V1
  erase V1 r s
  run
  record V1 r s=erased notes+called level=3 operations=4 excluded=0
  unread V1 1380000000
  record T1 r s=13800000002
  heal V1
  run
  record T1 r s=erased
  record C r s=erased notes+called title=erased conflicts
  equal r C T1 V1
  unread T1 1380000000
  unread C 1380000000
  unread C zhao
  sound C
  sound T1
  sound V1
  # what is written after it counts as ever
  set T1 r s=unlisted title=z
  run
  record V1 r s=unlisted title=z
  equal r C T1 V1
  # all that is left of it
  erase C r
  run
  record V1 r s=erased title=erased no-notes
  unread V1 called
  unread T1 unlisted
  equal r C T1 V1
  erase C r refused=not_found

story a disk of last month gives nothing back
  nodes C T1 V1
  types C
  run
  put V1 person r title=zhao s=13800000001
  run
  image T1 last-month
  erase V1 r s
  run
  restore T1 last-month
  start T1
  run
  record T1 r s=erased
  unread T1 13800000001
  unread V1 13800000001
  equal r C T1 V1
  sound T1

story who joins hears of the holes alone
  nodes C T1 V1
  types C
  run
  put V1 person r title=zhao s=13800000001
  run
  wipe T1 all
  erase V1 r s
  run
  start T1
  run
  record T1 r s=erased
  record C r s=erased
  unread C 13800000001
  unread T1 13800000001
  equal r C T1 V1
  sound T1

story who may not erase erases nothing
  nodes C T1 V1
  types C
  run
  put T1 person r title=zhao s=13800000001
  put V1 incident i title=bridge s=13800000002
  run
  extend T1 r V1
  run
  erase V1 r refused=not_allowed
  erase V1 i refused=not_allowed
  delete T1 r
  run
  # a record that is deleted holds its words until they are erased
  erase T1 r
  run
  unread V1 13800000001
  unread C 13800000001
  equal r C T1 V1

story private fields are erased in the companion, whose salt goes with them
  nodes C T1 V1
  types C
  run
  put V1 visit r title=zhao name=13800000003 phone=13800000001
  run
  set V1 r phone=13800000002
  extend V1 r T1 private
  run
  unread C 1380000000
  # what the record says of nobody stays
  erase V1 r
  run
  unread V1 1380000000
  unread T1 1380000000
  record V1 r title=zhao name=erased phone=erased
  record T1 r title=zhao name=erased phone=erased
  erase V1 r refused=not_found
  erase V1 r title refused=not_allowed
  sound V1
  sound T1

story what was carried before the word came is filtered
  nodes C T1 V1 D
  types C
  run
  put V1 person r title=zhao s=13800000001
  run
  extend T1 r D refused=parked
  run
  cut T1
  extend T1 r D
  run
  erase C r s
  run
  unread C 13800000001
  # the township sends what it had carried, and hears of the erasure later
  withhold C T1 C:1/1
  heal T1
  run
  record T1 r s=13800000001
  unread C 13800000001
  unread D 13800000001
  pass
  cut T1
  heal T1
  run
  record D r s=erased
  unread C 13800000001
  unread D 13800000001
  unread T1 13800000001
  equal r C T1 V1 D
  sound C
  sound D

story an erase entry that its author was not allowed is excluded
  nodes C T1 V1
  types C
  run
  put T1 person r title=zhao s=13800000001
  put V1 incident i title=bridge
  run
  extend T1 r V1
  run
  crash V1
  handerased V1 V1:1/1 r T1 T1:1/1
  start V1
  run
  record T1 r title=zhao s=13800000001 excluded=1
  record C r title=zhao s=13800000001 excluded=1
  quarantined C 1
  equal r C T1

# Behind a cut-off it is excluded, and has its effect: bodies that are gone can't come back.
story what a stolen key has erased stays erased
  nodes C T1 V1
  types C
  run
  put V1 person r title=zhao s=13800000001
  run
  image V1 trusted
  cut T1
  erase V1 r s
  run
  record T1 r s=erased excluded=0
  cut V1
  sign revoke V1 trusted
  tell C
  run
  heal T1
  run
  record T1 r title=erased s=erased excluded=1
  unread T1 13800000001
  sound T1
  record C r title=erased s=erased excluded=1
  set T1 r level=2
  run
  record C r title=erased s=erased level=2 excluded=1
  equal r C T1
  unread C 13800000001

story a store made anew out of its blocks keeps the holes, and makes those that were due
  nodes C T1 V1
  types C
  run
  put V1 person r title=zhao s=13800000001
  run
  put V1 visit q title=li phone=13800000002
  extend V1 q T1 private
  run
  erase T1 r s
  erase V1 q
  run
  damage T1 records
  start T1
  run
  record T1 r title=erased s=erased excluded=0
  unread T1 1380000000
  equal r C T1 V1
  sound T1
  damage V1 meta
  start V1
  run
  record V1 r title=erased s=erased
  unread V1 1380000000
  sound V1
