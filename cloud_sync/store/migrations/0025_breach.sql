-- A lost node held faces: how many people's, and the list of what has to be done, each step ticked by a named person.
CREATE TABLE breach (
  community TEXT NOT NULL,
  breach TEXT NOT NULL,
  node TEXT NOT NULL,
  told_ms BIGINT NOT NULL,
  told_by TEXT NOT NULL,
  enrolled BIGINT NOT NULL,
  at_most BIGINT NOT NULL,
  closed_ms BIGINT,
  PRIMARY KEY (community, breach)
);
CREATE TABLE breach_step (
  community TEXT NOT NULL,
  breach TEXT NOT NULL,
  step TEXT NOT NULL,
  done_by TEXT NOT NULL,
  done_ms BIGINT NOT NULL,
  note TEXT NOT NULL,
  PRIMARY KEY (community, breach, step)
);
