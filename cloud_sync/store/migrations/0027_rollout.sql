-- A release goes out to the nodes: what, by whom, how far, and per node what became of it.
CREATE TABLE rollout (
  community TEXT NOT NULL,
  rollout TEXT NOT NULL,
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  n BIGINT NOT NULL,
  sha256 TEXT NOT NULL,
  begun_by TEXT NOT NULL,
  begun_ms BIGINT NOT NULL,
  reason TEXT NOT NULL,
  gone_on_by TEXT,
  ended_ms BIGINT,
  state TEXT NOT NULL,
  PRIMARY KEY (community, rollout)
);
CREATE TABLE rollout_node (
  community TEXT NOT NULL,
  rollout TEXT NOT NULL,
  node TEXT NOT NULL,
  phase TEXT NOT NULL,
  ordered_ms BIGINT,
  told_ms BIGINT,
  said TEXT NOT NULL,
  PRIMARY KEY (community, rollout, node)
);
