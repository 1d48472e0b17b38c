-- Keys with several scopes, an end, and successors; what projects use by day; what administrators did.
ALTER TABLE api_keys
  ADD COLUMN public_id text NOT NULL UNIQUE DEFAULT 'key_' || left(replace(gen_random_uuid()::text, '-', ''), 20),
  ADD COLUMN name text,
  ADD COLUMN scopes text[],
  -- From then on the key opens nothing; null: never.
  ADD COLUMN expires_at timestamptz,
  -- The key that takes its place: until expires_at both are valid.
  ADD COLUMN rotated_to integer REFERENCES api_keys (id),
  -- To a minute or so: reported by the edges from time to time.
  ADD COLUMN last_used_at timestamptz,
  -- 'configuration': replaced by another MILLRACE_*_KEY, and back when that names it again. 'request': for ever.
  ADD COLUMN revoked_by text CHECK (revoked_by IN ('configuration', 'request'));
UPDATE api_keys SET scopes = ARRAY[scope];
UPDATE api_keys SET revoked_by = CASE origin WHEN 'configured' THEN 'configuration' ELSE 'request' END
WHERE revoked_at IS NOT NULL;
ALTER TABLE api_keys
  DROP COLUMN scope,
  ALTER COLUMN scopes SET NOT NULL,
  ADD CHECK (scopes <@ ARRAY['write', 'read', 'admin', 'links'] AND cardinality(scopes) > 0);

-- What became of the events that the log took, by the day (UTC) they arrived. Written in the transaction that moves the
-- partition's position; by partition, so that partitions never wait for each other.
CREATE TABLE usage_events (
  project_id    integer NOT NULL,
  day           date NOT NULL,
  partition     integer NOT NULL,
  stored        bigint NOT NULL,
  duplicates    bigint NOT NULL,
  quarantined   bigint NOT NULL,
  PRIMARY KEY (project_id, day, partition)
);

-- What only the edges know, as they report it every few seconds.
CREATE TABLE usage_requests (
  project_id    integer NOT NULL,
  day           date NOT NULL,
  rejected      bigint NOT NULL,
  bytes         bigint NOT NULL,
  queries       bigint NOT NULL,
  PRIMARY KEY (project_id, day)
);

-- The latest report of each run of an edge: one that is repeated counts once.
CREATE TABLE usage_reports (
  run           text PRIMARY KEY,
  number        bigint NOT NULL,
  reported_at   timestamptz NOT NULL DEFAULT now()
);

-- What administrators began: written before it is done, so nothing is done that is not here.
CREATE TABLE audit_actions (
  id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  begun_at      timestamptz NOT NULL DEFAULT now(),
  -- The project of the key, and the one that the address names, when it is another one.
  project_id    integer NOT NULL,
  target_id     text,
  key_id        text NOT NULL,
  key_hint      text NOT NULL,
  -- Like "DELETE /v1/projects/{id}", and what stood in its braces.
  action        text NOT NULL,
  parameters    jsonb NOT NULL,
  address       text NOT NULL,
  request_id    text NOT NULL
);
CREATE INDEX audit_actions_by_project ON audit_actions (project_id, id DESC);

-- How they ended; an action without a row here was cut off by the end of the edge that passed it on.
CREATE TABLE audit_results (
  action_id     bigint PRIMARY KEY REFERENCES audit_actions (id),
  ended_at      timestamptz NOT NULL DEFAULT now(),
  status        integer NOT NULL,
  code          text
);

-- Both only ever grow, whoever asks.
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'rows of % stay as they were written', TG_TABLE_NAME;
END $$;
CREATE TRIGGER audit_actions_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_actions
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER audit_results_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_results
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
