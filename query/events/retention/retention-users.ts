// svc.query.retention_users: the people of one row of a retention table, and when each returned.
import type { RetentionUsersAnswer } from "#schemas/query/retention.ts";
import { createQuery } from "../../answer-query.ts";
import { namePersons } from "../../people/name-persons.ts";
import type { QueryRun } from "../../store/query-run.ts";
import type { Shortcuts } from "../../partials/shortcuts.ts";
import { compileUsers } from "./compile.ts";
import { readRetentionUsersRequest, writeCursor, type RetentionUsersRequest } from "./request.ts";

export const retentionUsers = createQuery({
  read: readRetentionUsersRequest,
  answer: async (request, run, context): Promise<Pick<RetentionUsersAnswer, "users" | "next">> => {
    const { persons, next } = await readRow(request, run);
    const names = await namePersons(
      context.postgres,
      run.projectId,
      persons.map(({ person }) => person),
    );
    const users = persons.flatMap(({ person, returned }) => {
      const user = names.get(person);
      // Without a name: erased since.
      return user === undefined ? [] : [{ user, returned }];
    });
    return { users, next: next === undefined ? null : writeCursor(next) };
  },
});

interface Returns {
  readonly person: number;
  /** Offsets of intervals, ascending; 0 is the row itself. */
  readonly returned: number[];
}

/** One page; `next` is the person that the next one begins with. */
export async function readRow(
  request: RetentionUsersRequest,
  run: QueryRun,
  shortcuts: Shortcuts = {},
): Promise<{ persons: Returns[]; next: number | undefined }> {
  const { statement, sources } = compileUsers(request, { people: run.people, shortcuts });
  const rows = await run.rows({ step: `people of row ${request.row}`, sources }, statement);
  const returned = new Map<number, number[]>();
  const ordered = (rows as readonly (readonly [number, readonly number[]])[]).toSorted(
    ([left], [right]) => left - right,
  );
  for (const [offset, persons] of ordered) {
    for (const person of persons) {
      const offsets = returned.get(person);
      if (offsets === undefined) returned.set(person, [offset]);
      else offsets.push(offset);
    }
  }
  const persons = [...returned].map(([person, offsets]) => ({ person, returned: offsets }));
  persons.sort((left, right) => left.person - right.person);
  return { persons: persons.slice(0, request.limit), next: persons[request.limit]?.person };
}
