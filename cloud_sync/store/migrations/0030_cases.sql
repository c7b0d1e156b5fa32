-- The case machine in full: matters, whistles, what is silenced or has a cause, and what chatters.
ALTER TABLE case_ ADD COLUMN opener TEXT;
ALTER TABLE case_ ADD COLUMN opener_role TEXT;
ALTER TABLE case_ ADD COLUMN matter_class TEXT;
ALTER TABLE case_ ADD COLUMN cause TEXT;
ALTER TABLE case_ ADD COLUMN whistle TEXT;
ALTER TABLE case_ ADD COLUMN colour TEXT;
ALTER TABLE case_ ADD COLUMN department TEXT;
ALTER TABLE case_ ADD COLUMN sign_due_ms BIGINT;
ALTER TABLE case_ ADD COLUMN contact_due_ms BIGINT;
ALTER TABLE case_ ADD COLUMN report_due_ms BIGINT;
ALTER TABLE case_ ADD COLUMN burst BIGINT NOT NULL DEFAULT 1;
ALTER TABLE case_ ADD COLUMN burst_ms BIGINT NOT NULL DEFAULT 0;

CREATE TABLE department (
  community TEXT NOT NULL,
  department TEXT NOT NULL,
  name_zh TEXT NOT NULL,
  name_en TEXT NOT NULL,
  made_ms BIGINT NOT NULL,
  PRIMARY KEY (community, department)
);

CREATE TABLE department_staff (
  community TEXT NOT NULL,
  department TEXT NOT NULL,
  "user" TEXT NOT NULL,
  since_ms BIGINT NOT NULL,
  PRIMARY KEY (community, department, "user")
);

CREATE TABLE matter_report (
  community TEXT NOT NULL,
  report TEXT NOT NULL,
  case_id TEXT NOT NULL,
  token_hash TEXT NOT NULL,
  at_ms BIGINT NOT NULL,
  PRIMARY KEY (community, report)
);
CREATE INDEX matter_report_by_case ON matter_report (community, case_id);
CREATE INDEX matter_report_by_token ON matter_report (token_hash);

CREATE TABLE sweep (
  community TEXT NOT NULL,
  sweep TEXT NOT NULL,
  kind TEXT NOT NULL,
  made_by TEXT NOT NULL,
  made_ms BIGINT NOT NULL,
  due_ms BIGINT NOT NULL,
  reason TEXT NOT NULL,
  PRIMARY KEY (community, sweep)
);

CREATE TABLE field_task (
  community TEXT NOT NULL,
  task TEXT NOT NULL,
  sweep TEXT NOT NULL,
  unit TEXT NOT NULL,
  state TEXT NOT NULL,
  claimed_by TEXT,
  claimed_ms BIGINT,
  due_ms BIGINT NOT NULL,
  result TEXT,
  note TEXT,
  reported_ms BIGINT,
  checked_by TEXT,
  checked_ms BIGINT,
  finding TEXT,
  PRIMARY KEY (community, task)
);
CREATE INDEX field_task_by_sweep ON field_task (community, sweep);
CREATE INDEX field_task_by_state ON field_task (community, state, due_ms);
