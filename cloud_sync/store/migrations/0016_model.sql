-- Units and dossiers, operators, what a code rests on, points, sanctions and findings; how each is used: tables_model.py.

CREATE TABLE unit (
  community TEXT NOT NULL,
  unit TEXT NOT NULL,
  building TEXT NOT NULL,
  stair TEXT NOT NULL,
  floor TEXT NOT NULL,
  door_no TEXT NOT NULL,
  grid TEXT NOT NULL,
  use TEXT NOT NULL,
  ownership TEXT NOT NULL,
  made_ms BIGINT NOT NULL,
  verified_ms BIGINT,
  verified_by TEXT,
  PRIMARY KEY (community, unit)
);

CREATE TABLE unit_residents (
  community TEXT NOT NULL,
  unit TEXT NOT NULL,
  cls TEXT NOT NULL,
  n BIGINT NOT NULL,
  as_of_ms BIGINT NOT NULL,
  PRIMARY KEY (community, unit, cls)
);

CREATE TABLE operator (
  community TEXT NOT NULL,
  operator TEXT NOT NULL,
  kind TEXT NOT NULL,
  "user" TEXT,
  status TEXT NOT NULL,
  made_ms BIGINT NOT NULL,
  PRIMARY KEY (community, operator)
);

CREATE TABLE operator_staff (
  community TEXT NOT NULL,
  operator TEXT NOT NULL,
  ref TEXT NOT NULL,
  role TEXT NOT NULL,
  from_ms BIGINT NOT NULL,
  until_ms BIGINT,
  training_ms BIGINT,
  health_until_ms BIGINT,
  PRIMARY KEY (community, operator, ref)
);

CREATE TABLE duty (
  community TEXT NOT NULL,
  duty TEXT NOT NULL,
  "user" TEXT NOT NULL,
  role TEXT NOT NULL,
  scope TEXT NOT NULL,
  from_ms BIGINT NOT NULL,
  until_ms BIGINT,
  given_by TEXT NOT NULL,
  PRIMARY KEY (community, duty)
);
CREATE INDEX duty_by_user ON duty (community, "user");

CREATE TABLE interest (
  community TEXT NOT NULL,
  "user" TEXT NOT NULL,
  operator TEXT NOT NULL,
  kind TEXT NOT NULL,
  flagged_by TEXT NOT NULL,
  at_ms BIGINT NOT NULL,
  until_ms BIGINT,
  PRIMARY KEY (community, "user", operator)
);

CREATE TABLE letter_ack (
  community TEXT NOT NULL,
  operator TEXT NOT NULL,
  kind TEXT NOT NULL,
  version BIGINT NOT NULL,
  actor TEXT NOT NULL,
  language TEXT NOT NULL,
  text_hash TEXT NOT NULL,
  at_ms BIGINT NOT NULL,
  PRIMARY KEY (community, operator, kind, version)
);

CREATE TABLE listing_file (
  community TEXT NOT NULL,
  listing TEXT NOT NULL,
  filed_by TEXT NOT NULL,
  ownership TEXT NOT NULL,
  area_m2 BIGINT NOT NULL,
  platform_refs TEXT NOT NULL,
  made_ms BIGINT NOT NULL,
  filed_ms BIGINT,
  reviewer TEXT,
  decide_by_ms BIGINT,
  coded_ms BIGINT,
  next_review_ms BIGINT,
  lapsed_ms BIGINT,
  suspended_ms BIGINT,
  reason TEXT,
  PRIMARY KEY (community, listing)
);

CREATE TABLE room_file (
  community TEXT NOT NULL,
  room TEXT NOT NULL,
  listing TEXT NOT NULL,
  beds BIGINT NOT NULL,
  max_guests BIGINT NOT NULL,
  PRIMARY KEY (community, room)
);

CREATE TABLE listing_document (
  community TEXT NOT NULL,
  listing TEXT NOT NULL,
  kind TEXT NOT NULL,
  state TEXT NOT NULL,
  actor TEXT NOT NULL,
  at_ms BIGINT NOT NULL,
  until_ms BIGINT,
  PRIMARY KEY (community, listing, kind)
);

