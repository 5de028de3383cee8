# History 29: a stolen village lets another one in. What it wrote behind its last trusted place is taken
# out with all that rests on it alone; what only had seen it stays.

story the county hears of the theft first
  nodes C T1 V1 V2
  put V1 incident r title=wall
  # V1 gets to know V2 before it is stolen
  put V1 mediation q title=quarrel
  extend V1 q V2 refused=parked
  run
  image V1 trusted
  cut T1
  extend V1 r V2
  run
  set V2 r s=by-V2
  run
  set T1 r level=2
  run
  record T1 r title=wall s=by-V2 level=2
  record V2 r title=wall s=by-V2 level=2
  circle T1 r V1,T1,C,V2
  equal r V1 V2 T1
  cut V1
  sign revoke V1 trusted
  tell C
  run
  heal T1
  run
  record C r title=wall level=2 excluded=2
  record T1 r title=wall level=2 excluded=2
  record V2 r title=wall level=2 excluded=2
  circle C r V1,T1,C
  circle T1 r V1,T1,C
  equal r C T1
  parked C 0
  parked T1 0
  parked V2 0
  # for people to look at, and to endorse: V1's extension, and what leaned on it
  revoked C V1 1
  revoked T1 V1 1
  quarantined C 2
  quarantined T1 2
  quarantined V2 2
  # V2 gets nothing new
  set T1 r s=later
  run
  record C r s=later
  record V2 r title=wall level=2 excluded=2
  unread V2 later
  sound C T1 V2
