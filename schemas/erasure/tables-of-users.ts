// Where the analytics store holds something of a user, by the user's number. A test compares these lists with the
// tables that there are: a new table with a user in it has to be named here.

/** Tables with a row for each thing that a user did or is; the number is in `user_number`. */
export const rowsOfUsers = [
  "events",
  "steps",
  "steps_sample",
  "user_properties",
  "persons",
  "person_history",
] as const;

/** Tables with sets of users in `users`. */
export const setsOfUsers = [
  "rollup_hour",
  "rollup_day",
  "rollup_hour_any",
  "rollup_day_any",
  "cohort_members",
  "link_clicks_quarter",
  "link_clicks_day",
] as const;

/** Where rows of the tables above lie for a moment, on their way to or from archives. */
export const rowsInPassing = ["events_staging", "steps_staging", "steps_sample_staging"] as const;

/** Made of the tables above, and made again after the days of a user were removed from them. */
export const madeOfDays = ["partial_hour", "partial_day", "partial_state", "funnel_days"] as const;
