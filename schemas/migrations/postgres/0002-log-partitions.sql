-- Who owns each partition of the log, how far it is stored, and the batch that is being written.
CREATE TABLE log_partitions (
  partition           integer PRIMARY KEY,
  -- Identity of the log (its time of creation): sequences of another log mean nothing here.
  log_id              text NOT NULL,
  -- Instance that owns the partition; null when free.
  owner               text,
  -- Grows with every change of owner: writes of a former owner carry an old epoch and are refused.
  epoch               bigint NOT NULL DEFAULT 0,
  lease_until         timestamptz NOT NULL DEFAULT '-infinity',
  -- Everything of the partition up to this log sequence is stored.
  committed_sequence  bigint NOT NULL DEFAULT 0,
  committed_at        timestamptz,
  -- The batch being written: after a crash exactly this range is read and written again under this token.
  intent_from         bigint,
  intent_to           bigint,
  intent_token        text
);

-- The latest batches of each partition, so that a start can compare what the store holds with what was
-- marked done, and redo what is missing (a store that lost power after it answered).
CREATE TABLE log_batches (
  partition           integer NOT NULL,
  from_sequence       bigint NOT NULL,
  to_sequence         bigint NOT NULL,
  token               text NOT NULL,
  rows                bigint NOT NULL,
  committed_at        timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (partition, from_sequence)
);

-- Worker processes that are alive; partitions are shared out evenly among them.
CREATE TABLE worker_instances (
  instance            text PRIMARY KEY,
  alive_until         timestamptz NOT NULL
);
