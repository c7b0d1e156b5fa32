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
  nonce TEXT,
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
  face_said TEXT,
  PRIMARY KEY (community, stay, person)
);

CREATE TABLE guest_visit (
  community TEXT NOT NULL,
  stay TEXT NOT NULL,
  notice TEXT,
  rules TEXT,
  notice_ms BIGINT,
  draft_ms BIGINT,
  PRIMARY KEY (community, stay)
);

CREATE TABLE notice (
  community TEXT NOT NULL,
  notice TEXT NOT NULL,
  stay TEXT NOT NULL,
  channel TEXT NOT NULL,
  topic TEXT NOT NULL,
  language TEXT NOT NULL,
  state TEXT NOT NULL,
  attempts BIGINT NOT NULL,
  next_ms BIGINT,
  made_ms BIGINT NOT NULL,
  sent_ms BIGINT,
  receipt TEXT,
  problem TEXT,
  PRIMARY KEY (community, notice)
);

CREATE INDEX notice_by_next ON notice (community, next_ms);

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

CREATE TABLE subject (
  community TEXT NOT NULL,
  subject TEXT NOT NULL,
  kind TEXT NOT NULL,
  ref TEXT NOT NULL,
  person TEXT NOT NULL,
  subject_ref TEXT NOT NULL,
  cls TEXT NOT NULL,
  access_points TEXT NOT NULL,
  valid_from_ms BIGINT NOT NULL,
  valid_until_ms BIGINT NOT NULL,
  class_only BIGINT NOT NULL,
  ended_ms BIGINT,
  PRIMARY KEY (community, subject),
  UNIQUE (community, kind, ref)
);

CREATE TABLE arrival (
  community TEXT NOT NULL,
  arrival TEXT NOT NULL,
  access_point TEXT NOT NULL,
  said TEXT NOT NULL,
  asked_ms BIGINT NOT NULL,
  answered_ms BIGINT,
  PRIMARY KEY (community, arrival)
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

CREATE TABLE command (
  community TEXT NOT NULL,
  id TEXT NOT NULL,
  node TEXT NOT NULL,
  access_point TEXT NOT NULL,
  op TEXT NOT NULL,
  arg TEXT NOT NULL,
  issuer TEXT NOT NULL,
  reason TEXT NOT NULL,
  kid TEXT NOT NULL,
  ctr BIGINT NOT NULL,
  iat_ms BIGINT NOT NULL,
  exp_ms BIGINT NOT NULL,
  state TEXT NOT NULL,
  why TEXT NOT NULL,
  mode TEXT NOT NULL,
  sent_ms BIGINT,
  told_ms BIGINT,
  bytes BLOB NOT NULL,
  PRIMARY KEY (community, id),
  UNIQUE (community, kid, ctr)
);

CREATE INDEX command_by_state ON command (community, state);

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

CREATE TABLE "user" (
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
  "user" TEXT NOT NULL,
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

CREATE TABLE alert_queue (
  community TEXT NOT NULL,
  node TEXT NOT NULL,
  epoch TEXT NOT NULL,
  seq BIGINT NOT NULL,
  type TEXT NOT NULL,
  access_point TEXT,
  contact TEXT,
  seen_ms BIGINT NOT NULL,
  stored_ms BIGINT NOT NULL,
  PRIMARY KEY (community, node, epoch, seq)
);

CREATE TABLE case_ (
  community TEXT NOT NULL,
  id TEXT NOT NULL,
  family TEXT NOT NULL,
  kind TEXT NOT NULL,
  severity TEXT NOT NULL,
  state TEXT NOT NULL,
  subject TEXT NOT NULL,
  group_key TEXT NOT NULL,
  opened_ms BIGINT NOT NULL,
  first_seen_ms BIGINT NOT NULL,
  last_seen_ms BIGINT NOT NULL,
  owner_role TEXT NOT NULL,
  active BIGINT NOT NULL,
  count BIGINT NOT NULL,
  level BIGINT NOT NULL,
  node TEXT,
  access_point TEXT,
  owner TEXT,
  offered_to TEXT,
  ack_due_ms BIGINT,
  act_due_ms BIGINT,
  next_ms BIGINT,
  held_ms BIGINT,
  resolution TEXT,
  note TEXT,
  resolved_by TEXT,
  verified_by TEXT,
  closed_ms BIGINT,
  reopened_from TEXT,
  reopen_count BIGINT NOT NULL,
  rev BIGINT NOT NULL,
  PRIMARY KEY (community, id)
);
CREATE INDEX case_by_group ON case_ (community, group_key);
CREATE INDEX case_by_rev ON case_ (community, rev);
CREATE INDEX case_by_state ON case_ (community, state);

CREATE TABLE case_note (
  community TEXT NOT NULL,
  case_id TEXT NOT NULL,
  n BIGINT NOT NULL,
  at_ms BIGINT NOT NULL,
  actor TEXT NOT NULL,
  event TEXT NOT NULL,
  "before" TEXT,
  "after" TEXT NOT NULL,
  reason TEXT,
  ref TEXT,
  PRIMARY KEY (community, case_id, n)
);

CREATE TABLE case_link (
  community TEXT NOT NULL,
  case_id TEXT NOT NULL,
  ref TEXT NOT NULL,
  PRIMARY KEY (community, case_id, ref)
);
CREATE INDEX case_link_by_ref ON case_link (community, ref);

CREATE TABLE push_subscription (
  community TEXT NOT NULL,
  endpoint TEXT NOT NULL,
  "user" TEXT NOT NULL,
  p256dh TEXT NOT NULL,
  auth TEXT NOT NULL,
  made_ms BIGINT NOT NULL,
  PRIMARY KEY (community, endpoint)
);
