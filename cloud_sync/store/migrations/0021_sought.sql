-- What intake, time and judging look for: without these each question read a table that grows with every day.
CREATE INDEX stay_by_booking ON stay (community, booking);
CREATE INDEX stay_by_room ON stay (community, room, planned_in_ms);
CREATE INDEX stay_by_start ON stay (community, planned_in_ms);
CREATE INDEX stay_by_state ON stay (community, state, planned_out_ms);
CREATE INDEX pass_by_person ON pass (community, person);
CREATE INDEX credential_by_pass ON credential (community, pass_id);
CREATE INDEX consent_by_stay ON consent (community, stay);
CREATE INDEX presence_by_time ON presence (community, as_of_ms);
CREATE INDEX registration_by_person ON registration (community, person);
CREATE INDEX registration_by_due ON registration (community, due_ms);
