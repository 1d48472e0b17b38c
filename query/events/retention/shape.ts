// Rows of the store as retention tables: every row present, in order, with a column for each later interval.
import { breakdownNone, breakdownOther } from "#schemas/query/trends.ts";
import type { RetentionAnswer, RetentionBreakdown, RetentionRow } from "#schemas/query/retention.ts";
import type { RetentionRequest } from "./request.ts";

/** Sizes and returns of one table: `returned` of each row, the row's size first. */
type Triangle = number[][];

function emptyTriangle(rows: number): Triangle {
  return Array.from({ length: rows }, (_, row) => new Array<number>(rows - row).fill(0));
}

/** Tables by rank. Columns of the rows: see compile.ts. */
function trianglesOf(rows: readonly (readonly unknown[])[], count: number): Map<number, Triangle> {
  const triangles = new Map<number, Triangle>();
  for (const row of rows) {
    const [rank, number, size, returned] = row as [number, number, number, number[]];
    const triangle = triangles.get(rank) ?? emptyTriangle(count);
    triangles.set(rank, triangle);
    if (triangle[number - 1]?.length !== returned.length + 1) {
      throw new Error(`retention: the store answered an unknown row ${number}`);
    }
    triangle[number - 1] = [size, ...returned];
  }
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

export function shapeTable(request: RetentionRequest, rows: readonly (readonly unknown[])[]): Shaped {
  const count = request.buckets.startsMs.length;
  return { cohorts: labelRows(request, trianglesOf(rows, count).get(0) ?? emptyTriangle(count)) };
}

/** `top`: the values in order of their ranks. Their tables add up to the whole one. */
export function shapeValues(
  request: RetentionRequest,
  top: readonly (string | null)[],
  rows: readonly (readonly unknown[])[],
): Shaped {
  const count = request.buckets.startsMs.length;
  const triangles = trianglesOf(rows, count);
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
  rows: readonly (readonly unknown[])[],
): Shaped {
  const count = request.buckets.startsMs.length;
  const triangles = trianglesOf(rows, count);
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
