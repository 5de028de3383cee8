# An exact clone opens a stream under the number of another life's, for other holders. Both are kept
# where both may lie; each goes to its own holders and to nobody else.

story what is for the village alone stays there
  nodes C T1 V1
  put V1 incident r title=r
  run
  image V1 disk
  cut V1
  put V1 mediation own title=secret
  crash V1
  image V1 first
  restore V1 disk exact
  start V1
  put V1 survey q title=q
  heal V1
  run
  restore V1 first exact
  start V1
  run
  branches V1 V1:1/2 2
  branches T1 V1:1/2 1
  refused T1 not_allowed 0
  refused C not_allowed 0
  record T1 own absent
  record V1 own title=secret
  record V1 q title=q
  equal q C T1 V1

# The first life's stream ends at T1, the second's goes on to C: who asks for the number gets what is
# for it, and no more.
story what is for the township alone stays there, and what is for the county gets there
  nodes C T1 V1
  put V1 incident r title=r
  run
  cut T1
  image V1 disk
  put V1 matter m to=T1 title=near
  run
  crash V1
  image V1 first
  restore V1 disk exact
  cut V1
  start V1
  put V1 survey q title=q
  heal V1
  run
  branches T1 V1:1/2 2
  heal T1
  run
  refused T1 not_allowed 0
  refused C not_allowed 0
  record C m absent
  record C q title=q
  equal q C T1 V1
  branches C V1:1/2 1
