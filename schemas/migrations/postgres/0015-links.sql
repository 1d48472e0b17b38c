-- Short links: what stands at an address, how it came to stand so, and answers to requests that may be repeated.
CREATE EXTENSION IF NOT EXISTS pg_trgm;

-- A custom domain belongs to the project that used it first.
CREATE TABLE link_domains (
  domain        text COLLATE "C" PRIMARY KEY,
  project_id    integer NOT NULL REFERENCES projects (id),
  created_at    timestamptz NOT NULL DEFAULT now()
);

-- Of all links together: whatever is done to an address later has a larger number there, also when a link is deleted
-- and another one made.
CREATE SEQUENCE link_versions;

CREATE TABLE links (
  id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  public_id     text COLLATE "C" NOT NULL UNIQUE,
  project_id    integer NOT NULL REFERENCES projects (id),
  -- Empty: the installation's own addresses. Never null, or the unique index would protect nothing.
  domain        text COLLATE "C" NOT NULL,
  code          text COLLATE "C" NOT NULL,
  -- As it was given, and with the campaign parameters: where visitors go.
  url           text NOT NULL,
  target        text NOT NULL,
  redirect      smallint NOT NULL CHECK (redirect IN (301, 302, 307, 308)),
  forward_query boolean NOT NULL,
  expires_at    timestamptz,
  expired_url   text,
  max_clicks    bigint CHECK (max_clicks > 0),
  password_hash text,
  tags          text[] NOT NULL,
  utm           jsonb,
  title         text,
  external_id   text COLLATE "C",
  version       bigint NOT NULL DEFAULT 0,
  created_at    timestamptz NOT NULL DEFAULT now(),
  updated_at    timestamptz NOT NULL DEFAULT now(),
  UNIQUE (domain, code)
);
CREATE INDEX links_by_project ON links (project_id, id DESC);
CREATE UNIQUE INDEX links_by_external_id ON links (project_id, external_id) WHERE external_id IS NOT NULL;
CREATE INDEX links_by_tags ON links USING gin (tags) WHERE tags <> '{}';
CREATE INDEX links_by_text ON links
  USING gin ((code || ' ' || url || ' ' || coalesce(title, '')) gin_trgm_ops);

-- What each change of a link was.
CREATE TABLE link_changes (
  id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  link_id       bigint NOT NULL REFERENCES links (id) ON DELETE CASCADE,
  changed_at    timestamptz NOT NULL DEFAULT now(),
  version       bigint NOT NULL,
  request_id    text NOT NULL,
  -- By field: before and after. Of passwords only whether there is one.
  changes       jsonb NOT NULL
);
CREATE INDEX link_changes_by_link ON link_changes (link_id, id DESC);

-- Requests with an Idempotency-Key, for a day: written with what they made.
CREATE TABLE link_requests (
  project_id    integer NOT NULL,
  key           text COLLATE "C" NOT NULL,
  body_hash     bytea NOT NULL,
  answer        jsonb,
  created_at    timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (project_id, key)
);
CREATE INDEX link_requests_by_time ON link_requests (created_at);
