// svc.query.funnel_users: the people behind one step of a funnel, page by page.
import type { FunnelUsersAnswer } from "#schemas/query/funnel.ts";
import { createQuery } from "../../answer-query.ts";
import { namePersons } from "../../people/name-persons.ts";
import type { QueryContext } from "../../query-context.ts";
import type { QueryRun } from "../../store/query-run.ts";
import type { StepColumns } from "../../step-columns/step-columns.ts";
import { readFunnelUsersRequest, writeCursor, type FunnelUsersRequest } from "./request.ts";
import { runKernel } from "./run-kernel.ts";

export const funnelUsers = createQuery({ read: readFunnelUsersRequest, answer: answerFunnelUsers });

async function answerFunnelUsers(
  request: FunnelUsersRequest,
  run: QueryRun,
  context: Pick<QueryContext, "pool" | "postgres" | "stepColumns">,
): Promise<Omit<FunnelUsersAnswer, "meta" | "explain">> {
  const { persons, next } = await listPersons(request, run, context.pool, context.stepColumns);
  const names = await namePersons(context.postgres, run.projectId, persons);
  return { users: persons.flatMap((person) => names.get(person) ?? []), next };
}

/** By person; a page costs as much as the whole funnel, of the persons that are left. */
export async function listPersons(
  request: FunnelUsersRequest,
  run: QueryRun,
  pool: QueryContext["pool"],
  columns?: StepColumns,
): Promise<{ persons: number[]; next: string | null }> {
  const { step, dropped, firstPerson, limit } = request;
  // Who they are does not depend on how the funnel is shown.
  const plain = { ...request, breakdown: undefined, trend: undefined, histogram: undefined };
  const { outcomes } = await runKernel(plain, run, pool, {
    list: { step, dropped },
    firstPerson,
    ...(columns === undefined ? {} : { columns }),
  });
  const persons = outcomes.flatMap(({ listed }) => [...(listed ?? [])]).sort((left, right) => left - right);
  const following = persons[limit];
  return {
    persons: persons.slice(0, limit),
    next: following === undefined ? null : writeCursor(following),
  };
}
