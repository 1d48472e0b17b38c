// Runs in a pool thread when a partition gets a new owner: fills its shared state from the stores.
// Rows of the batch that is about to be redone are left out: remembering them would drop the whole redo.
import pg from "pg";
import { hash128 } from "#schemas/hash.ts";
import { createClickHouse } from "#ops/runtime/clickhouse.ts";
import type { PartitionHandles } from "./batch-task.ts";
import { FingerprintSet } from "./state/fingerprint-set.ts";
import { UserTable } from "./state/user-table.ts";

export interface RestoreInput {
  partition: number;
  clickhouseUrl: string;
  postgresUrl: string;
  /** Log sequences of the batch to be redone, inclusive. */
  except: { from: number; to: number } | undefined;
  rememberedDays: number;
  rememberedIdsMax: number;
}

const usersPerPage = 50_000;
/** Sessions that can still go on: twice the idle time, since events may come late. */
const sessionMinutes = 60;

const hash = new Uint32Array(4);

export async function restoreState(input: RestoreInput): Promise<PartitionHandles> {
  const clickhouse = createClickHouse(input.clickhouseUrl, { name: "millrace-restore" });
  const postgres = new pg.Client({ connectionString: input.postgresUrl });
  try {
    await postgres.connect();
    const users = await restoreUsers(postgres, input.partition);
    const remembered = await restoreIds(clickhouse, input);
    await restoreSessions(clickhouse, input, users);
    // What was stored before goes into the older generation; new ids start an empty one.
    return { remembered: [FingerprintSet.create().handle, remembered.handle], users: users.handle };
  } finally {
    await Promise.allSettled([clickhouse.close(), postgres.end()]);
  }
}

async function restoreUsers(postgres: pg.Client, partition: number): Promise<UserTable> {
  const users = UserTable.create();
  let after: [number, string] = [-1, "-1"];
  for (;;) {
    const { rows } = await postgres.query<{ project_id: number; user_key: string; user_number: string }>(
      `SELECT project_id, user_key, user_number FROM user_numbers
       WHERE partition = $1 AND (project_id, user_number) > ($2, $3) AND NOT reserved
       ORDER BY project_id, user_number LIMIT $4`,
      [partition, ...after, usersPerPage],
    );
    for (const row of rows) {
      hash128(row.project_id, row.user_key, hash);
      users.set(hash[1] as number, hash[2] as number, hash[3] as number, Number(row.user_number));
      after = [row.project_id, row.user_number];
    }
    if (rows.length < usersPerPage) return users;
  }
}

type Client = ReturnType<typeof createClickHouse>;

async function restoreIds(clickhouse: Client, input: RestoreInput): Promise<FingerprintSet> {
  const set = FingerprintSet.create();
  const rows = await clickhouse.query({
    // Of rows that were removed soon after they came, too: a repeat of one is still a repeat.
    query: `SELECT project_id, event_id FROM (${["events", "removed_event_ids"]
      .map(
        (table) => `SELECT project_id, event_id, received_at FROM ${table}
          WHERE log_partition = {partition:UInt16}
            AND received_at >= now64(3) - toIntervalDay({days:UInt32})
            AND NOT (log_sequence BETWEEN {from:UInt64} AND {to:UInt64})`,
      )
      .join(" UNION ALL ")})
      ORDER BY received_at DESC LIMIT {limit:UInt64}`,
    query_params: {
      partition: input.partition,
      days: input.rememberedDays,
      from: input.except?.from ?? 0,
      to: input.except?.to ?? 0,
      limit: input.rememberedIdsMax,
    },
    format: "JSONCompactEachRow",
  });
  for await (const lines of rows.stream<[number, string]>()) {
    for (const line of lines) {
      const [projectId, eventId] = JSON.parse(line.text) as [number, string];
      hash128(projectId, eventId, hash);
      set.add(hash[1] as number, hash[2] as number, hash[3] as number);
    }
  }
  return set;
}

async function restoreSessions(clickhouse: Client, input: RestoreInput, users: UserTable): Promise<void> {
  const rows = await clickhouse.query({
    query: `SELECT project_id, if(user_id = '', concat('a:', anonymous_id), concat('u:', user_id)) AS user_key,
        toUnixTimestamp64Milli(max(timestamp)) AS last, argMax(session_id, timestamp) AS session
      FROM events
      WHERE log_partition = {partition:UInt16} AND timestamp >= now64(3) - toIntervalMinute({minutes:UInt32})
        AND timestamp <= now64(3) + toIntervalMinute({minutes:UInt32})
      GROUP BY project_id, user_key`,
    query_params: { partition: input.partition, minutes: sessionMinutes },
    format: "JSONCompactEachRow",
  });
  for await (const lines of rows.stream<[number, string, string, string]>()) {
    for (const line of lines) {
      const [projectId, userKey, last, session] = JSON.parse(line.text) as [number, string, string, string];
      const start = Number.parseInt(session.split("-")[1] ?? "", 36);
      if (!Number.isFinite(start)) continue; // a session id that the sender gave
      hash128(projectId, userKey, hash);
      users.restoreSession(
        hash[1] as number,
        hash[2] as number,
        hash[3] as number,
        Math.floor(Number(last) / 1000),
        start,
      );
    }
  }
}
