-- Shifts at the gate: who was on, the report as it was signed, and who took over.
CREATE TABLE shift (
  community TEXT NOT NULL,
  shift TEXT NOT NULL,
  "user" TEXT NOT NULL,
  state TEXT NOT NULL,
  from_ms BIGINT NOT NULL,
  note TEXT,
  offered_to TEXT,
  signed_ms BIGINT,
  over_ms BIGINT,
  sheet TEXT,
  handed TEXT,
  PRIMARY KEY (community, shift)
);
CREATE INDEX shift_by_state ON shift (community, state, from_ms);

CREATE TABLE shift_note (
  community TEXT NOT NULL,
  note TEXT NOT NULL,
  at_ms BIGINT NOT NULL,
  actor TEXT NOT NULL,
  said TEXT NOT NULL,
  PRIMARY KEY (community, note)
);
CREATE INDEX shift_note_by_time ON shift_note (community, at_ms);
