-- What questions read rows for although a selector could answer them: by the most general one that could, of all
-- processes together. Those that are worth it are kept without anybody having asked for them (origin `learned`).
CREATE TABLE selector_demand (
  project_id      integer NOT NULL REFERENCES projects (id),
  -- As of selectors.
  hash            text NOT NULL,
  definition      json NOT NULL,
  -- As of noted_at, halved every few days: rows that were read for want of it, or that it spared; and how often.
  rows            double precision NOT NULL,
  asked           double precision NOT NULL,
  -- Of one question, the latest time that rows were read: what each use spares.
  rows_each       double precision NOT NULL,
  noted_at        timestamptz NOT NULL DEFAULT now(),
  -- Kept since then.
  learned_at      timestamptz,
  used_at         timestamptz,
  -- It has too many values: not tried again before.
  refused_until   timestamptz,
  PRIMARY KEY (project_id, hash)
);

-- Of selectors that are due the first of equals, and by how much before others: what is learned comes after what was
-- asked for, the most useful first.
ALTER TABLE selectors ADD COLUMN head_start_seconds real NOT NULL DEFAULT 60;
