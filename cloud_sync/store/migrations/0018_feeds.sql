-- The micro-grids of a community as its street keeps them: what names a grid names one of these, once there are any.
CREATE TABLE grid (
  community TEXT NOT NULL,
  grid TEXT NOT NULL,
  parent TEXT,
  level TEXT NOT NULL,
  name TEXT NOT NULL,
  households BIGINT NOT NULL,
  made_ms BIGINT NOT NULL,
  PRIMARY KEY (community, grid)
);
