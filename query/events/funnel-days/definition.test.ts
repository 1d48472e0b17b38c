import { expect, it } from "vitest";
import type { FunnelQuery } from "#schemas/query/funnel.ts";
import { readFunnelRequest } from "../funnel/request.ts";
import { defineFunnel } from "./definition.ts";

const steps = [
  { event: "look", filters: [{ property: "price", operator: "gt" as const, value: 3 }] },
  { event: "buy" },
];

function define(query: FunnelQuery) {
  return defineFunnel(readFunnelRequest(query, Date.UTC(2026, 10, 22)));
}

it.each<{ name: string; query: FunnelQuery }>([
  { name: "range", query: { steps, from: "2026-01-01", to: "2026-02-01", timezone: "Asia/Tokyo" } },
  { name: "view", query: { steps, view: "trend", interval: "week" } },
  { name: "defaults", query: { steps, order: "ordered", window_seconds: 14 * 86_400, filters: [] } },
  {
    name: "order of names",
    query: {
      steps: [
        { filters: [{ value: 3, on: "event", operator: "gt", property: "price" }], event: "look" },
        { event: "buy" },
      ],
    },
  },
])("the same funnel whatever its $name", ({ query }) => {
  expect(define(query)?.hash).toBe(define({ steps })?.hash);
});

it.each<{ name: string; query: FunnelQuery }>([
  { name: "steps", query: { steps: steps.toReversed() } },
  { name: "window", query: { steps, window_seconds: 60 } },
  { name: "order", query: { steps, order: "unordered" } },
  { name: "filters", query: { steps, filters: [{ property: "a", operator: "is_set" }] } },
  { name: "exclusions", query: { steps, exclusions: [{ event: "leave" }] } },
])("another funnel by its $name", ({ query }) => {
  expect(define(query)?.hash).not.toBe(define({ steps })?.hash);
});

it.each<{ name: string; query: FunnelQuery }>([
  { name: "a breakdown", query: { steps, breakdown: { property: "country" } } },
  { name: "a cohort", query: { steps, filters: [{ or: [{ cohort: "c" }] }] } },
  {
    name: "a property of users",
    query: { steps, filters: [{ property: "plan", operator: "is_set", on: "user" }] },
  },
  { name: "one step", query: { steps: steps.slice(1) } },
  { name: "a window beyond 49 days", query: { steps, window_seconds: 50 * 86_400 } },
])("nothing is kept with $name", ({ query }) => {
  expect(define(query)).toBeUndefined();
});

it("is a query again", () => {
  const query: FunnelQuery = { steps, exclusions: [{ event: "leave" }], order: "strict" };
  const definition = define(query);
  expect(define(definition?.query as unknown as FunnelQuery)).toEqual(definition);
});
