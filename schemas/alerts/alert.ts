// /v1/alerts: a rule on a trend, looked at once for every bucket of time, and whom to tell.
import { Type, type Static } from "@sinclair/typebox";
import { oneOf } from "../query/one-of.ts";
import { TrendsQuery } from "../query/trends.ts";

const strict = { additionalProperties: false } as const;

export const alertLimits = {
  nameLengthMax: 200,
  /** Of one project. */
  alertsMax: 1_000,
  destinationsMax: 10,
  urlLengthMax: 2_000,
  secretLengthMax: 500,
  /** RFC 5321. */
  mailLengthMax: 254,
  graceSecondsMax: 86_400,
  /** Of one answer. */
  incidentsListedMax: 100,
  /** Tests of one alert that are not told yet. */
  testsWaitingMax: 10,
} as const;

const thresholdOperators = ["gt", "gte", "lt", "lte"] as const;
export const sensitivities = ["low", "medium", "high"] as const;
export type Sensitivity = (typeof sensitivities)[number];
const directions = ["both", "up", "down"] as const;

export const ThresholdRule = Type.Object(
  {
    type: Type.Literal("threshold"),
    operator: oneOf(thresholdOperators, "The alert fires while `bucket <operator> value`."),
    value: Type.Number(),
  },
  strict,
);
export type ThresholdRule = Static<typeof ThresholdRule>;

export const AnomalyRule = Type.Object(
  {
    type: Type.Literal("anomaly"),
    sensitivity: Type.Optional(
      oneOf(sensitivities, "Distance from what is expected: low 7, medium 5.5, high 4.5. Default medium."),
    ),
    direction: Type.Optional(oneOf(directions, "Default both.")),
    seasonality: Type.Optional(
      oneOf(["hour_of_week"], "What a bucket is compared with; buckets of a day with the day of the week."),
    ),
  },
  strict,
);
export type AnomalyRule = Static<typeof AnomalyRule>;

export const AlertRule = Type.Union([ThresholdRule, AnomalyRule]);
export type AlertRule = Static<typeof AlertRule>;

const Url = Type.String({ minLength: 1, maxLength: alertLimits.urlLengthMax, description: "http or https." });
const Mail = Type.String({
  minLength: 3,
  maxLength: alertLimits.mailLengthMax,
  pattern: '^[^\\s@<>",;:]+@[^\\s@<>",;:]+$',
});

const NewWebhook = Type.Object(
  {
    type: Type.Literal("webhook"),
    url: Url,
    secret: Type.Optional(
      Type.Union([Type.String({ minLength: 8, maxLength: alertLimits.secretLengthMax }), Type.Null()], {
        description:
          "Signs what is sent; never answered. When an alert is replaced: absent keeps the one of the same URL, null " +
          "removes it.",
      }),
    ),
  },
  strict,
);

const NewEmail = Type.Object({ type: Type.Literal("email"), to: Mail }, strict);

export const NewDestination = Type.Union([NewWebhook, NewEmail]);
export type NewDestination = Static<typeof NewDestination>;

const ownFields = {
  name: Type.String({ minLength: 1, maxLength: alertLimits.nameLengthMax }),
  rule: AlertRule,
  destinations: Type.Array(NewDestination, { minItems: 0, maxItems: alertLimits.destinationsMax }),
  grace_seconds: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: alertLimits.graceSecondsMax,
      description:
        "How long a bucket is waited for after it ends, for events that come late. Default 30 for minutes, 60 for " +
        "hours, 300 for longer ones.",
    }),
  ),
  enabled: Type.Optional(Type.Boolean({ description: "Default true." })),
};

/** The query is checked by its own contract. */
export const AlertShape = Type.Object(
  { ...ownFields, query: Type.Record(Type.String(), Type.Unknown()) },
  strict,
);
export type AlertShape = Static<typeof AlertShape>;

export const NewAlert = Type.Object({ ...ownFields, query: TrendsQuery }, { ...strict, $id: "NewAlert" });

const Time = Type.String({ format: "date-time" });
const TimeOrNull = Type.Union([Time, Type.Null()]);
const NumberOrNull = Type.Union([Type.Number(), Type.Null()]);

export const Expected = Type.Object(
  {
    value: NumberOrNull,
    low: NumberOrNull,
    high: NumberOrNull,
  },
  { description: "What would have been normal: the middle and the edges beyond which the alert fires." },
);
export type Expected = Static<typeof Expected>;

export const Bucket = Type.Object(
  {
    start: Time,
    end: Time,
    value: NumberOrNull,
    expected: Expected,
    score: Type.Union([Type.Number(), Type.Null()], {
      description: "Of an anomaly rule: how many usual deviations the value lies away.",
    }),
  },
  { $id: "AlertBucket" },
);
export type Bucket = Static<typeof Bucket>;

export const Destination = Type.Union([
  Type.Object({
    id: Type.String(),
    type: Type.Literal("webhook"),
    url: Url,
    signed: Type.Boolean({ description: "Whether there is a secret." }),
  }),
  Type.Object({ id: Type.String(), type: Type.Literal("email"), to: Mail }),
]);
export type Destination = Static<typeof Destination>;

const alertStates = ["pending", "learning", "ok", "firing", "disabled"] as const;

export const Alert = Type.Object(
  {
    id: Type.String(),
    name: Type.String(),
    query: TrendsQuery,
    rule: AlertRule,
    grace_seconds: Type.Integer(),
    destinations: Type.Array(Destination),
    enabled: Type.Boolean(),
    state: oneOf(alertStates, "pending: no bucket was looked at yet; learning: too little history to judge."),
    latest: Type.Union([Bucket, Type.Null()], { description: "The last bucket that was looked at." }),
    evaluated_at: TimeOrNull,
    next_evaluation_at: TimeOrNull,
    error: Type.Union([Type.String(), Type.Null()], { description: "Why the last evaluation failed." }),
    created_at: Time,
    updated_at: Time,
  },
  { $id: "Alert" },
);

/** As services pass it on. */
export interface SavedAlert extends Omit<Static<typeof Alert>, "query"> {
  readonly query: Readonly<Record<string, unknown>>;
}
