-- What a node has not yet proved to have: each of its receipts asks for this, and must not read all of its passes for it.
CREATE INDEX pass_line_unproved ON pass_line (community, node, auth_ver) WHERE receipt_ms IS NULL;
