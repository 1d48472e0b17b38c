// What a join of two ids is, from the event or request that asks for it to the store.

/** `identify` and `alias` come from events and may be refused; `merge` is explicit and always joins. */
export type JoinKind = "identify" | "alias" | "merge";

/** One id that is to belong to the person of another one. Keys begin with u: (user ids) or a: (anonymous ids). */
export interface JoinRequest {
  readonly projectId: number;
  readonly kind: JoinKind;
  /** Key of the id whose person stays. */
  readonly into: string;
  /** Key of the id that is joined to it. */
  readonly joined: string;
  /** True when nothing was known of `into` before the event that asks. */
  readonly intoIsNew: boolean;
  /** Names the request for ever: what was joined under it is never joined again. */
  readonly origin: string;
  /** When the event arrived and happened (epoch milliseconds); null: not to be contested. */
  readonly claim: Claim | null;
}

export interface Claim {
  readonly arrivedMs: number;
  readonly happenedMs: number;
  readonly eventId: string;
}

/** The same with the numbers of both ids. */
export interface NumberedJoin extends JoinRequest {
  readonly intoNumber: number;
  readonly joinedNumber: number;
}

/** True when `first` was made before `second`: by arrival; within one request by time, then by id (ours grow). */
export function isEarlier(first: Claim, second: Claim): boolean {
  if (first.arrivedMs !== second.arrivedMs) return first.arrivedMs < second.arrivedMs;
  if (first.happenedMs !== second.happenedMs) return first.happenedMs < second.happenedMs;
  return first.eventId < second.eventId;
}
