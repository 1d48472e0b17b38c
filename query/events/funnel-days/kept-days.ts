// The rows of `funnel_days`: which days there are, and what they hold. A row of a generation never changes, so what was
// read of it is kept in memory, bounded, least recently used first out.
import type { QueryRun } from "../../store/query-run.ts";
import { Parameters } from "../../sql/parameters.ts";
import { fromTable } from "../../sql/scope.ts";
import { sharedNumbers, type Attempts } from "./attempts.ts";

export interface KeptDay {
  readonly startMs: number;
  readonly endMs: number;
  readonly generation: number;
  /** Events that it was made from, and joins up to which it knows. */
  readonly events: number;
  readonly personsVersion: number;
}

/** Of one process, for all definitions together. */
const memoryBytesMax = 512 * 1024 * 1024;
/** What an entry takes beside its numbers. */
const entryBytes = 500;

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

export class DayMemory {
  readonly #days = new Map<string, Attempts>();
  readonly #bytesMax: number;
  #bytes = 0;

  constructor(bytesMax: number = memoryBytesMax) {
    this.#bytesMax = bytesMax;
  }

  /** In the order of `days`, which exist. */
  async read(
    run: QueryRun,
    definitionId: number,
    steps: number,
    days: readonly KeptDay[],
  ): Promise<Attempts[]> {
    const key = (day: KeptDay): string => `${run.projectId}:${definitionId}:${day.startMs}:${day.generation}`;
    const found = new Map<KeptDay, Attempts>();
    for (const day of days) {
      const known = this.#days.get(key(day));
      if (known !== undefined) found.set(day, known);
    }
    const missing = days.filter((day) => !found.has(day));
    if (missing.length > 0) {
      const read = await readDays(run, definitionId, steps, missing);
      missing.forEach((day) => found.set(day, read.get(day.startMs) as Attempts));
    }
    for (const day of days) this.#keep(key(day), found.get(day) as Attempts);
    return days.map((day) => found.get(day) as Attempts);
  }

  #keep(key: string, attempts: Attempts): void {
    if (this.#days.delete(key)) this.#bytes -= bytesOf(attempts);
    this.#days.set(key, attempts);
    this.#bytes += bytesOf(attempts);
    for (const [oldest, held] of this.#days) {
      if (this.#bytes <= this.#bytesMax) return;
      this.#days.delete(oldest);
      this.#bytes -= bytesOf(held);
    }
  }
}

function bytesOf({ sizes, persons, gapsMs }: Attempts): number {
  return sizes.byteLength + persons.byteLength + gapsMs.byteLength + entryBytes;
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
  if (read.size !== days.length) throw new Error("funnel days: a kept day went away while it was read");
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
