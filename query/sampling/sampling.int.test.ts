// Samples against everybody, over real tables: what is counted exactly lies within the bounds as often as they say,
// whoever has which number, joined or not.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { answerFunnel } from "../events/funnel/answer.ts";
import { readFunnelRequest } from "../events/funnel/request.ts";
import { answerPaths } from "../events/paths/answer.ts";
import { readPathsRequest } from "../events/paths/request.ts";
import { readRetentionRequest } from "../events/retention/request.ts";
import { answerRetention } from "../events/retention/retention.ts";
import { nobodyJoined, type People } from "../people/people.ts";
import type { Store } from "../store/run-statement.ts";
import { createTaskPool } from "../task-pool.ts";
import { runOn, storeOf } from "../testing/run-query.ts";
import { createTestDatabase, type TestDatabase } from "../testing/test-database.ts";
import { CountBounds, type Bounds } from "./bounds.ts";
import { funnelSampling } from "./funnel-sampling.ts";
import { pathsSampling } from "./paths-sampling.ts";
import { ranksKept, rateOf, type Sample } from "../people/sample.ts";
import { retentionSampling } from "./retention-sampling.ts";
import { scaleAnswer, type Scaled } from "./scale-answer.ts";

const projects = [1, 2, 3, 4, 5, 6, 7, 8];
const joinedProjects = [11, 12, 13, 14];
const usersOfProject = 6_000;
const nowMs = Date.UTC(2026, 10, 1);
const range = { from: "2026-10-01", to: "2026-10-31" };

let database: TestDatabase;
let store: Store;
const pool = createTaskPool(2);

beforeAll(async () => {
  database = await createTestDatabase();
  store = storeOf(database);
  // Everybody visits up to five times; who tries and who buys hangs on the number: people arrive in turns, and numbers
  // are given in that order. One of 16 buckets would hold all who buy, or none.
  for (const project of [...projects, ...joinedProjects]) {
    await database.clickhouse.command({
      query: `INSERT INTO events (project_id, event, user_number, event_id, timestamp, properties, received_at)
        SELECT ${project}, step.1, number, concat(toString(number), '-', toString(step.2)),
          toDateTime64('2026-10-02 00:00:00', 3, 'UTC') + (number * 7919) % 2000000 + step.2 * 60, '{}', now64(3)
        FROM numbers(${usersOfProject})
        ARRAY JOIN arrayConcat(
          arrayMap(each -> ('visit', each), range(1 + number % 5)),
          if(number % 2 = 0, [('try', 10)], []),
          if(number % 16 = 4, [('buy', 20)], []),
          if(number % 1000 = 7, [('refund', 30)], [])) AS step`,
      clickhouse_settings: { max_partitions_per_insert_block: "0" } as never,
    });
  }
  // Every third person has two ids, far from each other: what was done with either is the person's.
  for (const project of joinedProjects) {
    await database.clickhouse.command({
      query: `INSERT INTO persons SELECT ${project}, number + 3000, number, 1 FROM numbers(3000) WHERE number % 3 = 0`,
    });
  }
});

afterAll(async () => {
  await pool.destroy();
  await database.drop();
});

/** Every count of the exact answer and the bounds that a sample gave for it, in order. */
function pairs(
  exact: unknown,
  bounds: unknown,
  counts: ReadonlySet<string>,
  counted = false,
): [number, Bounds][] {
  if (typeof exact === "number") return counted ? [[exact, bounds as Bounds]] : [];
  if (Array.isArray(exact)) {
    return exact.flatMap((each, index) => pairs(each, (bounds as unknown[])[index], counts, counted));
  }
  if (typeof exact !== "object" || exact === null || bounds === undefined) return [];
  return Object.entries(exact).flatMap(([name, member]) =>
    pairs(member, (bounds as Record<string, unknown>)[name], counts, counts.has(name)),
  );
}

const inside = (value: number, [low, high]: Bounds): boolean => low <= value && value <= high;

const funnelQuery = readFunnelRequest(
  {
    ...range,
    steps: [{ event: "visit" }, { event: "try" }, { event: "buy" }, { event: "refund" }],
    view: "trend",
    interval: "week",
  },
  nowMs,
);

async function funnelOf(project: number, people: People, sample?: Sample) {
  const run = runOn(store, project, people);
  if (sample !== undefined) run.narrow(sample);
  return answerFunnel(funnelQuery, run, pool);
}

function scaled<A extends object>(answer: A, sample: Sample, counts: ReadonlySet<string>): Scaled<A> {
  return scaleAnswer(answer, counts, new CountBounds(rateOf(sample)));
}

/** Disjoint samples: as many independent tries as there are. */
const windows = (ranks: number, all: number): Sample[] =>
  Array.from({ length: all / ranks }, (_, index) => ({ firstRank: index * ranks, ranks }));

