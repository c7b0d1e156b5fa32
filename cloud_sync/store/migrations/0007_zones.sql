-- Zones of doors, commands of two people to a zone, and each door's own result.
CREATE TABLE zone (
  community TEXT NOT NULL,
  zone TEXT NOT NULL,
  kind TEXT NOT NULL,
  name_zh TEXT NOT NULL,
  name_en TEXT NOT NULL,
  PRIMARY KEY (community, zone)
);

CREATE TABLE zone_door (
  community TEXT NOT NULL,
  zone TEXT NOT NULL,
  access_point TEXT NOT NULL,
  PRIMARY KEY (community, zone, access_point)
);

CREATE TABLE zone_command (
  community TEXT NOT NULL,
  id TEXT NOT NULL,
  zone TEXT NOT NULL,
  op TEXT NOT NULL,
  issuer TEXT NOT NULL,
  second TEXT NOT NULL,
  reason TEXT NOT NULL,
  kid TEXT NOT NULL,
  ctr BIGINT NOT NULL,
  proposed_ms BIGINT NOT NULL,
  iat_ms BIGINT NOT NULL,
  exp_ms BIGINT NOT NULL,
  state TEXT NOT NULL,
  bytes BLOB NOT NULL,
  PRIMARY KEY (community, id)
);

CREATE INDEX zone_command_by_state ON zone_command (community, state);

CREATE TABLE zone_result (
  community TEXT NOT NULL,
  id TEXT NOT NULL,
  access_point TEXT NOT NULL,
  node TEXT NOT NULL,
  state TEXT NOT NULL,
  why TEXT NOT NULL,
  mode TEXT NOT NULL,
  told_ms BIGINT,
  PRIMARY KEY (community, id, access_point)
);
