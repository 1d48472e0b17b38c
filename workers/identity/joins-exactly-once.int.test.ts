// Joins are made exactly once, with the batch that asks for them: while worker processes are killed with -9, and
// when a batch is written again after its joins were undone.
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { LogEvent } from "#schemas/events/event.ts";
import { callService } from "#streams/call-service.ts";
import { buildEvent, partitions, startBed, type Bed } from "../testing/worker-processes.ts";

const users = 120;
const idsPerUser = 3;
const rounds = 6;

describe("joins are made exactly once", { timeout: 120_000 }, () => {
  let bed: Bed;
  const sent: LogEvent[] = [];

  beforeAll(async () => {
    bed = await startBed();
  });
  afterAll(async () => {
    await bed.close();
  });

  function event(change: Partial<LogEvent>): LogEvent {
    const built = buildEvent(sent.length, { user_id: "", ...change });
    sent.push(built);
    return built;
  }

  async function ask<T>(query: string): Promise<T> {
    const result = await bed.clickhouse.query({ query, format: "JSONEachRow" });
    return (await result.json<T>())[0] as T;
  }

  async function waitForAll(): Promise<void> {
    for (let tries = 0; tries < 600; tries += 1) {
      const { rows } = await ask<{ rows: string }>("SELECT count() AS rows FROM events");
      const { rows: open } = await bed.postgres.query(
        "SELECT FROM log_partitions WHERE intent_token IS NOT NULL",
      );
      if (Number(rows) === sent.length && open.length === 0) return;
      await sleep(100);
    }
    throw new Error(`not all of ${sent.length} rows came`);
  }

  /** Ids of every person as queries see them, from rows and from sets of users. */
  async function persons(): Promise<{ groups: string[]; fromSets: number }> {
    return ask(`WITH (SELECT (groupArray(user_number), groupArray(person_number)) FROM persons FINAL) AS joined
      SELECT (SELECT arraySort(groupArray(ids)) FROM (
          SELECT arrayStringConcat(arraySort(groupUniqArray(if(user_id = '', anonymous_id, user_id))), '+') AS ids
          FROM events GROUP BY transform(user_number, joined.1, joined.2, user_number))) AS groups,
        toInt32((SELECT uniqExact(transform(arrayJoin(bitmapToArray(users)), joined.1, joined.2,
          arrayJoin(bitmapToArray(users)))) FROM (SELECT groupBitmapMergeState(users) AS users FROM rollup_day))) AS fromSets`);
  }

  const idsOf = (user: number): string[] =>
    Array.from({ length: idsPerUser }, (_, each) => `anon-${user}-${each}`);
  const joinedGroups = (): string[] =>
    Array.from({ length: users }, (_, user) => [`user-${user}`, ...idsOf(user)].sort().join("+")).sort();

  it("while worker processes are killed with -9", async () => {
    let workers = bed.startWorkers("victim");
    for (let round = 0; round < rounds; round += 1) {
      const events: LogEvent[] = [];
      for (let user = round; user < users; user += rounds) {
        for (const anonymous of idsOf(user)) {
          events.push(
            event({ anonymous_id: anonymous }),
            event({ event: "identify", user_id: `user-${user}`, anonymous_id: anonymous }),
          );
        }
      }
      await bed.publish([...events, ...events.slice(0, 20)]);
      await sleep(50 + Math.random() * 700);
      workers.kill("SIGKILL");
      await once(workers, "exit");
      workers = bed.startWorkers("victim");
    }
    await waitForAll();
    expect(await persons()).toEqual({ groups: joinedGroups(), fromSets: users });
    const { rows } = await bed.postgres.query<{
      keys: string;
      numbers: string;
      joins: string;
      reserved: string;
    }>(
      `SELECT (SELECT count(*) FROM user_numbers) AS keys,
              (SELECT count(DISTINCT user_number) FROM user_numbers) AS numbers,
              (SELECT count(*) FROM user_numbers WHERE reserved) AS reserved,
              (SELECT count(*) FROM user_merges) AS joins`,
    );
    const ids = users * (idsPerUser + 1);
    expect(rows[0]).toEqual({
      keys: String(ids),
      numbers: String(ids),
      reserved: "0",
      joins: String(users * idsPerUser),
    });
    const { numbers } = await ask<{ numbers: string }>(
      "SELECT uniqExact(user_number) AS numbers FROM events",
    );
    expect(Number(numbers)).toBe(ids);
  });

  it("also when a batch whose joins were undone is written again", async () => {
    for (let user = 0; user < users; user += 2) {
      await callService(
        bed.connection,
        "svc.users.unmerge",
        {},
        { requestId: "test", projectId: 1, timeoutMs: 10_000, parameters: { id: `user-${user}` } },
      );
    }
    const expected = [
      ...Array.from({ length: users }, (_, user) =>
        user % 2 === 0
          ? [`user-${user}`, ...idsOf(user)]
          : [[`user-${user}`, ...idsOf(user)].sort().join("+")],
      ).flat(),
    ].sort();
    expect((await persons()).groups).toEqual(expected);
    const { rows } = await bed.postgres.query(
      `UPDATE log_partitions SET epoch = epoch + 1, owner = NULL, committed_sequence = batch.from_sequence - 1,
         intent_from = batch.from_sequence, intent_to = batch.to_sequence, intent_token = batch.token
       FROM (SELECT DISTINCT ON (partition) * FROM log_batches ORDER BY partition, from_sequence DESC) AS batch
       WHERE log_partitions.partition = batch.partition RETURNING log_partitions.partition`,
    );
    expect(rows.length).toBe(partitions);
    await waitForAll();
    await sleep(1_500);
    expect((await persons()).groups).toEqual(expected);
  });

  it("and a change that a crash left unpublished reaches queries by itself", async () => {
    await bed.clickhouse.command({ query: "TRUNCATE TABLE persons" });
    await bed.postgres.query(
      `INSERT INTO person_changes (project_id, user_number, person_number)
       SELECT project_id, user_number, person_number FROM user_persons`,
    );
    for (let tries = 0; tries < 100; tries += 1) {
      if ((await persons()).fromSets === users / 2 + (users / 2) * (idsPerUser + 1)) break;
      await sleep(50);
    }
    expect((await persons()).fromSets).toBe(users / 2 + (users / 2) * (idsPerUser + 1));
    expect((await bed.postgres.query("SELECT FROM person_changes")).rows).toEqual([]);
  });
});
