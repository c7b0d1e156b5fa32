-- What nodes vouch for with their device keys, and which versions of the wire they speak.
CREATE TABLE anchor (
  community TEXT NOT NULL,
  node TEXT NOT NULL,
  epoch TEXT NOT NULL,
  seq BIGINT NOT NULL,
  h TEXT NOT NULL,
  at_ms BIGINT NOT NULL,
  sig TEXT NOT NULL,
  device_key TEXT NOT NULL,
  stored_ms BIGINT NOT NULL,
  PRIMARY KEY (community, node, epoch, seq)
);

CREATE TABLE tombstone_word (
  community TEXT NOT NULL,
  node TEXT NOT NULL,
  epoch TEXT NOT NULL,
  lo BIGINT NOT NULL,
  hi BIGINT NOT NULL,
  kept BIGINT NOT NULL,
  reason TEXT NOT NULL,
  h TEXT NOT NULL,
  sig TEXT NOT NULL,
  device_key TEXT NOT NULL,
  stored_ms BIGINT NOT NULL,
  PRIMARY KEY (community, node, epoch, lo, hi)
);

CREATE TABLE node_wire (
  community TEXT NOT NULL,
  node TEXT NOT NULL,
  wv BIGINT NOT NULL,
  wv_min BIGINT NOT NULL,
  refused BIGINT NOT NULL,
  told_ms BIGINT NOT NULL,
  PRIMARY KEY (community, node)
);
