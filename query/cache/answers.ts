// Answers that were given before, for as long as they are true: a kept answer is used when the version of its data is
// what it was. Versions are read after the question arrived, so whoever knows that an event is stored, ids are joined
// or a cohort was refreshed gets an answer with it. Only where lateness is allowed, or while more is asked than can be
// answered, an answer may be a little older, and says so by its `as_of` (record 0020).
import type { Logger } from "#ops/runtime/log.ts";
import type { Postgres } from "#ops/runtime/postgres.ts";
import type { CountedDays } from "../day-counts/count-days.ts";
import type { People } from "../people/people.ts";
import type { Store } from "../store/run-statement.ts";
import {
  nextEventMs,
  plainPeopleVersion,
  readDataVersion,
  type DataVersion,
  type ReadVersion,
} from "./data-version.ts";
import { Flights, orLeave } from "./flights.ts";
import type { KeptAnswers } from "./kept-answers.ts";
import type { CacheMetrics } from "./metrics.ts";
import { readProjectState, type ProjectState } from "./project-state.ts";
import type { QuestionName } from "./question.ts";
import type { ReadScope } from "./read-scope.ts";
import { Rounds } from "./rounds.ts";
import type { SharedAnswers } from "./shared-answers.ts";

/** Longest time that an answer is kept, true or not: raw events may expire meanwhile. */
const keepMs = 3_600_000;
/** Changes when answers are written in another way. */
const format = 3;
/** An answer that may be used for a while longer is made again from this age on, or from this part of its time. */
const renewFromMs = 1_000;
const renewFromPart = 1 / 3;
/** What several wait for goes on when one of them leaves. */
const nobodyLeaves = new AbortController().signal;

export interface Question {
  readonly name: QuestionName;
  readonly projectId: number;
  readonly nowMs: number;
  readonly scope: ReadScope;
  readonly people: People;
  readonly userProperties: readonly string[];
  /** Read after the question arrived, before anything else of it. */
  readonly state: ProjectState;
  /** What is included at least; from after the question arrived. */
  readonly asOf: string | null;
  readonly signal: AbortSignal;
}

/** How old an answer may be, in milliseconds; 0: not at all. */
export interface Lateness {
  /** May lack events. */
  readonly eventsMs: number;
  /** May also lack joined ids, members of cohorts and properties of users. */
  readonly peopleMs: number;
}

export interface Found<T> {
  readonly value: T;
  readonly asOf: string | null;
  readonly cache: "hit" | "miss";
}

/** An answer that was made just now; everything up to `asOf` is in it, which was read when its turn came. */
export interface Made<T> {
  readonly value: T;
  readonly asOf: string | null;
}

/** What was found out about the events in scope on the way. */
export interface ScopeRead {
  readonly events: number;
  readonly counted: CountedDays | undefined;
  /** Before they were counted: an answer that uses the counts includes this. */
  readonly asOf: string | null;
}

/** Gets a signal that is aborted when nobody waits any more. */
export type Compute<T> = (signal: AbortSignal, read: ScopeRead) => Promise<Made<T>>;

interface Entry<T> {
  readonly format: number;
  readonly version: DataVersion;
  /** Of the project: stored events that were taken away, and what it allows. An answer of another state is never used. */
  readonly state: string;
  /** False: a batch was being written, so the answer may lack what its version counts. Everything up to `asOf` is in it. */
  readonly settled: boolean;
  /** A question that ends now is another one from this instant on; null: never. */
  readonly untilMs: number | null;
  readonly asOf: string | null;
  readonly value: T;
}

/** Beyond that many rows the answer comes from a sample; a session ends with such a pause. */
function stateText({ epoch, limits, sessionIdleMs }: ProjectState): string {
  return `${epoch} ${limits.rows_exact_max} ${sessionIdleMs}`;
}

export class Answers {
  readonly #store: Store;
  readonly #postgres: Postgres;
  readonly #shared: SharedAnswers | undefined;
  readonly #kept: KeptAnswers;
  readonly #flights = new Flights<Made<unknown>>();
  readonly #versions = new Rounds<ReadVersion>();
  readonly #states = new Rounds<ProjectState>();
  readonly #lateness: () => Lateness;
  readonly #metrics: CacheMetrics;
  readonly #log: Logger;

  /** `store`: with connections that no slow statement holds. `lateness`: what is allowed at this moment. */
  constructor(options: {
    store: Store;
    postgres: Postgres;
    kept: KeptAnswers;
    shared: SharedAnswers | undefined;
    lateness: () => Lateness;
    metrics: CacheMetrics;
    log: Logger;
  }) {
    this.#store = options.store;
    this.#postgres = options.postgres;
    this.#shared = options.shared;
    this.#kept = options.kept;
    this.#lateness = options.lateness;
    this.#metrics = options.metrics;
    this.#log = options.log;
  }

