-- Ids that were joined to one person. Each row joins one id to another; active rows form a forest, so taking one
-- away splits a person in two.
CREATE TABLE user_merges (
  id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  project_id    integer NOT NULL,
  -- The id that was joined, and the one it was joined to.
  user_number   bigint NOT NULL,
  into_number   bigint NOT NULL,
  kind          text NOT NULL CHECK (kind IN ('identify', 'alias', 'merge')),
  -- What asked for it: 'log:<log id>:<partition>:<sequence>:<index>:<n>' or 'api:<uuid>:<n>'. Nothing is joined
  -- twice, even if the join was undone meanwhile.
  origin        text NOT NULL UNIQUE,
  -- Arrival and time (epoch milliseconds) and id of the event that asked: of two users who claim one anonymous id,
  -- the first counts, whichever partition is faster. Null: not to be contested.
  arrived_ms    bigint,
  happened_ms   bigint,
  event_id      text COLLATE "C",
  joined_at     timestamptz NOT NULL DEFAULT now(),
  undone_at     timestamptz
);
CREATE INDEX user_merges_by_user ON user_merges (project_id, user_number) WHERE undone_at IS NULL;
CREATE INDEX user_merges_by_into ON user_merges (project_id, into_number) WHERE undone_at IS NULL;

-- The person of every id that belongs to another one's; derived from user_merges.
CREATE TABLE user_persons (
  project_id    integer NOT NULL,
  user_number   bigint NOT NULL,
  person_number bigint NOT NULL,
  PRIMARY KEY (project_id, user_number)
);
CREATE INDEX user_persons_by_person ON user_persons (project_id, person_number);

-- Changes of user_persons that the analytics store does not hold yet; an id that became its own person again is
-- written with its own number.
CREATE TABLE person_changes (
  version       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  project_id    integer NOT NULL,
  user_number   bigint NOT NULL,
  person_number bigint NOT NULL
);

-- A number given to an id that was named by a join only: its partition does not know it, and learns it at the id's
-- first event. A user id that is reserved has identified nobody yet.
ALTER TABLE user_numbers ADD COLUMN reserved boolean NOT NULL DEFAULT false;