describe("a funnel of a sample", () => {
  it("holds the exact counts in its bounds, over 128 samples", async () => {
    let values = 0;
    let outside = 0;
    let sum = 0;
    for (const project of projects) {
      const exact = await funnelOf(project, nobodyJoined);
      expect(exact.steps.map(({ count }) => count)).toEqual([6000, 3000, 375, 0]);
      for (const sample of windows(16, ranksKept)) {
        const ofSample = await funnelOf(project, nobodyJoined, sample);
        const { bounds, answer } = scaled(ofSample, sample, funnelSampling.counts);
        sum += answer.steps[0]?.count ?? 0;
        for (const [value, bound] of pairs(exact, bounds, funnelSampling.counts)) {
          values += 1;
          if (!inside(value, bound)) outside += 1;
        }
      }
    }
    expect(values).toBeGreaterThan(1_500);
    // At most 1 %, and what chance adds to it: counts of one sample hang together.
    expect(outside / values).toBeLessThanOrEqual(0.015);
    // Not biased: the mean of all samples is everybody, give or take three standard errors.
    expect(Math.abs(sum / 128 - 6000)).toBeLessThan((3 * Math.sqrt(6000 * 255)) / Math.sqrt(128));
  });

  it("where ids were joined holds whole persons, over 64 samples", async () => {
    const people = { ...nobodyJoined, merged: true };
    let values = 0;
    let outside = 0;
    for (const project of joinedProjects) {
      const exact = await funnelOf(project, people);
      // The second ids are persons no more, and their purchases those of the first.
      expect(exact.steps[0]?.count).toBe(5000);
      let together = 0;
      for (const sample of windows(256, 4096)) {
        const ofSample = await funnelOf(project, people, sample);
        together += ofSample.steps[1]?.count ?? 0;
        const { bounds } = scaled(ofSample, sample, funnelSampling.counts);
        for (const [value, bound] of pairs(exact, bounds, funnelSampling.counts)) {
          values += 1;
          if (!inside(value, bound)) outside += 1;
        }
      }
      // All samples together are everybody, each person once.
      expect(together).toBe(exact.steps[1]?.count);
    }
    expect(values).toBeGreaterThan(750);
    expect(outside / values).toBeLessThanOrEqual(0.015);
  });

  it("says how sure its rates are", async () => {
    const sample = { firstRank: 0, ranks: 256 };
    const ofSample = await funnelOf(1, nobodyJoined, sample);
    const { bounds } = scaled(ofSample, sample, funnelSampling.counts);
    const steps = funnelSampling.moreBounds?.(ofSample, bounds)["steps"] as Record<string, Bounds>[];
    expect(inside(0.5, steps[1]?.["rate_total"] as Bounds)).toBe(true);
    expect(inside(0.125, steps[2]?.["rate_step"] as Bounds)).toBe(true);
    expect(inside(ofSample.steps[2]?.rate_total as number, steps[2]?.["rate_total"] as Bounds)).toBe(true);
  });
});

describe("retention of a sample", () => {
  const request = readRetentionRequest(
    {
      from: "2026-10-01",
      to: "2026-10-31",
      period: "week",
      periods: 4,
      target: { event: "visit" },
      returning: { event: "visit" },
      min_occurrences: 3,
    },
    nowMs,
  );

  it("where people's events are counted holds the exact counts in its bounds, over 64 samples", async () => {
    expect(retentionSampling.rowsOf(request)).toMatchObject({ events: ["visit"] });
    let values = 0;
    let outside = 0;
    const tries = [
      { project: 1, people: nobodyJoined, samples: windows(16, ranksKept) },
      { project: 2, people: nobodyJoined, samples: windows(16, ranksKept) },
      { project: 11, people: { ...nobodyJoined, merged: true }, samples: windows(256, 4096) },
      { project: 12, people: { ...nobodyJoined, merged: true }, samples: windows(256, 4096) },
    ];
    for (const { project, people, samples } of tries) {
      const exact = await answerRetention(request, runOn(store, project, people));
      for (const sample of samples) {
        const run = runOn(store, project, people);
        run.narrow(sample);
        const ofSample = await answerRetention(request, run, { rollups: [] });
        const { bounds } = scaled(ofSample, sample, retentionSampling.counts);
        for (const [value, bound] of pairs(exact, bounds, retentionSampling.counts)) {
          values += 1;
          if (!inside(value, bound)) outside += 1;
        }
      }
    }
    expect(values).toBe(64 * (4 + 10));
    expect(outside / values).toBeLessThanOrEqual(0.015);
  });
});

describe("paths of a sample", () => {
  const request = readPathsRequest(
    { ...range, anchor: { event: "visit" }, steps: 4, collapse_repeats: true },
    nowMs,
  );

  it("hold the exact counts in their bounds, over 32 samples", async () => {
    let values = 0;
    let outside = 0;
    for (const project of projects.slice(0, 2)) {
      const exact = await answerPaths(request, runOn(store, project, nobodyJoined));
      for (const sample of windows(16, ranksKept)) {
        const run = runOn(store, project, nobodyJoined);
        run.narrow(sample);
        const { bounds, answer } = scaled(await answerPaths(request, run), sample, pathsSampling.counts);
        const boundOf = new Map(
          answer.nodes.map(({ step, event }, index) => [
            `${step} ${event}`,
            (bounds["nodes"] as Record<string, Bounds>[])[index]?.["count"] as Bounds,
          ]),
        );
        for (const { step, event, count } of exact.nodes) {
          values += 1;
          // A node that the sample did not meet: what none is bounded by.
          const bound = boundOf.get(`${step} ${event}`) ?? new CountBounds(rateOf(sample)).bounds(0);
          if (!inside(count, bound)) outside += 1;
        }
      }
    }
    expect(values).toBeGreaterThan(200);
    expect(outside / values).toBeLessThanOrEqual(0.02);
  });
});
