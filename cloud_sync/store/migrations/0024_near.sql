-- Which entrance is near which, written down by a person: what guests are told while a door's node is silent.
ALTER TABLE access_point ADD COLUMN near TEXT;
