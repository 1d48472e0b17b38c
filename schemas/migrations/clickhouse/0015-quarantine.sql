-- Quarantined events by name, and those that were replayed or deleted since: an event is in the quarantine when it was
-- kept aside after it was last taken out.
ALTER TABLE event_outcomes ADD COLUMN IF NOT EXISTS event LowCardinality(String) DEFAULT JSONExtractString(payload, 'event');

CREATE TABLE IF NOT EXISTS quarantine_closed
(
    project_id UInt32,
    event_id String CODEC(ZSTD(1)),
    outcome Enum8('replayed' = 1, 'deleted' = 2),
    closed_at DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(closed_at)
PARTITION BY toYYYYMM(closed_at)
ORDER BY (project_id, event_id)
TTL toDateTime(closed_at) + INTERVAL 31 DAY
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;
