-- The quarantine by time of arrival, as it is listed: a page is read where it begins, whatever there is beside it. One row
-- for each time that an event was kept aside; which of them still counts says the table below.
CREATE TABLE IF NOT EXISTS quarantined
(
    project_id UInt32,
    event_id String CODEC(ZSTD(1)),
    event LowCardinality(String),
    reason LowCardinality(String),
    message String CODEC(ZSTD(1)),
    payload String CODEC(ZSTD(3)),
    received_at DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    settled_at DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    log_partition UInt16,
    log_sequence UInt64 CODEC(Delta(8), ZSTD(1)),
    log_index UInt32
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(received_at)
ORDER BY (project_id, received_at, event_id, log_partition, log_sequence, log_index)
TTL toDateTime(received_at) + INTERVAL 30 DAY
SETTINGS index_granularity = 512, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS quarantined_from_outcomes TO quarantined AS
SELECT project_id, event_id, event, reason, message, payload, received_at, settled_at, log_partition, log_sequence, log_index
FROM event_outcomes
WHERE outcome = 'quarantined';

-- By event: when it arrived and was kept aside the last time, and when it was taken out the last time. An event is in the
-- quarantine while it was kept aside after that. Small granules: a page looks up a hundred ids.
CREATE TABLE IF NOT EXISTS quarantine_state
(
    project_id UInt32,
    event_id String CODEC(ZSTD(1)),
    received SimpleAggregateFunction(max, DateTime64(3, 'UTC')),
    settled SimpleAggregateFunction(max, DateTime64(3, 'UTC')),
    closed SimpleAggregateFunction(max, DateTime64(3, 'UTC')),
    seen_at SimpleAggregateFunction(max, DateTime64(3, 'UTC'))
)
ENGINE = AggregatingMergeTree
ORDER BY (project_id, event_id)
TTL toDateTime(seen_at) + INTERVAL 31 DAY
SETTINGS index_granularity = 128, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS quarantine_state_from_outcomes TO quarantine_state AS
SELECT project_id, event_id, received_at AS received, settled_at AS settled, settled_at AS seen_at
FROM event_outcomes
WHERE outcome = 'quarantined';

-- Stored after all: sent again as it should be.
ALTER TABLE quarantine_closed MODIFY COLUMN outcome Enum8('replayed' = 1, 'deleted' = 2, 'stored' = 3);

CREATE MATERIALIZED VIEW IF NOT EXISTS quarantine_state_from_closed TO quarantine_state AS
SELECT project_id, event_id, closed_at AS closed, closed_at AS seen_at
FROM quarantine_closed;

-- What there is already. Twice is the same as once.
INSERT INTO quarantined (project_id, event_id, event, reason, message, payload, received_at, settled_at, log_partition, log_sequence, log_index)
SELECT project_id, event_id, event, reason, message, payload, received_at, settled_at, log_partition, log_sequence, log_index
FROM event_outcomes
WHERE outcome = 'quarantined';

INSERT INTO quarantine_state (project_id, event_id, received, settled, seen_at)
SELECT project_id, event_id, received_at, settled_at, settled_at
FROM event_outcomes
WHERE outcome = 'quarantined';

INSERT INTO quarantine_state (project_id, event_id, closed, seen_at)
SELECT project_id, event_id, closed_at, closed_at
FROM quarantine_closed;
