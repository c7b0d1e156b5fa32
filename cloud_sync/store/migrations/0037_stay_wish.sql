-- Until when the guests of a stay asked to stay, and what became of it; how it is used: departures.py.
CREATE TABLE stay_wish (
  community TEXT NOT NULL,
  stay TEXT NOT NULL,
  departure_ms BIGINT NOT NULL,
  state TEXT NOT NULL,
  asked_ms BIGINT NOT NULL,
  answered_ms BIGINT,
  answered_by TEXT,
  PRIMARY KEY (community, stay)
);
