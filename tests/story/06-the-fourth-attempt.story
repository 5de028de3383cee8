# History 6: a limit of three attempts, and a fourth because nobody knew of the other's third. None is
# refused; the fourth place in canonical order is surplus.

story the later place is surplus
  nodes C T1 V1
  types C
  run
  put V1 case r title=wall
  run
  step V1 r attempt notes=first @1
  step V1 r attempt notes=second @2
  run
  cut V1
  step V1 r attempt notes=village @3
  step T1 r attempt notes=township @9
  run
  record V1 r no-surplus
  record T1 r no-surplus
  heal V1
  run
  record V1 r notes+township notes+village surplus=notes,4 excluded=0 operations=5 no-void
  record T1 r surplus=notes,4
  equal r C T1 V1
