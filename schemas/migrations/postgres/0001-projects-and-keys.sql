-- Projects and the hashes of their keys.
CREATE TABLE projects (
  id            integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  public_id     text NOT NULL UNIQUE,
  name          text NOT NULL,
  timezone      text NOT NULL DEFAULT 'UTC',
  limits        jsonb NOT NULL DEFAULT '{}',
  retention     jsonb NOT NULL DEFAULT '{}',
  created_at    timestamptz NOT NULL DEFAULT now(),
  deleted_at    timestamptz
);

CREATE TABLE api_keys (
  id            integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  project_id    integer NOT NULL REFERENCES projects (id),
  scope         text NOT NULL CHECK (scope IN ('write', 'read', 'admin')),
  -- SHA-256 of the key; keys are 192 random bits, so a slow password hash would add nothing.
  key_hash      bytea NOT NULL UNIQUE,
  -- The first characters, to tell keys apart in lists.
  hint          text NOT NULL,
  -- 'configured': given by MILLRACE_*_KEY or made at first start; replaced when the configuration changes.
  origin        text NOT NULL DEFAULT 'created' CHECK (origin IN ('created', 'configured')),
  created_at    timestamptz NOT NULL DEFAULT now(),
  revoked_at    timestamptz
);
CREATE INDEX api_keys_by_project ON api_keys (project_id);
