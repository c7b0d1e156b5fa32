-- What one sink learned of a node and another has to know: a refusal, a hello that waits to be drained, a node sent back.
CREATE TABLE sink_node (
  community TEXT NOT NULL,
  node TEXT NOT NULL,
  refused TEXT,
  waiting_epoch TEXT,
  waiting_head BIGINT,
  waiting_ms BIGINT,
  bumped_gen TEXT,
  PRIMARY KEY (community, node)
);
