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
