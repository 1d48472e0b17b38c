// What the query tier tells the workers about selectors that nobody asked for: which ones questions lacked, and which
// ones they used. From that the workers learn what to keep.
import type { SelectorDefinition } from "./selector.ts";

/** Who wants the selectors that were learned. */
export const learnedOrigin = "learned";

/** Of one selector since the last notes of the same process. */
export interface DemandNote {
  readonly projectId: number;
  readonly hash: string;
  readonly definition: SelectorDefinition;
  /** Questions that read rows for want of it. */
  readonly asked: number;
  /** Those rows. */
  readonly rows: number;
  /** Questions that were answered from it. */
  readonly uses: number;
}

/** To svc.dimensions.note. */
export interface DemandNotes {
  readonly notes: readonly DemandNote[];
}

/** Selectors of those notes that cannot be kept: another one may do. */
export interface DemandReply {
  readonly refused: readonly {
    readonly projectId: number;
    readonly hash: string;
    readonly untilMs: number;
  }[];
}

export const demandLimits = {
  /** Learned selectors of one project, at most that many can be allowed. */
  learnedMax: 100,
  /** Selectors in one message of notes. */
  notesMax: 200,
  /** Longest definition that is noted, as JSON: lists of a thousand values are not asked again. */
  definitionBytesMax: 4_096,
} as const;
