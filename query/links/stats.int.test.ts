// Statistics of links against a plain count of the same clicks, and against queries over the raw events.
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import type { LinkStats } from "#schemas/links/link-stats.ts";
import type { ResolvedLink } from "#schemas/links/link.ts";
import type { TrendsAnswer } from "#schemas/query/trends.ts";
import { createLogger } from "#ops/runtime/log.ts";
import { serve } from "#streams/services.ts";
import { RandomSource } from "../testing/random-source.ts";
import { storeTime } from "../testing/test-database.ts";
import { errorOf, startTestTier, type TestTier } from "../testing/test-tier.ts";

const projectId = 41;
const quarterMs = 900_000;
const dayMs = 86_400_000;
const base = Date.UTC(2026, 2, 20);
const days = 20;
const seed = Date.now() >>> 0;

interface Click {
  readonly atMs: number;
  readonly visitor: number;
  readonly code: string;
  readonly kind: "click" | "bot" | "preview";
  readonly country: string | undefined;
  readonly city: string | undefined;
  readonly source: string | undefined;
  readonly browser: string;
}

let tier: TestTier;
let clicks: Click[] = [];
const services: { stop(): Promise<void> }[] = [];

function randomClicks(count: number): Click[] {
  const random = new RandomSource(seed);
  const oneOf = <T>(...values: T[]): T => random.pick(values);
  return Array.from({ length: count }, () => ({
    atMs: base + random.below(days * dayMs),
    visitor: random.below(60),
    code: oneOf("spring", "spring", "spring", "autumn"),
    kind: oneOf("click", "click", "click", "bot", "preview"),
    country: oneOf("FR", "US", undefined),
    city: oneOf("Paris", undefined),
    source: oneOf(
      ...Array.from({ length: 12 }, (_, index) => `source-${index}`),
      "O'Brien \\ \n é 🦊",
      undefined,
    ),
    browser: oneOf("Chrome", "Firefox", ""),
  }));
}

function linkOf(code: string, project = projectId): ResolvedLink {
  return {
    id: 1,
    publicId: `lnk_${code}`,
    projectId: project,
    projectPublicId: "prj_test",
    domain: "",
    code,
    url: "https://example.test/",
    redirect: 302,
    forwardQuery: false,
    expiresAtMs: null,
    expiredUrl: null,
    maxClicks: null,
    hasPassword: false,
    title: null,
    retentionDays: 0,
    version: 1,
  };
}

const stats = (given: object): Promise<LinkStats> =>
  tier.call("link_stats", { code: "spring", ...given }, projectId) as Promise<LinkStats>;

beforeAll(async () => {
  tier = await startTestTier(inject("servers").postgresUrl);
  const links = new Map([
    ["spring", linkOf("spring")],
    ["autumn", linkOf("autumn")],
    ["unused", linkOf("unused")],
    ["foreign", linkOf("foreign", projectId + 1)],
  ]);
  services.push(
    serve(tier.connection, {
      service: "links",
      log: createLogger({ level: "error", name: "test" }),
      methods: {
        resolve: async (payload) => {
          const { domain, code } = JSON.parse(new TextDecoder().decode(payload)) as Record<string, string>;
          return domain === "" ? (links.get(code as string) ?? null) : null;
        },
      },
    }),
  );
  await tier.connection.flush();
  clicks = randomClicks(3_000);
  const rows = clicks.map((click, index) => ({
    project_id: projectId,
    event: "link.clicked",
    timestamp: storeTime(click.atMs),
    user_number: click.visitor,
    event_id: `c${index}`,
    anonymous_id: `v${click.visitor}`,
    properties: {
      link_id: `lnk_${click.code}`,
      code: click.code,
      domain: "",
      bot: click.kind === "bot",
      preview: click.kind === "preview",
      country: click.country,
      city: click.city,
      utm_source: click.source,
    },
    browser: click.browser,
    received_at: storeTime(click.atMs),
  }));
  for (let start = 0; start < rows.length; start += 500) {
    await tier.database.insertEvents(rows.slice(start, start + 500));
  }
  // Neither another project's nor what names no link is anybody's click.
  const [first] = rows;
  await tier.database.insertEvents([
    { ...first, project_id: projectId + 1, event_id: "other" },
    { ...first, event_id: "none", properties: {} },
    { ...first, event_id: "number", properties: { link_id: 7 } },
    { ...first, event: "link.opened", event_id: "name" },
  ]);
});
afterAll(async () => {
  for (const service of services) await service.stop();
  await tier.stop();
});

