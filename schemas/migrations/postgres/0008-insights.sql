-- Saved queries, and dashboards of them.
CREATE TABLE insights (
  id             integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  public_id      text NOT NULL UNIQUE,
  project_id     integer NOT NULL REFERENCES projects (id),
  name           text NOT NULL,
  description    text,
  kind           text NOT NULL,
  query          json NOT NULL,
  -- Null: the query says its own range, or has its kind's default.
  range_days     integer,
  created_at     timestamptz NOT NULL DEFAULT now(),
  updated_at     timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX insights_by_project ON insights (project_id, id);

CREATE TABLE dashboards (
  id             integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  public_id      text NOT NULL UNIQUE,
  project_id     integer NOT NULL REFERENCES projects (id),
  name           text NOT NULL,
  -- [{"insight_id", "title"?}]: an insight may be deleted while a tile names it; the tile then says so.
  tiles          jsonb NOT NULL,
  created_at     timestamptz NOT NULL DEFAULT now(),
  updated_at     timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX dashboards_by_project ON dashboards (project_id, id);
