// For tests: random events of two projects as the batches that workers store.
import type { ReferenceEvent } from "#query/testing/naive-reference.ts";
import type { RandomTrends } from "#query/testing/random-trends.ts";
import { EventsBlock } from "#workers/events/native/events-block.ts";

export const batchProjects = [7, 8] as const;
export const batchPartitions = 4;

export interface TestBatch {
  token: string;
  partition: number;
  /** Its one block's place in the log. */
  sequence: number;
  rowsBlock: Uint8Array;
  outcomesBlock: Uint8Array;
}

/**
 * Numbered from 1. Every month is a part of its own in the tables, all before 2010 are one, and each is synced: so
 * events are of 2026 or before 2010, and only two batches share a stretch of time and meet in the rollups' buckets.
 */
export function drawBatches(random: RandomTrends, shape: { batches: number; rows: number }): TestBatch[] {
  const events: ReferenceEvent[] = [];
  while (events.length < shape.batches * shape.rows) {
    const event = random.event();
    const year = new Date(event.timestampMs).getUTCFullYear();
    if (year < 2010 || year === 2026) events.push(event);
  }
  events.sort((left, right) => left.timestampMs - right.timestampMs);
  return Array.from({ length: shape.batches }, (_, batch) => {
    const from = Math.floor(batch / 2) * 2 * shape.rows;
    const stretch = events.slice(from, from + 2 * shape.rows);
    return buildBatch(
      batch + 1,
      stretch.filter((_event, index) => index % 2 === batch % 2),
    );
  });
}

/** Its events alternate between the projects; every tenth is repeated, which makes an outcome. */
export function buildBatch(sequence: number, events: readonly ReferenceEvent[]): TestBatch {
  const block = new EventsBlock();
  const outcomes: string[] = [];
  const partition = sequence % batchPartitions;
  const receivedAt = Date.now();
  events.forEach((event, index) => {
    const projectId = batchProjects[index % 2] as number;
    const eventId = `${sequence}-${index}`;
    const appended = block.append({
      projectId,
      event: event.event,
      timestamp: event.timestampMs,
      userNumber: event.user,
      eventId,
      userId: `u${event.user}`,
      anonymousId: "",
      sessionId: `s${index % 9}`,
      properties: JSON.stringify(event.properties),
      context: '{"ip":"::1"}',
      pageUrl: "",
      referrerDomain: "",
      utmSource: "",
      utmMedium: "",
      utmCampaign: "",
      browser: event.browser,
      os: "",
      device: "",
      isBot: false,
      receivedAt,
      logPartition: partition,
      logSequence: sequence,
      retentionDays: index % 50 === 0 ? 30 : 0,
    });
    if (!appended) throw new Error(`not an event: ${JSON.stringify(event)}`);
    if (index % 10 === 0) {
      const of = { project_id: projectId, event_id: eventId, received_at: receivedAt };
      const place = { log_partition: partition, log_sequence: sequence, log_index: index };
      outcomes.push(
        JSON.stringify({ ...of, outcome: "duplicate", reason: "", message: "", payload: "", ...place }),
      );
    }
  });
  const outcomesBlock = Buffer.from(outcomes.join("\n"));
  return { token: `batch-${sequence}`, partition, sequence, rowsBlock: block.finish(), outcomesBlock };
}
