-- needs: no open batch
-- Clicks of short links, made of the events `link.clicked`: by quarter of an hour, because every time zone's days begin
-- at one, and by day (UTC) for long ranges. An event counts in exactly one of clicks (by people), bots and previews
-- (fetched ahead by a browser). Small granules: a link's rows are read without its neighbours'.
CREATE TABLE IF NOT EXISTS link_clicks_quarter
(
    project_id UInt32,
    link_id String CODEC(ZSTD(1)),
    quarter DateTime64(0, 'UTC') CODEC(Delta(8), ZSTD(1)),
    clicks SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    bots SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    previews SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    -- Of clicks by people, like the sets of visitors.
    last_clicked_at SimpleAggregateFunction(max, Nullable(DateTime64(3, 'UTC'))),
    users AggregateFunction(groupBitmap, UInt32)
)
ENGINE = AggregatingMergeTree
PARTITION BY if(quarter < toDateTime64('2010-01-01 00:00:00', 0, 'UTC'), 0, toYear(quarter))
ORDER BY (project_id, link_id, quarter)
SETTINGS index_granularity = 256, non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS link_clicks_day
(
    project_id UInt32,
    link_id String CODEC(ZSTD(1)),
    day DateTime64(0, 'UTC') CODEC(Delta(8), ZSTD(1)),
    clicks SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    bots SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    previews SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    last_clicked_at SimpleAggregateFunction(max, Nullable(DateTime64(3, 'UTC'))),
    users AggregateFunction(groupBitmap, UInt32)
)
ENGINE = AggregatingMergeTree
PARTITION BY if(day < toDateTime64('2010-01-01 00:00:00', 0, 'UTC'), 0, toYear(day))
ORDER BY (project_id, link_id, day)
SETTINGS index_granularity = 256, non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

-- Clicks by people by what is known of each: every click has one value of every dimension, empty when it is unknown, so
-- the values of a dimension add up to the clicks.
CREATE TABLE IF NOT EXISTS link_values_quarter
(
    project_id UInt32,
    link_id String CODEC(ZSTD(1)),
    dimension LowCardinality(String),
    quarter DateTime64(0, 'UTC') CODEC(Delta(8), ZSTD(1)),
    value String CODEC(ZSTD(1)),
    clicks SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1))
)
ENGINE = AggregatingMergeTree
PARTITION BY if(quarter < toDateTime64('2010-01-01 00:00:00', 0, 'UTC'), 0, toYear(quarter))
ORDER BY (project_id, link_id, dimension, quarter, value)
SETTINGS index_granularity = 1024, non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS link_values_day
(
    project_id UInt32,
    link_id String CODEC(ZSTD(1)),
    dimension LowCardinality(String),
    day DateTime64(0, 'UTC') CODEC(Delta(8), ZSTD(1)),
    value String CODEC(ZSTD(1)),
    clicks SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1))
)
ENGINE = AggregatingMergeTree
PARTITION BY if(day < toDateTime64('2010-01-01 00:00:00', 0, 'UTC'), 0, toYear(day))
ORDER BY (project_id, link_id, dimension, day, value)
SETTINGS index_granularity = 1024, non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS link_clicks_quarter_from_events TO link_clicks_quarter AS
SELECT project_id, assumeNotNull(properties.link_id.:String) AS link_id,
       fromUnixTimestamp64Second(intDiv(toUnixTimestamp64Milli(timestamp) - positiveModulo(toUnixTimestamp64Milli(timestamp), 900000), 1000), 'UTC') AS quarter,
       countIf(NOT ifNull(properties.bot.:Bool, false) AND NOT ifNull(properties.preview.:Bool, false)) AS clicks,
       countIf(ifNull(properties.bot.:Bool, false)) AS bots,
       countIf(NOT ifNull(properties.bot.:Bool, false) AND ifNull(properties.preview.:Bool, false)) AS previews,
       maxOrNullIf(timestamp, NOT ifNull(properties.bot.:Bool, false) AND NOT ifNull(properties.preview.:Bool, false)) AS last_clicked_at,
       groupBitmapStateIf(user_number, NOT ifNull(properties.bot.:Bool, false) AND NOT ifNull(properties.preview.:Bool, false)) AS users
FROM events
WHERE event = 'link.clicked' AND ifNull(properties.link_id.:String, '') != ''
GROUP BY project_id, link_id, quarter;

CREATE MATERIALIZED VIEW IF NOT EXISTS link_clicks_day_from_quarters TO link_clicks_day AS
SELECT project_id, link_id, fromUnixTimestamp64Second(toUnixTimestamp64Second(quarter) - positiveModulo(toUnixTimestamp64Second(quarter), 86400), 'UTC') AS day,
       sum(clicks) AS clicks, sum(bots) AS bots, sum(previews) AS previews, max(last_clicked_at) AS last_clicked_at,
       groupBitmapMergeState(users) AS users
FROM link_clicks_quarter
GROUP BY project_id, link_id, day;

-- The name of a city is one of its country: `FR/Paris`.
CREATE MATERIALIZED VIEW IF NOT EXISTS link_values_quarter_from_events TO link_values_quarter AS
SELECT project_id, link_id, pair.1 AS dimension, quarter, substringUTF8(pair.2, 1, 200) AS value, count() AS clicks
FROM
(
    -- Within, so that nothing is multiplied that is no click.
    SELECT project_id, assumeNotNull(properties.link_id.:String) AS link_id,
           fromUnixTimestamp64Second(intDiv(toUnixTimestamp64Milli(timestamp) - positiveModulo(toUnixTimestamp64Milli(timestamp), 900000), 1000), 'UTC') AS quarter,
           arrayJoin([
               ('country', ifNull(properties.country.:String, '')),
               ('city', if(ifNull(properties.city.:String, '') = '', '', concat(ifNull(properties.country.:String, ''), '/', ifNull(properties.city.:String, '')))),
               ('device', toString(device)),
               ('browser', toString(browser)),
               ('os', toString(os)),
               ('referrer', ifNull(properties.referrer_domain.:String, '')),
               ('language', ifNull(properties.language.:String, '')),
               ('utm_source', ifNull(properties.utm_source.:String, '')),
               ('utm_medium', ifNull(properties.utm_medium.:String, '')),
               ('utm_campaign', ifNull(properties.utm_campaign.:String, ''))]) AS pair
    FROM events
    WHERE event = 'link.clicked' AND ifNull(properties.link_id.:String, '') != ''
      AND NOT ifNull(properties.bot.:Bool, false) AND NOT ifNull(properties.preview.:Bool, false)
)
GROUP BY project_id, link_id, dimension, quarter, value;

CREATE MATERIALIZED VIEW IF NOT EXISTS link_values_day_from_quarters TO link_values_day AS
SELECT project_id, link_id, dimension, fromUnixTimestamp64Second(toUnixTimestamp64Second(quarter) - positiveModulo(toUnixTimestamp64Second(quarter), 86400), 'UTC') AS day,
       value, sum(clicks) AS clicks
FROM link_values_quarter
GROUP BY project_id, link_id, dimension, day, value;
