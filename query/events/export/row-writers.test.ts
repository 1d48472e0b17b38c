import { describe, expect, it } from "vitest";
import { createRowWriter } from "./row-writers.ts";
import { columnsOf, type Row } from "./table.ts";

const columns = columnsOf({ name: "text", "a,b": "number", yes: "boolean" });
const rows: Row[] = [
  ['say "hi", é\n', 0.1, true],
  [null, null, false],
];

function written(format: "csv" | "ndjson", batches: readonly (readonly Row[])[]): string {
  const writer = createRowWriter(format, columns);
  const chunks = batches.map((batch) => Buffer.from(writer.write(batch)).toString());
  return chunks.join("") + Buffer.from(writer.end()).toString();
}

describe("createRowWriter", () => {
  const csv = '"name","a,b","yes"\n"say ""hi"", é\n",0.1,true\n,,false\n';
  const ndjson = '{"name":"say \\"hi\\", é\\n","a,b":0.1,"yes":true}\n{"name":null,"a,b":null,"yes":false}\n';
  const cases: { name: string; got: string; expected: string }[] = [
    { name: "CSV quotes text and leaves null empty", got: written("csv", [rows]), expected: csv },
    {
      name: "CSV has its names once, however many batches",
      got: written("csv", [[], ...rows.map((row) => [row])]),
      expected: csv,
    },
    {
      name: "CSV without rows still has its names",
      got: written("csv", []),
      expected: '"name","a,b","yes"\n',
    },
    { name: "NDJSON has every column in each line", got: written("ndjson", [rows]), expected: ndjson },
    { name: "NDJSON without rows is empty", got: written("ndjson", []), expected: "" },
  ];
  for (const { name, got, expected } of cases) it(name, () => expect(got).toBe(expected));
});
