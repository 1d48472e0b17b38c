-- Where rows come back from archives, and where archives are read to compare them: tables like the three of raw rows, on
-- which no view depends. Whole partitions move from here into those; between two pieces of work these are empty.
CREATE TABLE IF NOT EXISTS events_staging
(
    project_id UInt32,
    event LowCardinality(String),
    timestamp DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    user_number UInt32 CODEC(T64, LZ4),
    event_id String CODEC(ZSTD(1)),
    user_id String CODEC(ZSTD(1)),
    anonymous_id String CODEC(ZSTD(1)),
    session_id String CODEC(ZSTD(1)),
    properties JSON(max_dynamic_paths = 256),
    context String CODEC(ZSTD(1)),
    page_url String CODEC(ZSTD(1)),
    referrer_domain LowCardinality(String) CODEC(ZSTD(1)),
    utm_source LowCardinality(String) CODEC(ZSTD(1)),
    utm_medium LowCardinality(String) CODEC(ZSTD(1)),
    utm_campaign LowCardinality(String) CODEC(ZSTD(1)),
    browser LowCardinality(String) CODEC(ZSTD(1)),
    os LowCardinality(String) CODEC(ZSTD(1)),
    device LowCardinality(String) CODEC(ZSTD(1)),
    is_bot UInt8,
    received_at DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    stored_at DateTime64(3, 'UTC') DEFAULT now64(3) CODEC(Delta(8), ZSTD(1)),
    log_partition UInt16,
    log_sequence UInt64 CODEC(Delta(8), ZSTD(1)),
    retention_days UInt16,
    INDEX event_id_index event_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX log_sequence_index log_sequence TYPE minmax GRANULARITY 1,
    INDEX received_at_index received_at TYPE minmax GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY (retention_days, if(timestamp < toDateTime64('2010-01-01 00:00:00', 3, 'UTC'), 0, toYYYYMM(timestamp)))
ORDER BY (project_id, event, timestamp)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS steps_staging
(
    project_id UInt32,
    event LowCardinality(String),
    bucket UInt8,
    user_number UInt32 CODEC(Delta(4), ZSTD(1)),
    timestamp DateTime64(3, 'UTC') CODEC(T64, ZSTD(1)),
    retention_days UInt16
)
ENGINE = MergeTree
PARTITION BY (retention_days, if(timestamp < toDateTime64('2010-01-01 00:00:00', 3, 'UTC'), 0, toYYYYMM(timestamp)))
ORDER BY (project_id, event, bucket, user_number, timestamp)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS steps_sample_staging
(
    project_id UInt32,
    event LowCardinality(String),
    rank UInt8,
    user_number UInt32 CODEC(Delta(4), ZSTD(1)),
    timestamp DateTime64(3, 'UTC') CODEC(T64, ZSTD(1)),
    retention_days UInt16
)
ENGINE = MergeTree
PARTITION BY (retention_days, if(timestamp < toDateTime64('2010-01-01 00:00:00', 3, 'UTC'), 0, toYYYYMM(timestamp)))
ORDER BY (project_id, event, rank, user_number, timestamp)
SETTINGS index_granularity = 1024, fsync_after_insert = 1, fsync_part_directory = 1;

-- Ids of events that came so late that their rows were removed soon after: a repeat of one is still a repeat.
CREATE TABLE IF NOT EXISTS removed_event_ids
(
    project_id UInt32,
    event_id String CODEC(ZSTD(1)),
    log_partition UInt16,
    log_sequence UInt64,
    received_at DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(received_at)
ORDER BY (log_partition, project_id, event_id)
TTL toDateTime(received_at) + INTERVAL 91 DAY
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;
