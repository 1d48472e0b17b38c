// How often each link was clicked, counted with the batches that store the clicks: an effect of a batch.
import type { ClientBase } from "pg";
import { linkClickedEvent } from "#schemas/links/link-clicked.ts";
import type { PipelineEvent } from "../events/pipeline-event.ts";
import { readClick } from "./read-click.ts";

/** What a batch adds to a link's totals. An event counts in exactly one of the three. */
export interface ClickTotals {
  projectId: number;
  /** The link's public id. */
  linkId: string;
  /** By people. */
  clicks: number;
  bots: number;
  /** Fetched ahead by a browser, and perhaps never looked at. */
  previews: number;
  /** Time of the latest click by people; null when there was none. */
  lastAtMs: number | null;
}

/** As the public ids of links are at most; anything longer names none. */
const linkIdLengthMax = 64;

/** Runs in the pool's thread. */
export function gatherClicks(stored: readonly PipelineEvent[]): ClickTotals[] {
  const totals = new Map<string, ClickTotals>();
  for (const { log } of stored) {
    if (log.event !== linkClickedEvent) continue;
    const { linkId, bot, preview } = readClick(log.properties);
    // Anybody with a write key may send events of this name: what names no link is an event like any other.
    if (linkId === undefined || linkId === "" || linkId.length > linkIdLengthMax) continue;
    const key = `${log.project_id} ${linkId}`;
    let total = totals.get(key);
    if (total === undefined) {
      total = { projectId: log.project_id, linkId, clicks: 0, bots: 0, previews: 0, lastAtMs: null };
      totals.set(key, total);
    }
    if (bot) total.bots += 1;
    else if (preview) total.previews += 1;
    else {
      total.clicks += 1;
      total.lastAtMs = Math.max(total.lastAtMs ?? log.timestamp, log.timestamp);
    }
  }
  return [...totals.values()];
}

/**
 * Adds to the partition's totals. Clicks of links that are not there any more, or of another project, are nobody's.
 * Rows of links are locked as a reference to them would: whoever deletes a link waits for the batches that count it,
 * and takes their counts with it.
 */
export async function writeClicks(
  client: ClientBase,
  partition: number,
  totals: readonly ClickTotals[],
): Promise<void> {
  await client.query(
    `WITH known AS MATERIALIZED (
       SELECT project_id, public_id FROM links WHERE public_id = ANY ($3::text[]) FOR KEY SHARE)
     INSERT INTO link_totals AS old (project_id, link_id, partition, clicks, bots, previews, last_clicked_at)
     SELECT project_id, link_id, $1, clicks, bots, previews, to_timestamp(last_at_ms / 1000.0)
     FROM unnest($2::int[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[])
       AS added (project_id, link_id, clicks, bots, previews, last_at_ms)
     WHERE EXISTS (SELECT FROM known WHERE known.public_id = added.link_id AND known.project_id = added.project_id)
     ON CONFLICT (project_id, link_id, partition) DO UPDATE
     SET clicks = old.clicks + excluded.clicks, bots = old.bots + excluded.bots,
         previews = old.previews + excluded.previews,
         last_clicked_at = greatest(old.last_clicked_at, excluded.last_clicked_at)`,
    [
      partition,
      totals.map((total) => total.projectId),
      totals.map((total) => total.linkId),
      totals.map((total) => total.clicks),
      totals.map((total) => total.bots),
      totals.map((total) => total.previews),
      totals.map((total) => total.lastAtMs),
    ],
  );
}
