// Receipts, the watermark and the system report, over the real servers.
import { jetstream } from "@nats-io/jetstream";
import { headers } from "@nats-io/transport-node";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { blockFingerprint, BlockWriter, schemaHeader } from "#schemas/events/block.ts";
import type { LogEvent } from "#schemas/events/event.ts";
import type { Receipt } from "#schemas/query/receipt.ts";
import type { TrendsAnswer } from "#schemas/query/trends.ts";
import { eventSubject } from "#streams/catalogue.ts";
import { storeTime } from "../../testing/test-database.ts";
import {
  base,
  errorOf,
  partitions,
  projectId,
  startTestTier,
  type TestTier,
} from "../../testing/test-tier.ts";

let tier: TestTier;

beforeAll(async () => {
  tier = await startTestTier(inject("servers").postgresUrl);
  await tier.database.clickhouse.insert({
    table: "event_outcomes",
    values: [
      { event_id: `${projectId}-e7`, outcome: "duplicate", log_sequence: 1 },
      { event_id: `${projectId}-e7`, outcome: "duplicate", log_sequence: 1 },
      { event_id: `${projectId}-e7`, outcome: "duplicate", log_sequence: 2 },
      { event_id: "gone", outcome: "duplicate", log_sequence: 3 },
      {
        event_id: "bad",
        outcome: "quarantined",
        reason: "PLAN_VIOLATED",
        message: "amount is text",
        log_sequence: 4,
      },
    ].map((outcome) => ({ project_id: projectId, received_at: storeTime(Date.now()), ...outcome })),
    format: "JSONEachRow",
    clickhouse_settings: { async_insert: 0 },
  });
});

afterAll(() => tier.stop());

const trends = (body: object): Promise<TrendsAnswer> => tier.call("trends", body) as Promise<TrendsAnswer>;

describe("receipts", () => {
  const receipt = (eventId: string, project = projectId): Promise<Receipt> =>
    tier.call("receipt", { event_id: eventId }, project) as Promise<Receipt>;

  it("tells stored, repeats, quarantined and unknown", async () => {
    expect(await receipt(`${projectId}-e8`)).toMatchObject({
      status: "stored",
      duplicates: 0,
      received_at: "2026-11-01T00:08:00.005Z",
    });
    expect(await receipt(`${projectId}-e7`)).toMatchObject({ status: "stored", duplicates: 2 });
    expect(await receipt("gone")).toMatchObject({ status: "duplicate", duplicates: 1, stored_at: null });
    expect(await receipt("bad")).toMatchObject({
      status: "quarantined",
      reason: "PLAN_VIOLATED",
      message: "amount is text",
    });
    expect((await errorOf(receipt("unknown"))).code).toBe("EVENT_NOT_FOUND");
    expect((await errorOf(receipt(`${projectId}-e7`, projectId + 1))).code).toBe("EVENT_NOT_FOUND");
  });

  it("says stored once the whole batch is, in every table that queries read", async () => {
    await tier.postgres.query("UPDATE log_partitions SET intent_from = 0, intent_to = 4 WHERE partition = 0");
    expect(await receipt(`${projectId}-e7`)).toMatchObject({ status: "pending", stored_at: null });
    await tier.postgres.query("UPDATE log_partitions SET intent_from = 1, intent_to = 4");
    expect(await receipt(`${projectId}-e7`)).toMatchObject({ status: "stored" });
    await tier.postgres.query("UPDATE log_partitions SET intent_from = NULL, intent_to = NULL");
  });

  it("finds what is still in the log, and the watermark stays before it", async () => {
    const event = (eventId: string): LogEvent => ({
      project_id: projectId,
      event: "late",
      event_id: eventId,
      user_id: "u",
      anonymous_id: "",
      session_id: "",
      timestamp: base,
      received_at: Date.now(),
      properties: "{}",
      context: "{}",
      user_agent: "",
    });
    const publish = async (eventId: string, partition: number): Promise<number> => {
      const writer = new BlockWriter();
      writer.append(event(eventId));
      const built = headers();
      built.set(schemaHeader, blockFingerprint);
      return (
        await jetstream(tier.connection).publish(eventSubject(partition), writer.finish(), { headers: built })
      ).seq;
    };
    const before = Date.now();
    // Partition 3 has no row in Postgres yet: nobody has claimed it.
    await publish("waiting-3", 3);
    const sequence = await publish("waiting-1", 1);
    expect(await receipt("waiting-1")).toMatchObject({ status: "pending", event: "late", stored_at: null });
    expect(await receipt("waiting-3")).toMatchObject({ status: "pending" });
    expect((await errorOf(receipt("waiting-1", projectId + 1))).code).toBe("EVENT_NOT_FOUND");
    await new Promise((resolve) => setTimeout(resolve, 300));
    const behind = await trends({ series: [{ event: "order" }] });
    expect(Date.parse(behind.meta.as_of ?? "")).toBeLessThan(Date.now() - 250);
    expect(Date.parse(behind.meta.as_of ?? "")).toBeGreaterThanOrEqual(before - 10);

    const system = (await tier.call("system", {})) as {
      log: object;
      stores: object;
      lag: { seconds_max: number; partitions: { pending_since: string | null }[] };
      instances: object[];
    };
    expect(system.lag.partitions.map((each) => each.pending_since !== null)).toEqual([
      false,
      true,
      false,
      true,
    ]);
    expect(system.lag.seconds_max).toBeGreaterThan(0.25);
    expect(system.log).toMatchObject({
      reachable: true,
      partitions,
      durability: { sync: "always", known: true },
    });
    expect(system.stores).toMatchObject({ clickhouse: { reachable: true }, postgres: { reachable: true } });
    expect(system.instances).toMatchObject([{ tier: "query", ready: true }]);

    await tier.postgres.query(
      "INSERT INTO log_partitions (partition, log_id, owner, committed_sequence, committed_at) VALUES (3, 'test', 'workers-1', $1, now()) ",
      [sequence],
    );
    await tier.postgres.query("UPDATE log_partitions SET committed_sequence = $1", [sequence]);
    await new Promise((resolve) => setTimeout(resolve, 150));
    const after = await trends({ series: [{ event: "order" }] });
    expect(Date.now() - Date.parse(after.meta.as_of ?? "")).toBeLessThan(250);
    expect((await errorOf(receipt("waiting-1"))).code).toBe("EVENT_NOT_FOUND");
  });
});
