// Rows as Parquet: one row group after another, so that a file of any length takes the memory of one group.
import { ByteWriter, ParquetWriter, type SchemaElement } from "hyparquet-writer";
import type { Column, Row, RowWriter } from "./table.ts";

/** As in the exports of events. */
const rowsOfGroup = 20_000;

const elements = {
  text: { type: "BYTE_ARRAY", converted_type: "UTF8" },
  number: { type: "DOUBLE" },
  integer: { type: "INT64" },
  boolean: { type: "BOOLEAN" },
  time: { type: "INT64", converted_type: "TIMESTAMP_MILLIS" },
} as const satisfies Record<Column["type"], Omit<SchemaElement, "name">>;

const converters: Readonly<Record<Column["type"], (value: NonNullable<Row[number]>) => unknown>> = {
  text: (value) => value,
  number: (value) => value,
  integer: (value) => BigInt(value as number),
  boolean: (value) => value,
  time: (value) => new Date(value as string),
};

export function createParquetRows(columns: readonly Column[]): RowWriter {
  const writer = new ByteWriter();
  const file = new ParquetWriter({
    writer,
    schema: [
      { name: "root", num_children: columns.length },
      ...columns.map(({ name, type }): SchemaElement => ({
        name,
        repetition_type: "OPTIONAL",
        ...elements[type],
      })),
    ],
    createdBy: "millrace",
  });
  let waiting: Row[] = [];
  const writeGroup = (rows: readonly Row[]): void => {
    const columnData = columns.map(({ name, type }, index) => ({
      name,
      data: rows.map((row) => {
        const value = row[index] ?? null;
        return value === null ? null : converters[type](value);
      }),
    }));
    void file.write({ columnData, rowGroupSize: rows.length });
  };
  /** Positions in the file go on counting; only the buffer begins again. */
  const take = (): Uint8Array => {
    const bytes = writer.getBytes().slice();
    writer.index = 0;
    return bytes;
  };
  return {
    write(rows) {
      waiting = waiting.length === 0 ? [...rows] : waiting.concat(rows);
      for (; waiting.length >= rowsOfGroup; waiting = waiting.slice(rowsOfGroup)) {
        writeGroup(waiting.slice(0, rowsOfGroup));
      }
      return take();
    },
    end() {
      if (waiting.length > 0) writeGroup(waiting);
      void file.finish();
      return take();
    },
  };
}
