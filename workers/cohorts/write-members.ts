// The members of a cohort as one bitmap of the analytics store. A set that did not change is not written again: most
// refreshes of most cohorts then cost no insert, no sync and no part to merge.
import { Readable } from "node:stream";
import type { ClickHouse } from "#ops/runtime/clickhouse.ts";
import type { Claim } from "./refresh-ledger.ts";

/** What one refresh may use of the store, which answers queries meanwhile. */
const statementSecondsMax = 40;
const memoryBytesMax = 1_000_000_000;
const threadsMax = 1;

const columns = "(project_id, cohort_id, generation, users)";
const keys = "{project_id:UInt32}, {cohort_id:UInt32}, {generation:UInt64}";
const stored =
  "FROM cohort_members FINAL WHERE project_id = {project_id:UInt32} AND cohort_id = {cohort_id:UInt32}";
const changed = `bitmapXorCardinality(users, (SELECT groupBitmapMergeState(users) ${stored})) > 0`;

type Member = Pick<Claim, "projectId" | "cohortId" | "generation">;

const settings = {
  async_insert: 0,
  // In a cluster: answered when the shard has it; spread by the server that was asked.
  distributed_foreground_insert: 1,
  parallel_distributed_insert_select: "0",
  max_execution_time: statementSecondsMax,
  max_memory_usage: String(memoryBytesMax),
  max_threads: threadsMax,
} as const;

function parametersOf({ projectId, cohortId, generation }: Member): Record<string, unknown> {
  return { project_id: projectId, cohort_id: cohortId, generation };
}

/**
 * `sql` answers one row with one column `users`; its parameters may not be named as ours. False: the set is the stored
 * one, nothing was written.
 */
export async function writeSelected(
  clickhouse: ClickHouse,
  member: Member,
  statement: { readonly sql: string; readonly parameters: Readonly<Record<string, unknown>> },
  signal: AbortSignal,
): Promise<boolean> {
  const { summary } = await clickhouse.command({
    query: `INSERT INTO cohort_members ${columns} SELECT ${keys}, users FROM (${statement.sql}) WHERE ${changed}`,
    query_params: { ...statement.parameters, ...parametersOf(member) },
    use_multipart_params_auto: true,
    clickhouse_settings: settings,
    abort_signal: signal,
  });
  return summary?.written_rows !== "0";
}

/** `pages` are numbers of persons, in any order. */
export async function writePersons(
  clickhouse: ClickHouse,
  member: Member,
  pages: AsyncIterable<readonly number[]>,
  signal: AbortSignal,
): Promise<void> {
  const iterator = pages[Symbol.asyncIterator]();
  // Before the request: on a connection that was idle before and waits for its first bytes the server hangs up.
  const first = await iterator.next();
  const { stream } = await clickhouse.exec({
    query: `INSERT INTO cohort_members ${columns}
      SELECT ${keys}, groupBitmapState(number) AS users FROM input('number UInt32') HAVING ${changed}
      FORMAT RowBinary`,
    query_params: parametersOf(member),
    values: Readable.from(encodePages(first, iterator), { objectMode: false }),
    clickhouse_settings: settings,
    abort_signal: signal,
  });
  stream.resume();
}

/** For a cohort without members, and one that is deleted. */
export async function writeNobody(
  clickhouse: ClickHouse,
  member: Member,
  signal: AbortSignal,
): Promise<void> {
  const nobody = "SELECT groupBitmapState(toUInt32(number)) AS users FROM numbers(0)";
  await writeSelected(clickhouse, member, { sql: nobody, parameters: {} }, signal);
}

export async function readSize(clickhouse: ClickHouse, member: Member, signal: AbortSignal): Promise<number> {
  const result = await clickhouse.query({
    query: `SELECT groupBitmapMerge(users) ${stored}`,
    query_params: parametersOf(member),
    format: "JSONCompact",
    clickhouse_settings: { output_format_json_quote_64bit_integers: 0 },
    abort_signal: signal,
  });
  return (await result.json<[number]>()).data[0]?.[0] ?? 0;
}

async function* encodePages(
  first: IteratorResult<readonly number[]>,
  rest: AsyncIterator<readonly number[]>,
): AsyncGenerator<Buffer> {
  for (let page = first; page.done !== true; page = await rest.next()) {
    const numbers = Uint32Array.from(page.value);
    yield Buffer.from(numbers.buffer);
  }
}
