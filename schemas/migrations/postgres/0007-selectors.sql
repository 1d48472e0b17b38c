-- Selectors that are kept pre-aggregated, who wants each, and who works on it.
CREATE TABLE selectors (
  id              integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  project_id      integer NOT NULL REFERENCES projects (id),
  -- Of the definition, in whatever order its conditions were given.
  hash            text NOT NULL,
  definition      json NOT NULL,
  created_at      timestamptz NOT NULL DEFAULT now(),
  -- Nobody wants it since then.
  unused_since    timestamptz,
  -- What is kept of it is being removed: whoever wants it again gets another row.
  removed         boolean NOT NULL DEFAULT false,
  -- A worker is at it until then at most.
  working_until   timestamptz NOT NULL DEFAULT '-infinity',
  epoch           bigint NOT NULL DEFAULT 0,
  due_at          timestamptz NOT NULL DEFAULT '-infinity',
  failures        integer NOT NULL DEFAULT 0,
  error           text,
  -- As of the last look: closed days that are kept, that have too many values, that have to be done (again).
  looked_at       timestamptz,
  days_kept       bigint NOT NULL DEFAULT 0,
  days_refused    bigint NOT NULL DEFAULT 0,
  days_behind     bigint NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX selectors_by_hash ON selectors (project_id, hash) WHERE NOT removed;
CREATE INDEX selectors_due ON selectors (due_at, id);

CREATE TABLE selector_uses (
  selector_id     integer NOT NULL REFERENCES selectors (id) ON DELETE CASCADE,
  -- Who wants it: `insight:<id>`, `dimensions`.
  origin          text NOT NULL,
  values_max      integer NOT NULL,
  PRIMARY KEY (selector_id, origin)
);
CREATE INDEX selector_uses_by_origin ON selector_uses (origin);

-- One for each try to compute days; never given twice.
CREATE SEQUENCE selector_generations;

-- Properties of events that a project wants kept by value, and numeric ones that it wants kept as sums.
CREATE TABLE dimensions (
  project_id      integer NOT NULL REFERENCES projects (id),
  property        text NOT NULL,
  kind            text NOT NULL CHECK (kind IN ('value', 'number')),
  values_max      integer,
  created_at      timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (project_id, kind, property)
);
