// What a batch changes in the relational store beside its rows: small totals, written in the transaction that moves the
// partition's position, so exactly once. A batch that is processed again gathers the same effects again; only its one
// commit writes them. To add one: a field here, a line in each of the three functions, and a file that gathers and
// writes it. Its table has the partition in its key, so that partitions never wait for each other's rows.
import type { ClientBase } from "pg";
import { gatherClicks, writeClicks, type ClickTotals } from "../effects/click-totals.ts";
import type { ViolationTotal } from "#schemas/plans/violation-totals.ts";
import { writeViolations } from "../plans/violations.ts";
import { gatherUsage, writeUsage, type UsageTotal } from "../projects/usage-totals.ts";
import type { Outcome, PipelineEvent } from "./pipeline-event.ts";

/** Sent from the pool's thread to the actor: plain values only. */
export interface BatchEffects {
  clicks: ClickTotals[];
  usage: UsageTotal[];
  violations: ViolationTotal[];
}

/** A batch whose events all have their outcome. */
export interface SettledEvents {
  /** Stored as rows. */
  stored: readonly PipelineEvent[];
  /** Repeated or quarantined. */
  outcomes: readonly Outcome[];
  /** Of tracking plans, by stored and quarantined events. */
  violations: ViolationTotal[];
}

/** Runs in the pool's thread. */
export function gatherEffects(events: SettledEvents): BatchEffects {
  return {
    clicks: gatherClicks(events.stored),
    usage: gatherUsage(events.stored, events.outcomes),
    violations: events.violations,
  };
}

/** Of a batch of which nothing was stored. */
export function noEffects(): BatchEffects {
  return { clicks: [], usage: [], violations: [] };
}

export function hasEffects(effects: BatchEffects): boolean {
  return Object.values(effects).some((rows: readonly unknown[]) => rows.length > 0);
}

/** Within the transaction that commits the batch. */
export async function writeEffects(
  client: ClientBase,
  partition: number,
  effects: BatchEffects,
): Promise<void> {
  if (effects.clicks.length > 0) await writeClicks(client, partition, effects.clicks);
  if (effects.usage.length > 0) await writeUsage(client, partition, effects.usage);
  if (effects.violations.length > 0) await writeViolations(client, partition, effects.violations);
}
