// The analytics store as a job sees it: its statements may take an hour and any number of rows, on one thread so that
// others hardly notice, and carry the job's name, by which the workers ask how far they are.
import { randomUUID } from "node:crypto";
import type { ClickHouse } from "#ops/runtime/clickhouse.ts";
import { statementPrefix } from "#schemas/jobs/job.ts";
import type { Store } from "../store/run-statement.ts";

export const jobSecondsMax = 3600;

const jobSettings = {
  max_execution_time: jobSecondsMax,
  max_rows_to_read: "0",
  max_threads: 1,
} as const;

/** `clickhouse` is the client whose connections may be silent for long. */
export function createJobStore(
  store: Store,
  clickhouse: ClickHouse,
  job: { readonly id: string; readonly attempt: number },
): Store {
  const mark = <P extends { query_id?: string; clickhouse_settings?: object }>(parameters: P): P => ({
    ...parameters,
    query_id: `${statementPrefix(job.id, job.attempt)}${randomUUID()}`,
    clickhouse_settings: { ...parameters.clickhouse_settings, ...jobSettings },
  });
  const client = Object.create(clickhouse) as ClickHouse;
  client.query = ((parameters: never) => clickhouse.query(mark(parameters))) as ClickHouse["query"];
  client.exec = ((parameters: never) => clickhouse.exec(mark(parameters))) as unknown as ClickHouse["exec"];
  return { ...store, clickhouse: client, inBackground: true };
}
