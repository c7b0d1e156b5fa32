-- The first shape: what the gates told, the community's records, passes down, and what people do about it.

CREATE TABLE event (
  community TEXT NOT NULL,
  node TEXT NOT NULL,
  epoch TEXT NOT NULL,
  seq BIGINT NOT NULL,
  type TEXT NOT NULL,
  access_point TEXT,
  direction TEXT,
  decision TEXT,
  reason TEXT,
  credential_kind TEXT,
  pass_id TEXT,
  subject_ref TEXT,
  class TEXT,
  grant_id TEXT,
  wall_ms BIGINT NOT NULL,
  clock_state TEXT NOT NULL,
  live BIGINT NOT NULL,
  stored_ms BIGINT NOT NULL,
  h TEXT NOT NULL,
  body BLOB NOT NULL,
  PRIMARY KEY (community, node, epoch, seq)
);

CREATE INDEX event_by_pass ON event (community, pass_id);

CREATE INDEX event_by_stored ON event (community, stored_ms);

CREATE INDEX event_by_time ON event (community, wall_ms);

CREATE TABLE mark (
  community TEXT NOT NULL,
  node TEXT NOT NULL,
  epoch TEXT NOT NULL,
  upto BIGINT NOT NULL,
  h TEXT NOT NULL,
  bump BIGINT NOT NULL,
  PRIMARY KEY (community, node, epoch)
);

CREATE TABLE gap (
  community TEXT NOT NULL,
  node TEXT NOT NULL,
  epoch TEXT NOT NULL,
  lo BIGINT NOT NULL,
  hi BIGINT NOT NULL,
  first_seen_ms BIGINT NOT NULL,
  PRIMARY KEY (community, node, epoch, lo)
);

CREATE TABLE tombstone (
  community TEXT NOT NULL,
  node TEXT NOT NULL,
  epoch TEXT NOT NULL,
  lo BIGINT NOT NULL,
  hi BIGINT NOT NULL,
  reason TEXT NOT NULL,
  h TEXT NOT NULL,
  declared_ms BIGINT NOT NULL,
  PRIMARY KEY (community, node, epoch, lo)
);

CREATE TABLE "conflict" (
  community TEXT NOT NULL,
  node TEXT NOT NULL,
  epoch TEXT NOT NULL,
  seq BIGINT NOT NULL,
  stored_h TEXT NOT NULL,
  claimed_h TEXT NOT NULL,
  seen_ms BIGINT NOT NULL,
  PRIMARY KEY (community, node, epoch, seq)
);

CREATE TABLE deadletter (
  community TEXT NOT NULL,
  id INTEGER NOT NULL,
  node TEXT NOT NULL,
  epoch TEXT,
  seq BIGINT,
  raw BLOB NOT NULL,
  error TEXT NOT NULL,
  seen_ms BIGINT NOT NULL,
  PRIMARY KEY (community, id)
);

CREATE TABLE sink_meta (
  community TEXT NOT NULL,
  sink_gen TEXT NOT NULL,
  PRIMARY KEY (community)
);

CREATE TABLE counter (
  community TEXT NOT NULL,
  node TEXT NOT NULL,
  type TEXT NOT NULL,
  n BIGINT NOT NULL,
  PRIMARY KEY (community, node, type)
);

CREATE TABLE presence (
  community TEXT NOT NULL,
  pass_id TEXT NOT NULL,
  state TEXT NOT NULL,
  access_point TEXT NOT NULL,
  as_of_ms BIGINT NOT NULL,
  first_entry_ms BIGINT,
  PRIMARY KEY (community, pass_id)
);

CREATE TABLE touched (
  community TEXT NOT NULL,
  subject TEXT NOT NULL,
  since_ms BIGINT NOT NULL,
  PRIMARY KEY (community, subject)
);

CREATE TABLE node_state (
  community TEXT NOT NULL,
  node TEXT NOT NULL,
  epoch TEXT NOT NULL,
  head BIGINT NOT NULL,
  acked BIGINT NOT NULL,
  hello_ms BIGINT NOT NULL,
  drained_through_ms BIGINT NOT NULL,
  auth_ver BIGINT NOT NULL,
  root TEXT NOT NULL,
  erase_ver BIGINT NOT NULL,
  online TEXT NOT NULL,
  clock_state TEXT NOT NULL,
  clock_bound_ms BIGINT NOT NULL,
  software TEXT NOT NULL,
  health BLOB NOT NULL,
  PRIMARY KEY (community, node)
);

