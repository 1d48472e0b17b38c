// Persons of several ids: the map of joined ids as the store has it now.
import { fromTable } from "../../../sql/scope.ts";
import type { QueryRun } from "../../../store/query-run.ts";
import { readColumns } from "../../../store/read-columns.ts";

export interface JoinedIds {
  /** All ids that are not looked at by themselves, ascending. */
  readonly users: Uint32Array;
  readonly persons: Uint32Array;
  /** Where the ids of each person begin in `members`; one more than there are persons. */
  readonly starts: Uint32Array;
  readonly members: Uint32Array;
}

const joinedMax = 20_000_000;

export async function readJoined(run: QueryRun): Promise<JoinedIds> {
  const statement = {
    sql: `SELECT user_number, person_number ${fromTable("persons", ["user_number != person_number"], "FINAL")}`,
    parameters: {},
  };
  const { columns, rows } = await readColumns(run.store, statement, {
    projectId: run.projectId,
    signal: run.signal,
    columns: [
      { name: "user_number", type: "UInt32" },
      { name: "person_number", type: "UInt32" },
    ],
    rowsExpected: 1024,
    rowsMax: joinedMax,
  });
  run.record({ step: "ids that were joined", sources: ["persons"] }, statement, rows);
  return groupIds(columns[0] as Uint32Array, columns[1] as Uint32Array);
}

/** The person's own number is a member too. */
function groupIds(users: Uint32Array, persons: Uint32Array): JoinedIds {
  const sizes = new Map<number, number>();
  for (const person of persons) sizes.set(person, (sizes.get(person) ?? 1) + 1);
  const count = users.length + sizes.size;
  const shared = (length: number): Uint32Array => new Uint32Array(new SharedArrayBuffer(4 * length));
  const members = shared(count);
  const starts = shared(sizes.size + 1);
  const ofPerson = shared(sizes.size);
  const everybody = shared(count);
  const place = new Map<number, number>();
  let next = 0;
  let index = 0;
  for (const [person, size] of sizes) {
    ofPerson[index] = person;
    starts[index] = next;
    place.set(person, next + 1);
    members[next] = person;
    next += size;
    index += 1;
  }
  starts[index] = next;
  users.forEach((user, each) => {
    const person = persons[each] as number;
    const to = place.get(person) as number;
    members[to] = user;
    place.set(person, to + 1);
  });
  everybody.set(members);
  everybody.sort();
  return { users: everybody, persons: ofPerson, starts, members };
}
