// Runs in a pool thread: one batch of a partition from blocks to a block of rows, touching the partition's
// shared sets. Outcomes are values: errors thrown across threads lose their class.
import type { BlockMessage } from "#streams/partition-reader.ts";
import type { JoinRequest } from "../identity/join.ts";
import type { ErasedKey, SharedErased } from "../erasure/shared-erased.ts";
import type { LiveInterest } from "#schemas/live/live-messages.ts";
import type { LiveMessage } from "../live/live-interests.ts";
import { selectLive } from "../live/select-live.ts";
import { gatherEffects, type BatchEffects } from "./batch-effects.ts";
import { decodeBlocks } from "./decode-blocks.ts";
import type { SharedPlans } from "../plans/shared-plans.ts";
import { checkPlans, countViolations } from "./check-plans.ts";
import { dropDuplicates, fingerprintWords, recallRepeated } from "./drop-duplicates.ts";
import { dropErased } from "./drop-erased.ts";
import { encodeOutcomes } from "./encode-outcomes.ts";
import { encodeRows } from "./encode-rows.ts";
import { gatherIdentity } from "./gather-identity.ts";
import { identifyUsers, type NewUser, type NumberRange, type NumbersNeeded } from "./identify-users.ts";
import type { DeadBlock } from "./pipeline-event.ts";
import { FingerprintSet, type FingerprintSetHandle } from "./state/fingerprint-set.ts";
import { UserTable, type UserTableHandle } from "./state/user-table.ts";
import { validateEvents } from "./validate-events.ts";

/** Shared memory of one partition. */
export interface PartitionHandles {
  /** Generations of remembered ids, the one that grows first. */
  remembered: FingerprintSetHandle[];
  users: UserTableHandle;
}

/** What the last stored batch adds to the partition's shared state. */
export interface Marks {
  fingerprints: Uint32Array;
  newUsers: NewUser[];
  /** Users who were erased: met again, they are new. */
  forgotten?: readonly ErasedKey[];
}

export interface BatchInput {
  partition: number;
  /** Identity of the log: what an event is addressed by, with partition, sequence and index. */
  logId: string;
  blocks: BlockMessage[];
  handles: PartitionHandles;
  /** Applied before anything else; undefined when the last batch was not stored. */
  marks: Marks | undefined;
  ranges: NumberRange[];
  /** Days that each project's raw events are kept (0: for ever); projects that are not named keep for ever. */
  retentionDays: [projectId: number, days: number][];
  /** What is listened to; undefined when nobody listens. */
  live?: readonly LiveInterest[] | undefined;
  /** Tracking plans in force. */
  plans: SharedPlans;
  /** Users of this partition who were erased. */
  erased: SharedErased;
}

export type BatchOutput =
  | { kind: "numbers-needed"; handles: PartitionHandles; needed: NumbersNeeded }
  | {
      kind: "encoded";
      handles: PartitionHandles;
      /** Native block of rows for the table of events; undefined when nothing is to be stored. */
      rowsBlock: Uint8Array | undefined;
      rows: number;
      /** Rows for the table of outcomes as JSON lines; undefined when there are none. */
      outcomesBlock: Uint8Array | undefined;
      /** Rows for the table of user properties as JSON lines; undefined when there are none. */
      userPropertiesBlock: Uint8Array | undefined;
      /** Joins of ids that the events ask for, in the order of the log. */
      joins: JoinRequest[];
      /** What the batch's commit changes beside the position. */
      effects: BatchEffects;
      duplicates: number;
      quarantined: number;
      erased: number;
      marks: Marks;
      dead: DeadBlock[];
      /** What listeners are told once the batch is stored; undefined when there is nothing to tell. */
      live: LiveMessage[] | undefined;
      events: number;
    };

export function processBatch(input: BatchInput): BatchOutput {
  const { remembered, users } = openState(input);
  const handles = (): PartitionHandles => ({
    remembered: remembered.map((set) => set.handle),
    users: users.handle,
  });

  const { events, dead } = decodeBlocks(input.blocks);
  const { kept, dropped } = dropErased(events, input.erased);
  const { valid, quarantined } = validateEvents(kept);
  const { passed, violating, differing } = checkPlans(valid, input.plans);
  const { fresh, repeated, marks } = dropDuplicates(passed, remembered);
  const { newUsers, needed } = identifyUsers(fresh, users, input.ranges);
  if (needed.length > 0) return { kind: "numbers-needed", handles: handles(), needed };
  const { block, unencodable } = encodeRows(fresh, input.partition, new Map(input.retentionDays));
  const { joins, userPropertiesBlock } = gatherIdentity(fresh, {
    newUsers,
    except: unencodable,
    addressPrefix: `${input.logId}:${input.partition}`,
  });
  const settled = recallRepeated(violating, remembered);
  const outcomes = [...quarantined, ...settled, ...repeated, ...unencodable];
  const unstored = new Set(unencodable.map(({ event }) => event));
  const stored = unstored.size === 0 ? fresh : fresh.filter((event) => !unstored.has(event));

  // Copied between threads, not transferred: 3 MB take under 1 ms, and the encoder may keep its buffer.
  return {
    kind: "encoded",
    handles: handles(),
    rowsBlock: block,
    rows: stored.length,
    outcomesBlock: outcomes.length === 0 ? undefined : encodeOutcomes(outcomes, input.partition),
    userPropertiesBlock,
    joins,
    effects: gatherEffects({ stored, outcomes, violations: countViolations(differing, outcomes) }),
    duplicates: outcomes.filter(({ outcome }) => outcome === "duplicate").length,
    quarantined: outcomes.filter(({ outcome }) => outcome === "quarantined").length,
    erased: dropped,
    marks: { fingerprints: marks.slice(), newUsers },
    dead,
    live: input.live && selectLive(fresh, input.live, { partition: input.partition, except: unencodable }),
    events: events.length,
  };
}

function openState(input: BatchInput): { remembered: FingerprintSet[]; users: UserTable } {
  const remembered = input.handles.remembered.map((handle) => new FingerprintSet(handle));
  const users = new UserTable(input.handles.users);
  if (input.marks) {
    const growing = remembered[0] as FingerprintSet;
    const { fingerprints, newUsers, forgotten = [] } = input.marks;
    for (const { words } of forgotten) users.remove(...words);
    for (let at = 0; at < fingerprints.length; at += fingerprintWords) {
      growing.add(fingerprints[at] as number, fingerprints[at + 1] as number, fingerprints[at + 2] as number);
    }
    for (const user of newUsers) {
      users.set(...user.words, user.userNumber);
      users.restoreSession(...user.words, user.lastActivitySeconds, user.sessionStartSeconds);
    }
  }
  return { remembered, users };
}
