// A property of an event as SQL: its text, its number, whether it is there.
//
// Properties are a JSON column. `a.b` is the path a ▸ b; a key that itself contains dots is stored with its dots
// escaped, so a dotted name looks at both. `$browser` and the like are columns of their own.
import { isReservedPath, quoteIdentifier } from "./identifier.ts";

const builtInColumns: Readonly<Record<string, string>> = {
  $event: "event",
  $session_id: "session_id",
  $page_url: "page_url",
  $referrer_domain: "referrer_domain",
  $utm_source: "utm_source",
  $utm_medium: "utm_medium",
  $utm_campaign: "utm_campaign",
  $browser: "browser",
  $os: "os",
  $device: "device",
};

/** Whether a bot sent the event, by its user agent: true or false, never missing. */
const botSql: PropertySql = {
  text: "toNullable(if(is_bot = 1, 'true', 'false'))",
  number: "CAST(NULL, 'Nullable(Float64)')",
  boolean: "toNullable(is_bot = 1)",
  isSet: "1",
};

/** Names of properties that every event has, whatever it was sent with. */
export const builtInProperties: readonly string[] = [...Object.keys(builtInColumns), "$bot"];

export interface PropertySql {
  /** Nullable(String): the value as text; null when it is missing (or an object). */
  readonly text: string;
  /** Nullable(Float64): the value when it is a JSON number, else null. */
  readonly number: string;
  /** Nullable(Bool): the value when it is a JSON boolean, else null. */
  readonly boolean: string;
  /** UInt8: 1 when the property has a value; null and the empty object count as missing. */
  readonly isSet: string;
}

/** Paths under which a property of this name may be stored. */
function pathsOf(name: string): string[] {
  return name.includes(".") ? [name, name.replaceAll(".", "%2E")] : [name];
}

function firstOf(expressions: readonly string[]): string {
  return expressions.length === 1 ? (expressions[0] as string) : `coalesce(${expressions.join(", ")})`;
}

/** Throws nothing: `isPropertyName` is asked before. */
export function propertySql(name: string): PropertySql {
  if (name === "$bot") return botSql;
  const column = Object.hasOwn(builtInColumns, name) ? builtInColumns[name] : undefined;
  if (column !== undefined) {
    const text = `nullIf(toString(${column}), '')`;
    return {
      text,
      number: `toFloat64OrNull(${text})`,
      boolean: "CAST(NULL, 'Nullable(Bool)')",
      isSet: `${column} != ''`,
    };
  }
  const paths = pathsOf(name).map((path) => `properties.${quoteIdentifier(path)}`);
  const objects = pathsOf(name).map((path) => `properties.^${quoteIdentifier(path)}`);
  return {
    text: firstOf(paths.map((path) => `CAST(${path}, 'Nullable(String)')`)),
    // One variant a kind of number, each its own small column: 5 times less to read than the whole value.
    number: firstOf(
      paths.flatMap((path) => [
        `${path}.:Float64`,
        `toFloat64(${path}.:Int64)`,
        `toFloat64(${path}.:UInt64)`,
      ]),
    ),
    boolean: firstOf(paths.map((path) => `${path}.:Bool`)),
    isSet: [
      ...paths.map((path) => `isNotNull(${path})`),
      ...objects.map((object) => `length(toString(${object})) > 2`),
    ].join(" OR "),
  };
}

/** False for the few names that the store would read as its own notation. */
export function isPropertyName(name: string): boolean {
  return !isReservedPath(name);
}
