# History 19: an image that is 30 days old; a field, a counter, a total. The restored node goes on in
# epoch 2 at once; what it had lost comes back and stands beside what it wrote meanwhile.

story restored, written to, then met
  nodes C T1 V1
  put V1 incident r title=r s=a calls=3 @1
  run
  image V1 old
  set V1 r s=between @8
  run
  set V1 r s=lost calls=2 @9
  run
  record C r s=lost
  cut V1
  restore V1 old
  start V1
  epoch V1 2 "the store is not the newest: it was restored, or has lost commits"
  set V1 r s=new calls=4 @5
  record V1 r s=new
  heal V1
  run
  record V1 r s=lost conflicts s=new
  record C r s=lost conflicts s=new
  equal r C T1 V1
  alarm C none
  branches C V1:1/1 1
  listed C incident 1

# What C heard from the first life on Friday says nothing of the second life's figures, which are the
# image's: the total is as of the image, until V1 has signed that it still stands by them.
story the figures are the image's, and so is their age
  nodes C T1 V1
  put V1 incident r title=r
  wait 2m
  image V1 old
  wait 3h
  put V1 incident lost title=lost
  wait 2m
  total C "2, 3 of 8; D unknown; D2 unknown; T2 unknown; V2 unknown; V3 unknown"
  cut V1
  restore V1 old
  withhold T1 V1 V1:1/1
  start V1
  epoch V1 2
  heal V1
  run
  total C "1, 3 of 8; D unknown; D2 unknown; T2 unknown; V1 withheld; V2 unknown; V3 unknown"
  wait 11m
  total C "1, 3 of 8; D unknown; D2 unknown; T2 unknown; V2 unknown; V3 unknown"
  # the old blocks come back
  pass
  cut V1
  heal V1
  run
  wait 1m
  total C "2, 3 of 8; D unknown; D2 unknown; T2 unknown; V2 unknown; V3 unknown"
