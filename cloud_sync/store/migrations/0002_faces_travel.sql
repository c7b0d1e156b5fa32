-- Nodes that may exchange sealed templates, the roster that says so, and the envelopes on their way.
ALTER TABLE node ADD COLUMN sealing_key TEXT;
ALTER TABLE node ADD COLUMN sealing_proof TEXT;
ALTER TABLE erasure ADD COLUMN pass_version BIGINT;

CREATE TABLE face_node (
  community TEXT NOT NULL,
  node TEXT NOT NULL,
  approved_by TEXT NOT NULL,
  reason TEXT NOT NULL,
  approved_ms BIGINT NOT NULL,
  PRIMARY KEY (community, node)
);

CREATE TABLE face_roster (
  community TEXT NOT NULL,
  ver BIGINT NOT NULL,
  body BLOB NOT NULL,
  PRIMARY KEY (community)
);

CREATE TABLE envelope (
  community TEXT NOT NULL,
  from_node TEXT NOT NULL,
  to_node TEXT NOT NULL,
  pass_id TEXT NOT NULL,
  id TEXT NOT NULL,
  pass_version BIGINT NOT NULL,
  not_after_ms BIGINT NOT NULL,
  state TEXT NOT NULL,
  why TEXT NOT NULL,
  told TEXT NOT NULL,
  stored_ms BIGINT NOT NULL,
  sealed BLOB NOT NULL,
  PRIMARY KEY (community, from_node, to_node, pass_id)
);
CREATE INDEX envelope_by_state ON envelope (community, state);
