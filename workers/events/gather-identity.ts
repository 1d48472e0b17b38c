// Step 7: what a batch's events say about who somebody is: ids to be joined, and properties of users. Few events say
// anything, so the others cost a look at their name and their text.
import type { JoinRequest } from "../identity/join.ts";
import { asksToJoin, readJoins } from "../identity/read-joins.ts";
import { readUserProperties, saysSomethingOfUser } from "../identity/read-user-properties.ts";
import type { NewUser } from "./identify-users.ts";
import type { Outcome, PipelineEvent } from "./pipeline-event.ts";

export function gatherIdentity(
  events: readonly PipelineEvent[],
  options: {
    newUsers: readonly NewUser[];
    /** Events that are not stored, and so say nothing. */
    except: readonly Outcome[];
    addressPrefix: string;
  },
): { joins: JoinRequest[]; userPropertiesBlock: Uint8Array | undefined } {
  const except = new Set(options.except.map(({ event }) => event));
  const joins: JoinRequest[] = [];
  const lines: string[] = [];
  let firstEvents: Set<string> | undefined;
  for (const event of events) {
    const joining = asksToJoin(event.log);
    const telling = saysSomethingOfUser(event.log);
    if ((!joining && !telling) || except.has(event)) continue;
    if (joining) {
      firstEvents ??= new Set(
        options.newUsers.map(({ firstSequence, firstIndex }) => `${firstSequence}:${firstIndex}`),
      );
      const place = `${event.sequence}:${event.index}`;
      joins.push(...readJoins(event.log, `${options.addressPrefix}:${place}`, firstEvents.has(place)));
    }
    if (telling) {
      for (const line of readUserProperties(event.log, event.userNumber, event.index)) lines.push(line);
    }
  }
  return {
    joins,
    userPropertiesBlock: lines.length === 0 ? undefined : new TextEncoder().encode(lines.join("\n")),
  };
}
