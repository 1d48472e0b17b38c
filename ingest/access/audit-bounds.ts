// How many entries of the audit log strangers can cause: rows there are never removed. Each project, and all requests
// without a valid key together, have a few at once and then some a minute; what is beyond is counted, and told with the
// next entry.

/** Projects that are remembered; the oldest is forgotten past it, with what it has not told. */
const projectsMax = 1_000;
const minuteMs = 60_000;

export interface AuditBound {
  readonly atOnce: number;
  readonly perMinute: number;
}

interface Bucket {
  tokens: number;
  atMs: number;
  unlisted: number;
}

export class AuditBounds {
  readonly #bound: AuditBound;
  readonly #buckets = new Map<number, Bucket>();

  constructor(bound: AuditBound) {
    this.#bound = bound;
  }

  /** How many were not listed since the last one; undefined when this one is not to be either. */
  take(projectId: number, nowMs: number): number | undefined {
    const { atOnce, perMinute } = this.#bound;
    const bucket = this.#bucketOf(projectId, nowMs);
    bucket.tokens = Math.min(atOnce, bucket.tokens + ((nowMs - bucket.atMs) / minuteMs) * perMinute);
    bucket.atMs = nowMs;
    if (bucket.tokens < 1) {
      bucket.unlisted += 1;
      return undefined;
    }
    bucket.tokens -= 1;
    const { unlisted } = bucket;
    bucket.unlisted = 0;
    return unlisted;
  }

  #bucketOf(projectId: number, nowMs: number): Bucket {
    const known = this.#buckets.get(projectId);
    if (known !== undefined) return known;
    const [oldest] = this.#buckets.keys();
    if (oldest !== undefined && this.#buckets.size >= projectsMax) this.#buckets.delete(oldest);
    const bucket = { tokens: this.#bound.atOnce, atMs: nowMs, unlisted: 0 };
    this.#buckets.set(projectId, bucket);
    return bucket;
  }
}
