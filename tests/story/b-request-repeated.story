# A39: a put with a request id, repeated after an unclear answer, gives the same record; after a
# commit that failed, it gives the record that was never made.

story the answer was lost, the write was not
  nodes T1 V1
  fault V1 after-commit
  put V1 incident first title=once id=form-17
  start V1
  run
  put V1 incident again title=once id=form-17
  run
  listed V1 incident 1
  listed T1 incident 1
  held V1 V1:1/1 2
  # and a third time, with a link down
  cut V1
  put V1 incident third title=once id=form-17
  same again third
  heal V1
  run
  held T1 V1:1/1 2

story the commit failed
  nodes T1 V1
  fault V1 full
  put V1 incident first title=once id=form-17 refused=full
  listed V1 incident 0
  put V1 incident again title=once id=form-17
  put V1 incident third title=once id=form-17
  same again third
  put V1 incident other title=another id=form-18
  run
  listed V1 incident 2
  listed T1 incident 2
  held T1 V1:1/1 3
