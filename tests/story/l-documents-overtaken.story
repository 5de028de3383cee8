# A document that was overtaken on its way accuses nobody: whoever hands over the older one, on a
# stick or by a slower link, is honest.

story the older of two documents, by hand
  nodes C T1 V1
  run
  sign replace V2
  sign replace V2
  tell T1
  run
  tell V1 1
  run
  refused V1 damaged 0
  refused V1 malformed 0
  refused T1 damaged 0
