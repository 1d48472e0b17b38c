// One stored event as listeners see it: the members of a row of the export, in one line of JSON. Everything that
// costs something is made when it is first needed.
import type { LiveEventView } from "#schemas/live/match-event.ts";
import { Enricher, type Enrichment } from "../events/enrich/enrich-event.ts";
import type { PipelineEvent } from "../events/pipeline-event.ts";

/** Of the thread. */
const enricher = new Enricher();

export class LiveEvent implements LiveEventView {
  readonly #event: PipelineEvent;
  readonly #partition: number;
  #properties: Readonly<Record<string, unknown>> | undefined;
  #added: Enrichment | undefined;

  constructor(event: PipelineEvent, partition: number) {
    this.#event = event;
    this.#partition = partition;
  }

  get event(): string {
    return this.#event.log.event;
  }

  get userId(): string {
    return this.#event.log.user_id;
  }

  get anonymousId(): string {
    return this.#event.log.anonymous_id;
  }

  properties(): Readonly<Record<string, unknown>> {
    return (this.#properties ??= parseProperties(this.#event.log.properties));
  }

  builtIn(name: string): string | undefined {
    if (!name.startsWith("$")) return undefined;
    switch (name) {
      case "$event":
        return this.event;
      case "$session_id":
        return this.#event.sessionId;
      case "$page_url":
        return this.#enriched().pageUrl;
      case "$referrer_domain":
        return this.#enriched().referrerDomain;
      case "$utm_source":
        return this.#enriched().utmSource;
      case "$utm_medium":
        return this.#enriched().utmMedium;
      case "$utm_campaign":
        return this.#enriched().utmCampaign;
      case "$browser":
        return this.#enriched().browser;
      case "$os":
        return this.#enriched().os;
      case "$device":
        return this.#enriched().device;
      default:
        return undefined;
    }
  }

  /** `id` is the event's address in the log: unique, and growing within a partition. */
  text(): string {
    const { log, sequence, index, sessionId } = this.#event;
    const added = this.#enriched();
    const before = JSON.stringify({
      id: `${this.#partition}-${sequence}-${index}`,
      event: log.event,
      event_id: log.event_id,
      user_id: log.user_id || null,
      anonymous_id: log.anonymous_id || null,
      session_id: sessionId || null,
      timestamp: isoOf(log.timestamp),
      received_at: isoOf(log.received_at),
    });
    const after = JSON.stringify({
      page_url: added.pageUrl || null,
      referrer_domain: added.referrerDomain || null,
      utm_source: added.utmSource || null,
      utm_medium: added.utmMedium || null,
      utm_campaign: added.utmCampaign || null,
      browser: added.browser || null,
      os: added.os || null,
      device: added.device || null,
      is_bot: added.isBot,
    });
    const context = log.context === "" ? "{}" : log.context;
    // Properties go as they were sent. Line ends between members are white space; inside strings they are escaped.
    return `${before.slice(0, -1)},"properties":${onOneLine(log.properties)},"context":${onOneLine(context)},${after.slice(1)}`;
  }

  #enriched(): Enrichment {
    return (this.#added ??= enricher.enrich(this.#event.log));
  }
}

/** Whatever the store's own reading let through: listeners never hold up a batch. */
function parseProperties(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return {};
  }
}

function isoOf(epochMs: number): string {
  return new Date(epochMs).toISOString();
}

function onOneLine(json: string): string {
  return /[\r\n]/.test(json) ? json.replace(/[\r\n]/g, " ") : json;
}
