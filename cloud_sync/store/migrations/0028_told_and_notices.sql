-- What was decided about telling whoever is in a trace: told, put off until a day, or not told, on which ground, by whom.
CREATE TABLE trace_telling (
  community TEXT NOT NULL,
  trace TEXT NOT NULL,
  n BIGINT NOT NULL,
  rule TEXT NOT NULL,
  ground TEXT NOT NULL,
  until_ms BIGINT,
  decided_by TEXT NOT NULL,
  at_ms BIGINT NOT NULL,
  PRIMARY KEY (community, trace, n)
);

-- Notices to whoever stays in a place for a while, and on which stays' pages they have stood.
CREATE TABLE bulletin (
  community TEXT NOT NULL,
  bulletin TEXT NOT NULL,
  audience TEXT NOT NULL,
  ref TEXT NOT NULL,
  text_zh TEXT NOT NULL,
  text_en TEXT NOT NULL,
  ends_ms BIGINT NOT NULL,
  made_by TEXT NOT NULL,
  made_ms BIGINT NOT NULL,
  withdrawn_by TEXT,
  PRIMARY KEY (community, bulletin)
);
CREATE TABLE bulletin_receipt (
  community TEXT NOT NULL,
  bulletin TEXT NOT NULL,
  stay TEXT NOT NULL,
  shown_ms BIGINT NOT NULL,
  PRIMARY KEY (community, bulletin, stay)
);
