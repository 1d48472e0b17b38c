// Projects and their keys: what the administration services exchange with the edge.

export const keyScopes = ["write", "read", "admin", "links"] as const;
export type KeyScope = (typeof keyScopes)[number];

/** The keys that every project is made with, one for each of these scopes. */
export const firstScopes = ["write", "read", "admin"] as const satisfies readonly KeyScope[];
export type FirstScope = (typeof firstScopes)[number];

/** What the edge knows about a key; cached there, never the key itself. */
export interface ResolvedKey {
  projectId: number;
  publicId: string;
  /** The key's own id, and what tells it apart in lists. */
  keyId: string;
  keyHint: string;
  scopes: readonly KeyScope[];
  /** From then on the key opens nothing; null: never. */
  expiresAtMs: number | null;
  timezone: string;
  /** Null: no limit. */
  eventsPerSecondMax: number | null;
  /** Events that the log takes of the project in a day and a month (UTC); null: no limit. */
  eventsPerDayMax: number | null;
  eventsPerMonthMax: number | null;
  /** Days that raw events are kept; 0: for ever. Stamped on each row, so that whole partitions expire. */
  retentionDays: number;
}
