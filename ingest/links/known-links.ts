// The links that an edge remembers, and the addresses where it found none. Two stores, each with a bound of its own:
// somebody who tries codes at random fills the one and never touches the other.
import type { PreparedLink } from "./prepared-link.ts";

export const knownLinksLimits = {
  linksMax: 200_000,
  /** Addresses of links alone may be 8 KB. */
  bytesMax: 64 * 1024 * 1024,
  missingMax: 100_000,
} as const;

export interface KnownLink {
  readonly link: PreparedLink;
  /** Until then it is answered without a question. */
  freshUntilMs: number;
  /** Until then it is answered at once, and asked for again beside. Hits never move either. */
  usableUntilMs: number;
  /** Until then it is answered when nobody can be asked. */
  readonly staleUntilMs: number;
  /** Asked for since somebody last looked for room: the next round leaves it. */
  used: boolean;
}

export class KnownLinks {
  readonly #links = new Map<string, KnownLink>();
  readonly #missing = new Map<string, number>();
  readonly #limits: { linksMax: number; bytesMax: number; missingMax: number };
  #bytes = 0;

  constructor(limits: { linksMax?: number; bytesMax?: number; missingMax?: number } = {}) {
    this.#limits = { ...knownLinksLimits, ...limits };
  }

  get size(): number {
    return this.#links.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get missing(): number {
    return this.#missing.size;
  }

  find(address: string): KnownLink | undefined {
    const known = this.#links.get(address);
    if (known !== undefined) known.used = true;
    return known;
  }

  isMissing(address: string, nowMs: number): boolean {
    const untilMs = this.#missing.get(address);
    if (untilMs === undefined) return false;
    if (nowMs < untilMs) return true;
    this.#missing.delete(address);
    return false;
  }

  remember(address: string, known: KnownLink): void {
    this.forget(address);
    this.#links.set(address, known);
    this.#bytes += known.link.bytes;
    while (this.#links.size > this.#limits.linksMax || this.#bytes > this.#limits.bytesMax) this.#makeRoom();
  }

  rememberMissing(address: string, untilMs: number): void {
    this.forget(address);
    this.#missing.set(address, untilMs);
    if (this.#missing.size <= this.#limits.missingMax) return;
    const [oldest] = this.#missing.keys();
    this.#missing.delete(oldest as string);
  }

  forget(address: string): void {
    this.#missing.delete(address);
    const known = this.#links.get(address);
    if (known === undefined) return;
    this.#links.delete(address);
    this.#bytes -= known.link.bytes;
  }

  forgetProject(projectId: number): void {
    for (const [address, { link }] of this.#links) if (link.projectId === projectId) this.forget(address);
  }

  /** What is known may be wrong by now: each link is asked for before it is answered again, while that can be done. */
  doubtAll(): void {
    this.#missing.clear();
    for (const known of this.#links.values()) {
      known.freshUntilMs = 0;
      known.usableUntilMs = 0;
    }
  }

  /** Second chance: one round spares what was asked for since the last; the rest goes, the oldest first. */
  #makeRoom(): void {
    for (const [address, known] of this.#links) {
      if (!known.used) {
        this.forget(address);
        return;
      }
      known.used = false;
      this.#links.delete(address);
      this.#links.set(address, known);
    }
  }
}
