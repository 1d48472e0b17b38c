// Answers that differ are told apart, also where only a digit or a row does.
import { expect, it } from "vitest";
import { drawChart } from "./chart.ts";
import { timesOf } from "./quantiles.ts";
import { findDifference } from "./query-case.ts";

it("compares rows in any order, numbers up to their last digits", () => {
  const rows = [
    ["NL", 1, 0.1 + 0.2],
    ["DE", 1, 5],
  ];
  expect(findDifference(rows, [rows[1] ?? [], ["NL", 1, 0.3]])).toBeUndefined();
  expect(findDifference(rows, [rows[0] ?? []])).toMatch(/2 rows in plain SQL, 1/);
  expect(
    findDifference(rows, [
      ["NL", 1, 0.3],
      ["DE", 1, 6],
    ]),
  ).toMatch(/5.* in plain SQL, .*6/);
  expect(
    findDifference(rows, [
      ["NL", 2, 0.3],
      ["DE", 1, 5],
    ]),
  ).toMatch(/of ours/);
});

it("takes the nearest rank of a few times", () => {
  expect(timesOf([5, 1, 4, 2, 3, 10, 9, 8, 7, 6])).toEqual({ count: 10, p50: 5, p95: 10, p99: 10, max: 10 });
  expect(timesOf([])).toEqual({ count: 0, p50: 0, p95: 0, p99: 0, max: 0 });
});

it("draws every kind once, larger sizes to the right and slower answers above", () => {
  const svg = drawChart(
    new Map([
      ["counts", [point(1e7, 20), point(1e8, 22), point(1e9, 30)]],
      ["funnels", [point(1e7, 100), point(1e8, 900)]],
    ]),
  );
  expect(svg.match(/<polyline/g)).toHaveLength(2);
  const circles = [...svg.matchAll(/<circle cx="([\d.]+)" cy="([\d.]+)"/g)].map(([, x, y]) => [
    Number(x),
    Number(y),
  ]);
  expect(circles).toHaveLength(5);
  const [first, , last, few, many] = circles as [number, number][];
  expect(first?.[0]).toBeLessThan(last?.[0] ?? 0);
  expect(few?.[0]).toBe(first?.[0]);
  expect(many?.[1]).toBeLessThan(few?.[1] ?? 0);
});

function point(events: number, ms: number): { events: number; ms: number } {
  return { events, ms };
}
