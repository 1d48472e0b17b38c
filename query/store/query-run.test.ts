import { expect, it } from "vitest";
import { Registry } from "prom-client";
import type { CountedDays } from "../day-counts/count-days.ts";
import { createQueryMetrics } from "../metrics.ts";
import { nobodyJoined } from "../people/people.ts";
import { QueryRun } from "./query-run.ts";
import type { Store } from "./run-statement.ts";

const scope = { events: ["order"], fromDay: 5, endDay: 9 };

/** A store in which one more event is counted each time it is asked. */
function create(counted?: CountedDays): { run: QueryRun; asked: () => number } {
  let asked = 0;
  const json = (): Promise<object> =>
    Promise.resolve({ data: [[[[7], [asked]]]], statistics: { rows_read: 1 } });
  const store = {
    clickhouse: {
      query: () => {
        asked += 1;
        return Promise.resolve({ json });
      },
    },
    readOnly: { read: () => Promise.resolve({}) },
    metrics: createQueryMetrics(new Registry()),
  } as unknown as Store;
  const signal = new AbortController().signal;
  return {
    run: new QueryRun({ store, projectId: 1, signal, people: nobodyJoined, counted }),
    asked: () => asked,
  };
}

it("counts days anew each time: whoever counts before and after wants to know what came in between", async () => {
  const { run } = create();
  expect(await run.dayCounts(scope)).toEqual(new Map([["order", new Map([[7, 1]])]]));
  expect(await run.dayCounts(scope)).toEqual(new Map([["order", new Map([[7, 2]])]]));
});

it("uses what was counted for its question, as far as that goes", async () => {
  const { run, asked } = create({ ...scope, counts: new Map([["order", new Map([[6, 40]])]]) });
  expect(await run.dayCounts(scope)).toEqual(new Map([["order", new Map([[6, 40]])]]));
  expect(asked()).toBe(0);
  expect(await run.dayCounts({ ...scope, endDay: 10 })).toEqual(new Map([["order", new Map([[7, 1]])]]));
});
