-- Reports to authorities: the queue, and who was told what of whom.
CREATE TABLE upstream_submission (
  community TEXT NOT NULL,
  id TEXT NOT NULL,
  connector TEXT NOT NULL,
  op TEXT NOT NULL,
  state TEXT NOT NULL,
  registration TEXT NOT NULL,
  stay TEXT NOT NULL,
  person TEXT NOT NULL,
  turn BIGINT NOT NULL,
  reference TEXT NOT NULL,
  round BIGINT NOT NULL,
  legal_basis TEXT NOT NULL,
  facts TEXT NOT NULL,
  body_mac TEXT NOT NULL,
  attempts BIGINT NOT NULL,
  sends BIGINT NOT NULL,
  uncertain BIGINT NOT NULL,
  ticket TEXT NOT NULL,
  receipt TEXT NOT NULL,
  problem TEXT NOT NULL,
  warned TEXT NOT NULL,
  claim TEXT NOT NULL,
  made_ms BIGINT NOT NULL,
  due_ms BIGINT NOT NULL,
  next_ms BIGINT,
  sent_ms BIGINT,
  ended_ms BIGINT,
  PRIMARY KEY (community, id),
  UNIQUE (community, reference),
  UNIQUE (community, registration, connector, turn)
);
CREATE INDEX upstream_submission_by_next ON upstream_submission (community, next_ms);
CREATE INDEX upstream_submission_by_stay ON upstream_submission (community, stay);
CREATE INDEX upstream_submission_by_state ON upstream_submission (community, state, due_ms);

CREATE TABLE upstream_log (
  community TEXT NOT NULL,
  n BIGINT NOT NULL,
  at_ms BIGINT NOT NULL,
  kind TEXT NOT NULL,
  submission TEXT NOT NULL,
  attempt BIGINT NOT NULL,
  person TEXT NOT NULL,
  registration TEXT NOT NULL,
  connector TEXT NOT NULL,
  recipient TEXT NOT NULL,
  op TEXT NOT NULL,
  fields TEXT NOT NULL,
  legal_basis TEXT NOT NULL,
  outcome TEXT NOT NULL,
  receipt TEXT NOT NULL,
  hash TEXT NOT NULL,
  PRIMARY KEY (community, n)
);
CREATE INDEX upstream_log_by_person ON upstream_log (community, person);
CREATE INDEX upstream_log_by_submission ON upstream_log (community, submission, attempt);
