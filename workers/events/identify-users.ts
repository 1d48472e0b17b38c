// Step 4: user key to dense user number, and the session the event belongs to. New users get the next numbers
// of ranges that the partition leased; they become known to later batches once this one is stored.
import { userKeyOf } from "#schemas/events/event.ts";
import { hash128 } from "#schemas/hash.ts";
import type { PipelineEvent } from "./pipeline-event.ts";
import type { UserTable } from "./state/user-table.ts";

/** A session ends after this long without activity. */
const sessionIdleSeconds = 30 * 60;

/** Numbers a partition may give out in a project: `next` up to and excluding `end`. */
export interface NumberRange {
  projectId: number;
  next: number;
  end: number;
}

export interface NewUser {
  projectId: number;
  userKey: string;
  userNumber: number;
  /** Fingerprint words, last activity and session start (epoch seconds), as the user table keeps them. */
  words: [number, number, number];
  lastActivitySeconds: number;
  sessionStartSeconds: number;
  /** Place of the user's first event in the log, and the earliest arrival of an event of the user. */
  firstSequence: number;
  firstIndex: number;
  arrivedMs: number;
}

const hash = new Uint32Array(4);

/** Numbers each project lacks, when the ranges do not suffice; nothing is assigned then. */
export type NumbersNeeded = { projectId: number; count: number }[];

export function identifyUsers(
  events: readonly PipelineEvent[],
  users: UserTable,
  ranges: readonly NumberRange[],
): { newUsers: NewUser[]; needed: NumbersNeeded } {
  const free = new Map<number, NumberRange[]>();
  for (const range of ranges) {
    const list = free.get(range.projectId) ?? [];
    list.push({ ...range });
    free.set(range.projectId, list);
  }
  const newUsers = new Map<string, NewUser>();
  const needed = new Map<number, number>();
  for (const event of events) {
    const { project_id: projectId, timestamp } = event.log;
    const userKey = userKeyOf(event.log);
    // Words 1..3: word 0 chose the partition, so its low bits are the same for all users here.
    hash128(projectId, userKey, hash);
    const w0 = hash[1] as number;
    const w1 = hash[2] as number;
    const w2 = hash[3] as number;
    const atSeconds = Math.max(0, Math.floor(timestamp / 1000));
    let userNumber = users.numberOf(w0, w1, w2);
    let sessionStart: number;
    if (userNumber >= 0) {
      sessionStart = users.touchSession(w0, w1, w2, atSeconds, sessionIdleSeconds);
    } else {
      const mapKey = `${projectId} ${userKey}`;
      let user = newUsers.get(mapKey);
      if (!user) {
        userNumber = takeNumber(free.get(projectId));
        if (userNumber < 0) needed.set(projectId, (needed.get(projectId) ?? 0) + 1);
        user = {
          projectId,
          userKey,
          userNumber,
          words: [w0, w1, w2],
          lastActivitySeconds: atSeconds,
          sessionStartSeconds: atSeconds,
          firstSequence: event.sequence,
          firstIndex: event.index,
          arrivedMs: event.log.received_at,
        };
        newUsers.set(mapKey, user);
      }
      userNumber = user.userNumber;
      user.arrivedMs = Math.min(user.arrivedMs, event.log.received_at);
      sessionStart = touchNewUser(user, atSeconds);
    }
    event.userNumber = userNumber;
    event.sessionId =
      event.log.session_id === ""
        ? `${userNumber.toString(36)}-${sessionStart.toString(36)}`
        : event.log.session_id;
  }
  return {
    newUsers: [...newUsers.values()],
    needed: [...needed].map(([projectId, count]) => ({ projectId, count })),
  };
}

function takeNumber(ranges: NumberRange[] | undefined): number {
  for (const range of ranges ?? []) {
    if (range.next < range.end) {
      range.next += 1;
      return range.next - 1;
    }
  }
  return -1;
}

/** The same rule as the user table's, for a user whom the table does not know yet. */
function touchNewUser(user: NewUser, atSeconds: number): number {
  if (atSeconds > user.lastActivitySeconds + sessionIdleSeconds) {
    user.lastActivitySeconds = atSeconds;
    user.sessionStartSeconds = atSeconds;
    return atSeconds;
  }
  if (atSeconds < user.sessionStartSeconds - sessionIdleSeconds) return atSeconds;
  user.lastActivitySeconds = Math.max(user.lastActivitySeconds, atSeconds);
  return user.sessionStartSeconds;
}
