// The cost of each kind of query by the number of events, as a picture: made of the results that were written.
import { readdir, readFile, writeFile } from "node:fs/promises";
import type { CaseResult } from "./measure-case.ts";

const folder = new URL("../results/", import.meta.url);

export interface Point {
  readonly events: number;
  readonly ms: number;
}

interface Written {
  readonly at: string;
  readonly result: { readonly data: { readonly events: number }; readonly cases: readonly CaseResult[] };
}

/** The newest run of each size. */
export async function writeChart(): Promise<void> {
  const names = (await readdir(folder)).filter((name) => /^query-\d+[mb]-.*\.json$/.test(name));
  const newest = new Map<number, Written>();
  for (const name of names.sort()) {
    const run = JSON.parse(await readFile(new URL(name, folder), "utf8")) as Written;
    if (run.result.cases.length > 0) newest.set(run.result.data.events, run);
  }
  const lines = new Map<string, Point[]>();
  for (const [events, { result }] of [...newest].sort(([left], [right]) => left - right)) {
    for (const [kind, ms] of slowestOfKinds(result.cases)) {
      lines.set(kind, [...(lines.get(kind) ?? []), { events, ms }]);
    }
  }
  await writeFile(new URL("query-by-size.svg", folder), drawChart(lines));
}

/** The p50 of the slowest question of each kind. */
function slowestOfKinds(cases: readonly CaseResult[]): Map<string, number> {
  const slowest = new Map<string, number>();
  for (const { kind, times } of cases) slowest.set(kind, Math.max(slowest.get(kind) ?? 0, times.p50));
  return slowest;
}

const size = { width: 860, height: 520, left: 90, right: 230, top: 50, bottom: 50 };
const colours = [
  "#0b6e99",
  "#d9730d",
  "#0f7b6c",
  "#ad1a72",
  "#6940a5",
  "#b08900",
  "#e03e3e",
  "#64473a",
  "#37352f",
];
const labelHeight = 17;

/** Both axes are logarithmic: twice as high is not twice as slow. */
export function drawChart(lines: ReadonlyMap<string, readonly Point[]>): string {
  const points = [...lines.values()].flat();
  const range = (values: number[]): [number, number] => [
    Math.floor(Math.log10(Math.min(...values))),
    Math.max(1 + Math.floor(Math.log10(Math.min(...values))), Math.ceil(Math.log10(Math.max(...values)))),
  ];
  if (points.length === 0) throw new Error("there is nothing to draw");
  const [eventsFrom, eventsTo] = range(points.map(({ events }) => events));
  const [msFrom, msTo] = range(points.map(({ ms }) => ms));
  const x = (events: number): number =>
    size.left +
    ((Math.log10(events) - eventsFrom) / (eventsTo - eventsFrom)) * (size.width - size.left - size.right);
  const y = (ms: number): number =>
    size.height -
    size.bottom -
    ((Math.log10(ms) - msFrom) / (msTo - msFrom)) * (size.height - size.top - size.bottom);
  const grid = [
    ...decades(msFrom, msTo).map(
      (ms) =>
        `<line x1="${size.left}" x2="${size.width - size.right}" y1="${at(y(ms))}" y2="${at(y(ms))}" class="grid"/>` +
        `<text x="${size.left - 8}" y="${at(y(ms) + 4)}" class="axis" text-anchor="end">${count(ms)} ms</text>`,
    ),
    ...decades(eventsFrom, eventsTo).map(
      (events) =>
        `<text x="${at(x(events))}" y="${size.height - size.bottom + 22}" class="axis" text-anchor="middle">${count(events)}</text>`,
    ),
  ];
  const drawn = [...lines].map(([kind, all], index) => ({
    kind,
    all,
    colour: colours[index % colours.length] ?? "",
  }));
  const labels = spread(drawn.map(({ all }) => y((all.at(-1) as Point).ms)));
  const paths = drawn.map(({ kind, all, colour }, index) => {
    const last = all.at(-1) as Point;
    const places = all.map(({ events, ms }) => `${at(x(events))},${at(y(ms))}`);
    return [
      `<polyline points="${places.join(" ")}" fill="none" stroke="${colour}" stroke-width="2"/>`,
      ...all.map(
        ({ events, ms }) =>
          `<circle cx="${at(x(events))}" cy="${at(y(ms))}" r="3.5" fill="${colour}"><title>${kind}: ${ms} ms at ${count(events)}</title></circle>`,
      ),
      `<text x="${at(x(last.events) + 12)}" y="${at((labels[index] as number) + 4)}" fill="${colour}">${kind} ${Math.round(last.ms)}</text>`,
    ].join("\n");
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size.width} ${size.height}" font-family="sans-serif" font-size="13">`,
    "<style>.grid{stroke:#e3e2de}.axis{fill:#6b6a66}</style>",
    `<rect width="${size.width}" height="${size.height}" fill="#fff"/>`,
    `<text x="${size.left}" y="26" font-size="15">Time of an answer by the number of events: p50 of the slowest question of each kind</text>`,
    ...grid,
    ...paths,
    "</svg>",
    "",
  ].join("\n");
}

function decades(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => 10 ** (from + index));
}

/** Moves labels apart, downwards, in the order of their lines. */
function spread(places: readonly number[]): number[] {
  const order = places
    .map((place, index) => ({ place, index }))
    .sort((left, right) => left.place - right.place);
  const moved = [...places];
  let free = -Infinity;
  for (const { place, index } of order) {
    moved[index] = Math.max(place, free);
    free = (moved[index] as number) + labelHeight;
  }
  return moved;
}

function at(value: number): string {
  return value.toFixed(1);
}

function count(value: number): string {
  if (value >= 1e9) return `${value / 1e9} B`;
  return value >= 1e6 ? `${value / 1e6} M` : value.toLocaleString("en");
}
