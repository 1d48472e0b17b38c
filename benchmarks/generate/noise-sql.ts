// Events that nobody planned: one chunk of the template's rows with users, times and ids of their own.
import { generatedPartition, userIdPrefix, type GeneratePlan } from "./plan.ts";
import { pointsOfMass } from "./seasons.ts";
import { sessionsOf, templateRows } from "./template-sql.ts";

/** Columns of `events` that are filled, in this order; the rest have defaults. */
export const filledColumns =
  "project_id, event, timestamp, user_number, event_id, user_id, session_id, properties, context, page_url, " +
  "referrer_domain, utm_source, utm_medium, utm_campaign, browser, os, device, received_at, log_partition, " +
  "log_sequence, retention_days";

/** Times between which the store interpolates: a few minutes apart. */
const points = 4096;
/** The first users are around from the beginning, the last come towards the end. */
const usersAtStart = 0.4;
/** How much more the first users do than the last: 1 would be no difference. */
const skew = 1.6;

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
  options: { into: string; template: string; masses: Float64Array; noise: number },
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
  const [template, table] = [options.template, options.into];
  // 45 seconds lie between two events of a session, give or take 16: they keep their order.
  return `INSERT INTO ${table} (${filledColumns})
SELECT ${plan.projectId}, name, fromUnixTimestamp64Milli(at, 'UTC'), user,
  lower(hex(sipHash128(${salt}, ${first} + row))), concat('${userIdPrefix}', toString(user)),
  concat(toString(user), '-', toString(intDiv(began, 1000))), properties, context, page_url,
  referrer_domain, utm_source, utm_medium, utm_campaign, browser, os, device,
  fromUnixTimestamp64Milli(at + 40, 'UTC'), ${generatedPartition}, ${first} + row, ${plan.retentionDays}
FROM (
  SELECT *, toUInt32(${plan.firstNumber} + floor(pow(bitAnd(hash, 1073741823) / 1073741824, ${skew}) * ${active})) AS user,
    intDiv(session * ${points}, ${sessions}) AS point,
    [${offsets.join(",")}] AS offsets,
    toInt64(${plan.fromMs} + offsets[point + 1] + intDiv((toInt64(offsets[point + 2]) - offsets[point + 1]) * (session * ${points} % ${sessions}), ${sessions})) AS began,
    least(began + position * 45000 + bitAnd(sipHash64(${salt}, ${first} + row), 16383), ${plan.endMs - 1}) AS at
  FROM (SELECT *, sipHash64(${salt}, ${chunk.index}, session) AS hash FROM ${template} WHERE row < ${chunk.rows})
)`;
}
