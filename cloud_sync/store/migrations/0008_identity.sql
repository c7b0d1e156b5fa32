-- Certificates of nodes, claims that were honoured, renewals asked for, and nodes that were lost.
CREATE TABLE certificate (
  community TEXT NOT NULL,
  serial TEXT NOT NULL,
  node TEXT NOT NULL,
  pem TEXT NOT NULL,
  not_before_ms BIGINT NOT NULL,
  not_after_ms BIGINT NOT NULL,
  how TEXT NOT NULL,
  issued_ms BIGINT NOT NULL,
  revoked_ms BIGINT,
  why TEXT,
  PRIMARY KEY (community, serial)
);

CREATE TABLE join_claim (
  community TEXT NOT NULL,
  id TEXT NOT NULL,
  node TEXT NOT NULL,
  used_ms BIGINT NOT NULL,
  PRIMARY KEY (community, id)
);

CREATE TABLE renewal (
  community TEXT NOT NULL,
  node TEXT NOT NULL,
  wish BLOB NOT NULL,
  asked_ms BIGINT NOT NULL,
  PRIMARY KEY (community, node)
);

CREATE TABLE node_loss (
  community TEXT NOT NULL,
  node TEXT NOT NULL,
  epoch TEXT NOT NULL,
  lost_ms BIGINT NOT NULL,
  by_whom TEXT NOT NULL,
  reason TEXT NOT NULL,
  replaced_ms BIGINT,
  decided TEXT,
  PRIMARY KEY (community, node, epoch)
);
