// One day as a row of `funnel_days`, in RowBinary.
import type { Attempts } from "./attempts.ts";

export function encodeDay(
  day: {
    readonly projectId: number;
    readonly definitionId: number;
    readonly generation: number;
    readonly startMs: number;
    readonly endMs: number;
    readonly events: number;
    readonly personsVersion: number;
  },
  { sizes, persons, gapsMs }: Attempts,
): Buffer {
  const head = Buffer.alloc(48);
  head.writeUInt32LE(day.projectId, 0);
  head.writeUInt32LE(day.definitionId, 4);
  head.writeBigInt64LE(BigInt(day.startMs), 8);
  head.writeBigInt64LE(BigInt(day.endMs), 16);
  head.writeBigUInt64LE(BigInt(day.generation), 24);
  head.writeBigUInt64LE(BigInt(day.events), 32);
  head.writeBigUInt64LE(BigInt(day.personsVersion), 40);
  return Buffer.concat([head, ...[sizes, persons, gapsMs].flatMap(encodeNumbers)]);
}

function encodeNumbers(values: Uint32Array): [Buffer, Buffer] {
  const length: number[] = [];
  let rest = values.length;
  for (; rest >= 128; rest = Math.floor(rest / 128)) length.push((rest & 127) | 128);
  length.push(rest);
  return [Buffer.from(length), Buffer.from(values.buffer, values.byteOffset, values.byteLength)];
}