  /** As it is after this call. */
  stateOf(projectId: number): Promise<ProjectState> {
    return this.#states.run(String(projectId), () => readProjectState(this.#postgres, projectId));
  }

  /** The answer that was kept, or the one that `compute` makes. */
  async find<T>(question: Question, compute: Compute<T>): Promise<Found<T>> {
    const { name, state } = question;
    const lateness = this.#lateness();
    const lateMs = latenessOf(question, lateness);
    if (lateMs > 0) return this.#findLate(question, lateMs, compute);
    const read = await this.#versionOf(question);
    const { version } = read;
    const kept =
      (await this.#look<T>(question, version, lateness.eventsMs)) ??
      // Once more: it may have been made just now. From here to the flight nothing is waited for.
      this.#countEntry(
        this.#usable<T>(question, version, this.#kept.get(name.name), lateness.eventsMs),
        "memory",
      );
    if (kept !== undefined) return this.#foundOf(question, version, kept);
    // One flight for a question and its data; where answers may lack events, for the question and what is known of people.
    const data = lateness.eventsMs > 0 ? version.people : JSON.stringify(version);
    const flight = `${name.name} ${stateText(state)} ${data}`;
    const { value: made, shared } = await this.#flights.run(
      flight,
      question.signal,
      async (leaving, share) => {
        if (lateness.eventsMs > 0) share(true);
        return this.#compute(question, read, leaving, share, compute);
      },
    );
    this.#metrics.answers.inc({ outcome: shared ? "shared" : "miss" });
    // One that is shared is made of the data that this caller found, unless it may be late.
    const asOf = shared && lateness.eventsMs === 0 ? question.asOf : made.asOf;
    return { value: made.value as T, asOf, cache: shared ? "hit" : "miss" };
  }

  /**
   * Without asking the store: an answer of this process that is not older than allowed. A while before it is, it is made
   * again for whoever asks then.
   */
  async #findLate<T>(question: Question, lateMs: number, compute: Compute<T>): Promise<Found<T>> {
    const entry = this.#parse<T>(this.#kept.get(question.name.name));
    const age = entry !== undefined && this.#isYoung(entry, question) ? ageMs(entry, question) : Number.NaN;
    if (entry !== undefined && age <= lateMs) {
      if (age > Math.min(renewFromMs, lateMs * renewFromPart)) {
        void this.#renew(question, nobodyLeaves, compute).catch((error: unknown) =>
          this.#log.debug({ err: error }, "a kept answer was not made again"),
        );
      }
      this.#metrics.answers.inc({ outcome: "memory" });
      return { value: entry.value, asOf: entry.asOf, cache: "hit" };
    }
    const { value: made, shared } = await this.#renew(question, question.signal, compute);
    this.#metrics.answers.inc({ outcome: shared ? "shared" : "miss" });
    return { value: made.value as T, asOf: made.asOf, cache: shared ? "hit" : "miss" };
  }

  /** One flight for a question, whatever its data: it looks at first whether anything has changed at all. */
  #renew<T>(
    question: Question,
    signal: AbortSignal,
    compute: Compute<T>,
  ): Promise<{ value: Made<unknown>; shared: boolean }> {
    const { name, state, asOf } = question;
    return this.#flights.run(`${name.name} ${stateText(state)}`, signal, async (leaving, share) => {
      share(true);
      const read = await this.#versionOf({ ...question, signal: leaving });
      const kept = await this.#look<T>(question, read.version, 0);
      if (kept !== undefined) {
        this.#keep(name.name, { ...kept, asOf });
        return { value: kept.value, asOf };
      }
      return this.#compute(question, read, leaving, share, compute);
    });
  }

  /** Of the question as it is, whatever was stored since. */
  #isYoung<T>(entry: Entry<T>, question: Question): boolean {
    if (!isCurrent(entry, question)) return false;
    return asksForPeople(question) || entry.version.people === plainPeopleVersion;
  }

  async #versionOf({
    projectId,
    signal,
    scope,
    people,
    userProperties,
    state,
  }: Question): Promise<ReadVersion> {
    const asked = { projectId, scope, people, userProperties };
    const round = JSON.stringify([projectId, scope, people.merged, [...people.cohorts], userProperties]);
    const { version, counted } = await orLeave(
      this.#versions.run(round, () => readDataVersion(this.#store, { ...asked, signal: nobodyLeaves })),
      signal,
    );
    // Properties are replaced, not added, so their own numbers do not tell everything.
    const properties = userProperties.length > 0 ? ` ${state.positions}` : "";
    return { version: { events: version.events, people: `${version.people}${properties}` }, counted };
  }

  async #look<T>(question: Question, version: DataVersion, eventsMs: number): Promise<Entry<T> | undefined> {
    const { name } = question.name;
    const own = this.#usable<T>(question, version, this.#kept.get(name), eventsMs);
    if (own !== undefined || this.#shared === undefined) return this.#countEntry(own, "memory");
    const text = await this.#shared.get(name);
    const shared = this.#usable<T>(question, version, text, eventsMs);
    if (shared !== undefined && text !== undefined) this.#kept.set(name, text, keepMs);
    return this.#countEntry(shared, "redis");
  }

  #countEntry<T>(found: Entry<T> | undefined, outcome: "memory" | "redis"): Entry<T> | undefined {
    if (found !== undefined) this.#metrics.answers.inc({ outcome });
    return found;
  }

  /** One that is true for the question, or is not older than `eventsMs` where it lacks events. */
  #usable<T>(
    question: Question,
    version: DataVersion,
    text: string | undefined,
    eventsMs: number,
  ): Entry<T> | undefined {
    const entry = this.#parse<T>(text);
    if (entry === undefined || !isCurrent(entry, question)) return undefined;
    if (entry.version.people !== version.people) return undefined;
    return isTrue(entry, version) || ageMs(entry, question) <= eventsMs ? entry : undefined;
  }

  #foundOf<T>({ asOf }: Question, version: DataVersion, entry: Entry<T>): Found<T> {
    // Nothing was added to a true one up to now, so it includes as much as an answer of this moment would.
    return { value: entry.value, asOf: isTrue(entry, version) ? asOf : entry.asOf, cache: "hit" };
  }

  #keep<T>(name: string, entry: Entry<T>): void {
    const text = JSON.stringify(entry);
    this.#kept.set(name, text, keepMs);
    if (entry.settled) this.#shared?.set(name, text, keepMs);
  }

  #parse<T>(text: string | undefined): Entry<T> | undefined {
    if (text === undefined) return undefined;
    try {
      return JSON.parse(text) as Entry<T>;
    } catch (error) {
      this.#log.warn({ err: error }, "a kept answer cannot be read");
      return undefined;
    }
  }

  async #compute<T>(
    question: Question,
    { version, counted }: ReadVersion,
    signal: AbortSignal,
    share: (mayBe: boolean) => void,
    compute: Compute<T>,
  ): Promise<Made<T>> {
    const { name, projectId, nowMs, state, asOf } = question;
    // Both are true of the moment before the statements run; nobody waits for them.
    const settled = this.#isSettled(question).catch(() => false);
    const until = name.endsNow
      ? nextEventMs(this.#store, { projectId, signal }, nowMs).then(
          (ms) => ms ?? null,
          () => nowMs,
        )
      : Promise.resolve(null);
    settled.then(share, () => share(false));
    const made = await compute(signal, { events: version.events, counted, asOf });
    const [isSettled, untilMs] = await Promise.all([settled, until]);
    if (isSettled || this.#lateness().eventsMs > 0) {
      this.#keep(name.name, {
        ...{ format, version, state: stateText(state), settled: isSettled, untilMs },
        ...made,
      });
    }
    return made;
  }

  /**
   * True when no batch was being written around the reading of the version: while one is, the tables of the store tell
   * of it one after the other, and an answer may lack what its version counts.
   */
  async #isSettled({ state, projectId }: Question): Promise<boolean> {
    if (!state.settled) return false;
    const after = await this.stateOf(projectId);
    return after.settled && after.positions === state.positions && after.epoch === state.epoch;
  }
}

function isCurrent<T>({ format: written, untilMs, state }: Entry<T>, question: Question): boolean {
  const inTime = untilMs === null || question.nowMs < untilMs;
  return written === format && inTime && state === stateText(question.state);
}

function isTrue<T>({ settled, version }: Entry<T>, { events }: DataVersion): boolean {
  return settled && version.events === events;
}

/** Who is joined at all, and the cohorts' numbers, were read after the question arrived. */
function asksForPeople({ people, userProperties }: Question): boolean {
  return people.merged || people.cohorts.size > 0 || userProperties.length > 0;
}

/** By how much everything that the question asks for may be late. */
function latenessOf(question: Question, { eventsMs, peopleMs }: Lateness): number {
  return asksForPeople(question) ? Math.min(eventsMs, peopleMs) : eventsMs;
}

/** NaN where nobody knows: that is not young. Where nothing may be late, an answer of this millisecond is too old. */
function ageMs<T>({ asOf }: Entry<T>, { nowMs }: Question): number {
  return asOf === null ? Number.NaN : Math.max(1, nowMs - Date.parse(asOf));
}
