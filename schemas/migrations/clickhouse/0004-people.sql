-- Which person each user number belongs to, for ids that were joined; numbers that are not named are persons of
-- their own. Rows of events, steps and rollups keep the number of the id they came with: a join is applied when a
-- query reads, so it changes the past at once, and undoing it is one more row here.
CREATE TABLE IF NOT EXISTS persons
(
    project_id UInt32,
    user_number UInt32,
    person_number UInt32,
    version UInt64
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (project_id, user_number)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

-- Properties of users: what an id's events set ($set), and what they set unless it was there ($set_once).
-- The latest `$set` wins by the event's time, otherwise the earliest `$set_once`, in whatever order they arrive:
-- `version` is the time, counted backwards for `$set_once`.
CREATE TABLE IF NOT EXISTS user_properties
(
    project_id UInt32,
    property String,
    user_number UInt32,
    once UInt8,
    -- The value as text, null for objects, lists and a property that was removed.
    text Nullable(String),
    number Nullable(Float64),
    boolean Nullable(Bool),
    -- JSON text; empty when the property was removed.
    value String,
    version UInt64
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (project_id, property, user_number, once)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;
