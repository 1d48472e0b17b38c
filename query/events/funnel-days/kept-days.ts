// The rows of `funnel_days`: which days there are, and what they hold. A row of a generation never changes, so what was
// read of it is kept in memory.
import type { QueryRun } from "../../store/query-run.ts";
import { Parameters } from "../../sql/parameters.ts";
import { fromTable } from "../../sql/scope.ts";
import { sharedNumbers, type Attempts } from "./attempts.ts";
import type { Memory } from "./memory.ts";

export interface KeptDay {
  readonly startMs: number;
  readonly endMs: number;
  readonly generation: number;
  /** Events that it was made from, and joins up to which it knows. */
  readonly events: number;
  readonly personsVersion: number;
}

/** A day was made again, and the row that was to be read is merged away: rows of events answer this time. */
export class DayGone extends Error {}

/** Those that begin in [fromMs, endMs), in their order. */
export async function readKeptDays(
  run: QueryRun,
  definitionId: number,
  range: { readonly fromMs: number; readonly endMs: number },
): Promise<KeptDay[]> {
  const parameters = new Parameters();
  const from = fromTable(
    "funnel_days",
    [
      `definition_id = ${parameters.bind("UInt32", definitionId)}`,
      `start_ms >= ${parameters.bind("Int64", range.fromMs)}`,
      `start_ms < ${parameters.bind("Int64", range.endMs)}`,
    ],
    "FINAL",
  );
  const rows = await run.rows(
    { step: "days that are kept", sources: ["funnel_days"] },
    {
      sql: `SELECT start_ms, end_ms, generation, events, persons_version ${from} ORDER BY start_ms`,
      parameters: parameters.values,
    },
  );
  return rows.map((row) => {
    const [startMs, endMs, generation, events, personsVersion] = row.map(Number) as [
      number,
      number,
      number,
      number,
      number,
    ];
    return { startMs, endMs, generation, events, personsVersion };
  });
}

/** What they hold, in the order of `days`, which exist. */
export async function readAttemptsOfDays(
  run: QueryRun,
  memory: Memory,
  definitionId: number,
  steps: number,
  days: readonly KeptDay[],
): Promise<Attempts[]> {
  const keyOf = (day: KeptDay): string =>
    `day ${run.projectId} ${definitionId} ${day.startMs} ${day.generation}`;
  const found = new Map(days.map((day) => [day, memory.get<Attempts>(keyOf(day))]));
  const missing = days.filter((day) => found.get(day) === undefined);
  if (missing.length > 0) {
    const read = await readDays(run, definitionId, steps, missing);
    for (const day of missing) {
      const attempts = read.get(day.startMs) as Attempts;
      found.set(day, attempts);
      memory.set(keyOf(day), attempts, bytesOf(attempts));
    }
  }
  return days.map((day) => found.get(day) as Attempts);
}

function bytesOf({ sizes, persons, gapsMs }: Attempts): number {
  return sizes.byteLength + persons.byteLength + gapsMs.byteLength;
}

async function readDays(
  run: QueryRun,
  definitionId: number,
  steps: number,
  days: readonly KeptDay[],
): Promise<Map<number, Attempts>> {
  const parameters = new Parameters();
  // Exactly these generations: newer ones may have come meanwhile.
  const wanted = days.map(({ startMs, generation }) => `(${startMs}, ${generation})`).join(", ");
  const from = fromTable("funnel_days", [
    `definition_id = ${parameters.bind("UInt32", definitionId)}`,
    `(start_ms, generation) IN (${wanted})`,
  ]);
  const chunks: Uint8Array[] = [];
  await run.bytes(
    { step: "attempts of kept days", sources: ["funnel_days"] },
    { sql: `SELECT start_ms, sizes, persons, gaps_ms ${from}`, parameters: parameters.values },
    (bytes) => chunks.push(Buffer.from(bytes)),
  );
  const reader = new RowReader(Buffer.concat(chunks));
  const read = new Map<number, Attempts>();
  while (!reader.atEnd) {
    const startMs = reader.int64();
    read.set(startMs, {
      steps,
      sizes: reader.numbers(),
      persons: reader.numbers(),
      gapsMs: reader.numbers(),
    });
  }
  if (read.size !== days.length) throw new DayGone();
  run.rowsRead += read.size;
  return read;
}

/** RowBinary. Arrays come in shared memory: they pass to threads without being copied. */
class RowReader {
  #at = 0;
  readonly #bytes: Buffer;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get atEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  int64(): number {
    this.#at += 8;
    return Number(this.#bytes.readBigInt64LE(this.#at - 8));
  }

  numbers(): Uint32Array {
    let length = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = this.#bytes[this.#at++] as number;
      length += (byte & 127) * factor;
      if (byte < 128) break;
    }
    const values = sharedNumbers(length);
    new Uint8Array(values.buffer).set(this.#bytes.subarray(this.#at, this.#at + length * 4));
    this.#at += length * 4;
    return values;
  }
}
