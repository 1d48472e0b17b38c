// What was counted as retention tables: every row present, in order, with a column for each later interval.
import { breakdownNone, breakdownOther } from "#schemas/query/trends.ts";
import type { RetentionAnswer, RetentionBreakdown, RetentionRow } from "#schemas/query/retention.ts";
import type { Overlaps } from "../../sets/count-sets.ts";
import type { RetentionRequest } from "./request.ts";

/** Sizes and returns of one table: `returned` of each row, the row's size first. */
type Triangle = number[][];

function emptyTriangle(rows: number): Triangle {
  return Array.from({ length: rows }, (_, row) => new Array<number>(rows - row).fill(0));
}

/** Tables by their number. */
function trianglesOf(overlaps: Overlaps, count: number): Map<number, Triangle> {
  const triangles = new Map<number, Triangle>();
  overlaps.groups.forEach((group, index) => {
    const row = overlaps.rows[index] as number;
    const triangle = triangles.get(group) ?? emptyTriangle(count);
    triangles.set(group, triangle);
    if (triangle[row] === undefined) throw new Error(`retention: the store answered an unknown row ${row}`);
    const later = overlaps.shared.subarray(index * count + row + 1, (index + 1) * count);
    triangle[row] = [overlaps.sizes[index] as number, ...later];
  });
  return triangles;
}

function addUp(triangles: readonly Triangle[], count: number): Triangle {
  const sum = emptyTriangle(count);
  for (const triangle of triangles) {
    triangle.forEach((row, at) =>
      row.forEach((value, column) => ((sum[at] as number[])[column] = (sum[at]?.[column] ?? 0) + value)),
    );
  }
  return sum;
}

type Shaped = Pick<RetentionAnswer, "cohorts" | "breakdowns">;

export function shapeTable(request: RetentionRequest, overlaps: Overlaps): Shaped {
  const count = request.buckets.startsMs.length;
  return { cohorts: labelRows(request, trianglesOf(overlaps, count).get(0) ?? emptyTriangle(count)) };
}

/** `top`: the values in order of their ranks. Their tables add up to the whole one. */
export function shapeValues(
  request: RetentionRequest,
  top: readonly (string | null)[],
  overlaps: Overlaps,
): Shaped {
  const count = request.buckets.startsMs.length;
  const triangles = trianglesOf(overlaps, count);
  const table = (value: string, triangle: Triangle): RetentionBreakdown => ({
    value,
    cohorts: labelRows(request, triangle),
  });
  const other = triangles.get(0);
  return {
    cohorts: labelRows(request, addUp([...triangles.values()], count)),
    breakdowns: [
      ...top.map((value, index) =>
        table(value ?? breakdownNone, triangles.get(index + 1) ?? emptyTriangle(count)),
      ),
      ...(other === undefined ? [] : [table(breakdownOther, other)]),
    ],
  };
}

export function shapeCohorts(
  request: RetentionRequest,
  cohorts: readonly string[],
  overlaps: Overlaps,
): Shaped {
  const count = request.buckets.startsMs.length;
  const triangles = trianglesOf(overlaps, count);
  const table = (rank: number): RetentionRow[] =>
    labelRows(request, triangles.get(rank) ?? emptyTriangle(count));
  return {
    cohorts: table(0),
    breakdowns: cohorts.map((value, index) => ({ value, cohorts: table(index + 1) })),
  };
}

function labelRows({ buckets }: RetentionRequest, triangle: Triangle): RetentionRow[] {
  return buckets.startsMs.map((start, row) => {
    const returned = triangle[row] ?? [];
    return { start: new Date(start).toISOString(), size: returned[0] ?? 0, returned };
  });
}
