-- Queries that are answered in the background: what was asked, how far they are, and the answer for some days.
CREATE TABLE query_jobs (
  id             text PRIMARY KEY,
  project_id     integer NOT NULL REFERENCES projects (id),
  kind           text NOT NULL,
  query          json NOT NULL,
  -- 'request': somebody asked for it; 'sample': it is the exact answer of one that was sampled.
  origin         text NOT NULL CHECK (origin IN ('request', 'sample')),
  -- SHA-256 of kind and query: equal questions at the same time share one job.
  digest         bytea NOT NULL,
  state          text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'running', 'done', 'failed', 'cancelled')),
  -- Grows with every try; what an older try says is ignored.
  attempt        integer NOT NULL DEFAULT 0,
  -- A try that does not say that it lives by then is over, and another worker may begin one.
  lease_until    timestamptz NOT NULL DEFAULT '-infinity',
  -- After a store was away, the next try waits.
  not_before     timestamptz NOT NULL DEFAULT '-infinity',
  progress       real NOT NULL DEFAULT 0,
  rows_read      bigint NOT NULL DEFAULT 0,
  created_at     timestamptz NOT NULL DEFAULT now(),
  started_at     timestamptz,
  finished_at    timestamptz,
  -- The answer's JSON, gzipped.
  result         bytea,
  result_bytes   bigint NOT NULL DEFAULT 0,
  -- {code, message, details}
  error          json
);
-- Already compressed.
ALTER TABLE query_jobs ALTER COLUMN result SET STORAGE EXTERNAL;
CREATE INDEX query_jobs_by_project ON query_jobs (project_id, created_at DESC);
CREATE INDEX query_jobs_open ON query_jobs (created_at) WHERE state IN ('queued', 'running');
CREATE INDEX query_jobs_by_end ON query_jobs (finished_at) WHERE finished_at IS NOT NULL;
