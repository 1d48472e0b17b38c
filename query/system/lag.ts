// How far each partition is behind, from what Postgres and the log say; amounts from the workers' own status.
import type { WorkersStatus } from "#streams/status.ts";
import type { PartitionState } from "../watermark.ts";

export type WorkersReport = Pick<WorkersStatus, "ready" | "partitions">;

export interface Lag {
  readonly seconds_max: number;
  /** Null while no workers report about some partition that has something pending. */
  readonly events: number | null;
  readonly blocks: number | null;
  readonly partitions: readonly {
    readonly partition: number;
    readonly owner: string | null;
    readonly committed_sequence: number;
    readonly committed_at: string | null;
    readonly pending_since: string | null;
    readonly lag_seconds: number;
    readonly pending_blocks: number | null;
    readonly pending_events: number | null;
  }[];
}

export function buildLag(
  states: readonly PartitionState[],
  reports: readonly WorkersReport[],
  nowMs: number,
): Lag {
  const reported = new Map(
    reports.flatMap((report) => report.partitions.map((each) => [each.partition, each])),
  );
  const partitions = states.map((state) => {
    const report = reported.get(state.partition);
    const nothing = state.oldestPendingAt === null ? 0 : null;
    return {
      partition: state.partition,
      owner: state.owner,
      committed_sequence: state.committedSequence,
      committed_at: state.committedAt,
      pending_since: state.oldestPendingAt,
      lag_seconds:
        state.oldestPendingAt === null ? 0 : Math.max(0, (nowMs - Date.parse(state.oldestPendingAt)) / 1000),
      pending_blocks: nothing ?? report?.pendingBlocks ?? null,
      pending_events: nothing ?? report?.pendingEvents ?? null,
    };
  });
  const sum = (values: readonly (number | null)[]): number | null =>
    values.some((value) => value === null)
      ? null
      : values.reduce<number>((total, value) => total + (value ?? 0), 0);
  return {
    seconds_max: Math.max(0, ...partitions.map((each) => each.lag_seconds)),
    events: sum(partitions.map((each) => each.pending_events)),
    blocks: sum(partitions.map((each) => each.pending_blocks)),
    partitions,
  };
}
