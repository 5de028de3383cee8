# A township's term is raised while a village's entry is on its way to the county, which refuses it:
# its key is in no document by then. When the first document of the new term is there, the county asks
# for it, and the township may not have that document yet: what it is asked for then it remembers.

story refused and asked for again
  nodes C T1 V1
  put V1 incident early title=early
  run
  sign overrule T1
  put V1 incident late title=late
  tell C 1
  wait 10
  refused C unknown_key 1
  tell C 2
  run
  record C late title=late
  equal late V1 T1 C
