// What an event says about its user: `$set`, `$set_once` and `$unset` among the properties of any event; `traits`
// in the properties or the context of events that identify. As rows of `user_properties`, in JSON lines.
//
// Runs in the pipeline's pool for every event: a look for "$set" and "$unset" in the text must be all that others cost.
import type { LogEvent } from "#schemas/events/event.ts";

/** More of one event are left out. */
const propertiesPerEventMax = 100;
const nameLengthMax = 200;

/** Times before 1970 must not become negative: versions are unsigned. */
const epochOffsetMs = 2 ** 43;
/** Events of one millisecond: the later one in the log wins. */
const indexBits = 16n;
const versionMax = 2n ** 62n;

const identifyNames: ReadonlySet<string> = new Set(["$identify", "identify"]);

type Setting = readonly [name: string, value: unknown, once: boolean];

export function saysSomethingOfUser(event: LogEvent): boolean {
  const { properties } = event;
  return properties.includes("$set") || properties.includes("$unset") || identifyNames.has(event.event);
}

/** One JSON line for each property that the event sets or removes, for the user with this number. */
export function readUserProperties(event: LogEvent, userNumber: number, index: number): string[] {
  const properties = parseObject(event.properties);
  if (properties === undefined) return [];
  const settings: Setting[] = [];
  if (identifyNames.has(event.event)) {
    const context = event.context.includes("traits") ? parseObject(event.context) : undefined;
    settings.push(...entriesOf(context?.["traits"], false), ...entriesOf(properties["traits"], false));
  }
  settings.push(
    ...entriesOf(properties["$set_once"], true),
    ...entriesOf(properties["$set"], false),
    ...removedBy(properties["$unset"]),
  );
  // The last one of a name counts.
  const latest = new Map(settings.map((setting) => [`${setting[2] ? 1 : 0}${setting[0]}`, setting]));
  return [...latest.values()]
    .slice(0, propertiesPerEventMax)
    .map(([name, value, once]) => buildLine(event, userNumber, index, name, value, once));
}

function entriesOf(given: unknown, once: boolean): Setting[] {
  if (typeof given !== "object" || given === null || Array.isArray(given)) return [];
  return Object.entries(given)
    .filter(([name, value]) => isName(name) && !(once && value === null))
    .map(([name, value]) => [name, value, once]);
}

/** A list of names, or an object whose keys are the names. */
function removedBy(given: unknown): Setting[] {
  if (typeof given !== "object" || given === null) return [];
  const names: unknown[] = Array.isArray(given) ? given : Object.keys(given);
  return names.filter(isName).map((name) => [name, null, false]);
}

function isName(name: unknown): name is string {
  return typeof name === "string" && name.length > 0 && name.length <= nameLengthMax;
}

function buildLine(
  event: LogEvent,
  userNumber: number,
  index: number,
  name: string,
  value: unknown,
  once: boolean,
): string {
  const version =
    (BigInt(Math.trunc(event.timestamp) + epochOffsetMs) << indexBits) | BigInt(Math.min(index, 0xffff));
  return JSON.stringify({
    project_id: event.project_id,
    property: name,
    user_number: userNumber,
    once: once ? 1 : 0,
    text: typeof value === "object" ? null : String(value),
    number: typeof value === "number" ? value : null,
    boolean: typeof value === "boolean" ? value : null,
    // Null means the same as removing.
    value: value === null ? "" : JSON.stringify(value),
    version: String(once ? versionMax - version : version),
  });
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}
