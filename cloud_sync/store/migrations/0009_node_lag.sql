-- What a node says of its own backlog, disk and wire version with every hello.
ALTER TABLE node_state ADD COLUMN outbox BIGINT;
ALTER TABLE node_state ADD COLUMN free_mb BIGINT;
ALTER TABLE node_state ADD COLUMN wire BIGINT;
