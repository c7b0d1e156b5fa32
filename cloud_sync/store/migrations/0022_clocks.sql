-- What time alone changes is looked for twice a second: each question now reads what is due and not what ever was.
ALTER TABLE pass ADD COLUMN erased_ms BIGINT;
UPDATE pass SET erased_ms = not_after_ms
WHERE state IN ('EXPIRED', 'REVOKED')
  AND NOT EXISTS (
    SELECT 1 FROM credential
    WHERE credential.community = pass.community AND credential.pass_id = pass.pass_id AND credential.state <> 'DESTROYED'
  )
  AND NOT EXISTS (
    SELECT 1 FROM consent
    WHERE consent.community = pass.community AND consent.stay = pass.stay AND consent.person = pass.person
      AND consent.purpose = 'face_access' AND consent.withdrawn_ms IS NULL
  );
CREATE INDEX pass_to_erase ON pass (community, not_after_ms) WHERE erased_ms IS NULL AND state IN ('EXPIRED', 'REVOKED');
CREATE INDEX pass_to_open ON pass (community, not_before_ms) WHERE state = 'ARMED';
CREATE INDEX pass_to_end ON pass (community, not_after_ms) WHERE state IN ('ACTIVE', 'EXIT_ONLY', 'SUSPENDED');
CREATE INDEX listing_by_state ON listing (community, state);
CREATE INDEX access_point_by_kind ON access_point (community, kind);
CREATE INDEX access_point_by_node ON access_point (community, node);
CREATE INDEX listing_file_by_review ON listing_file (community, next_review_ms);
