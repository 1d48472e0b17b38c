// Rows of planted events: each user of a class does the class's events at its offsets from the user's own start.
import { insertInto, type EventTarget } from "./event-target.ts";
import { generatedPartition, userIdPrefix, type GeneratePlan } from "./plan.ts";

export interface PlantedStep {
  /** As it is stored. */
  readonly event: string;
  readonly offsetMs: number;
}

/** User `k` of the part is of class `k % classes.length`. */
export function plantedSql(
  plan: GeneratePlan,
  options: {
    into: EventTarget;
    /** Tells the event ids of the parts apart. */
    part: string;
    /** Index of the part's first user. */
    firstUser: number;
    users: number;
    classes: readonly (readonly PlantedStep[])[];
    /** SQL over `k`: the user's start in epoch milliseconds. */
    startSql: string;
    /** SQL over `k`, `event` and `place`: JSON text. */
    propertiesSql: string;
  },
): string {
  const events = options.classes.map((steps) => `[${steps.map(({ event }) => `'${event}'`).join(", ")}]`);
  const offsets = options.classes.map((steps) => `[${steps.map(({ offsetMs }) => offsetMs).join(", ")}]`);
  const count = options.classes.length;
  const insert = insertInto(options.into, {
    project_id: String(plan.projectId),
    event: "event",
    timestamp: "fromUnixTimestamp64Milli(at, 'UTC')",
    user_number: "user",
    event_id: `lower(hex(sipHash128(${plan.seed}, ${plan.run}, '${options.part}', k, place)))`,
    user_id: `concat('${userIdPrefix}', toString(user))`,
    session_id: "concat(toString(user), '-', toString(intDiv(at, 1000)))",
    properties: `CAST(${options.propertiesSql}, 'JSON(max_dynamic_paths = 256)')`,
    context: "'{}'",
    page_url: "''",
    referrer_domain: "''",
    utm_source: "''",
    utm_medium: "''",
    utm_campaign: "''",
    browser: "''",
    os: "''",
    device: "'desktop'",
    received_at: "fromUnixTimestamp64Milli(at + 40, 'UTC')",
    log_partition: String(generatedPartition),
    log_sequence: "k",
    retention_days: String(plan.retentionDays),
  });
  return `${insert}
FROM (
  SELECT number AS k, toUInt32(${plan.firstNumber + options.firstUser} + number) AS user,
    arrayJoin(arrayEnumerate([${events.join(", ")}][k % ${count} + 1])) AS place,
    [${events.join(", ")}][k % ${count} + 1][place] AS event,
    toInt64(${options.startSql}) + [${offsets.join(", ")}][k % ${count} + 1][place] AS at
  FROM numbers(${options.users})
)`;
}

/** Rows that `plantedSql` makes. */
export function countPlanted(users: number, classes: readonly (readonly PlantedStep[])[]): number {
  return Array.from({ length: classes.length }, (_, index) => index).reduce((sum, index) => {
    const ofClass = Math.ceil((users - index) / classes.length);
    return sum + ofClass * (classes[index] as readonly PlantedStep[]).length;
  }, 0);
}
