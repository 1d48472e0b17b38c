-- How long data is kept, what was removed, and where copies of it are.
-- projects.retention: {"raw_days": 90, "aggregate_days": 730, "archive": "disk"}; what is absent is kept for ever.
-- Counts and sets of users from before are gone; null: none are.
ALTER TABLE projects ADD COLUMN aggregates_from timestamptz;

-- Months (202611; 0: everything before 2010) from which stored events of a project were removed, or are about to be:
-- written before the first row goes.
CREATE TABLE raw_months_gone (
  project_id      integer NOT NULL REFERENCES projects (id),
  month           integer NOT NULL,
  since           timestamptz NOT NULL DEFAULT now(),
  -- True while all of them are back, from the archives.
  restored        boolean NOT NULL DEFAULT false,
  PRIMARY KEY (project_id, month)
);

-- A partition of the table `events` that is being emptied of what is too old: first copied, then removed.
CREATE TABLE raw_removals (
  id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  -- The two parts of the partition's key.
  retention_class integer NOT NULL,
  month           integer NOT NULL,
  -- Rows that the store took until then, in milliseconds since 1970: no others.
  upto_ms         bigint NOT NULL,
  projects        integer[] NOT NULL,
  -- 'removing': every copy that is wanted was read back and compared.
  state           text NOT NULL DEFAULT 'copying' CHECK (state IN ('copying', 'removing', 'done')),
  started_at      timestamptz NOT NULL DEFAULT now(),
  finished_at     timestamptz
);
CREATE UNIQUE INDEX raw_removals_open ON raw_removals (retention_class, month) WHERE state <> 'done';

-- Files of stored events: one for each project of a removal.
CREATE TABLE archives (
  id              text PRIMARY KEY,
  project_id      integer NOT NULL REFERENCES projects (id),
  removal_id      bigint NOT NULL REFERENCES raw_removals (id),
  month           integer NOT NULL,
  place           text NOT NULL CHECK (place IN ('disk', 's3')),
  path            text NOT NULL,
  -- 'stored': read back and compared with the rows; 'writing' files mean nothing.
  state           text NOT NULL DEFAULT 'writing' CHECK (state IN ('writing', 'stored')),
  -- Of the rows, in any order: what was read back must have the same.
  rows            bigint,
  row_hash        numeric(20),
  -- Of the file.
  bytes           bigint,
  sha256          text,
  first_at        timestamptz,
  last_at         timestamptz,
  created_at      timestamptz NOT NULL DEFAULT now(),
  stored_at       timestamptz,
  UNIQUE (removal_id, project_id)
);
CREATE INDEX archives_by_project ON archives (project_id, month) WHERE state = 'stored';

-- Months that are brought back from archives for a while. Each has a partition of its own, named by its class.
CREATE TABLE restores (
  id              text PRIMARY KEY,
  project_id      integer NOT NULL REFERENCES projects (id),
  month           integer NOT NULL,
  retention_class integer NOT NULL,
  state           text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'restored', 'releasing', 'released')),
  keep_until      timestamptz NOT NULL,
  rows            bigint,
  requested_at    timestamptz NOT NULL DEFAULT now(),
  restored_at     timestamptz,
  failures        integer NOT NULL DEFAULT 0,
  due_at          timestamptz NOT NULL DEFAULT '-infinity',
  error           text
);
CREATE UNIQUE INDEX restores_of_month ON restores (project_id, month) WHERE state <> 'released';
CREATE UNIQUE INDEX restores_of_class ON restores (month, retention_class) WHERE state <> 'released';
