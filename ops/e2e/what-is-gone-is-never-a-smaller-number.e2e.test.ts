// Events older than a project keeps them go, are in an archive, and come back: at every moment of it an answer is the
// whole number or says that it is not, while events go on coming.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ArchiveEntry, Restore } from "#schemas/retention/archive.ts";
import type { RetentionPolicy } from "#schemas/retention/policy.ts";
import { ask } from "./ask.ts";
import { Installation, sleep } from "./installation.ts";

const dayMs = 86_400_000;
const old = 400;

describe("what is gone is never a smaller number", { timeout: 240_000 }, () => {
  let installation: Installation;
  const now = Date.now();
  const range = { from: new Date(now - 400 * dayMs).toISOString(), to: new Date(now + dayMs).toISOString() };
  /** Needs single events. */
  const large = {
    series: [{ event: "order", filters: [{ property: "amount", operator: "gte", value: 5 }] }],
    interval: "month",
    ...range,
  };
  const all = {
    series: [{ event: "order" }, { event: "order", math: "unique_users" }],
    interval: "month",
    ...range,
  };

  beforeAll(async () => {
    installation = await Installation.create();
    installation.start();
    await installation.ready();
  }, 120_000);
  afterAll(() => installation.destroy());

  async function send(count: number, ageDays: (index: number) => number): Promise<void> {
    const events = Array.from({ length: count }, (_, index) => ({
      event: "order",
      user_id: `u${index % 50}`,
      timestamp: new Date(now - ageDays(index) * dayMs).toISOString(),
      properties: { amount: index % 10 },
    }));
    expect((await ask(installation, "write", "POST", "/v1/events", events)).status).toBe(202);
  }

  async function total(query: object): Promise<number | string> {
    const { status, body } = await ask(installation, "read", "POST", "/v1/query/trends", query);
    if (status === 200) return (body as { series: { total: number }[] }).series[0]?.total ?? 0;
    const { error } = body as { error: { code: string } };
    return `${status} ${error.code}`;
  }

  async function until<T>(read: () => Promise<T>, isRight: (value: T) => boolean): Promise<T> {
    const deadline = Date.now() + 90_000;
    for (;;) {
      const value = await read();
      if (isRight(value)) return value;
      if (Date.now() > deadline)
        throw new Error(
          `never: ${JSON.stringify(value).slice(-900)}\n${installation.readLog("workers-1").slice(-3000)}`,
        );
      await sleep(100);
    }
  }

  it("while it goes, and while it comes back", async () => {
    await send(old, (index) => 100 + (index % 100));
    await send(50, () => 1);
    await until(
      () => total(all),
      (found) => found === old + 50,
    );
    expect(await total(large)).toBe((old + 50) / 2);

    const seen = new Set<number | string>();
    const counted = new Set<number | string>();
    let asking = true;
    const asker = (async (): Promise<void> => {
      while (asking) {
        seen.add(await total(large));
        counted.add(await total(all));
      }
    })();
    const policy = await ask(installation, "admin", "PUT", "/v1/projects/default/retention", {
      raw_days: 60,
      archive: "disk",
    });
    expect(policy).toMatchObject({ status: 200, body: { raw_days: 60, archive: "disk", raw_gone: [] } });
    const listed = async (): Promise<{ archives: ArchiveEntry[]; restores: Restore[] }> =>
      (await ask(installation, "admin", "GET", "/v1/archives")).body as never;
    const copied = (archives: readonly ArchiveEntry[]): number =>
      archives.reduce((sum, { rows }) => sum + rows, 0);
    const { archives } = await until(listed, (found) => copied(found.archives) === old);
    const months = [...new Set(archives.map(({ month }) => month))];
    await until(
      async () =>
        (await ask(installation, "admin", "GET", "/v1/projects/default/retention")).body as RetentionPolicy,
      ({ raw_gone: gone }) => gone.length === months.length,
    );
    expect(await total(large)).toBe("410 RAW_DATA_EXPIRED");

    const asked = await until(
      () => ask(installation, "admin", "POST", "/v1/archives/restore", { months }),
      ({ status }) => status !== 409,
    );
    expect(asked.status).toBe(202);
    await until(listed, ({ restores }) => restores.every(({ state }) => state === "restored"));
    expect(await total(large)).toBe((old + 50) / 2);
    asking = false;
    await asker;
    expect(seen).toEqual(new Set([(old + 50) / 2, "410 RAW_DATA_EXPIRED"]));
    expect([...counted]).toEqual([old + 50]);
    expect(
      await ask(installation, "admin", "POST", "/v1/archives/restore", { months: ["2011-01"] }),
    ).toMatchObject({
      status: 404,
      body: { error: { code: "ARCHIVE_NOT_FOUND" } },
    });
    expect(
      await ask(installation, "admin", "PUT", "/v1/projects/default/retention", {
        raw_days: 60,
        aggregate_days: 30,
      }),
    ).toMatchObject({ status: 400, body: { error: { code: "INVALID_BODY" } } });
  });
});
