// Last steps before the insert: enrich each event and append it to a Native block of rows.
import { Enricher } from "./enrich/enrich-event.ts";
import { EventsBlock } from "./native/events-block.ts";
import type { Outcome, PipelineEvent } from "./pipeline-event.ts";

/** Kept by each pool thread: they know the property names and user agents they saw. */
const builder = new EventsBlock();
const enricher = new Enricher();

/**
 * `block` is undefined when no row is left. Events whose properties are not a JSON object are answered as
 * quarantined: the edge never lets such events in, another writer of the log may.
 */
export function encodeRows(
  events: readonly PipelineEvent[],
  partition: number,
  retentionDays: ReadonlyMap<number, number>,
): { block: Uint8Array | undefined; unencodable: Outcome[] } {
  const unencodable: Outcome[] = [];
  builder.reset();
  for (const event of events) {
    const { log } = event;
    const added = enricher.enrich(log);
    const appended = builder.append({
      projectId: log.project_id,
      event: log.event,
      timestamp: log.timestamp,
      userNumber: event.userNumber,
      eventId: log.event_id,
      userId: log.user_id,
      anonymousId: log.anonymous_id,
      sessionId: event.sessionId,
      properties: log.properties,
      context: log.context,
      pageUrl: added.pageUrl,
      referrerDomain: added.referrerDomain,
      utmSource: added.utmSource,
      utmMedium: added.utmMedium,
      utmCampaign: added.utmCampaign,
      browser: added.browser,
      os: added.os,
      device: added.device,
      isBot: added.isBot,
      receivedAt: log.received_at,
      logPartition: partition,
      logSequence: event.sequence,
      retentionDays: retentionDays.get(log.project_id) ?? 0,
    });
    if (!appended) {
      unencodable.push({
        event,
        outcome: "quarantined",
        reason: "PROPERTIES_INVALID",
        message: "properties is not a JSON object",
      });
    }
  }
  return { block: builder.rows === 0 ? undefined : builder.finish(), unencodable };
}
