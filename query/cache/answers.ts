// Answers that were given before, for as long as they are true: a kept answer is used when the version of its data is
// what it was. Versions are read after the question arrived, so whoever knows that an event is stored, ids are joined
// or a cohort was refreshed gets an answer with it. Only where lateness is allowed, or while more is asked than can be
// answered, an answer may be a little older, and says so by its `as_of` (record 0020).
import type { Logger } from "#ops/runtime/log.ts";
import type { Postgres } from "#ops/runtime/postgres.ts";
import type { People } from "../people/people.ts";
import type { Store } from "../store/run-statement.ts";
import { nextEventMs, plainPeopleVersion, readDataVersion, type DataVersion } from "./data-version.ts";
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
/** An answer that may be used for a while longer is made again from this part of its time on. */
const renewFrom = 1 / 3;
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

/** Beyond that many rows the answer comes from a sample. */
function stateText({ epoch, limits }: ProjectState): string {
  return `${epoch} ${limits.rows_exact_max}`;
}

export class Answers {
  readonly #store: Store;
  readonly #postgres: Postgres;
  readonly #shared: SharedAnswers | undefined;
  readonly #kept: KeptAnswers;
  readonly #flights = new Flights<{ readonly value: unknown; readonly asOf: string | null }>();
  readonly #versions = new Rounds<DataVersion>();
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

