-- What changed of the passes, instead of a copy of every node's set; and what a node that is behind says it has.
ALTER TABLE pass_set DROP COLUMN rows;

CREATE TABLE pass_change (
  community TEXT NOT NULL,
  change TEXT NOT NULL,
  pass_id TEXT NOT NULL,
  PRIMARY KEY (community, change)
);

CREATE TABLE pass_wire (
  community TEXT NOT NULL,
  node TEXT NOT NULL,
  asked_ms BIGINT NOT NULL,
  auth_ver BIGINT NOT NULL,
  leaves TEXT NOT NULL,
  PRIMARY KEY (community, node)
);
CREATE INDEX pass_by_start ON pass (community, not_before_ms);
CREATE INDEX pass_by_end ON pass (community, not_after_ms);
