-- When an operator left: the clock of what is known of it runs from then.
ALTER TABLE operator ADD COLUMN left_ms BIGINT;
