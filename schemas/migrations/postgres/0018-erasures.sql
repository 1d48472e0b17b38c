-- Erasures of people: what was asked, how far each is, and what was removed where.
CREATE TABLE erasures (
  id              text PRIMARY KEY,
  project_id      integer NOT NULL REFERENCES projects (id),
  state           text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'removing', 'done')),
  -- The id by which the person was named, all its keys and their numbers; null when done: a receipt names nobody.
  asked_id        text COLLATE "C",
  user_keys       text[],
  user_numbers    bigint[],
  -- Last blocks of the log after it was asked for, by partition: {"0": 17}. Everything up to them is stored first.
  log_ends        jsonb,
  -- Batches that were under way when the person was cut off, by partition: {"0": token}.
  open_batches    jsonb,
  -- What the person did that was received before this is removed, whenever it arrives.
  erased_before   timestamptz,
  -- UTC days since 1970 with events of the person.
  days            integer[],
  -- How many of the steps of the removal are done, and what each removed.
  steps_done      integer NOT NULL DEFAULT 0,
  removed         jsonb NOT NULL DEFAULT '{}',
  requested_at    timestamptz NOT NULL DEFAULT now(),
  finished_at     timestamptz,
  -- Grows with every try; what an older try says is ignored.
  attempt         integer NOT NULL DEFAULT 0,
  lease_until     timestamptz NOT NULL DEFAULT '-infinity',
  due_at          timestamptz NOT NULL DEFAULT '-infinity',
  failures        integer NOT NULL DEFAULT 0,
  error           text
);
CREATE INDEX erasures_open ON erasures (due_at, id) WHERE state <> 'done';
CREATE INDEX erasures_by_project ON erasures (project_id, requested_at);

-- Keys of erased people, as hashes: their events that were received before are dropped wherever they come from (a batch
-- that is written again, dead blocks that are replayed).
CREATE TABLE erased_keys (
  partition       integer NOT NULL,
  -- Words 1 to 3 of the hash by which the pipeline knows a user key.
  word1           bigint NOT NULL,
  word2           bigint NOT NULL,
  word3           bigint NOT NULL,
  erased_before   timestamptz NOT NULL,
  version         bigint NOT NULL,
  PRIMARY KEY (partition, word1, word2, word3)
);
CREATE SEQUENCE erasure_versions;

-- The latest version of erased_keys. A batch is begun only by an actor that knows it.
ALTER TABLE log_partitions ADD COLUMN erasures bigint NOT NULL DEFAULT 0;
