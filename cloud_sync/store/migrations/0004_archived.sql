-- Ranges of a ledger that left the table of events for a file, with the chain hash the rest goes on from.
CREATE TABLE archived (
  community TEXT NOT NULL,
  node TEXT NOT NULL,
  epoch TEXT NOT NULL,
  lo BIGINT NOT NULL,
  hi BIGINT NOT NULL,
  h TEXT NOT NULL,
  kinds TEXT NOT NULL,
  newest_ms BIGINT NOT NULL,
  file TEXT NOT NULL,
  PRIMARY KEY (community, node, epoch, lo)
);
