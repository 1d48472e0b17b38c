// Decides a list of joins in their order, from what the stores knew before the first: which are made, and which
// person each person becomes. Pure; one list may hold thousands, so the stores are asked once for all of them.
import { isEarlier, type Claim, type NumberedJoin } from "./join.ts";
import { mayJoin } from "./may-join.ts";

/** What is known of the ids in the list. */
export interface KnownPersons {
  /** Person of every number in the list. */
  readonly persons: ReadonlyMap<number, number>;
  /** Persons who have a user id that was seen in an event. */
  readonly identified: ReadonlySet<number>;
  /** The latest claim under which each number of the list was joined by an event. */
  readonly claims: ReadonlyMap<number, Claim>;
}

export interface JoinPlan {
  /** Joins to record. */
  readonly made: NumberedJoin[];
  /** Persons that became another one, with the one that they are in the end. */
  readonly moved: Map<number, number>;
  /** Place of the join that claims its id earlier than the join that has it; the plan ends before it. */
  readonly contestedAt: number | undefined;
}

export function planJoins(joins: readonly NumberedJoin[], known: KnownPersons): JoinPlan {
  const moved = new Map<number, number>();
  const identified = new Set(known.identified);
  const claims = new Map(known.claims);
  const made: NumberedJoin[] = [];
  const personOf = (number: number): number => follow(moved, known.persons.get(number) as number);

  let contestedAt: number | undefined;
  for (const [index, join] of joins.entries()) {
    const into = personOf(join.intoNumber);
    const joined = personOf(join.joinedNumber);
    if (into === joined) continue;
    const sides = {
      kind: join.kind,
      joinedIsIdentified: identified.has(joined),
      intoIsIdentified: identified.has(into),
      intoIsNew: join.intoIsNew,
    };
    if (!mayJoin(sides)) {
      const claim = claims.get(join.joinedNumber);
      if (claim === undefined || join.claim === null || !isEarlier(join.claim, claim)) continue;
      contestedAt = index;
      break;
    }
    made.push(join);
    moved.set(joined, into);
    if (identified.has(joined)) identified.add(into);
    const held = claims.get(join.joinedNumber);
    if (join.claim !== null && (held === undefined || isEarlier(held, join.claim))) {
      claims.set(join.joinedNumber, join.claim);
    }
  }
  return {
    made,
    moved: new Map([...moved.keys()].map((person) => [person, follow(moved, person)])),
    contestedAt,
  };
}

/** The person that `person` is in the end; shortens the way for the next call, or long chains would be walked anew. */
function follow(moved: Map<number, number>, person: number): number {
  let last = person;
  for (let next = moved.get(last); next !== undefined; next = moved.get(last)) last = next;
  for (let each = person; each !== last;) {
    const next = moved.get(each) as number;
    moved.set(each, last);
    each = next;
  }
  return last;
}
