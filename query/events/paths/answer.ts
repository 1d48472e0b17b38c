// Paths from request to answer: names ▸ lists of events by person, in parts ▸ walk ▸ shape.
import { sampledTable } from "../../sampling/sampled-table.ts";
import { rateOf } from "../../people/sample.ts";
import type { QueryRun } from "../../store/query-run.ts";
import { compilePaths, pathsTable, type Part } from "./compile.ts";
import { isStep, loadEventNames, type EventNames } from "./event-names.ts";
import { PersonLists } from "./person-lists.ts";
import type { PathsRequest } from "./request.ts";
import { shapePaths, type PathGraph } from "./shape.ts";
import { TransitionCounts } from "./transition-counts.ts";
import { createWalk } from "./walk-paths.ts";

/** Events that the store groups at once: 24 bytes each at the peak, 476 MB (measured), a third of the budget. */
const eventsOfPartMax = 20_000_000;
/** Each part reads the table once more; beyond 1.3 billion events the parts grow until the budget refuses them. */
const partsMax = 64;

export async function answerPaths(
  request: PathsRequest,
  run: QueryRun,
  eventsOfPart: number = eventsOfPartMax,
): Promise<PathGraph> {
  const names = await loadEventNames(request, run);
  const counts = new TransitionCounts(names.names.length, request.steps);
  const walk = createWalk(
    {
      ...request,
      anchorNames: flags(names, (name) => request.anchor.event === null || request.anchor.event === name),
      stepNames: flags(names, (name) => isStep(name, request)),
    },
    counts,
  );
  if (names.names.length > 0) {
    const { sample } = run.people;
    const { table } = sampledTable(pathsTable(request), run.people);
    const events = names.events * (sample === undefined ? 1 : rateOf(sample));
    for (const part of partsOf(events, eventsOfPart)) {
      const lists = new PersonLists(walk);
      const plan = { step: "events by person", sources: [table], plan: { part } };
      await run.bytes(plan, compilePaths(request, run.people, names, part), (chunk) => lists.push(chunk));
      lists.end();
      run.rowsRead += lists.events;
    }
  }
  return shapePaths(counts, { ...request, names: names.names });
}

function flags({ names }: EventNames, holds: (name: string) => boolean): Uint8Array {
  return Uint8Array.from(names, (name) => (holds(name) ? 1 : 0));
}

function partsOf(events: number, eventsOfPart: number): Part[] {
  let count = 1;
  while (count < partsMax && events > count * eventsOfPart) count *= 2;
  return Array.from({ length: count }, (_, index) => ({ index, count }));
}
