// The rules of joining: which ids an event may make one person. Two ids that each already identified different
// people are joined only by an explicit merge.
import type { JoinKind } from "./join.ts";

export interface JoinSides {
  readonly kind: JoinKind;
  /** The person of the joined id has a user id that was seen in an event. */
  readonly joinedIsIdentified: boolean;
  /** The same of the person that stays. */
  readonly intoIsIdentified: boolean;
  /** Nothing was known of the id that stays before the event that asks. */
  readonly intoIsNew: boolean;
}

/** Asked only about two different persons. */
export function mayJoin({ kind, joinedIsIdentified, intoIsIdentified, intoIsNew }: JoinSides): boolean {
  switch (kind) {
    case "merge":
      return true;
    case "identify":
      // An anonymous id that somebody else identified: the next user of a shared device, however new.
      return !joinedIsIdentified;
    case "alias":
      // A user who is renamed has events under the old id, and none under the new one.
      return !joinedIsIdentified || !intoIsIdentified || intoIsNew;
  }
}
