import { describe, expect, it } from "vitest";
import type { AlertDefinition } from "./alert-definition.ts";
import { bucketsAtOnceMax, decideRange, evaluateBuckets, type AlertState } from "./evaluate-buckets.ts";

const hourMs = 3_600_000;
const startMs = Date.UTC(2026, 5, 1);
const definition: AlertDefinition = {
  query: { series: [{ event: "buy" }], interval: "hour" },
  rule: { type: "threshold", operator: "gt", value: 10 },
  graceSeconds: 60,
};

/** Hours from `startMs` on; two more than have values, as asked of the store. */
function run(
  values: (number | null)[],
  options: {
    state?: AlertState;
    until?: number | undefined;
    completeMs: number;
    definition?: AlertDefinition;
  },
) {
  const startsMs = [...values, null, null].map((_, index) => startMs + index * hourMs);
  return evaluateBuckets(
    options.definition ?? definition,
    { state: options.state ?? "ok", evaluatedUntilMs: options.until },
    { startsMs, values: [...values, 0, 0] },
    options.completeMs,
  );
}

const at = (hours: number, seconds = 0): number => startMs + hours * hourMs + seconds * 1_000;

describe("when a bucket is judged", () => {
  it("a new alert begins with the last whole bucket", () => {
    const done = run([20, 1, 20, 1], { state: "pending", completeMs: at(3, 90) });
    expect(done).toMatchObject({
      state: "firing",
      bucketsJudged: 1,
      evaluatedUntilMs: at(3),
      dueMs: at(4, 60),
    });
    expect(done.transitions).toMatchObject([
      { kind: "opened", bucket: { value: 20, end: "2026-06-01T03:00:00.000Z" } },
    ]);
  });

  it("not before the grace time is over", () => {
    const early = run([1, 20], { until: at(1), completeMs: at(2, 59) });
    expect(early).toMatchObject({ state: "ok", transitions: [], latest: undefined, dueMs: at(2, 60) });
    expect(run([1, 20], { until: at(1), completeMs: at(2, 60) })).toMatchObject({ state: "firing" });
  });

  it("not before what was accepted is stored", () => {
    const behind = run([1, 20, 20], { until: at(1), completeMs: -Infinity });
    expect(behind).toMatchObject({ state: "ok", bucketsJudged: 0, evaluatedUntilMs: undefined });
  });

  it("each once, and all that passed in the meantime in order", () => {
    const done = run([20, 1, 20, 20, 1, 20], { until: at(1), completeMs: at(6, 60) });
    expect(done.transitions.map(({ kind, bucket }) => [kind, Date.parse(bucket.start)])).toEqual([
      ["opened", at(2)],
      ["closed", at(4)],
      ["opened", at(5)],
    ]);
    expect(run([20, 1], { until: done.evaluatedUntilMs, completeMs: at(6, 60) }).bucketsJudged).toBe(0);
  });

  it("after a long absence only the latest", () => {
    const values = Array.from({ length: 500 }, () => 1);
    const done = run(values, { until: at(0), completeMs: at(500, 60) });
    expect(done).toMatchObject({ bucketsJudged: bucketsAtOnceMax, evaluatedUntilMs: at(500) });
    const range = decideRange(definition, at(0), at(500, 60));
    expect(range.fromMs).toBe(at(500 - bucketsAtOnceMax));
    expect(range.toMs).toBeGreaterThan(at(502));
  });
});

describe("state", () => {
  const cases: {
    name: string;
    state: AlertState;
    values: (number | null)[];
    expected: AlertState;
    kinds: string[];
  }[] = [
    { name: "stays ok", state: "ok", values: [1, 1], expected: "ok", kinds: [] },
    { name: "fires once", state: "ok", values: [11, 30, 12], expected: "firing", kinds: ["opened"] },
    { name: "is over once", state: "firing", values: [11, 10, 10], expected: "ok", kinds: ["closed"] },
    {
      name: "keeps an incident where there is no value",
      state: "firing",
      values: [null],
      expected: "firing",
      kinds: [],
    },
    { name: "is ok where there is no value", state: "pending", values: [null], expected: "ok", kinds: [] },
  ];
  for (const { name, state, values, expected, kinds } of cases) {
    it(name, () => {
      const done = run(values, { state, until: at(0), completeMs: at(values.length, 60) });
      expect(done.state).toBe(expected);
      expect(done.transitions.map(({ kind }) => kind)).toEqual(kinds);
    });
  }

  it.each([
    ["gt", 10, "ok"],
    ["gte", 10, "firing"],
    ["lt", 10, "ok"],
    ["lte", 10, "firing"],
    ["lt", 9, "firing"],
    ["gt", 11, "firing"],
  ] as const)("%s 10 of %d: %s", (operator, value, expected) => {
    const rule = { type: "threshold", operator, value: 10 } as const;
    const done = run([value], { until: at(0), completeMs: at(1, 60), definition: { ...definition, rule } });
    expect(done.state).toBe(expected);
  });

  it("an anomaly without history learns", () => {
    const rule = { type: "anomaly" } as const;
    const done = run([5, 6, 500], {
      until: at(0),
      completeMs: at(3, 60),
      definition: { ...definition, rule },
    });
    expect(done).toMatchObject({ state: "learning", transitions: [], latest: { value: 500, score: null } });
  });
});
