// An answer as a flat table: what exports of queries write, whatever the format.

export interface Column {
  readonly name: string;
  /** `time`: ISO 8601 text here, an instant where the format has a type for it. */
  readonly type: "text" | "number" | "integer" | "boolean" | "time";
}

/** Values in the order of the columns. */
export type Row = readonly (string | number | boolean | null)[];

export interface Table {
  readonly columns: readonly Column[];
  readonly rows: readonly Row[];
}

/** Rows as bytes of one format, a batch at a time. */
export interface RowWriter {
  /** Bytes that can go out now; may be none. */
  write(rows: readonly Row[]): Uint8Array;
  end(): Uint8Array;
}

/** `{label: "text", …}` in the order of its members. */
export function columnsOf(given: Readonly<Record<string, Column["type"]>>): Column[] {
  return Object.entries(given).map(([name, type]) => ({ name, type }));
}
