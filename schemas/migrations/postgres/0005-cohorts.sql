-- Cohorts: named sets of users, by a rule that is evaluated again and again, or by a list of ids.
CREATE TABLE cohorts (
  id                  integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  public_id           text NOT NULL UNIQUE,
  project_id          integer NOT NULL REFERENCES projects (id),
  name                text NOT NULL,
  -- Null: static, the members are those of cohort_ids.
  definition          json,
  created_at          timestamptz NOT NULL DEFAULT now(),
  deleted_at          timestamptz,
  -- Grows with every refresh that begins; the store keeps the members of the highest one.
  generation          bigint NOT NULL DEFAULT 0,
  -- The last one that ended, well or badly.
  ended_generation    bigint NOT NULL DEFAULT 0,
  size                bigint,
  -- What had been stored by then was looked at.
  refreshed_at        timestamptz,
  -- A refresh is under way until then at most; another worker may begin one after it.
  refreshing_until    timestamptz NOT NULL DEFAULT '-infinity',
  -- The next one is due then. While one is under way this equals refreshing_until, unless somebody asked for another.
  refresh_due_at      timestamptz NOT NULL DEFAULT '-infinity',
  -- Since the last one that went well: each waits longer than the one before.
  refresh_failures    integer NOT NULL DEFAULT 0,
  refresh_error       text,
  -- Ids of a static cohort, and a digest of the persons that were found for them.
  ids_count           bigint NOT NULL DEFAULT 0,
  persons_digest      text
);
CREATE INDEX cohorts_by_project ON cohorts (project_id, id) WHERE deleted_at IS NULL;
CREATE INDEX cohorts_due ON cohorts (refresh_due_at, id) WHERE deleted_at IS NULL;

-- Which cohorts the definition of a cohort names: those may not be deleted before it.
CREATE TABLE cohort_uses (
  cohort_id      integer NOT NULL REFERENCES cohorts (id),
  used_cohort_id integer NOT NULL REFERENCES cohorts (id),
  PRIMARY KEY (cohort_id, used_cohort_id)
);
CREATE INDEX cohort_uses_by_used ON cohort_uses (used_cohort_id);

CREATE TABLE cohort_ids (
  cohort_id     integer NOT NULL REFERENCES cohorts (id),
  user_id       text NOT NULL COLLATE "C",
  PRIMARY KEY (cohort_id, user_id)
);
