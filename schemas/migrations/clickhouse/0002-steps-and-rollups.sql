-- What funnels, paths and retention scan: who did what when, nothing else; sorted so that a user's events
-- lie together, in 16 buckets of users that can be read and merged independently.
CREATE TABLE IF NOT EXISTS steps
(
    project_id UInt32,
    event LowCardinality(String),
    bucket UInt8,
    user_number UInt32 CODEC(Delta(4), ZSTD(1)),
    timestamp DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    retention_days UInt16
)
ENGINE = MergeTree
PARTITION BY (retention_days, if(timestamp < toDateTime64('2010-01-01 00:00:00', 3, 'UTC'), 0, toYYYYMM(timestamp)))
ORDER BY (project_id, event, bucket, user_number, timestamp)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS steps_from_events TO steps AS
SELECT project_id, event, toUInt8(user_number % 16) AS bucket, user_number, timestamp, retention_days
FROM events;

-- Counts per minute: time series in any zone, whatever its offset.
-- Starts of minutes, hours and days are integer arithmetic: toStartOfInterval answers a 32-bit DateTime, which
-- clamps times before 1970 and wraps times after 2106 (tried: 2150 became 2014).
CREATE TABLE IF NOT EXISTS rollup_minute
(
    project_id UInt32,
    event LowCardinality(String),
    minute DateTime64(0, 'UTC') CODEC(Delta(8), ZSTD(1)),
    events SimpleAggregateFunction(sum, UInt64)
)
ENGINE = AggregatingMergeTree
PARTITION BY if(minute < toDateTime64('2010-01-01 00:00:00', 0, 'UTC'), 0, toYear(minute))
ORDER BY (project_id, event, minute)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS rollup_minute_from_events TO rollup_minute AS
SELECT project_id, event, fromUnixTimestamp64Second(intDiv(toUnixTimestamp64Milli(timestamp) - positiveModulo(toUnixTimestamp64Milli(timestamp), 60000), 1000), 'UTC') AS minute, count() AS events
FROM events
GROUP BY project_id, event, minute;

-- Counts and sets of users per hour: exact uniques over any range of whole hours.
CREATE TABLE IF NOT EXISTS rollup_hour
(
    project_id UInt32,
    event LowCardinality(String),
    hour DateTime64(0, 'UTC') CODEC(Delta(8), ZSTD(1)),
    events SimpleAggregateFunction(sum, UInt64),
    users AggregateFunction(groupBitmap, UInt32)
)
ENGINE = AggregatingMergeTree
PARTITION BY if(hour < toDateTime64('2010-01-01 00:00:00', 0, 'UTC'), 0, toYear(hour))
ORDER BY (project_id, event, hour)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS rollup_hour_from_events TO rollup_hour AS
SELECT project_id, event, fromUnixTimestamp64Second(intDiv(toUnixTimestamp64Milli(timestamp) - positiveModulo(toUnixTimestamp64Milli(timestamp), 3600000), 1000), 'UTC') AS hour, count() AS events,
       groupBitmapState(user_number) AS users
FROM events
GROUP BY project_id, event, hour;

-- The same per UTC day, for long ranges.
CREATE TABLE IF NOT EXISTS rollup_day
(
    project_id UInt32,
    event LowCardinality(String),
    day DateTime64(0, 'UTC') CODEC(Delta(8), ZSTD(1)),
    events SimpleAggregateFunction(sum, UInt64),
    users AggregateFunction(groupBitmap, UInt32)
)
ENGINE = AggregatingMergeTree
PARTITION BY if(day < toDateTime64('2010-01-01 00:00:00', 0, 'UTC'), 0, toYear(day))
ORDER BY (project_id, event, day)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

-- From the hours' rows, not the events': merging a few bitmaps costs a tenth of building them again.
CREATE MATERIALIZED VIEW IF NOT EXISTS rollup_day_from_hours TO rollup_day AS
SELECT project_id, event, fromUnixTimestamp64Second(toUnixTimestamp64Second(hour) - positiveModulo(toUnixTimestamp64Second(hour), 86400), 'UTC') AS day,
       sum(events) AS events, groupBitmapMergeState(users) AS users
FROM rollup_hour
GROUP BY project_id, event, day;
