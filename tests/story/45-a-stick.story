# History 45, handed in over the link: blocks of a stick come twice, late, out of order and in part.
# What doesn't chain waits, what is held already does nothing.

define forty
  tuning block_entries 5
  nodes C T1 V1
  put V1 incident first title=first
  run
  cut V1
  # 40 records, the opening and the first one stand at 0 and 1
  hold V1
  repeat 40
    put V1 incident - title=road
  end
  release V1
  image V1 stick
  held V1 V1:1/1 42
  held T1 V1:1/1 2
end

story B before A, A twice, B in part; the link brings the middle
  do forty
  withhold V1 T1 V1:1/1
  heal V1
  run
  count T1
  # half of B first: 22.. has nothing to stand on
  stick stick V1:1/1 V1 T1 22
  stick stick V1:1/1 V1 T1 27
  run
  held T1 V1:1/1 2
  grown T1 0
  # A
  stick stick V1:1/1 V1 T1 2
  run
  held T1 V1:1/1 7
  stick stick V1:1/1 V1 T1 7
  run
  stick stick V1:1/1 V1 T1 12
  run
  stick stick V1:1/1 V1 T1 17
  run
  held T1 V1:1/1 22
  grown T1 20
  # A again, and again
  stick stick V1:1/1 V1 T1 2
  stick stick V1:1/1 V1 T1 17
  stick stick V1:1/1 V1 T1 2
  run
  held T1 V1:1/1 22
  grown T1 20
  # the link brings 22..
  pass
  cut V1
  heal V1
  run
  held T1 V1:1/1 42
  grown T1 40
  # B late: nothing new
  stick stick V1:1/1 V1 T1 22
  stick stick V1:1/1 V1 T1 37
  run
  held T1 V1:1/1 42
  held C V1:1/1 42
  grown T1 40
  listed T1 incident 41
  parked T1 0
  quarantined T1 0
