-- Raw events. One insert of the pipeline is one block under one deduplication token; tables that depend on
-- this one are filled under the same token. Partitions expire whole: all rows of one retention class and month.
CREATE TABLE IF NOT EXISTS events
(
    project_id UInt32,
    event LowCardinality(String),
    timestamp DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    user_number UInt32,
    event_id String CODEC(ZSTD(1)),
    user_id String CODEC(ZSTD(1)),
    anonymous_id String CODEC(ZSTD(1)),
    session_id String CODEC(ZSTD(1)),
    properties JSON(max_dynamic_paths = 256),
    context String CODEC(ZSTD(1)),
    page_url String CODEC(ZSTD(1)),
    referrer_domain LowCardinality(String),
    utm_source LowCardinality(String),
    utm_medium LowCardinality(String),
    utm_campaign LowCardinality(String),
    browser LowCardinality(String),
    os LowCardinality(String),
    device LowCardinality(String),
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
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;
