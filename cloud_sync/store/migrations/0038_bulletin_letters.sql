-- Which stays a notice was written to, once each; the message itself is a row of its own, its address in the vault.
CREATE TABLE bulletin_letter (
  community TEXT NOT NULL,
  bulletin TEXT NOT NULL,
  stay TEXT NOT NULL,
  notice TEXT NOT NULL,
  written_ms BIGINT NOT NULL,
  PRIMARY KEY (community, bulletin, stay)
);
CREATE INDEX bulletin_letter_by_notice ON bulletin_letter (community, notice);
