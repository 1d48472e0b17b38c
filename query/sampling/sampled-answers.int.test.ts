// What clients see of samples: when one is taken, what the answer says of itself, and the exact one that is begun.
import { afterAll, beforeAll, expect, inject, it } from "vitest";
import { createLogger } from "#ops/runtime/log.ts";
import type { FunnelAnswer } from "#schemas/query/funnel.ts";
import { serve } from "#streams/services.ts";
import { projectId, rows, startTestTier, type TestTier } from "../testing/test-tier.ts";

let tier: TestTier;
let jobs: { stop(): Promise<void> };
const begun: unknown[] = [];
const query = {
  from: "2026-11-01",
  to: "2026-11-30",
  // The same event twice: not what is decided in memory, rows have to be read.
  steps: [{ event: "order" }, { event: 'page "view"\n' }, { event: "order" }],
};

beforeAll(async () => {
  tier = await startTestTier(inject("servers").postgresUrl);
  await tier.postgres.query(
    `INSERT INTO projects (id, public_id, name, limits) OVERRIDING SYSTEM VALUE
     VALUES ($1, 'p', 'p', $2)`,
    [projectId, { rows_exact_max: 1000 }],
  );
  jobs = serve(tier.connection, {
    service: "jobs",
    log: createLogger({ level: "error", name: "test" }),
    methods: {
      create_exact: async (payload, call) => {
        begun.push({ ...JSON.parse(new TextDecoder().decode(payload)), projectId: call.projectId });
        return { job_id: `job_${begun.length}`, state: "queued" };
      },
    },
  });
});

afterAll(async () => {
  await jobs.stop();
  await tier.stop();
});

const ask = (more: object): Promise<FunnelAnswer> =>
  tier.call("funnel", { ...query, ...more }) as Promise<FunnelAnswer>;

it("beyond the project's limit the answer is of a sample, with bounds that hold, and an exact one is begun", async () => {
  const sampled = await ask({});
  expect(sampled.meta).toMatchObject({ exact: false, sample: { rate: 1 / 16 }, job_id: "job_1" });
  expect(sampled.meta.source).toBe("steps_sample");
  expect(begun).toEqual([{ kind: "funnel", query, projectId }]);
  const exact = await ask({ accuracy: "exact" });
  expect(exact.meta).toMatchObject({ exact: true, source: "steps" });
  expect(exact.meta).not.toHaveProperty("sample");
  expect(exact.steps[0]?.count).toBe(10);
  const { steps } = sampled.meta.error_bound as unknown as {
    steps: Record<string, [number, number] | undefined>[];
  };
  exact.steps.forEach(({ count }, index) => {
    const [low, high] = steps[index]?.["count"] ?? [NaN, NaN];
    expect(low).toBeLessThanOrEqual(count);
    expect(high).toBeGreaterThanOrEqual(count);
  });
  // Ten people, one of 16 of them: each that was met stands for 16.
  expect((sampled.steps[0]?.count ?? 0) % 16).toBe(0);
  expect(sampled.meta.sample?.users).toBe((sampled.steps[0]?.count ?? 0) / 16);
});

it("`exact` is exact and `fast` too while there is little to read; neither begins anything", async () => {
  const before = begun.length;
  expect((await ask({ accuracy: "exact" })).meta.exact).toBe(true);
  expect((await ask({ accuracy: "fast" })).meta.exact).toBe(true);
  expect(begun.length).toBe(before);
});

it("what can be answered exactly from memory is, whatever the limit", async () => {
  const ordered = await ask({ steps: query.steps.slice(0, 2) });
  expect(ordered.meta).toMatchObject({ exact: true });
  expect(ordered.steps[0]?.count).toBe(10);
});

it("below the limit nothing is sampled", async () => {
  await tier.postgres.query("UPDATE projects SET limits = $2 WHERE id = $1", [
    projectId,
    { rows_exact_max: rows },
  ]);
  expect((await ask({ to: "2026-11-29" })).meta.exact).toBe(true);
});

it("an unknown accuracy is refused", async () => {
  await expect(ask({ accuracy: "guess" })).rejects.toMatchObject({
    code: "INVALID_QUERY",
    details: [{ path: "accuracy" }],
  });
});
