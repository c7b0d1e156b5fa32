-- By how much a node's clock is off, by the service's: as its last hello came in, and what two of them agree on.
ALTER TABLE node_state ADD COLUMN clock_heard_ms BIGINT;
ALTER TABLE node_state ADD COLUMN clock_off_ms BIGINT;
