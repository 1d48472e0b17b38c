// A redirect becomes an event of the link's project, `link.clicked`, in the next block of the group commit. The
// visitor does not wait for it. What the log cannot take, or does not confirm, is counted as lost.
import { isbot } from "isbot";
import type { MillraceError } from "#schemas/errors.ts";
import { bytesOf, encodeBytes, encodeLong, encodeString } from "#schemas/events/event-text.ts";
import { partitionOf } from "#schemas/hash.ts";
import type { Commit } from "#streams/publisher-block.ts";
import type { Publisher } from "#streams/publisher.ts";
import { createEventId } from "../create-event-id.ts";
import type { LinkCounters } from "./metrics.ts";
import type { PreparedLink } from "./prepared-link.ts";
import { buildUtmMembers, readUtm } from "./read-utm.ts";
import { remember } from "./remember.ts";
import { readDomain, readLanguage, type Visit } from "./visit.ts";
import type { Visitors } from "./visitors.ts";

/** About what a click takes in a block; asked for before it is encoded. */
const clickBytes = 512;
const userAgentLengthMax = 1024;
/** User agents whose kind is remembered: telling a program from a browser takes 3 µs. */
const agentsMax = 10_000;
const referrersMax = 10_000;
const languagesMax = 1_000;
/** An empty field, and a context without members. */
const noText = encodeString("");
const noContext = encodeString("{}");

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

/** What clicks by one user agent have in common. */
interface Agent {
  /** Members of a click's properties. */
  readonly members: string;
  /** The last field of a click, encoded. */
  readonly field: string;
}

export class ClickRecorder {
  readonly #publisher: Publisher;
  readonly #visitors: Visitors;
  readonly #counters: LinkCounters;
  readonly #placeOf: (address: string) => Place | undefined;
  readonly #agentOf = remember(agentsMax, buildAgent);
  readonly #referrerMember = remember(referrersMax, (referrer) =>
    buildMember("referrer_domain", readDomain(referrer)),
  );
  readonly #languageMember = remember(languagesMax, (languages) =>
    buildMember("language", readLanguage(languages)),
  );
  readonly #turns: (TurnOfClicks | undefined)[];
  #turnEnds = false;
  /** The two times of a click made at `#nowMs`, encoded. */
  #times = "";
  #nowMs = -1;

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
  }

  record(link: PreparedLink, visit: Visit, nowMs: number): void {
    if (this.#publisher.refusal(clickBytes) !== undefined) {
      this.#counters.clicksLost += 1;
      return;
    }
    const visitor = this.#visitors.nameOf(link.projectId, visit.address, visit.userAgent, nowMs);
    const partition = partitionOf(link.projectId, `a:${visitor}`, this.#publisher.partitions);
    const turn = this.#turnOf(partition);
    turn.clicks += 1;
    this.#counters.clicks += 1;
    this.#publisher.appendUnhurried(partition, this.#encode(link, visit, visitor, nowMs), turn);
  }

  /** The fields in the order of the block's schema: one text, because the encoder of any event takes twice as long. */
  #encode(link: PreparedLink, visit: Visit, visitor: string, nowMs: number): string {
    if (nowMs !== this.#nowMs) {
      const time = encodeLong(nowMs);
      // When it happened, and when it was received.
      this.#times = time + time;
      this.#nowMs = nowMs;
    }
    const agent = this.#agentOf(visit.userAgent);
    const properties = encodeBytes(this.#buildProperties(link, visit, agent));
    return (
      link.clickHead +
      encodeBytes(createEventId(nowMs)) +
      noText +
      encodeBytes(visitor) +
      noText +
      this.#times +
      properties +
      noContext +
      agent.field
    );
  }

  #buildProperties(link: PreparedLink, visit: Visit, agent: Agent): string {
    let text = `${link.clickPrefix}${agent.members},"preview":${visit.isPrefetch}`;
    if (visit.referrer !== "") text += this.#referrerMember(visit.referrer);
    if (visit.languages !== "") text += this.#languageMember(visit.languages);
    const place = this.#placeOf(visit.address);
    if (place !== undefined) {
      text += buildMember("country", place.country ?? "") + buildMember("city", place.city ?? "");
    }
    // What this visit brought wins over what the link was made with.
    if (visit.query.includes("utm_")) {
      return `${text}${bytesOf(buildUtmMembers({ ...link.utm, ...readUtm(visit.query) }))}}`;
    }
    return `${text}${link.utmMembers}}`;
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

function buildAgent(userAgent: string): Agent {
  const cut = userAgent.slice(0, userAgentLengthMax);
  // Whoever does not say what it is, is no browser.
  return { members: `,"bot":${userAgent === "" || isbot(cut)}`, field: encodeString(cut) };
}

/** Empty for an empty value, else behind a comma; as bytes. */
function buildMember(name: string, value: string): string {
  return value === "" ? "" : bytesOf(`,"${name}":${JSON.stringify(value)}`);
}
