-- Second factors, passkeys, and what is known of a login: from which device, by which way, and when it was last used.
DELETE FROM session;
ALTER TABLE session ADD COLUMN seen_ms BIGINT NOT NULL DEFAULT 0;
ALTER TABLE session ADD COLUMN device TEXT NOT NULL DEFAULT '';
ALTER TABLE session ADD COLUMN way TEXT NOT NULL DEFAULT 'password';

CREATE TABLE totp (
  community TEXT NOT NULL,
  "user" TEXT NOT NULL,
  box TEXT NOT NULL,
  step BIGINT NOT NULL,
  made_ms BIGINT NOT NULL,
  PRIMARY KEY (community, "user")
);

CREATE TABLE recovery_code (
  community TEXT NOT NULL,
  "user" TEXT NOT NULL,
  mac TEXT NOT NULL,
  PRIMARY KEY (community, "user", mac)
);

CREATE TABLE passkey (
  community TEXT NOT NULL,
  credential TEXT NOT NULL,
  "user" TEXT NOT NULL,
  name TEXT NOT NULL,
  public_key TEXT NOT NULL,
  counter BIGINT NOT NULL,
  made_ms BIGINT NOT NULL,
  used_ms BIGINT,
  PRIMARY KEY (community, credential)
);

CREATE TABLE ceremony (
  community TEXT NOT NULL,
  token_hash TEXT NOT NULL,
  kind TEXT NOT NULL,
  "user" TEXT NOT NULL,
  said TEXT NOT NULL,
  ends_ms BIGINT NOT NULL,
  PRIMARY KEY (community, token_hash)
);
