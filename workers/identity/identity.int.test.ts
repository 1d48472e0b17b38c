// Joins that events ask for, against the real servers and real worker processes: across partitions, whichever is
// faster, and what queries see of them.
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { LogEvent } from "#schemas/events/event.ts";
import { partitionOf } from "#schemas/hash.ts";
import { callService } from "#streams/call-service.ts";
import { buildEvent, partitions, startBed, type Bed } from "../testing/worker-processes.ts";

describe("ids that are joined", { timeout: 60_000 }, () => {
  let bed: Bed;
  let nextId = 0;
  let projectId = 0;

  beforeAll(async () => {
    bed = await startBed();
    bed.startWorkers("identity");
  });
  afterAll(async () => {
    await bed.close();
  });

  function event(change: Partial<LogEvent>): LogEvent {
    nextId += 1;
    return buildEvent(nextId, { project_id: projectId, user_id: "", ...change });
  }

  async function send(...events: LogEvent[]): Promise<void> {
    await bed.publish(events);
  }

  /** Waits until the project has that many rows, then answers the ids of each person, as queries would see them. */
  async function personsOf(rows: number): Promise<string[]> {
    for (let tries = 0; ; tries += 1) {
      const result = await bed.clickhouse.query({
        query: `SELECT (SELECT count() FROM events WHERE project_id = {project:UInt32}) AS rows,
          (SELECT count() FROM steps WHERE project_id = {project:UInt32}) AS steps,
          (SELECT arraySort(groupArray(arrayStringConcat(ids, '+'))) FROM (
            SELECT arraySort(groupUniqArray(if(user_id = '', concat('a:', anonymous_id), user_id))) AS ids
            FROM events LEFT JOIN (SELECT * FROM persons FINAL WHERE project_id = {project:UInt32}) AS joined
              USING (user_number)
            WHERE project_id = {project:UInt32}
            GROUP BY if(joined.version = 0, user_number, person_number))) AS persons`,
        query_params: { project: projectId },
        format: "JSONEachRow",
      });
      const [row] = await result.json<{ rows: string; steps: string; persons: string[] }>();
      // Both: an insert fills the tables one after the other.
      if (Number(row?.rows) === rows && Number(row?.steps) === rows) return row?.persons ?? [];
      if (tries > 200) throw new Error(`${row?.rows} of ${rows} rows`);
      await sleep(50);
    }
  }

  const call = (method: string, id: string, body: object): Promise<unknown> =>
    callService(bed.connection, `svc.users.${method}`, body, {
      requestId: "test",
      projectId,
      timeoutMs: 5_000,
      parameters: { id },
    });

  /** The user whose events go to the given partition. */
  function userIn(partition: number, prefix: string, anonymous = false): string {
    for (let index = 0; ; index += 1) {
      const id = `${prefix}${index}`;
      if (partitionOf(projectId, `${anonymous ? "a" : "u"}:${id}`, partitions) === partition) return id;
    }
  }

  it("identify joins the anonymous id, with what it did before and does afterwards", async () => {
    projectId = 11;
    await send(event({ anonymous_id: "anon" }), event({ anonymous_id: "other" }));
    expect(await personsOf(2)).toEqual(["a:anon", "a:other"]);
    await send(event({ event: "identify", user_id: "ann", anonymous_id: "anon" }));
    expect(await personsOf(3)).toEqual(["a:anon+ann", "a:other"]);
    await send(event({ anonymous_id: "anon" }), event({ user_id: "ann" }));
    expect(await personsOf(5)).toEqual(["a:anon+ann", "a:other"]);
  });

  it("an event that carries both ids joins nothing", async () => {
    projectId = 12;
    await send(event({ anonymous_id: "anon" }), event({ user_id: "ann", anonymous_id: "anon" }));
    expect(await personsOf(2)).toEqual(["a:anon", "ann"]);
  });

  it("identify joins ids whose partitions meet them in the same moment, and before their first event", async () => {
    projectId = 13;
    const pairs = Array.from({ length: 300 }, (_, index) => [`u${index}`, `anon${index}`] as const);
    await send(
      ...pairs.flatMap(([user, anonymous]) => [
        event({ anonymous_id: anonymous }),
        event({
          event: "$identify",
          user_id: user,
          properties: JSON.stringify({ $anon_distinct_id: anonymous }),
        }),
      ]),
    );
    const expected = pairs.map(([user, anonymous]) => `a:${anonymous}+${user}`).sort();
    expect(await personsOf(600)).toEqual(expected);
    // One number for each id, whoever gave it.
    const { rows } = await bed.postgres.query(
      `SELECT count(*)::int AS keys, count(DISTINCT user_number)::int AS numbers, count(*) FILTER (WHERE reserved)::int
         AS reserved FROM user_numbers WHERE project_id = $1`,
      [projectId],
    );
    expect(rows).toEqual([{ keys: 600, numbers: 600, reserved: 0 }]);
  });

  it("a number that another partition reserved is adopted at the id's first event", async () => {
    projectId = 14;
    await send(event({ event: "identify", user_id: "ann", anonymous_id: "later" }));
    expect(await personsOf(1)).toEqual(["ann"]);
    const reserved = async (): Promise<unknown> =>
      (
        await bed.postgres.query(
          "SELECT user_key, reserved FROM user_numbers WHERE project_id = $1 ORDER BY user_key",
          [projectId],
        )
      ).rows;
    expect(await reserved()).toEqual([
      { user_key: "a:later", reserved: true },
      { user_key: "u:ann", reserved: false },
    ]);
    await send(event({ anonymous_id: "later" }), event({ anonymous_id: "later" }));
    expect(await personsOf(3)).toEqual(["a:later+ann"]);
    expect(await reserved()).toEqual([
      { user_key: "a:later", reserved: false },
      { user_key: "u:ann", reserved: false },
    ]);
  });

  it("two ids that each already identified different people are joined only by an explicit merge", async () => {
    projectId = 15;
    await send(
      event({ event: "identify", user_id: "ann", anonymous_id: "phone" }),
      event({ event: "identify", user_id: "bob", anonymous_id: "laptop" }),
      event({ anonymous_id: "phone" }),
      event({ anonymous_id: "laptop" }),
    );
    expect(await personsOf(4)).toEqual(["a:laptop+bob", "a:phone+ann"]);
    await send(
      event({ event: "identify", user_id: "bob", anonymous_id: "phone" }),
      event({ event: "alias", user_id: "bob", properties: '{"alias":"ann"}' }),
    );
    expect(await personsOf(6)).toEqual(["a:laptop+bob", "a:phone+ann"]);
    await send(event({ event: "$merge_dangerously", user_id: "bob", properties: '{"alias":"ann"}' }));
    expect(await personsOf(7)).toEqual(["a:laptop+a:phone+ann+bob"]);
  });

  it("of two users who claim one anonymous id in one request the first has it, whichever partition is faster", async () => {
    for (const first of Array.from({ length: partitions }, (_, partition) => partition)) {
      projectId = 20 + first;
      const ann = userIn(first, "ann");
      const bob = userIn((first + 1) % partitions, "bob");
      const at = { received_at: 1_790_000_000_000 };
      const early = event({
        ...at,
        event: "identify",
        user_id: ann,
        anonymous_id: "shared",
        timestamp: 1000,
      });
      const late = event({ ...at, event: "identify", user_id: bob, anonymous_id: "shared", timestamp: 2000 });
      // The later one is processed first.
      await send(late, event({ anonymous_id: "shared" }));
      expect(await personsOf(2)).toEqual([`a:shared+${bob}`]);
      await send(early);
      expect(await personsOf(3)).toEqual([`a:shared+${ann}`, bob]);
      expect(await call("unmerge", ann, {})).toEqual({ id: ann, ids: [ann] });
      expect(await personsOf(3)).toEqual(["a:shared", ann, bob]);
    }
  });

  it("alias renames a user, and joins an id that was not seen yet", async () => {
    projectId = 31;
    await send(event({ user_id: "old" }), event({ user_id: "ann" }));
    expect(await personsOf(2)).toEqual(["ann", "old"]);
    await send(
      event({ event: "alias", user_id: "new", properties: '{"previousId":"old"}' }),
      event({ event: "$create_alias", user_id: "ann", properties: '{"alias":"app"}' }),
    );
    expect(await personsOf(4)).toEqual(["ann", "new+old"]);
    await send(event({ user_id: "app" }), event({ anonymous_id: "app" }));
    expect(await personsOf(6)).toEqual(["a:app+ann+app", "new+old"]);
  });

  it("an alias is taken back when the id turns out to have identified somebody before", async () => {
    projectId = 32;
    const at = Date.now();
    await send(event({ user_id: "ann", received_at: at }));
    expect(await personsOf(1)).toEqual(["ann"]);
    await send(
      event({ event: "alias", user_id: "ann", properties: '{"alias":"bob"}', received_at: at + 10 }),
    );
    expect(await personsOf(2)).toEqual(["ann"]);
    // Arrived before the alias, and was stored after it.
    await send(event({ user_id: "bob", received_at: at + 5 }));
    expect(await personsOf(3)).toEqual(["ann", "bob"]);
  });

  it("ids that broken clients send for everybody are joined to nobody", async () => {
    projectId = 33;
    await send(
      event({ event: "alias", user_id: "ann", properties: '{"alias":"undefined"}' }),
      event({ event: "$identify", user_id: "bob", properties: '{"$anon_distinct_id":"null"}' }),
      event({ event: "$merge_dangerously", user_id: "cem", properties: '{"alias":"[object Object]"}' }),
      event({ event: "alias", user_id: "dan", properties: "{}" }),
      event({ event: "alias", user_id: "eve", properties: '{"alias":7}' }),
    );
    expect(await personsOf(5)).toEqual(["ann", "bob", "cem", "dan", "eve"]);
  });

  it("merging and separating by request changes the past at once, and separating restores it", async () => {
    projectId = 34;
    await send(event({ user_id: "ann" }), event({ user_id: "bob" }), event({ anonymous_id: "cem" }));
    expect(await personsOf(3)).toEqual(["a:cem", "ann", "bob"]);
    expect(await call("merge", "ann", { ids: ["bob", "cem"] })).toEqual({
      id: "ann",
      ids: ["ann", "bob", "cem"],
    });
    expect(await personsOf(3)).toEqual(["a:cem+ann+bob"]);
    expect(await call("merge", "ann", { ids: ["bob", "cem"] })).toEqual({
      id: "ann",
      ids: ["ann", "bob", "cem"],
    });
    expect(await call("unmerge", "ann", { ids: ["bob"] })).toEqual({ id: "ann", ids: ["ann", "cem"] });
    expect(await personsOf(3)).toEqual(["a:cem+ann", "bob"]);
    expect(await call("unmerge", "cem", { ids: ["ann"] })).toEqual({ id: "cem", ids: ["cem"] });
    expect(await personsOf(3)).toEqual(["a:cem", "ann", "bob"]);
    expect(await call("unmerge", "ann", {})).toEqual({ id: "ann", ids: ["ann"] });
  });

  it("an id merged before it was seen counts from its first event", async () => {
    projectId = 35;
    expect(await call("merge", "ann", { ids: ["future"] })).toEqual({ id: "ann", ids: ["ann", "future"] });
    await send(event({ user_id: "ann" }), event({ user_id: "future" }), event({ anonymous_id: "future" }));
    expect(await personsOf(3)).toEqual(["a:future+ann+future"]);
  });

  it("an id that was merged as an anonymous one can still be identified", async () => {
    projectId = 36;
    await send(event({ anonymous_id: "phone" }), event({ anonymous_id: "laptop" }));
    expect(await personsOf(2)).toEqual(["a:laptop", "a:phone"]);
    await call("merge", "phone", { ids: ["laptop"] });
    await send(event({ event: "identify", user_id: "ann", anonymous_id: "laptop" }));
    expect(await personsOf(3)).toEqual(["a:laptop+a:phone+ann"]);
  });

  it.each([
    { name: "no ids", method: "merge", id: "x", body: { ids: [] }, code: "INVALID_BODY", path: "ids" },
    {
      name: "a number",
      method: "merge",
      id: "x",
      body: { ids: ["a", 7] },
      code: "INVALID_BODY",
      path: "ids[1]",
    },
    {
      name: "a refused id",
      method: "merge",
      id: "x",
      body: { ids: ["null"] },
      code: "INVALID_BODY",
      path: "ids[0]",
    },
    {
      name: "a refused person",
      method: "merge",
      id: "null",
      body: { ids: ["a"] },
      code: "INVALID_PARAMETER",
      path: "id",
    },
    {
      name: "an unknown field",
      method: "unmerge",
      id: "x",
      body: { id: "y" },
      code: "INVALID_BODY",
      path: "id",
    },
    {
      name: "more ids than allowed",
      method: "merge",
      id: "x",
      body: { ids: Array.from({ length: 1001 }, (_, index) => `i${index}`) },
      code: "INVALID_BODY",
      path: "ids",
    },
  ])("$name is refused by name", async ({ method, id, body, code, path }) => {
    projectId = 37;
    const error = await call(method, id, body).then(
      () => undefined,
      (reason: unknown) => reason as { code: string; details: { path: string }[] },
    );
    expect(error?.code).toBe(code);
    expect(error?.details[0]?.path).toBe(path);
  });

  it("nobody is found who was never seen", async () => {
    projectId = 38;
    await expect(call("unmerge", "nobody", {})).rejects.toMatchObject({ code: "USER_NOT_FOUND" });
    await expect(call("get", "nobody", { id: "nobody" })).rejects.toMatchObject({ code: "USER_NOT_FOUND" });
    await send(event({ user_id: "ann" }));
    await personsOf(1);
    await expect(call("unmerge", "ann", { ids: ["ann"] })).rejects.toMatchObject({ code: "INVALID_BODY" });
    await expect(call("unmerge", "ann", { ids: ["ghost"] })).rejects.toMatchObject({
      code: "USER_NOT_FOUND",
      details: [{ path: "ids[0]" }],
    });
  });

  it("a profile shows ids, current properties, and the last events of all ids", async () => {
    projectId = 39;
    const at = Date.UTC(2026, 5, 1);
    await send(
      event({
        event: "visit",
        anonymous_id: "phone",
        timestamp: at,
        properties: '{"$set_once":{"source":"ad"}}',
      }),
      event({
        event: "identify",
        user_id: "ann",
        anonymous_id: "phone",
        timestamp: at + 1000,
        properties: '{"traits":{"plan":"free","name":"Ann","old":1}}',
        context: '{"traits":{"city":"Delft"}}',
      }),
      event({
        event: "order",
        user_id: "ann",
        timestamp: at + 2000,
        properties:
          '{"amount":5,"$set":{"plan":"pro","address":{"zip":"1"}},"$unset":["old"],"$set_once":{"source":"mail"}}',
      }),
    );
    await personsOf(3);
    expect(await call("get", "phone", { id: "phone" })).toMatchObject({
      id: "ann",
      ids: ["ann", "phone"],
      aliases: ["phone"],
      user_ids: ["ann"],
      anonymous_ids: ["phone"],
      properties: { plan: "pro", name: "Ann", city: "Delft", address: { zip: "1" }, source: "ad" },
      first_seen: "2026-06-01T00:00:00.000Z",
      last_seen: "2026-06-01T00:00:02.000Z",
      event_count: 3,
      last_events: [
        { event: "order", timestamp: "2026-06-01T00:00:02.000Z", user_id: "ann", properties: { amount: 5 } },
        { event: "identify", user_id: "ann", anonymous_id: "phone" },
        { event: "visit", user_id: null, anonymous_id: "phone" },
      ],
    });
  });
});
