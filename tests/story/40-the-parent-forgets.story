# History 40: parent wiped, parent restored, marks forged. Heads are truth, marks are hints: on
# connect the child sends what the parent's heads lack, whatever the marks said before.

define fifty-held
  nodes C T1 V1
  put T1 incident own title=own
  image T1 old
  repeat 50
    put V1 incident - title=a
  end
  put T1 incident later title=later
  put T1 incident - title=later
  repeat 1
    run
  end
  held T1 V1:1/1 51
  held C V1:1/1 51
  cut all
end
define everything-again
  repeat 1
    heal all
    run
  end
  held T1 V1:1/1 51
  held C V1:1/1 51
  held T1 T1:1/1 4
  listed T1 incident 53
  listed C incident 53
  record T1 later title=later
  equal later T1 C
  put T1 incident new title=new
  run
  equal new T1 C
  held C T1:2/1 2
  parked T1 0
  quarantined T1 0
  refused C forged 0
end

story (a) the township's store is made anew
  do fifty-held
  wipe T1
  start T1
  epoch T1 2 "the store is empty, the high-water file is not"
  held T1 V1:1/1 0
  do everything-again

story (b) the township is put back by a month
  do fifty-held
  restore T1 old
  start T1
  epoch T1 2 "the store is not the newest: it was restored, or has lost commits"
  do everything-again

story (c) the township says that it holds what it was never sent
  nodes C T1 V1
  put V1 incident r title=a
  run
  mark T1 V1 0 600
  run
  refused V1 forged 1
  put V1 incident s title=b
  run
  held T1 V1:1/1 3
  held C V1:1/1 3
  equal s V1 T1 C
