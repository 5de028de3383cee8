# A village has moved and loses its disk, or somebody with its key says so, again and again. Its
# former township gives back once what it wrote; after that nothing more is written for it, and the
# links bring each time what lies there.

story given back once
  nodes C T1 T2 V1
  types C
  run
  put V1 matter a title=letter to=T1
  put V1 matter b title=another to=T1
  run
  sign release V1 - T1 T2
  sign take V1 - T2
  tell C
  tell T1
  tell T2
  run
  cut V1
  heal V1
  run
  wait 2m
  wipe V1
  start V1
  run
  wait 2m
  record V1 a title=letter
  held T1 T1:1/1 3
  wipe V1
  start V1
  run
  wait 2m
  held T1 T1:1/1 3
  wipe V1
  start V1
  run
  wait 2m
  held T1 T1:1/1 3
