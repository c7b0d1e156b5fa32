-- What people and other programs tell reconciliation, what its findings ask for, spot checks, and its ways in.
CREATE TABLE evidence (
  community TEXT NOT NULL,
  subject TEXT NOT NULL,
  type TEXT NOT NULL,
  key TEXT NOT NULL,
  since_ms BIGINT NOT NULL,
  ended_ms BIGINT,
  body TEXT NOT NULL,
  writer TEXT NOT NULL,
  told_ms BIGINT NOT NULL,
  PRIMARY KEY (community, subject, type, key)
);

CREATE TABLE follow_up (
  community TEXT NOT NULL,
  discrepancy TEXT NOT NULL,
  step TEXT NOT NULL,
  kind TEXT NOT NULL,
  subject TEXT NOT NULL,
  listing TEXT,
  operator TEXT,
  made_ms BIGINT NOT NULL,
  taken_ms BIGINT,
  withdrawn_ms BIGINT,
  PRIMARY KEY (community, discrepancy, step)
);
CREATE INDEX follow_up_by_step ON follow_up (community, step, made_ms);

CREATE TABLE spot_draw (
  community TEXT NOT NULL,
  draw TEXT NOT NULL,
  made_ms BIGINT NOT NULL,
  made_by TEXT NOT NULL,
  commitment TEXT NOT NULL,
  drawn_ms BIGINT,
  seed TEXT,
  population BIGINT,
  population_hash TEXT,
  PRIMARY KEY (community, draw)
);

CREATE TABLE spot_check (
  community TEXT NOT NULL,
  draw TEXT NOT NULL,
  stay TEXT NOT NULL,
  place BIGINT NOT NULL,
  registered BIGINT NOT NULL,
  found BIGINT,
  checked_ms BIGINT,
  checked_by TEXT,
  PRIMARY KEY (community, draw, stay)
);

CREATE INDEX stay_by_listing ON stay (community, listing, planned_out_ms);
CREATE INDEX stay_by_end ON stay (community, planned_out_ms);
CREATE INDEX pass_by_stay ON pass (community, stay);
CREATE INDEX registration_by_stay ON registration (community, stay);
CREATE INDEX stay_member_by_person ON stay_member (community, person);
CREATE INDEX person_by_document ON person (community, doc_hash);
CREATE INDEX listing_by_unit ON listing (community, unit);
CREATE INDEX discrepancy_by_subject ON discrepancy (community, subject);
CREATE INDEX discrepancy_by_state ON discrepancy (community, state);
CREATE INDEX audit_by_action ON audit (community, action, at_ms);
CREATE INDEX audit_by_object ON audit (community, object);
CREATE INDEX event_of_a_door ON event (community, node, wall_ms)
  WHERE type IN ('door.forced', 'door.held', 'access.not_taken');
CREATE INDEX event_of_company ON event (community, wall_ms) WHERE type = 'access.tailgate';
