-- The nightly proof of retention, holds, the chains' cuts and signed heads, and who asked for a trace.
CREATE TABLE retention_proof (
  community TEXT NOT NULL,
  clock TEXT NOT NULL,
  keep_ms BIGINT NOT NULL,
  oldest_ms BIGINT,
  overdue BIGINT NOT NULL,
  held BIGINT NOT NULL,
  removed BIGINT NOT NULL,
  ran_ms BIGINT NOT NULL,
  PRIMARY KEY (community, clock)
);
CREATE TABLE legal_hold (
  community TEXT NOT NULL,
  hold TEXT NOT NULL,
  kind TEXT NOT NULL,
  ref TEXT NOT NULL,
  author TEXT NOT NULL,
  reason TEXT NOT NULL,
  made_ms BIGINT NOT NULL,
  until_ms BIGINT NOT NULL,
  lifted_ms BIGINT,
  lifted_by TEXT,
  PRIMARY KEY (community, hold)
);
CREATE TABLE chain_cut (
  community TEXT NOT NULL,
  chain TEXT NOT NULL,
  n BIGINT NOT NULL,
  hash TEXT NOT NULL,
  at_ms BIGINT NOT NULL,
  PRIMARY KEY (community, chain)
);
CREATE TABLE chain_head (
  community TEXT NOT NULL,
  chain TEXT NOT NULL,
  n BIGINT NOT NULL,
  hash TEXT NOT NULL,
  at_ms BIGINT NOT NULL,
  sig BLOB NOT NULL,
  PRIMARY KEY (community, chain, n)
);
CREATE TABLE trace_request (
  community TEXT NOT NULL,
  trace TEXT NOT NULL,
  kind TEXT NOT NULL,
  ref TEXT NOT NULL,
  purpose TEXT NOT NULL,
  reason TEXT NOT NULL,
  case_ref TEXT NOT NULL,
  from_ms BIGINT NOT NULL,
  until_ms BIGINT NOT NULL,
  asked_by TEXT NOT NULL,
  asked_ms BIGINT NOT NULL,
  decided_by TEXT,
  decided_ms BIGINT,
  state TEXT NOT NULL,
  PRIMARY KEY (community, trace)
);
