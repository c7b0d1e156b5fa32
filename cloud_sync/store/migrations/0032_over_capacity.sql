-- More people than a listing takes, approved by name, with a reason and an end.
CREATE TABLE capacity_exception (
  community TEXT NOT NULL,
  id TEXT NOT NULL,
  listing TEXT NOT NULL,
  extra BIGINT NOT NULL,
  reason TEXT NOT NULL,
  approved_by TEXT NOT NULL,
  approved_ms BIGINT NOT NULL,
  until_ms BIGINT NOT NULL,
  ended_by TEXT,
  PRIMARY KEY (community, id)
);
CREATE INDEX capacity_exception_by_listing ON capacity_exception (community, listing, until_ms);
