# History 46: a commit fails in the middle of a batch. Nothing of the batch has happened: the writer
# is told, links are reset, nothing is sent; and when there is space again, everything comes once.

define one-batch
  nodes C T1 V1
  put V1 incident before title=before
  run
  hold T1
  put V1 incident a title=a
  put V1 incident b title=b
  wait 1
  put T1 incident own title=own
end
define nothing-happened
  answered full
  record T1 a absent
  record T1 b absent
  listed T1 incident 1
  listed C incident 1
  held T1 V1:1/1 2
  held T1 T1:1/1 0
  epoch T1 1
end
define once
  run
  record T1 a title=a operations=1
  record T1 b title=b operations=1
  equal a V1 T1 C
  equal b V1 T1 C
  held C V1:1/1 4
  put T1 incident again title=own
  run
  equal again T1 C
  held C T1:1/1 2
  listed C incident 4
  epoch T1 1
  parked C 0
  parked T1 0
  quarantined T1 0
  refused C forged 0
end

story the commit is full
  do one-batch
  fault T1 full
  release T1
  do nothing-happened
  do once

story a row of the batch doesn't fit
  do one-batch
  fault T1 put-full
  release T1
  do nothing-happened
  do once

story the high-water file can't be written
  do one-batch
  fault T1 high-water-full
  release T1
  do nothing-happened
  do once

story what people must look into is not forgotten with it
  nodes C T1 V1
  mischief V1 T1 UNKNOWN_KEY
  run
  refused T1 unknown_key 1
  crash V1
  machine V1 77
  start V1
  run
  crash V1
  machine V1 5
  start V1
  run
  crash V1
  machine V1 77
  start V1
  run
  alarm T1 "two machines live with the key of V1"
  fault T1 full
  put T1 incident own title=own refused=full
  run
  alarm T1 "two machines live with the key of V1"
  refused T1 unknown_key 1
