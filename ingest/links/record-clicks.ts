// A redirect becomes an event of the link's project, `link.clicked`, in the next block of the group commit. The
// visitor does not wait for it. What the log cannot take, or does not confirm, is counted as lost.
import { isbot } from "isbot";
import type { LogEvent } from "#schemas/events/event.ts";
import { linkClickedEvent } from "#schemas/links/link-clicked.ts";
import type { MillraceError } from "#schemas/errors.ts";
import { partitionOf } from "#schemas/hash.ts";
import type { Commit } from "#streams/publisher-block.ts";
import type { Publisher } from "#streams/publisher.ts";
import { createEventId } from "../create-event-id.ts";
import type { LinkCounters } from "./metrics.ts";
import type { PreparedLink } from "./prepared-link.ts";
import { readUtm, utmNames, type UtmName } from "./read-utm.ts";
import type { Visit } from "./visit.ts";
import type { Visitors } from "./visitors.ts";

/** About what a click takes in a block; asked for before it is encoded. */
const clickBytes = 512;
const userAgentLengthMax = 1024;
/** User agents whose kind is remembered: telling a program from a browser takes 3 µs. */
const agentsMax = 10_000;

/** The place of an address, as far as it is known; see ingest/geo/. */
export interface Place {
  readonly country?: string;
  readonly city?: string;
}

/** The clicks of one partition in one turn of the event loop: they share their fate, but for those of a full block. */
class TurnOfClicks implements Commit {
  outstanding = 0;
  failure: MillraceError | undefined;
  clicks = 0;
  readonly #counters: LinkCounters;

  constructor(counters: LinkCounters) {
    this.#counters = counters;
  }

  settled(): void {
    if (this.failure !== undefined) this.#counters.clicksLost += this.clicks;
  }
}

export class ClickRecorder {
  readonly #publisher: Publisher;
  readonly #visitors: Visitors;
  readonly #counters: LinkCounters;
  readonly #placeOf: (address: string) => Place | undefined;
  readonly #bots = new Map<string, boolean>();
  readonly #turns: (TurnOfClicks | undefined)[];
  #turnEnds = false;
  // Encoded within `append`, so one object serves all clicks.
  readonly #scratch: LogEvent;

  constructor(options: {
    publisher: Publisher;
    visitors: Visitors;
    counters: LinkCounters;
    placeOf: (address: string) => Place | undefined;
  }) {
    this.#publisher = options.publisher;
    this.#visitors = options.visitors;
    this.#counters = options.counters;
    this.#placeOf = options.placeOf;
    this.#turns = new Array<undefined>(options.publisher.partitions).fill(undefined);
    this.#scratch = {
      project_id: 0,
      event: linkClickedEvent,
      event_id: "",
      user_id: "",
      anonymous_id: "",
      session_id: "",
      timestamp: 0,
      received_at: 0,
      properties: "",
      context: "{}",
      user_agent: "",
    };
  }

  record(link: PreparedLink, visit: Visit, nowMs: number): void {
    if (this.#publisher.refusal(clickBytes) !== undefined) {
      this.#counters.clicksLost += 1;
      return;
    }
    const { userAgent } = visit;
    const event = this.#scratch;
    const visitor = this.#visitors.nameOf(link.projectId, visit.address, userAgent, nowMs);
    event.project_id = link.projectId;
    event.event_id = createEventId(nowMs);
    event.anonymous_id = visitor;
    event.timestamp = nowMs;
    event.received_at = nowMs;
    event.properties = this.#buildProperties(link, visit);
    event.user_agent =
      userAgent.length > userAgentLengthMax ? userAgent.slice(0, userAgentLengthMax) : userAgent;
    const partition = partitionOf(link.projectId, `a:${visitor}`, this.#publisher.partitions);
    const turn = this.#turnOf(partition);
    turn.clicks += 1;
    this.#counters.clicks += 1;
    this.#publisher.append(partition, event, turn);
  }

  #buildProperties(link: PreparedLink, visit: Visit): string {
    let text = `${link.clickPrefix},"bot":${this.#isBot(visit.userAgent)},"preview":${visit.isPrefetch}`;
    if (visit.referrerDomain !== "") text += `,"referrer_domain":${JSON.stringify(visit.referrerDomain)}`;
    if (visit.language !== "") text += `,"language":"${visit.language}"`;
    const place = this.#placeOf(visit.address);
    if (place?.country !== undefined) text += `,"country":${JSON.stringify(place.country)}`;
    if (place?.city !== undefined) text += `,"city":${JSON.stringify(place.city)}`;
    const visited = readUtm(visit.query);
    // What this visit brought wins over what the link was made with.
    for (const name of utmNames) text += utmMember(name, visited[name] ?? link.utm[name]);
    return `${text}}`;
  }

  /** Whoever does not say what it is, is no browser. */
  #isBot(userAgent: string): boolean {
    if (userAgent === "") return true;
    let is = this.#bots.get(userAgent);
    if (is === undefined) {
      is = isbot(userAgent.slice(0, userAgentLengthMax));
      if (this.#bots.size >= agentsMax) this.#bots.clear();
      this.#bots.set(userAgent, is);
    }
    return is;
  }

  #turnOf(partition: number): TurnOfClicks {
    const current = this.#turns[partition];
    if (current !== undefined) return current;
    const turn = new TurnOfClicks(this.#counters);
    this.#turns[partition] = turn;
    if (!this.#turnEnds) {
      this.#turnEnds = true;
      setImmediate(() => {
        this.#turnEnds = false;
        this.#turns.fill(undefined);
      });
    }
    return turn;
  }
}

function utmMember(name: UtmName, value: string | undefined): string {
  return value === undefined ? "" : `,"${name}":${JSON.stringify(value)}`;
}
