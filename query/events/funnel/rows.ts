// A funnel as a flat table, by its view: steps (of the whole and of each breakdown value), trend, or histogram.
import type { FunnelAnswer } from "#schemas/query/funnel.ts";
import { columnsOf, type Table } from "../export/table.ts";

const stepColumns = columnsOf({
  // Empty: everybody.
  breakdown: "text",
  step: "integer",
  label: "text",
  count: "integer",
  rate_total: "number",
  rate_step: "number",
  avg_seconds: "number",
  median_seconds: "number",
});
const trendColumns = columnsOf({ bucket: "time", entered: "integer", converted: "integer" });
const histogramColumns = columnsOf({ from_seconds: "number", to_seconds: "number", count: "integer" });

export function funnelTable(answer: Omit<FunnelAnswer, "meta">): Table {
  if (answer.trend !== undefined) {
    const rows = answer.trend.map(({ bucket, entered, converted }) => [bucket, entered, converted]);
    return { columns: trendColumns, rows };
  }
  if (answer.histogram !== undefined) {
    const rows = answer.histogram.map((bin) => [bin.from_seconds, bin.to_seconds, bin.count]);
    return { columns: histogramColumns, rows };
  }
  const parts = [{ value: null, steps: answer.steps }, ...(answer.breakdowns ?? [])];
  const rows = parts.flatMap(({ value, steps }) =>
    steps.map((step, index) => [
      value,
      index,
      step.label,
      step.count,
      step.rate_total,
      step.rate_step,
      step.avg_seconds,
      step.median_seconds,
    ]),
  );
  return { columns: stepColumns, rows };
}
