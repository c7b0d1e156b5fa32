-- Tokens of programs, answers that are given again, and programs that are told (docs/api.md).
CREATE TABLE api_token (
  community TEXT NOT NULL,
  token_hash TEXT NOT NULL,
  name TEXT NOT NULL,
  shown TEXT NOT NULL,
  "user" TEXT NOT NULL,
  scopes TEXT NOT NULL,
  made_ms BIGINT NOT NULL,
  made_by TEXT NOT NULL,
  ends_ms BIGINT NOT NULL,
  used_ms BIGINT,
  revoked_by TEXT,
  revoked_ms BIGINT,
  PRIMARY KEY (community, token_hash),
  UNIQUE (community, name)
);

CREATE TABLE api_answer (
  community TEXT NOT NULL,
  caller TEXT NOT NULL,
  sent_key TEXT NOT NULL,
  digest TEXT NOT NULL,
  made_ms BIGINT NOT NULL,
  status BIGINT,
  media_type TEXT,
  body BLOB,
  PRIMARY KEY (community, caller, sent_key)
);
CREATE INDEX api_answer_by_made ON api_answer (community, made_ms);

CREATE TABLE webhook (
  community TEXT NOT NULL,
  webhook TEXT NOT NULL,
  url TEXT NOT NULL,
  kinds TEXT NOT NULL,
  seen_n BIGINT NOT NULL,
  seen_rev BIGINT NOT NULL,
  made_ms BIGINT NOT NULL,
  made_by TEXT NOT NULL,
  ended_by TEXT,
  ended_ms BIGINT,
  PRIMARY KEY (community, webhook)
);

CREATE TABLE webhook_delivery (
  community TEXT NOT NULL,
  delivery TEXT NOT NULL,
  webhook TEXT NOT NULL,
  kind TEXT NOT NULL,
  body TEXT NOT NULL,
  state TEXT NOT NULL,
  attempts BIGINT NOT NULL,
  next_ms BIGINT,
  made_ms BIGINT NOT NULL,
  ended_ms BIGINT,
  receipt TEXT,
  PRIMARY KEY (community, delivery)
);
CREATE INDEX webhook_delivery_by_next ON webhook_delivery (community, next_ms);
CREATE INDEX webhook_delivery_by_webhook ON webhook_delivery (community, webhook, state);
