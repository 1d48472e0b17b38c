// The benchmark's figures as tables for people.
import type { DataSet } from "./data-set.ts";
import type { CaseResult } from "./measure-case.ts";
import type { MixedResult } from "./mixed-load.ts";

export function sizeName({ events }: Pick<DataSet, "events">): string {
  return events >= 1e9 ? `${Math.round(events / 1e9)}b` : `${Math.round(events / 1e6)}m`;
}

const goalMsOfBillion = 500;

const seen = (met: boolean): string => (met ? "yes" : "no");

/** Goals are set for a hundred million events; a billion have one for everything. */
function goalOf(
  events: number,
  { goalMs, goalRatio }: CaseResult,
): { ms: number; ratio?: number } | undefined {
  if (events >= 1e9) return { ms: goalMsOfBillion };
  if (events < 1e8) return undefined;
  return { ms: goalMs, ...(goalRatio === undefined ? {} : { ratio: goalRatio }) };
}

export function describeCases(
  cases: readonly CaseResult[],
  { events, isCold }: { events: number; isCold: boolean },
): string {
  const withSaved = cases.some(({ saved }) => saved !== undefined);
  const head = ["question", "first", "p50", "p95", "goal", "met", "plain SQL", "ratio", "same", "tables"];
  const saved = withSaved ? ["saved p50", "saved p95"] : [];
  const lines = cases.map((each) => {
    const { times, plain, ratio } = each;
    const wanted = goalOf(events, each);
    const isMet =
      wanted !== undefined &&
      times.p95 < wanted.ms &&
      (wanted.ratio === undefined || ratio === undefined || ratio >= wanted.ratio);
    const goal =
      wanted === undefined
        ? ""
        : [wanted.ms, ...(wanted.ratio === undefined ? [] : [`${wanted.ratio} ×`])].join(", ");
    const same = plain === undefined ? "" : plain.difference === undefined ? "yes" : "NO";
    const cached = each.cached === 0 ? "" : ` (${each.cached} cached)`;
    const cells = [
      each.name,
      ...[each.firstMs, times.p50, times.p95, goal, wanted === undefined ? "" : seen(isMet)],
      plain?.times.p50 ?? "",
      ratio === undefined ? "" : `${ratio} ×`,
      same,
      `${each.meta.source}${cached}`,
      ...(withSaved ? [each.saved?.times.p50 ?? "", each.saved?.times.p95 ?? ""] : []),
    ];
    return `| ${cells.join(" | ")} |`;
  });
  const columns = [...head, ...saved];
  return [
    `Milliseconds. \`first\`: ${isCold ? "the query process was started anew, nothing is in its memory" : "it was not asked before in this run"}. Ranges differ from`,
    "one repetition to the next, so that no kept answer is used; `same` says whether the answer equals that of plain SQL.",
    "",
    `| ${columns.join(" | ")} |`,
    `| ${columns.map((name) => (name === "question" || name === "tables" || name === "same" ? "---" : "---:")).join(" | ")} |`,
    ...lines,
  ].join("\n");
}

export function describeMixed(mixed: MixedResult): string {
  const failures = Object.entries(mixed.failures).map(([status, count]) => `${count} × ${status}`);
  const row = (name: string, { count, p50, p95, p99, max }: MixedResult["all"]): string =>
    `| ${[name, count, p50, p95, p99, max].join(" | ")} |`;
  return [
    `${mixed.clients} clients without pauses for ${mixed.seconds} s, while ${mixed.acknowledgedPerSecond.toLocaleString("en")} events/s were taken in`,
    `(${mixed.eventsPerSecond.toLocaleString("en")} were due, ${mixed.eventsRefused} refused): ${mixed.queriesPerSecond} answers/s. No answers: ${failures.join(", ") || "none"}.`,
    "",
    "| questions | answers | p50 ms | p95 ms | p99 ms | max ms |",
    "| --- | ---: | ---: | ---: | ---: | ---: |",
    row("all", mixed.all),
    ...Object.entries(mixed.kinds).map(([kind, times]) => row(kind, times)),
    "",
    `From acknowledged to counted: p50 ${mixed.freshness.seconds.p50} s, p95 ${mixed.freshness.seconds.p95} s, at most ${mixed.freshness.seconds.max} s.`,
  ].join("\n");
}
