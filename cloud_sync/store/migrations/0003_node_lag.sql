-- What a node says of its own backlog and disk with every hello.
ALTER TABLE node_state ADD COLUMN outbox BIGINT;
ALTER TABLE node_state ADD COLUMN free_mb BIGINT;
