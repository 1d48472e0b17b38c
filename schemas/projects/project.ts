// Projects and their keys: what the administration services exchange with the edge.

export const keyScopes = ["write", "read", "admin"] as const;
export type KeyScope = (typeof keyScopes)[number];

/** What the edge knows about a key; cached there, never the key itself. */
export interface ResolvedKey {
  projectId: number;
  publicId: string;
  scope: KeyScope;
  timezone: string;
  /** Null: no limit. */
  eventsPerSecondMax: number | null;
  /** Days that raw events are kept; 0: for ever. Stamped on each row, so that whole partitions expire. */
  retentionDays: number;
}