CREATE TABLE community (
  community TEXT NOT NULL,
  name_zh TEXT NOT NULL,
  name_en TEXT NOT NULL,
  tz TEXT NOT NULL,
  profile TEXT NOT NULL,
  synthetic BIGINT NOT NULL,
  PRIMARY KEY (community)
);

CREATE TABLE node (
  community TEXT NOT NULL,
  node TEXT NOT NULL,
  name TEXT NOT NULL,
  device_public_key TEXT NOT NULL,
  registered_ms BIGINT NOT NULL,
  PRIMARY KEY (community, node)
);

CREATE TABLE access_point (
  community TEXT NOT NULL,
  access_point TEXT NOT NULL,
  node TEXT NOT NULL,
  kind TEXT NOT NULL,
  name_zh TEXT NOT NULL,
  name_en TEXT NOT NULL,
  location_class TEXT NOT NULL,
  face_enabled BIGINT NOT NULL,
  pia_id TEXT,
  signage_by TEXT,
  PRIMARY KEY (community, access_point)
);

CREATE TABLE pia_record (
  community TEXT NOT NULL,
  id TEXT NOT NULL,
  purpose TEXT NOT NULL,
  necessity TEXT NOT NULL,
  impact TEXT NOT NULL,
  measures TEXT NOT NULL,
  author TEXT NOT NULL,
  review_ms BIGINT NOT NULL,
  made_ms BIGINT NOT NULL,
  synthetic BIGINT NOT NULL,
  PRIMARY KEY (community, id)
);

CREATE TABLE listing (
  community TEXT NOT NULL,
  listing TEXT NOT NULL,
  name TEXT NOT NULL,
  unit TEXT NOT NULL,
  operator TEXT NOT NULL,
  state TEXT NOT NULL,
  max_guests BIGINT NOT NULL,
  PRIMARY KEY (community, listing)
);

CREATE TABLE room (
  community TEXT NOT NULL,
  room TEXT NOT NULL,
  listing TEXT NOT NULL,
  label TEXT NOT NULL,
  access_points TEXT NOT NULL,
  PRIMARY KEY (community, room)
);

CREATE TABLE booking (
  community TEXT NOT NULL,
  booking TEXT NOT NULL,
  source TEXT NOT NULL,
  external_ref TEXT NOT NULL,
  external_revision BIGINT NOT NULL,
  listing TEXT NOT NULL,
  room TEXT NOT NULL,
  arrival_ms BIGINT NOT NULL,
  departure_ms BIGINT NOT NULL,
  headcount BIGINT NOT NULL,
  state TEXT NOT NULL,
  version BIGINT NOT NULL,
  received_ms BIGINT NOT NULL,
  PRIMARY KEY (community, booking),
  UNIQUE (community, source, external_ref)
);

CREATE TABLE stay (
  community TEXT NOT NULL,
  stay TEXT NOT NULL,
  booking TEXT NOT NULL,
  listing TEXT NOT NULL,
  room TEXT NOT NULL,
  planned_in_ms BIGINT NOT NULL,
  planned_out_ms BIGINT NOT NULL,
  first_entry_ms BIGINT,
  checked_out_ms BIGINT,
  state TEXT NOT NULL,
  guest_token_hash TEXT NOT NULL,
  PRIMARY KEY (community, stay)
);

CREATE TABLE person (
  community TEXT NOT NULL,
  person TEXT NOT NULL,
  doc_hash TEXT,
  birth_year BIGINT,
  minor BIGINT NOT NULL,
  PRIMARY KEY (community, person)
);

CREATE TABLE stay_member (
  community TEXT NOT NULL,
  stay TEXT NOT NULL,
  person TEXT NOT NULL,
  role TEXT NOT NULL,
  subject_ref TEXT NOT NULL,
  PRIMARY KEY (community, stay, person)
);

CREATE TABLE registration (
  community TEXT NOT NULL,
  registration TEXT NOT NULL,
  stay TEXT NOT NULL,
  person TEXT NOT NULL,
  method TEXT NOT NULL,
  proofing BIGINT NOT NULL,
  status TEXT NOT NULL,
  submitted_ms BIGINT,
  verified_ms BIGINT,
  due_ms BIGINT NOT NULL,
  PRIMARY KEY (community, registration)
);

