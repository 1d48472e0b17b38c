// GET /v1/links/{code}/stats: how often a link was clicked, when, by how many people, from where and with what.
import { Type, type Static } from "@sinclair/typebox";
import { Meta } from "../query/meta.ts";
import { oneOf } from "../query/one-of.ts";
import { calendarIntervals } from "../query/range.ts";

/** Bounds and defaults of statistics. */
export const linkStatsLimits = {
  valuesDefault: 20,
  valuesMax: 1_000,
  bucketsMax: 10_000,
  /** Clicks are kept by quarter of an hour: every time zone's days begin at one. */
  granuleMs: 900_000,
} as const;

export const LinkStatsParameters = Type.Object(
  {
    code: Type.String({ minLength: 1, maxLength: 200 }),
    domain: Type.Optional(
      Type.String({ maxLength: 253, description: "The link's domain; default: the installation's own." }),
    ),
    from: Type.Optional(
      Type.String({
        maxLength: 64,
        description:
          "First instant, rounded down to a quarter of an hour; default: the day of the first click that is kept.",
      }),
    ),
    to: Type.Optional(
      Type.String({
        maxLength: 64,
        description:
          "Last instant, rounded up to a quarter of an hour; default: the day of the last click, or today.",
      }),
    ),
    interval: Type.Optional(oneOf(calendarIntervals, "Of the series; default day.")),
    timezone: Type.Optional(
      Type.String({ minLength: 1, maxLength: 64, description: "IANA name; default UTC." }),
    ),
    limit: Type.Optional(
      Type.String({
        maxLength: 20,
        description: `Values of each dimension, the most frequent first: 1 to ${linkStatsLimits.valuesMax}; default ${linkStatsLimits.valuesDefault}.`,
      }),
    ),
  },
  { additionalProperties: false, $id: "LinkStatsParameters" },
);

const Count = Type.Integer();
const text = Type.Union([Type.String(), Type.Null()], { description: "Null: not known." });
const other = Type.Integer({ description: "Clicks of all values beyond `limit`." });

/** The clicks of `values`, and of the others, add up to `clicks`. */
const Dimension = Type.Object({
  values: Type.Array(Type.Object({ value: text, clicks: Count })),
  other,
});
export type LinkDimension = Static<typeof Dimension>;

const Cities = Type.Object({
  values: Type.Array(Type.Object({ value: text, country: text, clicks: Count })),
  other,
});

export const LinkStats = Type.Object(
  {
    link: Type.Object({ id: Type.String(), code: Type.String(), domain: Type.String() }),
    from: Type.String({ description: "First instant that counts." }),
    to: Type.String({ description: "First instant that does not count any more." }),
    interval: oneOf(calendarIntervals),
    timezone: Type.String(),
    clicks: Type.Integer({ description: "By people: without bots and previews." }),
    unique_visitors: Type.Integer({
      description:
        "Of the clicks. A visitor is the same for one day (UTC) at most, and another one on the next.",
    }),
    bots: Type.Integer({ description: "Redirects of programs." }),
    previews: Type.Integer({ description: "Redirects that a browser followed ahead of its user." }),
    last_clicked_at: Type.Union([Type.String(), Type.Null()], {
      description: "By people, within the range.",
    }),
    series: Type.Object({
      buckets: Type.Array(Type.String(), { description: "Starts of the intervals." }),
      clicks: Type.Array(Count),
      unique_visitors: Type.Array(Count),
      bots: Type.Array(Count),
      previews: Type.Array(Count),
    }),
    countries: Dimension,
    cities: Cities,
    devices: Dimension,
    browsers: Dimension,
    os: Dimension,
    referrers: Dimension,
    languages: Dimension,
    utm: Type.Object({ source: Dimension, medium: Dimension, campaign: Dimension }),
    meta: Meta,
  },
  { $id: "LinkStats" },
);
export type LinkStats = Static<typeof LinkStats>;
