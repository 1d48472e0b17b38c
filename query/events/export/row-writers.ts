// Rows as bytes, a batch at a time: CSV, NDJSON, Parquet.
import type { ExportFormat } from "#schemas/query/export.ts";
import { createParquetRows } from "./parquet-rows.ts";
import type { Column, Row, RowWriter } from "./table.ts";

const nothing = new Uint8Array(0);

export function createRowWriter(format: ExportFormat, columns: readonly Column[]): RowWriter {
  return { csv: createCsvRows, ndjson: createLineRows, parquet: createParquetRows }[format](columns);
}

/** One JSON object a line, every column in each. */
function createLineRows(columns: readonly Column[]): RowWriter {
  const prefixes = columns.map(({ name }, index) => `${index === 0 ? "{" : ","}${JSON.stringify(name)}:`);
  const line = (row: Row): string =>
    `${prefixes.map((prefix, index) => prefix + JSON.stringify(row[index] ?? null)).join("")}}\n`;
  return { write: (rows) => Buffer.from(rows.map(line).join("")), end: () => nothing };
}

/** A line of names first; text in quotes, as the exports of events have it; nothing for null. */
function createCsvRows(columns: readonly Column[]): RowWriter {
  const cell = (value: Row[number]): string => {
    if (value === null) return "";
    return typeof value === "string" ? `"${value.replaceAll('"', '""')}"` : String(value);
  };
  const line = (row: Row): string => `${columns.map((_, index) => cell(row[index] ?? null)).join(",")}\n`;
  const names = line(columns.map(({ name }) => name));
  let begun = false;
  const head = (): string => {
    if (begun) return "";
    begun = true;
    return names;
  };
  return {
    write: (rows) => Buffer.from(head() + rows.map(line).join("")),
    end: () => Buffer.from(head()),
  };
}
