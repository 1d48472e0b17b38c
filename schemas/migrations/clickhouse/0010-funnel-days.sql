-- What became of the attempts of one funnel that began on one local day: who came how far at best, and how long each
-- step took. The union over days is the funnel over their range. A row is valid as long as the events that it was
-- made from are all there are: `events` counts them.
CREATE TABLE IF NOT EXISTS funnel_days
(
    project_id UInt32,
    definition_id UInt32,
    -- First instant of the day and of the one after it, epoch milliseconds.
    start_ms Int64,
    end_ms Int64,
    generation UInt64,
    -- Of the funnel's names, in the UTC days that the day's attempts may reach into.
    events UInt64,
    -- Joins of ids up to this version are in.
    persons_version UInt64,
    -- Persons whose best attempt reached exactly 1, 2, … steps.
    sizes Array(UInt32),
    -- Those of one step first, then of two …
    persons Array(UInt32) CODEC(Delta(4), ZSTD(1)),
    -- In the order of the persons, step by step: milliseconds from the step before.
    gaps_ms Array(UInt32) CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(generation)
ORDER BY (project_id, definition_id, start_ms)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

-- Every change of `persons`: whose answers a join changed since some version.
CREATE TABLE IF NOT EXISTS person_history
(
    project_id UInt32,
    version UInt64,
    user_number UInt32,
    person_number UInt32
)
ENGINE = ReplacingMergeTree
ORDER BY (project_id, version)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

-- A second try of this file begins here again.
DROP VIEW IF EXISTS person_history_from_persons;
TRUNCATE TABLE IF EXISTS person_history;

INSERT INTO person_history (project_id, version, user_number, person_number)
SELECT project_id, version, user_number, person_number
FROM persons
SETTINGS async_insert = 0, distributed_foreground_insert = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS person_history_from_persons TO person_history AS
SELECT project_id, version, user_number, person_number
FROM persons;
