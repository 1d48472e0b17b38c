// Events that nobody planned: one chunk of the template's rows with users, times and ids of their own.
import { insertInto, type EventTarget } from "./event-target.ts";
import { generatedPartition, userIdPrefix, type GeneratePlan } from "./plan.ts";
import { pointsOfMass } from "./seasons.ts";
import { sessionsOf, templateRows } from "./template-sql.ts";

/** Times between which the store interpolates: a few minutes apart. */
const points = 4096;
/** The first users are around from the beginning, the last come towards the end. */
const usersAtStart = 0.4;
/** How much more the first users do than the last: 1 would be no difference. */
const skew = 1.6;

/** Longer than any session: events past the end of the range are moved back by so much, not onto its last instant. */
const latestSessionMs = 3_600_000;

export interface Chunk {
  readonly index: number;
  readonly rows: number;
}

export function chunksOf(events: number): Chunk[] {
  const chunks: Chunk[] = [];
  for (let first = 0; first < events; first += templateRows) {
    chunks.push({ index: chunks.length, rows: Math.min(templateRows, events - first) });
  }
  return chunks;
}

/** `masses` is what seasons.ts answers for the plan's range; `noise` the number of events of all chunks. */
export function noiseSql(
  plan: GeneratePlan,
  chunk: Chunk,
  options: { into: EventTarget; template: string; masses: Float64Array; noise: number },
): string {
  const first = chunk.index * templateRows;
  const offsets = pointsOfMass(
    options.masses,
    { from: first / options.noise, to: (first + chunk.rows) / options.noise },
    points,
  );
  const sessions = sessionsOf(chunk.rows);
  const active = Math.floor(
    plan.users * (usersAtStart + (1 - usersAtStart) * ((first + chunk.rows) / options.noise)),
  );
  const salt = `${plan.seed}, ${plan.run}`;
  const insert = insertInto(options.into, {
    project_id: String(plan.projectId),
    event: "name",
    timestamp: "fromUnixTimestamp64Milli(at, 'UTC')",
    user_number: "user",
    event_id: `lower(hex(sipHash128(${salt}, ${first} + row)))`,
    user_id: `concat('${userIdPrefix}', toString(user))`,
    session_id: "concat(toString(user), '-', toString(intDiv(began, 1000)))",
    properties: "properties",
    context: "context",
    page_url: "page_url",
    referrer_domain: "referrer_domain",
    utm_source: "utm_source",
    utm_medium: "utm_medium",
    utm_campaign: "utm_campaign",
    browser: "browser",
    os: "os",
    device: "device",
    received_at: "fromUnixTimestamp64Milli(at + 40, 'UTC')",
    log_partition: String(generatedPartition),
    log_sequence: `${first} + row`,
    retention_days: String(plan.retentionDays),
  });
  // 45 seconds lie between two events of a session, give or take 16: they keep their order.
  return `${insert}
FROM (
  SELECT *, toUInt32(${plan.firstNumber} + floor(pow(bitAnd(hash, 1073741823) / 1073741824, ${skew}) * ${active})) AS user,
    intDiv(session * ${points}, ${sessions}) AS point,
    [${offsets.join(",")}] AS offsets,
    toInt64(${plan.fromMs} + offsets[point + 1] + intDiv((toInt64(offsets[point + 2]) - offsets[point + 1]) * (session * ${points} % ${sessions}), ${sessions})) AS began,
    began + position * 45000 + bitAnd(sipHash64(${salt}, ${first} + row), 16383) AS planned,
    if(planned < ${plan.endMs}, planned, planned - ${latestSessionMs}) AS at
  FROM (SELECT *, sipHash64(${salt}, ${chunk.index}, session) AS hash FROM ${options.template} WHERE row < ${chunk.rows})
)`;
}
