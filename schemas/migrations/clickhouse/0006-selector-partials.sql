-- What is kept of selectors: for each event, hour and value what queries add up. Numbers of days and hours count from
-- 1970 in UTC. A day is written under one generation; a newer one replaces it, and the older one is removed later,
-- when no query can still be reading it. An event that a selector's filters refuse counts in `rows_seen` only.
-- A row is some kilobytes, so granules are small: one event's days are read without its neighbours'.
CREATE TABLE IF NOT EXISTS partial_hour
(
    project_id UInt32,
    selector_id UInt32,
    event LowCardinality(String),
    day Int32,
    generation UInt64,
    hour Int32,
    value Nullable(String) CODEC(ZSTD(1)),
    rows_seen UInt64,
    events UInt64,
    users AggregateFunction(groupBitmap, UInt32),
    -- Of the selector's numeric property, if it has one; then the sets of users are empty.
    numbers UInt64,
    number_sum AggregateFunction(sumKahan, Float64),
    number_min Nullable(Float64),
    number_max Nullable(Float64)
)
ENGINE = MergeTree
PARTITION BY intDiv(day, 365)
ORDER BY (project_id, selector_id, event, day, generation, hour)
SETTINGS index_granularity = 64, fsync_after_insert = 1, fsync_part_directory = 1;

-- The same for whole days.
CREATE TABLE IF NOT EXISTS partial_day
(
    project_id UInt32,
    selector_id UInt32,
    event LowCardinality(String),
    day Int32,
    generation UInt64,
    value Nullable(String) CODEC(ZSTD(1)),
    rows_seen SimpleAggregateFunction(sum, UInt64),
    events SimpleAggregateFunction(sum, UInt64),
    users AggregateFunction(groupBitmap, UInt32),
    numbers SimpleAggregateFunction(sum, UInt64),
    number_sum AggregateFunction(sumKahan, Float64),
    number_min SimpleAggregateFunction(min, Nullable(Float64)),
    number_max SimpleAggregateFunction(max, Nullable(Float64))
)
ENGINE = MergeTree
PARTITION BY intDiv(day, 365)
ORDER BY (project_id, selector_id, event, day, generation)
SETTINGS index_granularity = 64, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS partial_day_from_hours TO partial_day AS
SELECT project_id, selector_id, event, day, generation, value,
       sum(rows_seen) AS rows_seen, sum(events) AS events, groupBitmapMergeState(users) AS users,
       sum(numbers) AS numbers, sumKahanMergeState(number_sum) AS number_sum,
       min(number_min) AS number_min, max(number_max) AS number_max
FROM partial_hour
GROUP BY project_id, selector_id, event, day, generation, value;

-- Which generation of a day counts, and for how many rows of the event on that day: while the day's rollup says the
-- same number, what is kept is what would be computed again, because events are only ever added.
CREATE TABLE IF NOT EXISTS partial_state
(
    project_id UInt32,
    selector_id UInt32,
    event LowCardinality(String),
    day Int32,
    generation UInt64,
    rows_seen UInt64,
    -- 0: the day has more values than may be kept; nothing is.
    kept UInt8,
    values_found UInt64,
    written_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree(generation)
ORDER BY (project_id, selector_id, event, day)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;
