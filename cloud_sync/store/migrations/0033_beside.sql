-- What a touched stay may change beside itself: asked at every run, and cheap however much was found and closed before.
CREATE INDEX discrepancy_beside ON discrepancy (community, subject)
  WHERE kind IN ('D06', 'D07') AND state IN ('open', 'inconclusive');
