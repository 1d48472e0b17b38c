-- People who are waiting to be erased when one of them begins go together: the store's parts are rewritten once for all of
-- them. The first one leads; the others name it until they are done.
ALTER TABLE erasures ADD COLUMN leader_id text;
-- What was removed and is only known of all of them together, with their number; null where somebody went alone.
ALTER TABLE erasures ADD COLUMN removed_together jsonb;
-- Files that were not read to their end when the person was cut off.
ALTER TABLE erasures ADD COLUMN unread_uploads text[] NOT NULL DEFAULT '{}';
CREATE INDEX erasures_by_leader ON erasures (leader_id) WHERE leader_id IS NOT NULL;

-- When something of the file last came in or was read: one that stands still is not waited for.
ALTER TABLE uploads ADD COLUMN moved_at timestamptz NOT NULL DEFAULT now();

-- How far events were compared with what is kept aside, by partition: what was sent again and stored is kept aside no
-- more. See workers/plans/sweep-quarantine.ts.
CREATE TABLE quarantine_sweeps (
  partition       integer PRIMARY KEY,
  swept_sequence  bigint NOT NULL
);
