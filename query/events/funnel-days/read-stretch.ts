// Best attempts of a part of the range that is not kept: from the columns that this process holds where they can
// answer, from rows otherwise.
import type { StepColumns } from "../../step-columns/step-columns.ts";
import type { QueryRun } from "../../store/query-run.ts";
import type { TaskPool } from "../../task-pool.ts";
import { fitsColumns } from "../funnel/columns/run-columns.ts";
import type { FunnelOutcome } from "../funnel/kernel/funnel-rows.ts";
import type { FunnelRequest } from "../funnel/request.ts";
import { runKernel } from "../funnel/run-kernel.ts";
import { sharedNumbers, type Attempts } from "./attempts.ts";
import type { Stretch } from "./plan-days.ts";
import { readAttempts } from "./read-attempts.ts";

/** Everybody is listed, so that it is known whose attempt each is. */
const everybody = { step: 0, dropped: false } as const;

/** One entry a bucket. */
export async function readStretch(
  request: FunnelRequest,
  run: QueryRun,
  sources: { readonly pool: TaskPool; readonly stepColumns?: StepColumns },
  stretch: Stretch & { readonly rowsExpected: number },
): Promise<Attempts[]> {
  const { pool, stepColumns } = sources;
  if (stepColumns === undefined || !fitsColumns(request)) return readAttempts(request, run, pool, stretch);
  return Promise.all(
    stretch.startsMs.map(async (fromMs, index) => {
      const endMs = stretch.startsMs[index + 1] ?? stretch.endMs;
      const bucket = { ...request, fromMs, endMs, trend: undefined, histogram: undefined };
      const { outcomes } = await runKernel(bucket, run, pool, { columns: stepColumns, list: everybody });
      return attemptsOf(outcomes, request.steps.length);
    }),
  );
}

/** Puts people in the order of the steps that they reached. */
export function attemptsOf(outcomes: readonly FunnelOutcome[], steps: number): Attempts {
  const sizes = new Uint32Array(steps);
  for (const { reached } of outcomes) {
    for (let person = 0; person < reached.length; person += 1) {
      const level = (reached[person] as number) - 1;
      sizes[level] = (sizes[level] as number) + 1;
    }
  }
  const personAt = new Uint32Array(steps);
  const gapAt = new Uint32Array(steps);
  let people = 0;
  let gaps = 0;
  sizes.forEach((size, level) => {
    personAt[level] = people;
    gapAt[level] = gaps;
    people += size;
    gaps += size * level;
  });
  const persons = sharedNumbers(people);
  const gapsMs = sharedNumbers(gaps);
  for (const { reached, listed, gapsMs: from } of outcomes) {
    if (listed?.length !== reached.length) throw new Error("funnel days: attempts without their persons");
    let gap = 0;
    for (let person = 0; person < reached.length; person += 1) {
      const level = (reached[person] as number) - 1;
      persons[personAt[level] as number] = listed[person] as number;
      personAt[level] = (personAt[level] as number) + 1;
      const to = gapAt[level] as number;
      for (let step = 0; step < level; step += 1) gapsMs[to + step] = from[gap + step] as number;
      gapAt[level] = to + level;
      gap += level;
    }
  }
  return { steps, sizes, persons, gapsMs };
}
