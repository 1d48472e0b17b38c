// Rows of planted events: each user of a class does the class's events at its offsets from the user's own start.
import { generatedPartition, userIdPrefix, type GeneratePlan } from "./plan.ts";
import { filledColumns } from "./noise-sql.ts";

export interface PlantedStep {
  /** As it is stored. */
  readonly event: string;
  readonly offsetMs: number;
}

/** User `k` of the part is of class `k % classes.length`. */
export function plantedSql(
  plan: GeneratePlan,
  options: {
    into: string;
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
  return `INSERT INTO ${options.into} (${filledColumns})
SELECT ${plan.projectId}, event, fromUnixTimestamp64Milli(at, 'UTC'), user,
  lower(hex(sipHash128(${plan.seed}, ${plan.run}, '${options.part}', k, place))), concat('${userIdPrefix}', toString(user)),
  concat(toString(user), '-', toString(intDiv(at, 1000))), CAST(${options.propertiesSql}, 'JSON(max_dynamic_paths = 256)'), '{}', '',
  '', '', '', '', '', '', 'desktop', fromUnixTimestamp64Milli(at + 40, 'UTC'), ${generatedPartition}, k, ${plan.retentionDays}
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
