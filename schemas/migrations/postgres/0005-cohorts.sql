-- Cohorts: named sets of users, by a rule that is evaluated again and again, or by a list of ids.
CREATE TABLE cohorts (
  id                 integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  public_id          text NOT NULL UNIQUE,
  project_id         integer NOT NULL REFERENCES projects (id),
  name               text NOT NULL,
  -- Null: static, the members are those of cohort_ids.
  definition         jsonb,
  created_at         timestamptz NOT NULL DEFAULT now(),
  deleted_at         timestamptz,
  -- Grows with every refresh; 0: never refreshed.
  generation         bigint NOT NULL DEFAULT 0,
  size               bigint,
  refreshed_at       timestamptz,
  -- A refresh is under way until then at most; another worker may begin one after it.
  refreshing_until   timestamptz NOT NULL DEFAULT '-infinity',
  -- The next one is due then: a refresh that failed waits longer each time.
  refresh_due_at     timestamptz NOT NULL DEFAULT now(),
  refresh_failures   integer NOT NULL DEFAULT 0,
  refresh_error      text
);
CREATE INDEX cohorts_by_project ON cohorts (project_id) WHERE deleted_at IS NULL;
CREATE INDEX cohorts_due ON cohorts (refresh_due_at) WHERE deleted_at IS NULL;

CREATE TABLE cohort_ids (
  cohort_id     integer NOT NULL REFERENCES cohorts (id),
  user_id       text NOT NULL COLLATE "C",
  PRIMARY KEY (cohort_id, user_id)
);
