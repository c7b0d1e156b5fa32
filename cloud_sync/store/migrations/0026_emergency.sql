-- A declared emergency (domain.md story 45) lets further fields be asked until its end; who was asked is a row, what they
-- said stands in the vault.
CREATE TABLE emergency (
  community TEXT NOT NULL,
  emergency TEXT NOT NULL,
  purpose TEXT NOT NULL,
  basis TEXT NOT NULL,
  fields TEXT NOT NULL,
  proposed_by TEXT NOT NULL,
  proposed_ms BIGINT NOT NULL,
  approved_by TEXT,
  approved_ms BIGINT,
  ends_ms BIGINT NOT NULL,
  ended_by TEXT,
  ended_ms BIGINT,
  PRIMARY KEY (community, emergency)
);
CREATE TABLE emergency_answer (
  community TEXT NOT NULL,
  emergency TEXT NOT NULL,
  person TEXT NOT NULL,
  field TEXT NOT NULL,
  stay TEXT NOT NULL,
  taken_ms BIGINT NOT NULL,
  PRIMARY KEY (community, emergency, person, field)
);
