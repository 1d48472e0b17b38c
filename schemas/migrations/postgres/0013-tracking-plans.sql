-- Tracking plans: what the properties of an event must look like. Rows are only added, so that a batch that is redone
-- can be checked with the plans that were in force when it was checked first.
CREATE TABLE plan_revisions (
  revision            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  project_id          integer NOT NULL REFERENCES projects (id),
  event               text NOT NULL COLLATE "C",
  -- Counts the schemas of the event; a change of mode alone keeps it.
  version             integer NOT NULL,
  mode                text NOT NULL CHECK (mode IN ('observe', 'quarantine', 'reject', 'removed')),
  schema              json NOT NULL,
  avro                json NOT NULL,
  compatibility       text NOT NULL,
  description         text,
  version_created_at  timestamptz NOT NULL DEFAULT now(),
  created_at          timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX plan_revisions_by_event ON plan_revisions (project_id, event, revision DESC);

-- How often each rule was broken, by day of arrival (UTC): counted with the batches that hold the events.
CREATE TABLE plan_violations (
  project_id          integer NOT NULL,
  event               text NOT NULL COLLATE "C",
  day                 date NOT NULL,
  version             integer NOT NULL,
  mode                text NOT NULL,
  path                text NOT NULL,
  rule                text NOT NULL,
  partition           integer NOT NULL,
  events              bigint NOT NULL,
  PRIMARY KEY (project_id, event, day, version, mode, path, rule, partition)
);
