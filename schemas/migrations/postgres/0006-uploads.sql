-- Uploaded files: what they are, how far they are, and their rejected rows.
CREATE TABLE uploads (
  id               text PRIMARY KEY,
  project_id       integer NOT NULL REFERENCES projects (id),
  state            text NOT NULL CHECK (state IN ('receiving', 'processing', 'done', 'failed')),
  format           text NOT NULL,
  file_name        text,
  -- What was asked for, and what follows from it and from the head of the file: see schemas/uploads/upload.ts.
  mapping          jsonb NOT NULL,
  plan             jsonb,
  created_at       timestamptz NOT NULL DEFAULT now(),
  finished_at      timestamptz,
  -- Size of the file; so far while it is received.
  bytes            bigint NOT NULL DEFAULT 0,
  -- Size of what is kept of it: UTF-8.
  bytes_total      bigint NOT NULL DEFAULT 0,
  -- Everything before this place is in the log. Moves with each chunk, together with the counts, so that a chunk
  -- that is read again after a crash counts once.
  chunks           integer NOT NULL DEFAULT 0,
  position_bytes   bigint NOT NULL DEFAULT 0,
  position_lines   bigint NOT NULL DEFAULT 0,
  rows             bigint NOT NULL DEFAULT 0,
  accepted         bigint NOT NULL DEFAULT 0,
  rejected         bigint NOT NULL DEFAULT 0,
  -- The first rejected rows: [{line, code, message}].
  errors           jsonb NOT NULL DEFAULT '[]',
  -- Why the whole file failed: {line, code, message}.
  failure          jsonb
);
CREATE INDEX uploads_by_project ON uploads (project_id, created_at DESC);
CREATE INDEX uploads_by_age ON uploads (created_at);

-- Rejected rows of one chunk, as gzipped lines of CSV; chunks without any have no row.
CREATE TABLE upload_rejects (
  upload_id        text NOT NULL REFERENCES uploads (id) ON DELETE CASCADE,
  chunk            integer NOT NULL,
  lines            bytea NOT NULL,
  PRIMARY KEY (upload_id, chunk)
);
