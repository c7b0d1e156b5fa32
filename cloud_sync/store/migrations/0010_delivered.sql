-- In which version of a node's set a guest's pass went out, and when the node said that it has it.
CREATE TABLE pass_line (
  community TEXT NOT NULL,
  node TEXT NOT NULL,
  pass_id TEXT NOT NULL,
  pass_version BIGINT NOT NULL,
  auth_ver BIGINT NOT NULL,
  root TEXT NOT NULL,
  told_ms BIGINT NOT NULL,
  receipt_ms BIGINT,
  PRIMARY KEY (community, node, pass_id)
);
CREATE INDEX pass_line_by_pass ON pass_line (community, pass_id);
CREATE INDEX pass_line_by_version ON pass_line (community, node, auth_ver);

-- Twice a day it is looked whether the nodes are ready for their guests.
CREATE TABLE delivery_check (
  community TEXT NOT NULL,
  at_ms BIGINT NOT NULL,
  until_ms BIGINT NOT NULL,
  ran_ms BIGINT NOT NULL,
  PRIMARY KEY (community, at_ms)
);
CREATE TABLE delivery_unready (
  community TEXT NOT NULL,
  at_ms BIGINT NOT NULL,
  node TEXT NOT NULL,
  missing BIGINT NOT NULL,
  why TEXT NOT NULL,
  found_ms BIGINT NOT NULL,
  cleared_ms BIGINT,
  PRIMARY KEY (community, at_ms, node)
);
