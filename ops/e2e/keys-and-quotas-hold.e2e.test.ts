// A key is changed under load without one refused request, also across a restart; a revoked key ends everywhere at
// once; a quota takes exactly what it allows; usage and the audit log say what happened.
import { execFile } from "node:child_process";
import { resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { AuditAnswer } from "#schemas/projects/audit.ts";
import type { KeyEntry } from "#schemas/projects/keys.ts";
import type { UsageAnswer } from "#schemas/projects/usage.ts";
import { Installation, sleep } from "./installation.ts";

const run = promisify(execFile);
const checkout = resolve(import.meta.dirname, "../..");

describe("keys and quotas hold", () => {
  let installation: Installation;

  beforeAll(async () => {
    installation = await Installation.create({ MILLRACE_TRUSTED_PROXIES: "127.0.0.0/8" });
    installation.start();
    await installation.ready();
  }, 120_000);
  afterAll(() => installation.destroy());

  async function request(
    key: string,
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<{ status: number; body: never; retryAfter: number }> {
    const response = await fetch(`${installation.url}${path}`, {
      method,
      headers: { "content-type": "application/json", authorization: `Bearer ${key}`, ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return {
      status: response.status,
      body: (await response.json()) as never,
      retryAfter: Number(response.headers.get("retry-after")),
    };
  }

  const send = (key: string, events: number, name = "order"): ReturnType<typeof request> =>
    request(
      key,
      "POST",
      "/v1/events",
      Array.from({ length: events }, (_, index) => ({ event: name, user_id: `u${index}` })),
    );

  async function keys(...args: string[]): Promise<string> {
    const { stdout } = await run("node_modules/.bin/node", ["ops/cli/millrace.ts", "keys", ...args], {
      cwd: checkout,
      env: {
        ...process.env,
        MILLRACE_DATA_DIR: installation.dataDir,
        MILLRACE_PORT: String(installation.port),
      },
    });
    return stdout;
  }

  it(
    "a key is changed while it is in use, and both are valid until its end",
    { timeout: 120_000 },
    async () => {
      const old = installation.keys.write;
      const refused: number[] = [];
      let sending = true;
      const senders = [0, 1, 2, 3].map(async () => {
        while (sending) {
          // Whoever reads its configuration again finds the new key at some point.
          const { status } = await send(Math.random() < 0.5 ? old : installation.keys.write, 1);
          if (status !== 202) refused.push(status);
        }
      });
      await sleep(300);
      const printed = await keys("rotate", "write", "--grace", "3600");
      expect(installation.keys.write).not.toBe(old);
      expect(printed).toContain(installation.keys.write);
      await sleep(500);
      sending = false;
      await Promise.all(senders);
      expect(refused).toEqual([]);

      await installation.interrupt();
      installation.start();
      await installation.ready();
      expect((await send(old, 1)).status).toBe(202);
      expect((await send(installation.keys.write, 1)).status).toBe(202);

      const { keys: listed } = (await request(installation.keys.admin, "GET", "/v1/projects/default/keys"))
        .body as { keys: KeyEntry[] };
      const before = listed.find((key) => key.rotated_to !== null);
      expect(before?.expires_at).not.toBeNull();
      await keys("revoke", before?.id ?? "");
      await sleep(1_000);
      expect((await send(old, 1)).status).toBe(401);
      expect((await send(installation.keys.write, 1)).status).toBe(202);
      expect(await keys("list")).not.toContain(before?.id);
    },
  );

  it(
    "a quota takes what it allows and says when it begins anew; usage counts exactly",
    { timeout: 60_000 },
    async () => {
      const { admin } = installation.keys;
      const made = (await request(admin, "POST", "/v1/projects", { name: "small" })).body as {
        id: string;
        keys: { write: string; read: string };
      };
      await request(admin, "PUT", `/v1/projects/${made.id}/limits`, { events_per_day_max: 1_000 });
      let taken = 0;
      const answers = await Promise.all(
        Array.from({ length: 30 }, async () => {
          const answer = await send(made.keys.write, 50);
          if (answer.status === 202) taken += 50;
          return answer;
        }),
      );
      expect(taken).toBe(1_000);
      const refused = answers.filter(({ status }) => status === 429);
      expect(refused.length).toBe(10);
      const midnightMs = new Date().setUTCHours(24, 0, 0, 0);
      for (const { body, retryAfter } of refused) {
        expect((body as { error: { code: string } }).error.code).toBe("QUOTA_EXCEEDED");
        expect(Math.abs(retryAfter - (midnightMs - Date.now()) / 1000)).toBeLessThan(10);
      }
      // Repeated ids and an event that is none: neither is stored, both are counted.
      await request(admin, "PUT", `/v1/projects/${made.id}/limits`, { events_per_day_max: 2_000 });
      const twice = { event: "order", user_id: "u", event_id: "same" };
      await request(made.keys.write, "POST", "/v1/events", [twice, twice, { user_id: "u" }]);
      await request(made.keys.read, "GET", "/v1/events/same");
      let usage: UsageAnswer | undefined;
      for (let tries = 0; tries < 150; tries += 1) {
        usage = (await request(admin, "GET", `/v1/projects/${made.id}/usage`)).body as UsageAnswer;
        if (usage.total.received === 1_002 && usage.total.rejected === 1) break;
        await sleep(100);
      }
      expect(usage?.total).toMatchObject({
        received: 1_002,
        stored: 1_001,
        duplicates: 1,
        rejected: 1,
        queries: 1,
      });
      expect(usage?.quotas.day).toMatchObject({ max: 2_000, used: 1_002 });
    },
  );

  it("the audit log has who, what, from where and how it ended", { timeout: 30_000 }, async () => {
    const { admin } = installation.keys;
    const forwarded = { "x-forwarded-for": "198.51.100.7, 203.0.113.9" };
    await request(admin, "PATCH", "/v1/projects/nobodys", { name: "x" }, forwarded);
    const { entries } = (await request(admin, "GET", "/v1/audit?limit=5")).body as AuditAnswer;
    expect(entries[0]).toMatchObject({
      project: "default",
      action: "PATCH /v1/projects/{id}",
      parameters: { id: "nobodys" },
      address: "203.0.113.9",
      status: 404,
      code: "PROJECT_NOT_FOUND",
    });
    expect(admin.startsWith(entries[0]?.key.hint.slice(0, -1) ?? "?")).toBe(true);
    expect(JSON.stringify(entries)).not.toContain(admin);
  });
});
