// What edges and workers tell each other about the live feed, on core NATS: nothing here must not be lost.
//   live.interest   an edge ▸ all workers: what it wants of a project, again and again until it wants nothing more
//   live.ask        a worker that began ▸ all edges: say it again
//   live.<project>  a worker ▸ all edges: what was stored, a batch of a partition
import type { LiveFilter } from "./live-filter.ts";

export const liveInterestSubject = "live.interest";
export const liveAskSubject = "live.ask";

export function liveSubject(projectId: number): string {
  return `live.${projectId}`;
}

/** An edge says what it wants this often; workers forget it after the longer time. */
export const liveInterestEveryMs = 2_000;
export const liveInterestMsMax = 7_000;

export interface LiveInterest {
  readonly projectId: number;
  /** By the id of the filter. */
  readonly filters: Readonly<Record<string, LiveFilter>>;
  readonly counters: boolean;
}

/** As it is announced; nothing wanted means: forget it. */
export interface LiveAnnouncement extends LiveInterest {
  readonly edge: string;
}

/** What one batch brought of one event name. */
export interface LiveCount {
  readonly event: string;
  readonly events: number;
  /** Numbers of the users, each once. */
  readonly users: readonly number[];
}

/** First line of each message on a project's subject; the events follow, a line each. */
export interface LiveHeader {
  /** Ids of filters; lines refer to them by position. */
  readonly filters: readonly string[];
  /** Events that filters would have got after these lines, but that were too many. */
  readonly skipped?: Readonly<Record<string, number>>;
  readonly counts?: readonly LiveCount[];
}

/** `lines`: positions of the filters that want the event, a space, the event's JSON without line ends. */
export function encodeLiveMessage(header: LiveHeader, lines: readonly string[]): string {
  return [JSON.stringify(header), ...lines].join("\n");
}

export interface LiveLine {
  /** Positions of filters, as text: "0,3". */
  readonly filters: string;
  readonly event: string;
}

export function decodeLiveMessage(text: string): { header: LiveHeader; lines: LiveLine[] } {
  const [first = "{}", ...rest] = text.split("\n");
  const lines = rest.map((line) => {
    const space = line.indexOf(" ");
    return { filters: line.slice(0, space), event: line.slice(space + 1) };
  });
  return { header: JSON.parse(first) as LiveHeader, lines };
}
