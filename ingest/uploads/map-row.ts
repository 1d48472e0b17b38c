// One row of a file ▸ an event as a sender would have sent it, or why not. What an event must be is checked later,
// by the same code as everywhere (ingest/events/check-event.ts).
import { errorCatalogue, type ErrorCode } from "#schemas/errors.ts";
import type { UploadFormat, UploadMapping } from "#schemas/uploads/mapping.ts";
import type { ValueType } from "#schemas/uploads/value-types.ts";
import { convertValue, inferValue } from "./infer-value.ts";
import { createReadTime, type ReadTime } from "./timestamp-format.ts";

export class Refusal {
  readonly code: ErrorCode;
  readonly message: string;

  constructor(code: ErrorCode, message: string = errorCatalogue[code].message) {
    this.code = code;
    this.message = message;
  }
}

/** What a row becomes; also what `dedupe=rows` compares. */
export interface MappedRow {
  event?: unknown;
  user_id?: unknown;
  anonymous_id?: unknown;
  event_id?: unknown;
  session_id?: unknown;
  timestamp?: unknown;
  sent_at?: unknown;
  properties?: unknown;
  context?: unknown;
}

type IdField = "event" | "user_id" | "anonymous_id" | "event_id" | "session_id";
type Role =
  | { readonly kind: "id"; readonly field: IdField }
  | { readonly kind: "time" }
  | { readonly kind: "property"; readonly type: Exclude<ValueType, "ignore"> | undefined }
  | { readonly kind: "ignore" };

/** Role ▸ the parameter that names its column, and the column when none is named. */
const roleColumns = {
  event: { parameter: "event_column", fallback: "event" },
  user_id: { parameter: "user_column", fallback: "user_id" },
  anonymous_id: { parameter: "anonymous_column", fallback: "anonymous_id" },
  event_id: { parameter: "event_id_column", fallback: "event_id" },
  session_id: { parameter: undefined, fallback: "session_id" },
  timestamp: { parameter: "timestamp_column", fallback: "timestamp" },
} as const;
type RoleName = keyof typeof roleColumns;

const shownLengthMax = 60;

/** A value in a message. */
function show(value: string): string {
  return JSON.stringify(value.length > shownLengthMax ? `${value.slice(0, shownLengthMax)}…` : value);
}

/** False: objects of the file are events already. */
export function hasMapping(format: UploadFormat, mapping: UploadMapping): boolean {
  if (format === "csv") return true;
  const { dedupe: _dedupe, charset: _charset, delimiter: _delimiter, ...columns } = mapping;
  return Object.keys(columns).length > 0;
}

/** The column of each role; `isThere` says which columns the file has. */
export function decideColumns(
  mapping: UploadMapping,
  isThere: (column: string) => boolean,
): Map<string, RoleName> {
  const roles = new Map<string, RoleName>();
  for (const [name, { parameter, fallback }] of Object.entries(roleColumns) as [
    RoleName,
    (typeof roleColumns)[RoleName],
  ][]) {
    if (name === "event" && mapping.event !== undefined) continue;
    const named = parameter === undefined ? undefined : mapping[parameter];
    // One column may have two roles only when that was said: the first one named wins otherwise.
    if (named !== undefined) roles.set(named, name);
    else if (isThere(fallback) && !roles.has(fallback)) roles.set(fallback, name);
  }
  return roles;
}

export class RowMapper {
  readonly #mapping: UploadMapping;
  readonly #readTime: ReadTime;
  readonly #columns: readonly string[];
  readonly #roles: readonly Role[];
  readonly #named: ReadonlyMap<string, RoleName>;

  /** `columns` are those of a CSV file; objects bring their own names. */
  constructor(mapping: UploadMapping, columns: readonly string[] | undefined) {
    this.#mapping = mapping;
    this.#readTime = createReadTime(mapping.timestamp_format);
    this.#columns = columns ?? [];
    const known = new Set(columns);
    this.#named = decideColumns(mapping, (column) => columns === undefined || known.has(column));
    this.#roles = this.#columns.map((column) => this.#roleOf(column));
  }

