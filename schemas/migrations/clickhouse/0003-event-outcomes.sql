-- Events that were not stored as rows of `events`: repeats of an event id, and quarantined ones with the reason.
-- ReplacingMergeTree: writing the same outcome again after a crash changes nothing.
CREATE TABLE IF NOT EXISTS event_outcomes
(
    project_id UInt32,
    event_id String,
    outcome Enum8('duplicate' = 1, 'quarantined' = 2),
    reason LowCardinality(String),
    message String,
    payload String CODEC(ZSTD(3)),
    received_at DateTime64(3, 'UTC'),
    settled_at DateTime64(3, 'UTC') DEFAULT now64(3),
    log_partition UInt16,
    log_sequence UInt64,
    log_index UInt32
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(received_at)
ORDER BY (project_id, event_id, log_partition, log_sequence, log_index)
TTL toDateTime(received_at) + INTERVAL 30 DAY
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;
