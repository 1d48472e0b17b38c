// Bounds of every query, in one place.

/** Bounds of every query; also stated in the public contract. */
export const queryLimits = {
  bodyBytesMax: 256 * 1024,
  filterDepthMax: 10,
  filtersMax: 100,
  filterValuesMax: 1000,
  seriesMax: 26,
  breakdownLimitMax: 1000,
  breakdownCohortsMax: 25,
  /** Of one series over one period. */
  bucketsMax: 10_000,
  /** Values of the answer: buckets times series times periods times breakdown values. */
  pointsMax: 100_000,
  /** Rows of a retention table. */
  retentionPeriodsMax: 366,
  /** Numbers of a retention answer: half of rows times rows, times breakdown values. */
  retentionPointsMax: 250_000,
  /** Intervals whose sets of people are held at once: stickiness, lifecycle. */
  intervalSetsMax: 1000,
  /** People of one page of a list. */
  usersLimitMax: 10_000,
  pathStepsMax: 10,
  pathNodesMax: 1000,
  pathEdgesMax: 5000,
  /** A year. */
  pathSecondsMax: 366 * 86_400,
  nameLengthMax: 200,
  textLengthMax: 1000,
} as const;