/** A plain count over [fromMs, endMs). */
function countPlainly(fromMs: number, endMs: number, code = "spring") {
  const mine = clicks.filter((click) => click.code === code && click.atMs >= fromMs && click.atMs < endMs);
  const people = mine.filter(({ kind }) => kind === "click");
  const by = (valueOf: (click: Click) => string | null): Map<string | null, number> => {
    const counts = new Map<string | null, number>();
    for (const click of people) counts.set(valueOf(click), (counts.get(valueOf(click)) ?? 0) + 1);
    return counts;
  };
  return {
    clicks: people.length,
    unique_visitors: new Set(people.map(({ visitor }) => visitor)).size,
    bots: mine.filter(({ kind }) => kind === "bot").length,
    previews: mine.filter(({ kind }) => kind === "preview").length,
    last_clicked_at:
      people.length === 0 ? null : new Date(Math.max(...people.map(({ atMs }) => atMs))).toISOString(),
    by,
  };
}

const totalsOf = ({ clicks: count, unique_visitors, bots, previews, last_clicked_at }: LinkStats) => ({
  clicks: count,
  unique_visitors,
  bots,
  previews,
  last_clicked_at,
});

describe("statistics of a link", () => {
  it("without a range are all of its clicks", async () => {
    const answer = await stats({ limit: "1000" });
    const { by, ...totals } = countPlainly(0, Infinity);
    expect(totalsOf(answer), `seed ${seed}`).toEqual(totals);
    const plain = (valueOf: (click: Click) => string | null) =>
      [...by(valueOf)].map(([value, count]) => ({ value, clicks: count }));
    const sorted = (values: readonly { value: string | null; clicks: number }[]) =>
      values.toSorted((a, b) => b.clicks - a.clicks || ((a.value ?? "") < (b.value ?? "") ? -1 : 1));
    expect(answer.countries).toEqual({ values: sorted(plain(({ country }) => country ?? null)), other: 0 });
    expect(answer.browsers).toEqual({ values: sorted(plain(({ browser }) => browser || null)), other: 0 });
    expect(answer.utm.source).toEqual({ values: sorted(plain(({ source }) => source ?? null)), other: 0 });
    expect(answer.utm.campaign).toEqual({ values: [{ value: null, clicks: totals.clicks }], other: 0 });
    expect(answer.cities.values).toContainEqual({
      value: "Paris",
      country: "FR",
      clicks: by(({ city, country }) => (city === undefined ? null : `${country}/${city}`)).get("FR/Paris"),
    });
    expect(answer.link).toEqual({ id: "lnk_spring", code: "spring", domain: "" });
    expect(answer.meta).toMatchObject({
      exact: true,
      source: expect.stringContaining("link_clicks_day") as string,
    });
  });

  it("over any range, interval and zone are a plain count, and agree with themselves", async () => {
    const zones = ["UTC", "Europe/Amsterdam", "Asia/Kolkata", "Asia/Kathmandu", "America/St_Johns"];
    for (let round = 0; round < 25; round += 1) {
      const zone = zones[round % zones.length] as string;
      const interval = (["hour", "day", "week", "month"] as const)[round % 4];
      const from = base + ((seed + round * 7_919) % (days * 96)) * quarterMs;
      const end = from + (1 + ((seed + round * 104_729) % (6 * 96))) * quarterMs;
      const answer = await stats({
        from: String(from),
        to: String(end - 1),
        timezone: zone,
        interval,
        limit: "3",
      });
      const { by: _, ...totals } = countPlainly(from, end);
      const about = `seed ${seed} round ${round}`;
      expect(totalsOf(answer), about).toEqual(totals);
      const { series } = answer;
      const starts = series.buckets.map((bucket) => Date.parse(bucket));
      starts.forEach((start, index) => {
        const bucket = countPlainly(Math.max(from, start), Math.min(end, starts[index + 1] ?? end));
        expect(
          [series.clicks, series.unique_visitors, series.bots, series.previews].map(
            (column) => column[index],
          ),
          `${about} bucket ${index}`,
        ).toEqual([bucket.clicks, bucket.unique_visitors, bucket.bots, bucket.previews]);
      });
      const { countries, cities, devices, browsers, os, referrers, languages, utm } = answer;
      for (const dimension of [
        countries,
        cities,
        devices,
        browsers,
        os,
        referrers,
        languages,
        ...Object.values(utm),
      ]) {
        expect(dimension.values.length).toBeLessThanOrEqual(3);
        const shown = dimension.values.reduce((sum, { clicks: count }) => sum + count, 0);
        expect(shown + dimension.other, about).toBe(answer.clicks);
        expect(dimension.other).toBeGreaterThanOrEqual(0);
      }
    }
  });

  it("agree with trends over the events, by code", async () => {
    const trends = (await tier.call(
      "trends",
      {
        series: [
          { event: "link.clicked", math: "total" },
          { event: "link.clicked", math: "unique_users" },
        ],
        filters: [
          { property: "bot", operator: "eq", value: false },
          { property: "preview", operator: "eq", value: false },
        ],
        from: "2026-03-20",
        to: "2026-04-10",
        interval: "day",
        breakdown: { property: "code" },
      },
      projectId,
    )) as TrendsAnswer;
    for (const code of ["spring", "autumn"]) {
      const answer = await stats({ code, from: "2026-03-20", to: "2026-04-10" });
      const [total, users] = trends.series.filter(({ breakdown }) => breakdown === code);
      expect(total?.values).toEqual(answer.series.clicks);
      expect(total?.total).toBe(answer.clicks);
      expect(users?.values).toEqual(answer.series.unique_visitors);
      expect(users?.total).toBe(answer.unique_visitors);
    }
  });

  it("of a link nobody clicked are zeros", async () => {
    const answer = await stats({ code: "unused" });
    expect(totalsOf(answer)).toEqual({
      clicks: 0,
      unique_visitors: 0,
      bots: 0,
      previews: 0,
      last_clicked_at: null,
    });
    expect(answer.series.clicks).toEqual([0]);
    expect(answer.countries).toEqual({ values: [], other: 0 });
  });

  it("are not told of links of others, and of none that there is not", async () => {
    for (const given of [{ code: "foreign" }, { code: "missing" }, { domain: "links.test" }]) {
      expect((await errorOf(stats(given))).code).toBe("LINK_NOT_FOUND");
    }
  });

  it("refuse wrong parameters by name", async () => {
    const cases = [
      [{ limit: "0" }, "limit"],
      [{ limit: "1001" }, "limit"],
      [{ from: "yesterday" }, "from"],
      [{ from: "2026-03-21", to: "2026-03-20" }, "from"],
      [{ timezone: "Mars/Base" }, "timezone"],
      [{ interval: "minute" }, "interval"],
      [{ interval: "hour", from: "2000-01-01", to: "2020-01-01" }, "interval"],
      [{ unknown: "1" }, "unknown"],
    ] as const;
    for (const [given, path] of cases) {
      const error = await errorOf(stats(given));
      expect(error.code, path).toBe("INVALID_PARAMETER");
      expect(error.details).toMatchObject([{ path }]);
    }
  });
});
