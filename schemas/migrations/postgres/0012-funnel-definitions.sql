-- Funnels whose days are kept in the analytics store, because an insight asks for them.
CREATE TABLE funnel_definitions (
  id                integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  project_id        integer NOT NULL,
  -- Of the query without its range and its presentation; the same funnel of two insights is kept once.
  hash              text NOT NULL,
  -- Whose midnights the days begin at.
  zone              text NOT NULL,
  query             json NOT NULL,
  generation        bigint NOT NULL DEFAULT 0,
  -- Work on it is under way until then at most; another worker may begin after it.
  refreshing_until  timestamptz NOT NULL DEFAULT '-infinity',
  refresh_due_at    timestamptz NOT NULL DEFAULT '-infinity',
  refresh_failures  integer NOT NULL DEFAULT 0,
  -- Everything was as it should be at that time.
  refreshed_at      timestamptz,
  UNIQUE (project_id, hash, zone)
);
CREATE INDEX funnel_definitions_due ON funnel_definitions (refresh_due_at, id);

-- A definition without any is removed, and its days with it.
CREATE TABLE insight_funnels (
  insight_id     integer PRIMARY KEY REFERENCES insights (id) ON DELETE CASCADE,
  definition_id  integer NOT NULL REFERENCES funnel_definitions (id),
  -- How many days back the insight looks.
  days           integer NOT NULL
);
CREATE INDEX insight_funnels_by_definition ON insight_funnels (definition_id);
