-- How often links were clicked, as far as the batches are stored: written with the position of the partition, so it is
-- exactly what the stored events say. One row for each partition: partitions never wait for each other.
CREATE TABLE link_totals (
  project_id       integer NOT NULL,
  -- The link's public id.
  link_id          text COLLATE "C" NOT NULL,
  partition        integer NOT NULL,
  -- By people; a click counts in exactly one of the three.
  clicks           bigint NOT NULL,
  bots             bigint NOT NULL,
  previews         bigint NOT NULL,
  -- The latest click by people.
  last_clicked_at  timestamptz,
  PRIMARY KEY (project_id, link_id, partition)
);

-- What the hashes of visitors are made with: one for each day (UTC), deleted soon after it, so that nobody can find out
-- afterwards whose hash it was.
CREATE TABLE visitor_salts (
  day   date PRIMARY KEY,
  salt  text NOT NULL
);
