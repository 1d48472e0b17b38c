// What the workers ask the query tier for to keep the days of a saved funnel, and in which columns they come.

/** svc.query.funnel_days: the next days that are missing, as RowBinary of `funnelDayColumns`. */
export interface FunnelDaysRequest {
  readonly definition_id: number;
  /** Of the rows that are made; higher than that of every row before. */
  readonly generation: number;
  /** A body of a funnel query without its range. */
  readonly query: Readonly<Record<string, unknown>>;
  readonly zone: string;
  /** How many days back, today included. */
  readonly days: number;
  /** What the request before was answered in the header `open-events`: when it is the same again, it is quiet. */
  readonly open_events: number | null;
}

export const funnelDayColumns =
  "project_id, definition_id, start_ms, end_ms, generation, events, persons_version, sizes, persons, gaps_ms";

/** Days back that are kept at most. */
export const funnelDaysMax = 400;

/** A funnel whose days can be kept, as svc.query.check_insight answers it. */
export interface KeptFunnel {
  readonly hash: string;
  readonly zone: string;
  readonly query: Readonly<Record<string, unknown>>;
  readonly days: number;
}
