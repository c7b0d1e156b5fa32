-- What a census found, one row for each day of one; and a way into the decisions of doors that reads no event's body.
CREATE TABLE census (
  community TEXT NOT NULL,
  as_of TEXT NOT NULL,
  households BIGINT NOT NULL,
  letting BIGINT NOT NULL,
  registered BIGINT NOT NULL,
  told_ms BIGINT NOT NULL,
  told_by TEXT NOT NULL,
  PRIMARY KEY (community, as_of)
);

CREATE INDEX event_of_decision ON event (community, type, credential_kind, access_point, wall_ms)
  WHERE type IN ('access.granted', 'access.denied', 'override');
