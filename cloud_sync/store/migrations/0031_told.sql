-- What operators and expected guests are told without looking, and where each is written to; how it is used: told.py.
ALTER TABLE operator ADD COLUMN channel TEXT;
ALTER TABLE operator ADD COLUMN language TEXT;

CREATE TABLE operator_notice (
  community TEXT NOT NULL,
  notice TEXT NOT NULL,
  operator TEXT NOT NULL,
  topic TEXT NOT NULL,
  listing TEXT NOT NULL,
  about TEXT NOT NULL,
  reason TEXT NOT NULL,
  channel TEXT NOT NULL,
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
CREATE INDEX operator_notice_by_next ON operator_notice (community, next_ms);
CREATE INDEX operator_notice_by_operator ON operator_notice (community, operator, made_ms);

CREATE TABLE stay_contact (
  community TEXT NOT NULL,
  contact TEXT NOT NULL,
  stay TEXT NOT NULL,
  channel TEXT NOT NULL,
  language TEXT NOT NULL,
  made_ms BIGINT NOT NULL,
  PRIMARY KEY (community, contact)
);
CREATE INDEX stay_contact_by_stay ON stay_contact (community, stay);
