// For integration tests: random events and random queries of trends, the same ones for the same seed. Made to hit
// what is easily wrong: changes of the clock, the ends of what times can hold, text that looks like numbers, names
// that need quoting.
import { filterOperators, type Filter, type FilterScalar } from "#schemas/query/filter.ts";
import { trendMaths, type TrendsQuery } from "#schemas/query/trends.ts";
import type { ReferenceEvent } from "./naive-reference.ts";

const hourMs = 3_600_000;

const names = ["order placed", "page", "sign'up\\", "$pageview", "クリック"];
// Around changes of the clock, before 1970 and after 2106.
const centres = [
  "2026-03-29T01:00:00Z",
  "2026-10-25T01:00:00Z",
  "2026-11-01T06:00:00Z",
  "2026-04-04T15:00:00Z",
  "2026-10-03T15:30:00Z",
  "2011-12-30T10:00:00Z",
  "1969-12-31T23:59:00Z",
  "1925-04-04T02:20:00Z",
  "2106-02-07T06:28:15Z",
  "2200-10-26T01:00:00Z",
].map((text) => Date.parse(text));
const zones = [
  "UTC",
  "Europe/Amsterdam",
  "America/New_York",
  "Asia/Kolkata",
  "Australia/Lord_Howe",
  "Pacific/Apia",
  "Asia/Kathmandu",
];
const countries = ["NL", "DE", "nl", "Österreich", "", "12", "true", "a'b\\c`d"];
const properties = [
  "country",
  "amount",
  "mixed",
  "nested.deep",
  "dotted.key",
  "missing",
  "$browser",
  "$event",
  "we`ird \\name",
];

export interface RandomTrends {
  event(): ReferenceEvent;
  query(): TrendsQuery;
}

export function createRandomTrends(seed: number): RandomTrends {
  const random = randomFrom(seed);
  const below = (limit: number): number => Math.floor(random() * limit);
  const pick = <T>(values: readonly T[]): T => values[below(values.length)] as T;
  const chance = (share: number): boolean => random() < share;

  function randomEvent(): ReferenceEvent {
    const given: Record<string, unknown> = {};
    if (chance(0.8)) given["country"] = pick(countries);
    if (chance(0.8)) given["amount"] = chance(0.5) ? below(50) - 10 : Math.round(random() * 10_000) / 100;
    if (chance(0.7)) given["mixed"] = pick([1, 12, "12", "text", true, false, null, 0.5, "true", -3]);
    if (chance(0.5)) given["nested"] = { deep: pick([1, 2, "x", "y"]), ...(chance(0.3) ? { other: 1 } : {}) };
    if (chance(0.3)) given["dotted.key"] = pick(["d1", "d2", 5]);
    if (chance(0.3)) given["we`ird \\name"] = pick(["w", 3]);
    const spreadMs = pick([60_000, hourMs, 30 * hourMs, 40 * 24 * hourMs]);
    return {
      event: pick(names),
      user: below(60),
      timestampMs: pick(centres) + (chance(0.1) ? 0 : Math.floor((random() - 0.5) * 2 * spreadMs)),
      properties: given,
      browser: pick(["", "Firefox", "Chrome"]),
    };
  }

  function randomFilter(depth: number): Filter {
    if (depth > 0 && chance(0.3)) {
      return { or: Array.from({ length: 1 + below(3) }, () => randomFilter(depth - 1)) };
    }
    const operator = pick(filterOperators);
    const property = pick(properties);
    const scalar = (): FilterScalar =>
      pick<FilterScalar>([
        ...countries,
        ...countries,
        12,
        0.5,
        1,
        true,
        false,
        "text",
        "x",
        "d1",
        "Firefox",
        3,
        "12",
      ]);
    if (operator === "is_set" || operator === "is_not_set") return { property, operator };
    if (operator === "in" || operator === "not_in") {
      return { property, operator, value: Array.from({ length: below(4) }, scalar) };
    }
    if (operator === "gt" || operator === "gte" || operator === "lt" || operator === "lte") {
      return { property, operator, value: pick<FilterScalar>([0, 12, 5.5, "12", "M", ""]) };
    }
    return { property, operator, value: scalar() };
  }

  function randomQuery(): TrendsQuery {
    const interval = pick(["minute", "hour", "day", "week", "month"] as const);
    const spanMs = {
      minute: hourMs,
      hour: 60 * hourMs,
      day: 1000 * hourMs,
      week: 2000 * hourMs,
      month: 9000 * hourMs,
    };
    const centre = pick(centres);
    const grid = pick([1, 60_000, hourMs, 24 * hourMs]);
    const align = (ms: number): number => Math.floor(ms / grid) * grid;
    const from = align(centre - random() * spanMs[interval]);
    const to = Math.max(from, align(centre + random() * spanMs[interval]) - 1);
    const timezone = pick(zones);
    // A date that a zone skipped (30 December 2011 in Apia) is an empty range, which is refused.
    const asDates = timezone !== "Pacific/Apia" && chance(0.3);
    const plain = chance(0.5);
    const filters = (): Filter[] =>
      plain || chance(0.5) ? [] : Array.from({ length: 1 + below(2) }, () => randomFilter(2));
    return {
      from: asDates ? new Date(from).toISOString().slice(0, 10) : from,
      to: asDates ? new Date(to).toISOString().slice(0, 10) : to,
      timezone,
      interval,
      week_start: pick(["monday", "sunday"] as const),
      filters: filters(),
      series: Array.from({ length: 1 + below(3) }, () => ({
        event: chance(0.3) ? null : pick(names),
        math: plain ? pick(trendMaths.slice(0, 3)) : pick(trendMaths),
        property: pick(["amount", "mixed", "nested.deep", "dotted.key"]),
        filters: filters(),
      })),
      ...(plain || chance(0.5) ? {} : { breakdown: { property: pick(properties), limit: 1 + below(4) } }),
      ...(chance(0.3) ? { compare: true } : {}),
    };
  }

  return { event: randomEvent, query: randomQuery };
}

/** mulberry32: small, seeded, good enough. */
function randomFrom(start: number): () => number {
  let state = start | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
