-- needs: no open batch
-- A random sample of people with all their steps: every person whose hash falls into 256 of 4096 ranks. Ordered by
-- rank, so that a query takes as few of them as it needs and reads nothing else (a condition on a hash alone would
-- read every row: 24 M rows of 100 M took as long as without it).
-- Not the 16 buckets of `steps`: those are the last bits of numbers that are given in order of arrival, and what
-- arrives in turns (anonymous id, user id, anonymous id …) is not spread over them by chance.
DROP VIEW IF EXISTS steps_sample_from_events;
DROP TABLE IF EXISTS steps_sample SYNC;

CREATE TABLE steps_sample
(
    project_id UInt32,
    event LowCardinality(String),
    rank UInt8,
    user_number UInt32 CODEC(Delta(4), ZSTD(1)),
    timestamp DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    retention_days UInt16
)
ENGINE = MergeTree
PARTITION BY (retention_days, if(timestamp < toDateTime64('2010-01-01 00:00:00', 3, 'UTC'), 0, toYYYYMM(timestamp)))
ORDER BY (project_id, event, rank, user_number, timestamp)
SETTINGS index_granularity = 1024, non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

INSERT INTO steps_sample (project_id, event, rank, user_number, timestamp, retention_days)
SELECT project_id, event, toUInt8(sipHash64(project_id, user_number) % 4096) AS rank, user_number, timestamp, retention_days
FROM steps
WHERE sipHash64(project_id, user_number) % 4096 < 256
SETTINGS async_insert = 0, distributed_foreground_insert = 1, max_partitions_per_insert_block = 0;

CREATE MATERIALIZED VIEW IF NOT EXISTS steps_sample_from_events TO steps_sample AS
SELECT project_id, event, toUInt8(sipHash64(project_id, user_number) % 4096) AS rank, user_number, timestamp, retention_days
FROM events
WHERE sipHash64(project_id, user_number) % 4096 < 256;
