// Wrong funnels are refused with the path of what is wrong; right ones get their defaults.
import { describe, expect, it } from "vitest";
import { MillraceError } from "#schemas/errors.ts";
import { readFunnelRequest, readFunnelUsersRequest, writeCursor } from "./request.ts";

const nowMs = Date.UTC(2026, 10, 22);
const steps = [{ event: "a" }, { event: "b" }];

function pathsOf(read: () => unknown): string[] {
  try {
    read();
  } catch (error) {
    if (error instanceof MillraceError && error.code === "INVALID_QUERY") {
      return (error.details as { path: string }[]).map(({ path }) => path);
    }
    throw error;
  }
  return [];
}

describe("names what is wrong", () => {
  it.each([
    ["no steps", { steps: [] }, "steps"],
    ["a hundred steps", { steps: Array.from({ length: 100 }, () => ({ event: "a" })) }, "steps"],
    ["steps that are missing", {}, "steps"],
    ["a step without an event", { steps: [{}] }, "steps[0].event"],
    ["an unknown field", { steps, stepz: 1 }, "stepz"],
    ["an unknown order", { steps, order: "loose" }, "order"],
    ["a window of nothing", { steps, window_seconds: 0 }, "window_seconds"],
    ["a window of more than 366 days", { steps, window_seconds: 366 * 86_400 + 1 }, "window_seconds"],
    [
      "a filter without its value",
      { steps: [{ event: "a", filters: [{ property: "p", operator: "eq" }] }] },
      "steps[0].filters[0].value",
    ],
    [
      "an exclusion of steps that are not there",
      { steps, exclusions: [{ event: "x", from_step: 0, to_step: 2 }] },
      "exclusions[0].to_step",
    ],
    [
      "an exclusion that ends before it begins",
      { steps, exclusions: [{ event: "x", from_step: 1, to_step: 1 }] },
      "exclusions[0].from_step",
    ],
    [
      "an exclusion of a single step",
      { steps: [{ event: "a" }], exclusions: [{ event: "x" }] },
      "exclusions[0]",
    ],
    [
      "eleven exclusions",
      { steps, exclusions: Array.from({ length: 11 }, () => ({ event: "x" })) },
      "exclusions",
    ],
    ["an unknown view", { steps, view: "table" }, "view"],
    ["an unknown interval", { steps, view: "trend", interval: "year" }, "interval"],
    [
      "a trend of too many intervals",
      { steps, view: "trend", interval: "minute", from: "2026-01-01", to: "2026-10-01" },
      "interval",
    ],
    ["a trend from a step that is not there", { steps, view: "trend", from_step: 2 }, "from_step"],
    ["a breakdown of 1,001 values", { steps, breakdown: { property: "p", limit: 1001 } }, "breakdown.limit"],
    [
      "a breakdown by last touch",
      { steps, breakdown: { property: "p", attribution: "last_touch" } },
      "breakdown.attribution",
    ],
    [
      "a breakdown by a name that cannot be one",
      { steps, breakdown: { property: "a.:`b" } },
      "breakdown.property",
    ],
    ["a range that ends before it begins", { steps, from: "2026-02-01", to: "2026-01-01" }, "from"],
    ["an unknown zone", { steps, timezone: "Mars/Olympus" }, "timezone"],
  ])("%s", (_name, body, path) => {
    expect(pathsOf(() => readFunnelRequest(body, nowMs))).toContain(path);
  });

  it.each([
    ["no step", { steps }, "step"],
    ["a step that is not there", { steps, step: 2 }, "step"],
    ["who dropped out before the first step", { steps, step: 0, dropped: true }, "step"],
    ["a page of 10,001", { steps, step: 0, limit: 10_001 }, "limit"],
    ["a cursor that was made up", { steps, step: 0, cursor: "nonsense" }, "cursor"],
  ])("of people: %s", (_name, body, path) => {
    expect(pathsOf(() => readFunnelUsersRequest(body, nowMs))).toContain(path);
  });
});

it("fills in defaults", () => {
  const request = readFunnelRequest(
    { steps: [{ event: "a" }, { event: null }, { event: "b", label: "B" }] },
    nowMs,
  );
  expect(request).toMatchObject({
    order: "ordered",
    windowMs: 14 * 86_400_000,
    steps: [{ label: "a" }, { label: "Any event" }, { label: "B" }],
    breakdown: undefined,
    trend: undefined,
    histogram: undefined,
  });
  expect(readFunnelUsersRequest({ steps, step: 1, cursor: writeCursor(77) }, nowMs)).toMatchObject({
    step: 1,
    dropped: false,
    limit: 100,
    firstPerson: 77,
  });
  expect(readFunnelRequest({ steps, exclusions: [{ event: "x" }] }, nowMs).exclusions).toMatchObject([
    { fromStep: 0, toStep: 1 },
  ]);
});

it("names every cohort that is used, with its path", () => {
  const { cohortsUsed } = readFunnelRequest(
    {
      steps: [{ event: "a", filters: [{ cohort: "c1" }] }],
      filters: [{ or: [{ cohort: "c2" }] }],
      breakdown: { cohorts: ["c3"] },
    },
    nowMs,
  );
  expect(cohortsUsed).toEqual([
    { id: "c2", path: "filters[0].or[0].cohort" },
    { id: "c1", path: "steps[0].filters[0].cohort" },
    { id: "c3", path: "breakdown.cohorts[0]" },
  ]);
});
