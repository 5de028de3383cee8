# History 23: the same full image restored on Monday and again on Wednesday. Each life opens an epoch
# of the same ordinal and another random half: two epochs, no fork, nothing lost.

story Monday and Wednesday
  nodes C T1 V1
  put V1 incident r title=r
  run
  image V1 full
  put V1 incident later title=later
  run
  cut V1
  restore V1 full exact
  machine V1 61
  start V1
  epoch V1 2 "the store comes from another machine or directory"
  put V1 incident x title=x
  run
  heal V1
  run
  cut V1
  restore V1 full exact
  machine V1 62
  start V1
  put V1 incident y title=y
  epoch V1 2
  heal V1
  run
  branches T1 V1:1/1 1
  alarm T1 none
  equal x C T1 V1
  equal y C T1 V1
  equal later C T1 V1
  listed C incident 4
  listed V1 incident 4
