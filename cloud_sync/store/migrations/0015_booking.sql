-- What every source said of a booking, how calendars are read, keys of programs, daily returns, and whose clock a registration runs on.
CREATE TABLE booking_revision (
  community TEXT NOT NULL,
  booking TEXT NOT NULL,
  revision BIGINT NOT NULL,
  digest TEXT NOT NULL,
  effect TEXT NOT NULL,
  listing TEXT NOT NULL,
  room TEXT NOT NULL,
  arrival_ms BIGINT NOT NULL,
  departure_ms BIGINT NOT NULL,
  headcount BIGINT NOT NULL,
  cancelled BIGINT NOT NULL,
  actor TEXT NOT NULL,
  first_ms BIGINT NOT NULL,
  last_ms BIGINT NOT NULL,
  times BIGINT NOT NULL,
  PRIMARY KEY (community, booking, revision, digest)
);

CREATE TABLE booking_feed (
  community TEXT NOT NULL,
  feed TEXT NOT NULL,
  etag TEXT NOT NULL,
  modified TEXT NOT NULL,
  digest TEXT NOT NULL,
  tried_ms BIGINT NOT NULL,
  good_ms BIGINT,
  misses BIGINT NOT NULL,
  fault TEXT NOT NULL,
  PRIMARY KEY (community, feed)
);

CREATE TABLE feed_entry (
  community TEXT NOT NULL,
  feed TEXT NOT NULL,
  external_ref TEXT NOT NULL,
  sequence BIGINT NOT NULL,
  arrival_ms BIGINT NOT NULL,
  departure_ms BIGINT NOT NULL,
  absent BIGINT NOT NULL,
  state TEXT NOT NULL,
  PRIMARY KEY (community, feed, external_ref)
);

CREATE TABLE intake_key (
  community TEXT NOT NULL,
  key_hash TEXT NOT NULL,
  name TEXT NOT NULL,
  kind TEXT NOT NULL,
  subject TEXT NOT NULL,
  made_ms BIGINT NOT NULL,
  made_by TEXT NOT NULL,
  ended_ms BIGINT,
  PRIMARY KEY (community, key_hash),
  UNIQUE (community, name)
);

CREATE TABLE daily_return (
  community TEXT NOT NULL,
  operator TEXT NOT NULL,
  day TEXT NOT NULL,
  guests BIGINT NOT NULL,
  filed_ms BIGINT NOT NULL,
  filed_by TEXT NOT NULL,
  version BIGINT NOT NULL,
  PRIMARY KEY (community, operator, day)
);

CREATE TABLE registration_clock (
  community TEXT NOT NULL,
  registration TEXT NOT NULL,
  guest_kind TEXT NOT NULL,
  jurisdiction TEXT NOT NULL,
  runs_from TEXT NOT NULL,
  started_ms BIGINT,
  due_ms BIGINT,
  PRIMARY KEY (community, registration)
);
CREATE INDEX registration_clock_by_due ON registration_clock (community, due_ms);