CREATE TABLE inspection (
  community TEXT NOT NULL,
  inspection TEXT NOT NULL,
  listing TEXT NOT NULL,
  version BIGINT NOT NULL,
  actor TEXT NOT NULL,
  at_ms BIGINT NOT NULL,
  PRIMARY KEY (community, inspection)
);
CREATE INDEX inspection_by_listing ON inspection (community, listing);

CREATE TABLE inspection_item (
  community TEXT NOT NULL,
  inspection TEXT NOT NULL,
  item TEXT NOT NULL,
  answer TEXT NOT NULL,
  note TEXT,
  PRIMARY KEY (community, inspection, item)
);

CREATE TABLE points_entry (
  community TEXT NOT NULL,
  id TEXT NOT NULL,
  listing TEXT NOT NULL,
  rule TEXT NOT NULL,
  rule_version BIGINT NOT NULL,
  delta BIGINT NOT NULL,
  evidence TEXT NOT NULL,
  proposed_by TEXT NOT NULL,
  proposed_ms BIGINT NOT NULL,
  state TEXT NOT NULL,
  decided_by TEXT,
  effective_ms BIGINT,
  expires_ms BIGINT,
  appealed_by TEXT,
  appeal TEXT,
  appeal_ms BIGINT,
  reason TEXT,
  next_ms BIGINT,
  PRIMARY KEY (community, id)
);
CREATE INDEX points_by_listing ON points_entry (community, listing);
CREATE INDEX points_by_next ON points_entry (community, next_ms);

CREATE TABLE sanction (
  community TEXT NOT NULL,
  id TEXT NOT NULL,
  listing TEXT NOT NULL,
  tier BIGINT NOT NULL,
  rule TEXT NOT NULL,
  rule_version BIGINT NOT NULL,
  cents BIGINT NOT NULL,
  proposed_by TEXT NOT NULL,
  proposed_ms BIGINT NOT NULL,
  reason TEXT NOT NULL,
  state TEXT NOT NULL,
  first_by TEXT,
  second_by TEXT,
  in_force_ms BIGINT,
  appealed_by TEXT,
  appeal TEXT,
  appeal_ms BIGINT,
  decided_by TEXT,
  PRIMARY KEY (community, id)
);
CREATE INDEX sanction_by_listing ON sanction (community, listing);
CREATE INDEX sanction_by_state ON sanction (community, state);

CREATE TABLE deposit_entry (
  community TEXT NOT NULL,
  id TEXT NOT NULL,
  operator TEXT NOT NULL,
  kind TEXT NOT NULL,
  cents BIGINT NOT NULL,
  rule TEXT,
  sanction TEXT,
  actor TEXT NOT NULL,
  second TEXT,
  at_ms BIGINT NOT NULL,
  PRIMARY KEY (community, id)
);
CREATE INDEX deposit_by_operator ON deposit_entry (community, operator);

CREATE TABLE finding (
  community TEXT NOT NULL,
  id TEXT NOT NULL,
  unit TEXT NOT NULL,
  kind TEXT NOT NULL,
  note TEXT NOT NULL,
  found_by TEXT NOT NULL,
  found_ms BIGINT NOT NULL,
  state TEXT NOT NULL,
  decided_by TEXT,
  decided_ms BIGINT,
  reason TEXT,
  case_id TEXT,
  PRIMARY KEY (community, id)
);
CREATE INDEX finding_by_state ON finding (community, state);


CREATE TABLE conduct_rule (
  community TEXT NOT NULL,
  rule TEXT NOT NULL,
  version BIGINT NOT NULL,
  category TEXT NOT NULL,
  zh TEXT NOT NULL,
  en TEXT NOT NULL,
  evidence TEXT NOT NULL,
  points BIGINT NOT NULL,
  tier BIGINT NOT NULL,
  actor TEXT NOT NULL,
  at_ms BIGINT NOT NULL,
  PRIMARY KEY (community, rule, version)
);

CREATE TABLE band_table (
  community TEXT NOT NULL,
  version BIGINT NOT NULL,
  start_points BIGINT NOT NULL,
  floors TEXT NOT NULL,
  actor TEXT NOT NULL,
  at_ms BIGINT NOT NULL,
  PRIMARY KEY (community, version)
);
