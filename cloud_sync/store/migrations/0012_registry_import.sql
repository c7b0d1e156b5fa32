-- The registry's dwellings and who lives there, the spreadsheets laid beside it, and what people decided about their rows.
CREATE TABLE roll_unit (
  community TEXT NOT NULL,
  unit TEXT NOT NULL,
  lookup TEXT NOT NULL,
  phase TEXT NOT NULL,
  stair TEXT NOT NULL,
  place TEXT NOT NULL,
  made_ms BIGINT NOT NULL,
  PRIMARY KEY (community, unit)
);
CREATE INDEX roll_unit_by_lookup ON roll_unit (community, lookup);

CREATE TABLE roll_person (
  community TEXT NOT NULL,
  person TEXT NOT NULL,
  unit TEXT NOT NULL,
  forms TEXT NOT NULL,
  document TEXT NOT NULL,
  made_ms BIGINT NOT NULL,
  until_ms BIGINT,
  PRIMARY KEY (community, person)
);
CREATE INDEX roll_person_by_unit ON roll_person (community, unit);
CREATE INDEX roll_person_by_document ON roll_person (community, document);

CREATE TABLE import_run (
  community TEXT NOT NULL,
  run TEXT NOT NULL,
  kind TEXT NOT NULL,
  file TEXT NOT NULL,
  rows BIGINT NOT NULL,
  exact BIGINT NOT NULL,
  fuzzy BIGINT NOT NULL,
  conflict BIGINT NOT NULL,
  unmatched BIGINT NOT NULL,
  rejected BIGINT NOT NULL,
  actor TEXT NOT NULL,
  at_ms BIGINT NOT NULL,
  PRIMARY KEY (community, run)
);

CREATE TABLE import_row (
  community TEXT NOT NULL,
  run TEXT NOT NULL,
  sheet TEXT NOT NULL,
  line BIGINT NOT NULL,
  bucket TEXT NOT NULL,
  reason TEXT NOT NULL,
  detail TEXT NOT NULL,
  unit TEXT NOT NULL,
  person TEXT NOT NULL,
  matter TEXT NOT NULL,
  adopted BIGINT NOT NULL,
  PRIMARY KEY (community, run, sheet, line)
);
CREATE INDEX import_row_by_bucket ON import_row (community, bucket, matter);
CREATE INDEX import_row_by_matter ON import_row (community, matter);

CREATE TABLE import_decision (
  community TEXT NOT NULL,
  matter TEXT NOT NULL,
  decision TEXT NOT NULL,
  actor TEXT NOT NULL,
  reason TEXT NOT NULL,
  at_ms BIGINT NOT NULL,
  PRIMARY KEY (community, matter)
);
