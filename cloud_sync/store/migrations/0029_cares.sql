-- The five musts about a minor's stay, each ticked by a named person.
CREATE TABLE minor_must (
  community TEXT NOT NULL,
  stay TEXT NOT NULL,
  must TEXT NOT NULL,
  done_by TEXT NOT NULL,
  done_ms BIGINT NOT NULL,
  reason TEXT NOT NULL,
  PRIMARY KEY (community, stay, must)
);
-- What somebody complained of at a door's plate; whoever did is not known here, their link is kept as its hash.
CREATE TABLE complaint (
  community TEXT NOT NULL,
  complaint TEXT NOT NULL,
  listing TEXT NOT NULL,
  topic TEXT NOT NULL,
  said TEXT NOT NULL,
  token_hash TEXT NOT NULL,
  made_ms BIGINT NOT NULL,
  state TEXT NOT NULL,
  answer TEXT,
  answered_by TEXT,
  answered_ms BIGINT,
  proposal TEXT,
  PRIMARY KEY (community, complaint)
);
CREATE INDEX complaint_by_token ON complaint (community, token_hash);
CREATE INDEX complaint_by_listing ON complaint (community, listing, made_ms);
-- The hours a guardian chose for a child's pass, and whether the guardian wants to be told.
CREATE TABLE child_hours (
  community TEXT NOT NULL,
  stay TEXT NOT NULL,
  person TEXT NOT NULL,
  hours TEXT NOT NULL,
  tell BIGINT NOT NULL,
  made_ms BIGINT NOT NULL,
  told_ms BIGINT,
  PRIMARY KEY (community, stay, person)
);
-- Whose stay gate and operator see nothing of, because they may be in danger.
CREATE TABLE hidden_stay (
  community TEXT NOT NULL,
  stay TEXT NOT NULL,
  set_by TEXT NOT NULL,
  reason TEXT NOT NULL,
  set_ms BIGINT NOT NULL,
  lifted_by TEXT,
  lifted_ms BIGINT,
  PRIMARY KEY (community, stay)
);