CREATE TABLE consent (
  community TEXT NOT NULL,
  consent TEXT NOT NULL,
  person TEXT NOT NULL,
  stay TEXT NOT NULL,
  purpose TEXT NOT NULL,
  text_version TEXT NOT NULL,
  language TEXT NOT NULL,
  channel TEXT NOT NULL,
  guardian_ref TEXT,
  given_ms BIGINT NOT NULL,
  withdrawn_ms BIGINT,
  evidence_hash TEXT NOT NULL,
  PRIMARY KEY (community, consent)
);

CREATE TABLE pass (
  community TEXT NOT NULL,
  pass_id TEXT NOT NULL,
  subject_ref TEXT NOT NULL,
  class TEXT NOT NULL,
  stay TEXT,
  person TEXT,
  scope TEXT NOT NULL,
  not_before_ms BIGINT NOT NULL,
  not_after_ms BIGINT NOT NULL,
  state TEXT NOT NULL,
  version BIGINT NOT NULL,
  wire BLOB NOT NULL,
  PRIMARY KEY (community, pass_id)
);

CREATE TABLE credential (
  community TEXT NOT NULL,
  cred_id TEXT NOT NULL,
  pass_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  verifier BLOB NOT NULL,
  state TEXT NOT NULL,
  PRIMARY KEY (community, cred_id)
);

CREATE TABLE pass_set (
  community TEXT NOT NULL,
  node TEXT NOT NULL,
  auth_ver BIGINT NOT NULL,
  root TEXT NOT NULL,
  erase_ver BIGINT NOT NULL,
  built_ms BIGINT NOT NULL,
  receipt_ver BIGINT NOT NULL,
  receipt_root TEXT NOT NULL,
  receipt_ms BIGINT,
  rows BLOB NOT NULL,
  PRIMARY KEY (community, node)
);

CREATE TABLE erasure (
  community TEXT NOT NULL,
  node TEXT NOT NULL,
  erase_ver BIGINT NOT NULL,
  template_ref TEXT NOT NULL,
  pass_id TEXT NOT NULL,
  reason TEXT NOT NULL,
  asked_ms BIGINT NOT NULL,
  acked_ms BIGINT,
  PRIMARY KEY (community, node, erase_ver)
);

CREATE TABLE discrepancy (
  community TEXT NOT NULL,
  id TEXT NOT NULL,
  kind TEXT NOT NULL,
  subject TEXT NOT NULL,
  window_ms BIGINT NOT NULL,
  severity TEXT NOT NULL,
  state TEXT NOT NULL,
  opened_ms BIGINT NOT NULL,
  updated_ms BIGINT NOT NULL,
  closed_ms BIGINT,
  close_reason TEXT,
  evidence TEXT NOT NULL,
  PRIMARY KEY (community, id),
  UNIQUE (community, kind, subject, window_ms)
);

CREATE TABLE user (
  community TEXT NOT NULL,
  name TEXT NOT NULL,
  password_hash TEXT NOT NULL,
  role TEXT NOT NULL,
  made_ms BIGINT NOT NULL,
  PRIMARY KEY (community, name)
);

CREATE TABLE session (
  community TEXT NOT NULL,
  token_hash TEXT NOT NULL,
  user TEXT NOT NULL,
  csrf TEXT NOT NULL,
  made_ms BIGINT NOT NULL,
  ends_ms BIGINT NOT NULL,
  PRIMARY KEY (community, token_hash)
);

CREATE TABLE audit (
  community TEXT NOT NULL,
  n BIGINT NOT NULL,
  at_ms BIGINT NOT NULL,
  actor TEXT NOT NULL,
  role TEXT NOT NULL,
  action TEXT NOT NULL,
  object TEXT NOT NULL,
  "before" TEXT,
  "after" TEXT,
  reason TEXT,
  hash TEXT NOT NULL,
  PRIMARY KEY (community, n)
);

CREATE TABLE disclosure (
  community TEXT NOT NULL,
  n BIGINT NOT NULL,
  at_ms BIGINT NOT NULL,
  actor TEXT NOT NULL,
  purpose TEXT NOT NULL,
  person TEXT NOT NULL,
  field TEXT NOT NULL,
  screen TEXT NOT NULL,
  hash TEXT NOT NULL,
  PRIMARY KEY (community, n)
);