  /** A row of CSV, with as many fields as there are columns. */
  mapFields(fields: readonly string[]): MappedRow | Refusal {
    const row: MappedRow = this.#mapping.event === undefined ? {} : { event: this.#mapping.event };
    const properties: Record<string, unknown> = {};
    for (let index = 0; index < fields.length; index += 1) {
      const text = fields[index] as string;
      // An empty cell is no value.
      if (text === "") continue;
      const refusal = this.#place(
        row,
        properties,
        this.#columns[index] as string,
        this.#roles[index] as Role,
        text,
      );
      if (refusal !== undefined) return refusal;
    }
    return this.#finish(row, properties);
  }

  /** A flat object of NDJSON or JSON, whose members are the columns. */
  mapObject(value: unknown): MappedRow | Refusal {
    if (typeof value !== "object" || value === null || Array.isArray(value))
      return new Refusal("EVENT_NOT_AN_OBJECT");
    const row: MappedRow = this.#mapping.event === undefined ? {} : { event: this.#mapping.event };
    const properties: Record<string, unknown> = {};
    for (const [column, member] of Object.entries(value)) {
      if (member === null || member === "") continue;
      const refusal = this.#place(row, properties, column, this.#roleOf(column), member);
      if (refusal !== undefined) return refusal;
    }
    return this.#finish(row, properties);
  }

  #roleOf(column: string): Role {
    const named = this.#named.get(column);
    if (named === "timestamp") return { kind: "time" };
    if (named !== undefined) return { kind: "id", field: named };
    const type =
      this.#mapping.types === undefined || !Object.hasOwn(this.#mapping.types, column)
        ? undefined
        : this.#mapping.types[column];
    return type === "ignore" ? { kind: "ignore" } : { kind: "property", type };
  }

  #place(
    row: MappedRow,
    properties: Record<string, unknown>,
    column: string,
    role: Role,
    value: unknown,
  ): Refusal | undefined {
    if (role.kind === "ignore") return undefined;
    if (role.kind === "property") {
      const converted = convert(value, role.type);
      if (converted === undefined) {
        return new Refusal(
          "VALUE_TYPE_MISMATCH",
          `The column \`${column}\` holds ${show(String(value))}, which is no ${role.type}, as \`types\` declares it.`,
        );
      }
      // Assigned so that a column named __proto__ is a property like any other.
      Object.defineProperty(properties, column, { value: converted, enumerable: true });
      return undefined;
    }
    const text = typeof value === "number" || typeof value === "boolean" ? String(value) : value;
    if (typeof text !== "string") {
      return new Refusal("VALUE_TYPE_MISMATCH", `The column \`${column}\` must hold a text or a number.`);
    }
    const trimmed = text.trim();
    if (trimmed === "") return undefined;
    if (role.kind === "id") {
      row[role.field] = trimmed;
      return undefined;
    }
    const time = this.#readTime(trimmed);
    if (Number.isNaN(time)) {
      return new Refusal(
        "TIMESTAMP_INVALID",
        `The column \`${column}\` holds ${show(trimmed)}, which is no time in the format ${this.#mapping.timestamp_format ?? "iso"} (timestamp_format) from 1900 to 2299.`,
      );
    }
    row.timestamp = time;
    return undefined;
  }

  #finish(row: MappedRow, properties: Record<string, unknown>): MappedRow | Refusal {
    const { event_column, user_column, anonymous_column, timestamp_column } = this.#mapping;
    if (row.event === undefined) {
      return new Refusal(
        "EVENT_NAME_MISSING",
        `The column \`${event_column ?? "event"}\` (event_column) is empty.`,
      );
    }
    if (row.user_id === undefined && row.anonymous_id === undefined) {
      const named = [user_column ?? "user_id", anonymous_column].filter((each) => each !== undefined);
      return new Refusal(
        "USER_MISSING",
        `The row has no user: the column \`${named.join("` and the column `")}\` (user_column, anonymous_column) is empty.`,
      );
    }
    if (row.timestamp === undefined && timestamp_column !== undefined) {
      return new Refusal(
        "TIMESTAMP_INVALID",
        `The column \`${timestamp_column}\` (timestamp_column) is empty.`,
      );
    }
    row.properties = properties;
    return row;
  }
}

function convert(value: unknown, type: Exclude<ValueType, "ignore"> | undefined): unknown {
  if (typeof value !== "string") {
    if (type === undefined || typeof value === type) return value;
    // What JSON holds as another type is converted as its text would be; objects and lists cannot be.
    return typeof value === "object" ? undefined : convertValue(String(value), type);
  }
  return type === undefined ? inferValue(value) : convertValue(value, type);
}
