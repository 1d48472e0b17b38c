-- Members of cohorts as one set of user numbers each; a refresh adds a newer one.
CREATE TABLE IF NOT EXISTS cohort_members
(
    project_id UInt32,
    cohort_id UInt32,
    generation UInt64,
    users AggregateFunction(groupBitmap, UInt32)
)
ENGINE = ReplacingMergeTree(generation)
ORDER BY (project_id, cohort_id)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;
