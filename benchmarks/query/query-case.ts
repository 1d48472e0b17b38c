// One question of the benchmark: how it is asked of the product, how in plain SQL, and how the answers are compared.
import { dayMs } from "../generate/plan.ts";
import type { DataSet } from "./data-set.ts";
import type { Row } from "./peer-table.ts";

export interface QueryCase {
  readonly name: string;
  /** Line of the chart. */
  readonly kind: string;
  /** Goal for p95 at 100 M events. */
  readonly goalMs: number;
  /** How many times faster than plain SQL it should be. */
  readonly goalRatio?: number;
  /** Only raw events can answer it. */
  readonly needsRows?: true;
  /** Of what is kept for it once it is saved as an insight: the others are answered the same way, saved or not. */
  readonly insight?: "trends" | "funnel";
  /** Of a cohort that is made for the question; the body has `cohortPlace` where its id goes. */
  readonly cohort?: object;
  readonly path: string;
  /** The question; a larger `shift` asks for another range of about as many events, which no cache knows. */
  body(shift: number): object;
  /** The same question without a shift. Undefined: there is no plain form of it. */
  readonly plainSql?: string;
  /** What `plainSql` answers, in any order, made of the product's answer. */
  rows?(answer: never): readonly Row[];
}

export const cohortPlace = "$cohort";

const iso = (epochMs: number): string => new Date(epochMs).toISOString();

/** All days of the data; a shift adds empty ones in front. */
export function wholeRange(data: DataSet, shift: number, unitDays = 1): { from: string; to: string } {
  return { from: iso(data.fromMs - shift * unitDays * dayMs), to: iso(data.endMs - 1) };
}

export function plainRange(data: DataSet, fromMs = data.fromMs, endMs = data.endMs): string {
  return `project_id = ${data.projectId} AND timestamp >= fromUnixTimestamp64Milli(${fromMs}) AND timestamp < fromUnixTimestamp64Milli(${endMs})`;
}

/** Where two answers differ; undefined: nowhere. */
export function findDifference(expected: readonly Row[], found: readonly Row[]): string | undefined {
  if (expected.length !== found.length)
    return `${expected.length} rows in plain SQL, ${found.length} of ours`;
  const [left, right] = [sorted(expected), sorted(found)];
  for (const [index, row] of left.entries()) {
    const other = right[index] as Row;
    const isSame = row.length === other.length && row.every((value, at) => isClose(value, other[at]));
    if (!isSame) return `${JSON.stringify(row)} in plain SQL, ${JSON.stringify(other)} of ours`;
  }
  return undefined;
}

/** Sums of fractions are added in another order. */
function isClose(left: unknown, right: unknown): boolean {
  if (typeof left !== "number" || typeof right !== "number") return left === right;
  return Math.abs(left - right) <= Math.max(Math.abs(left), Math.abs(right)) * 1e-9;
}

/** By everything but the last value, which may differ in its last digits. */
function sorted(rows: readonly Row[]): Row[] {
  const key = (row: Row): string => JSON.stringify(row.slice(0, -1));
  return rows
    .map((row) => ({ row, key: key(row) }))
    .sort((left, right) => (left.key < right.key ? -1 : left.key > right.key ? 1 : 0))
    .map(({ row }) => row);
}
