// What keys open, remembered by their hash. Known keys go on working while the service that knows them is away;
// unknown ones are remembered shortly, so that a sender with a wrong key does not ask the service every time.
import { MillraceError } from "#schemas/errors.ts";
import type { ResolvedKey } from "#schemas/projects/project.ts";

export const keyCacheLimits = {
  entriesMax: 10_000,
  knownMs: 60_000,
  unknownMs: 5_000,
  /** How long a known key goes on while it cannot be asked for again. */
  staleMs: 24 * 3600 * 1000,
  /** After a failed question, how long until the next. */
  retryMs: 1_000,
  lookupsMax: 1_000,
} as const;

interface Entry {
  resolved: ResolvedKey | null;
  freshUntilMs: number;
  usableUntilMs: number;
  usedAtMs: number;
}

export type Lookup = (keyHash: string) => Promise<ResolvedKey | null>;

export class KeyCache {
  readonly #lookup: Lookup;
  readonly #now: () => number;
  readonly #entries = new Map<string, Entry>();
  readonly #underWay = new Map<string, Promise<ResolvedKey | null>>();
  #generation = 0;

  constructor(options: { lookup: Lookup; now?: () => number }) {
    this.#lookup = options.lookup;
    this.#now = options.now ?? Date.now;
  }

  get size(): number {
    return this.#entries.size;
  }

  /**
   * What the key with this hash opens, null when nothing; a promise only when it has to be asked for.
   * Rejects with SERVICE_UNAVAILABLE when it is not known and cannot be asked for.
   */
  resolve(keyHash: string): ResolvedKey | null | Promise<ResolvedKey | null> {
    const entry = this.#entries.get(keyHash);
    if (entry === undefined) return this.#ask(keyHash, undefined);
    const nowMs = this.#now();
    entry.usedAtMs = nowMs;
    if (nowMs < entry.freshUntilMs) return entry.resolved;
    // A known key does not make its requests wait: it is asked for again beside them.
    if (entry.resolved !== null && nowMs < entry.usableUntilMs) {
      this.#ask(keyHash, entry).catch(() => undefined);
      return entry.resolved;
    }
    return this.#ask(keyHash, undefined);
  }

  /** Ids of the keys that were used since then, and when. */
  usedSince(sinceMs: number): [keyId: string, atMs: number][] {
    const used: [string, number][] = [];
    for (const { resolved, usedAtMs } of this.#entries.values()) {
      if (resolved !== null && usedAtMs >= sinceMs) used.push([resolved.keyId, usedAtMs]);
    }
    return used;
  }

  /** Forgets what the keys of a project open: its keys or limits changed. */
  forgetProject(projectId: number): void {
    this.#generation += 1;
    for (const [keyHash, entry] of this.#entries) {
      // An unknown key may have just been made.
      if (entry.resolved === null || entry.resolved.projectId === projectId) this.#entries.delete(keyHash);
    }
  }

  #ask(keyHash: string, stale: Entry | undefined): Promise<ResolvedKey | null> {
    const existing = this.#underWay.get(keyHash);
    if (existing !== undefined) return existing;
    if (this.#underWay.size >= keyCacheLimits.lookupsMax) {
      return Promise.reject(new MillraceError("SERVICE_UNAVAILABLE", { retryAfterSeconds: 1 }));
    }
    if (stale !== undefined) stale.freshUntilMs = this.#now() + keyCacheLimits.retryMs;
    const generation = this.#generation;
    const answer = this.#lookup(keyHash)
      .then((resolved) => {
        // An answer from before a change may be wrong already.
        if (generation === this.#generation) this.#remember(keyHash, resolved);
        return resolved;
      })
      .finally(() => this.#underWay.delete(keyHash));
    this.#underWay.set(keyHash, answer);
    return answer;
  }

  #remember(keyHash: string, resolved: ResolvedKey | null): void {
    const nowMs = this.#now();
    const freshMs = resolved === null ? keyCacheLimits.unknownMs : keyCacheLimits.knownMs;
    this.#entries.delete(keyHash);
    if (this.#entries.size >= keyCacheLimits.entriesMax) this.#evict();
    this.#entries.set(keyHash, {
      resolved,
      freshUntilMs: nowMs + freshMs,
      usableUntilMs: resolved === null ? nowMs + freshMs : nowMs + keyCacheLimits.staleMs,
      usedAtMs: nowMs,
    });
  }

  /** Unknown keys go first: somebody who tries keys must not push out the ones in use. */
  #evict(): void {
    let oldest: string | undefined;
    for (const [keyHash, entry] of this.#entries) {
      oldest ??= keyHash;
      if (entry.resolved === null) {
        this.#entries.delete(keyHash);
        return;
      }
    }
    if (oldest !== undefined) this.#entries.delete(oldest);
  }
}