  /**
   * The answer that was kept, or the one that `compute` makes. `compute` gets a signal that is aborted when nobody waits
   * any more, and the number of events in scope.
   */
  async find<T>(
    question: Question,
    compute: (signal: AbortSignal, eventsInScope: number) => Promise<T>,
  ): Promise<Found<T>> {
    const { name } = question;
    const lateness = this.#lateness();
    const young = this.#findYoung<T>(question, lateness, compute);
    if (young !== undefined) return young;
    const version = await this.#versionOf(question);
    const kept =
      (await this.#look<T>(question, version)) ??
      // Once more: it may have been made just now. From here to the flight nothing is waited for.
      this.#count(this.#read<T>(question, version, this.#kept.get(name.name)), "memory");
    if (kept !== undefined) return kept;
    const { value: made, shared } = await this.#make(question, version, question.signal, lateness, compute);
    this.#metrics.answers.inc({ outcome: shared ? "shared" : "miss" });
    return {
      value: made.value as T,
      asOf: shared && lateness.eventsMs > 0 ? made.asOf : question.asOf,
      cache: shared ? "hit" : "miss",
    };
  }

  /** One flight for a question and its data; where answers may be older, for the question. */
  #make<T>(
    question: Question,
    version: DataVersion,
    signal: AbortSignal,
    { eventsMs, peopleMs }: Lateness,
    compute: (signal: AbortSignal, eventsInScope: number) => Promise<T>,
  ): Promise<{ value: { readonly value: unknown; readonly asOf: string | null }; shared: boolean }> {
    const data = eventsMs === 0 ? JSON.stringify(version) : peopleMs === 0 ? version.people : "";
    const name = `${question.name.name} ${stateText(question.state)} ${data}`;
    return this.#flights.run(name, signal, async (leaving, share) => {
      if (eventsMs > 0) share(true);
      return {
        value: await this.#compute(question, version, leaving, share, compute),
        asOf: question.asOf,
      };
    });
  }

  /**
   * Without asking the store: an answer of this process that is not older than allowed. Later it is made again
   * meanwhile, for whoever asks next.
   */
  #findYoung<T>(
    question: Question,
    lateness: Lateness,
    compute: (signal: AbortSignal, eventsInScope: number) => Promise<T>,
  ): Found<T> | undefined {
    const { name, people, userProperties, state } = question;
    const { eventsMs, peopleMs } = lateness;
    // Who is joined at all, and the cohorts' numbers, were read after the question arrived.
    const asksForPeople = people.merged || people.cohorts.size > 0 || userProperties.length > 0;
    const staleMs = asksForPeople ? Math.min(eventsMs, peopleMs) : eventsMs;
    const entry = staleMs > 0 ? this.#parse<T>(this.#kept.get(name.name)) : undefined;
    if (entry === undefined || !isCurrent(entry, question) || entry.state !== stateText(state))
      return undefined;
    if (!asksForPeople && entry.version.people !== plainPeopleVersion) return undefined;
    const age = ageMs(entry, question);
    if (!(age <= staleMs)) return undefined;
    if (age > staleMs * renewFrom) {
      void this.#versionOf(question)
        .then((current) => this.#make(question, current, nobodyLeaves, lateness, compute))
        .catch((error: unknown) => this.#log.debug({ err: error }, "a kept answer was not made again"));
    }
    this.#metrics.answers.inc({ outcome: "memory" });
    return { value: entry.value, asOf: entry.asOf, cache: "hit" };
  }

  async #versionOf({
    projectId,
    signal,
    scope,
    people,
    userProperties,
    state,
  }: Question): Promise<DataVersion> {
    const asked = { projectId, scope, people, userProperties };
    const round = JSON.stringify([projectId, scope, people.merged, [...people.cohorts], userProperties]);
    const version = await orLeave(
      this.#versions.run(round, () => readDataVersion(this.#store, { ...asked, signal: nobodyLeaves })),
      signal,
    );
    // Properties are replaced, not added, so their own numbers do not tell everything.
    const properties = userProperties.length > 0 ? ` ${state.positions}` : "";
    return { events: version.events, people: `${version.people}${properties}` };
  }

  async #look<T>(question: Question, version: DataVersion): Promise<Found<T> | undefined> {
    const { name } = question.name;
    const own = this.#read<T>(question, version, this.#kept.get(name));
    if (own !== undefined || this.#shared === undefined) return this.#count(own, "memory");
    const text = await this.#shared.get(name);
    const shared = this.#read<T>(question, version, text);
    if (shared !== undefined && text !== undefined) {
      this.#kept.set(name, text, keepMs);
      return this.#count(shared, "redis");
    }
    return undefined;
  }

  #count<T>(found: Found<T> | undefined, outcome: "memory" | "redis"): Found<T> | undefined {
    if (found !== undefined) this.#metrics.answers.inc({ outcome });
    return found;
  }

  /** The answer of an entry that is true for the question, or lacks no more events than it may. */
  #read<T>(question: Question, version: DataVersion, text: string | undefined): Found<T> | undefined {
    const entry = this.#parse<T>(text);
    if (entry === undefined || !isCurrent(entry, question)) return undefined;
    if (entry.state !== stateText(question.state) || entry.version.people !== version.people)
      return undefined;
    const isTrue = entry.settled && entry.version.events === version.events;
    if (!isTrue && !(ageMs(entry, question) <= this.#lateness().eventsMs)) return undefined;
    // Nothing was added to it up to now, so it includes as much as an answer of this moment would.
    return { value: entry.value, asOf: isTrue ? question.asOf : entry.asOf, cache: "hit" };
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
    version: DataVersion,
    signal: AbortSignal,
    share: (mayBe: boolean) => void,
    compute: (signal: AbortSignal, eventsInScope: number) => Promise<T>,
  ): Promise<T> {
    const { name, projectId, nowMs, asOf, state } = question;
    // Both are true of the moment before the statements run; nobody waits for them.
    const settled = this.#isSettled(question).catch(() => false);
    const until = name.endsNow
      ? nextEventMs(this.#store, { projectId, signal }, nowMs).then(
          (ms) => ms ?? null,
          () => nowMs,
        )
      : Promise.resolve(null);
    settled.then(share, () => share(false));
    const value = await compute(signal, version.events);
    const [isSettled, untilMs] = await Promise.all([settled, until]);
    if (isSettled || this.#lateness().eventsMs > 0) {
      const kept = { format, version, state: stateText(state), settled: isSettled, untilMs, asOf };
      const entry: Entry<T> = { ...kept, value };
      const text = JSON.stringify(entry);
      this.#kept.set(name.name, text, keepMs);
      if (isSettled) this.#shared?.set(name.name, text, keepMs);
    }
    return value;
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

function isCurrent<T>({ format: written, untilMs }: Entry<T>, { nowMs }: Question): boolean {
  return written === format && (untilMs === null || nowMs < untilMs);
}

/** NaN where nobody knows: it is not younger than anything. At lateness 0 even an answer of this millisecond is too old. */
function ageMs<T>({ asOf }: Entry<T>, { nowMs }: Question): number {
  return asOf === null ? Number.NaN : Math.max(1, nowMs - Date.parse(asOf));
}
