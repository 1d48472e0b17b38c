-- Dense user numbers: every user key of a project has a small integer, so that sets of users are bitmaps.
CREATE TABLE user_numbers (
  project_id    integer NOT NULL,
  -- 'u:' + user_id or 'a:' + anonymous_id.
  user_key      text NOT NULL COLLATE "C",
  -- Unsigned 32 bits.
  user_number   bigint NOT NULL,
  partition     integer NOT NULL,
  PRIMARY KEY (project_id, user_key)
);
CREATE INDEX user_numbers_by_number ON user_numbers (project_id, user_number);
-- For reading one partition's users page by page when its owner changes.
CREATE INDEX user_numbers_by_partition ON user_numbers (partition, project_id, user_number);

-- Ranges of 65,536 numbers (one roaring container), each leased to one partition.
CREATE TABLE user_number_ranges (
  project_id    integer NOT NULL,
  range_start   bigint NOT NULL,
  partition     integer NOT NULL,
  PRIMARY KEY (project_id, range_start)
);
