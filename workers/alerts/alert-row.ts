// An alert as the relational store has it, and as it is shown: without secrets.
import type { AlertRule, Bucket, Destination, SavedAlert } from "#schemas/alerts/alert.ts";
import type { AlertState } from "./evaluate-buckets.ts";

export type StoredDestination =
  | { readonly id: string; readonly type: "webhook"; readonly url: string; readonly secret: string | null }
  | { readonly id: string; readonly type: "email"; readonly to: string };

export interface AlertRow {
  id: number;
  public_id: string;
  name: string;
  query: Record<string, unknown>;
  rule: AlertRule;
  grace_seconds: number;
  destinations: StoredDestination[];
  enabled: boolean;
  state: AlertState;
  latest: Bucket | null;
  evaluated_at: Date | null;
  due_at: Date;
  error: string | null;
  created_at: Date;
  updated_at: Date;
}

/** `due_at` is never older than the alert: a time without beginning is no time that can be shown. */
export const alertColumns = `id, public_id, name, query, rule, grace_seconds, destinations, enabled, state, latest, evaluated_at,
  greatest(due_at, created_at) AS due_at, error, created_at, updated_at`;

export function showAlert(row: AlertRow): SavedAlert {
  return {
    id: row.public_id,
    name: row.name,
    query: row.query,
    rule: row.rule,
    grace_seconds: row.grace_seconds,
    destinations: row.destinations.map(showDestination),
    enabled: row.enabled,
    state: row.enabled ? row.state : "disabled",
    latest: row.latest,
    evaluated_at: row.evaluated_at?.toISOString() ?? null,
    next_evaluation_at: row.enabled ? row.due_at.toISOString() : null,
    error: row.error,
    created_at: row.created_at.toISOString(),
    updated_at: row.updated_at.toISOString(),
  };
}

function showDestination(destination: StoredDestination): Destination {
  if (destination.type === "email") return { id: destination.id, type: "email", to: destination.to };
  const { id, url, secret } = destination;
  return { id, type: "webhook", url, signed: secret !== null };
}
