// Lets so many queries run at once, fairly among projects. Three lanes keep what is quick from waiting behind what is
// not: light, heavy, and background for what nobody waits for. In each lane the project with the fewest running there
// is next, so one that asks a hundred at once waits behind its own.
import { MillraceError } from "#schemas/errors.ts";

export const lanes = ["light", "heavy", "background"] as const;
export type Lane = (typeof lanes)[number];

export interface Turn {
  readonly projectId: number;
  readonly lane: Lane;
  /** Of the project, light and heavy together. */
  readonly atOnceMax: number;
  readonly signal: AbortSignal;
}

/** A place that is held; given back once. */
export interface Place {
  /** It takes longer than thought: makes room in the light lane, and counts as heavy from now on. */
  demote(): void;
  leave(): void;
}

interface Waiting {
  readonly turn: Turn;
  readonly sinceMs: number;
  readonly enter: (place: Place) => void;
}

interface Use {
  /** Running, by lane. */
  readonly running: Record<Lane, number>;
  readonly waiting: Record<Lane, Waiting[]>;
  /** When a place was last given, counted: of equals the one that waited longest is next. */
  servedAt: number;
  /** Mean time of a query, in ms: what says how long the next one waits. */
  meanMs: number;
}

/** Waiting queries of one project; more are refused. */
export const waitingMax = 256;
const waitMsMax = 30_000;
/** Of all projects and lanes together: light ones that became heavy leave their places to others. */
const runningMax = 48;
/** Weight of the latest query in the mean. */
const meanWeight = 0.2;
const meanMsFirst = 500;

export class FairGate {
  readonly #places: Readonly<Record<Lane, number>>;
  readonly #now: () => number;
  readonly #running: Record<Lane, number> = { light: 0, heavy: 0, background: 0 };
  readonly #projects = new Map<number, Use>();
  #served = 0;

  constructor(places: Readonly<Record<Lane, number>>, now: () => number = () => performance.now()) {
    this.#places = places;
    this.#now = now;
  }

  running(lane: Lane): number {
    return this.#running[lane];
  }

  /** Light and heavy. */
  get busy(): number {
    return this.#running.light + this.#running.heavy;
  }

  get waiting(): number {
    let count = 0;
    for (const use of this.#projects.values()) for (const lane of lanes) count += use.waiting[lane].length;
    return count;
  }

  /** How long the last of those who wait will have to, about. */
  get waitMs(): number {
    let ms = 0;
    for (const { waiting, meanMs } of this.#projects.values()) {
      ms +=
        (meanMs * waiting.light.length) / this.#places.light +
        (meanMs * waiting.heavy.length) / this.#places.heavy;
    }
    return ms;
  }

  /** Throws QUERY_LIMIT_EXCEEDED when too many of the project wait already, or it waited too long. */
  async enter(turn: Turn): Promise<Place> {
    const use = this.#useOf(turn.projectId);
    if (this.#mayRun(use, turn)) return this.#give(use, turn);
    if (lanes.reduce((sum, lane) => sum + use.waiting[lane].length, 0) >= waitingMax) {
      throw this.#refusal(use, turn);
    }
    return new Promise((resolve, reject) => {
      const line = use.waiting[turn.lane];
      const stop = (error: () => MillraceError): void => {
        const at = line.indexOf(waiting);
        if (at === -1) return;
        line.splice(at, 1);
        settle();
        reject(error());
        this.#forget(turn.projectId, use);
      };
      const left = (): void => stop(() => new MillraceError("SHUTTING_DOWN", { message: "the caller left" }));
      const timer =
        turn.lane === "background"
          ? undefined
          : setTimeout(() => stop(() => this.#refusal(use, turn)), waitMsMax);
      const settle = (): void => {
        clearTimeout(timer);
        turn.signal.removeEventListener("abort", left);
      };
      const waiting: Waiting = {
        turn,
        sinceMs: this.#now(),
        enter: (place) => {
          settle();
          resolve(place);
        },
      };
      line.push(waiting);
      turn.signal.addEventListener("abort", left, { once: true });
      if (turn.signal.aborted) left();
    });
  }

  #mayRun(use: Use, { lane, atOnceMax }: Turn): boolean {
    return this.#hasPlace(lane) && (lane === "background" || runningOf(use) < atOnceMax);
  }

  #hasPlace(lane: Lane): boolean {
    const { light, heavy, background } = this.#running;
    return this.#running[lane] < this.#places[lane] && light + heavy + background < runningMax;
  }

  #give(use: Use, turn: Turn): Place {
    let lane = turn.lane;
    let held = true;
    const sinceMs = this.#now();
    this.#running[lane] += 1;
    use.running[lane] += 1;
    use.servedAt = ++this.#served;
    return {
      demote: () => {
        if (!held || lane !== "light") return;
        this.#running.light -= 1;
        use.running.light -= 1;
        lane = "heavy";
        this.#running.heavy += 1;
        use.running.heavy += 1;
        this.#next();
      },
      leave: () => {
        if (!held) return;
        held = false;
        this.#running[lane] -= 1;
        use.running[lane] -= 1;
        use.meanMs += meanWeight * (this.#now() - sinceMs - use.meanMs);
        this.#next();
        this.#forget(turn.projectId, use);
      },
    };
  }

  /** Fills every place that somebody may take. */
  #next(): void {
    for (const lane of lanes) {
      while (this.#hasPlace(lane)) {
        const use = this.#nextProject(lane);
        const waiting = use?.waiting[lane].shift();
        if (use === undefined || waiting === undefined) break;
        waiting.enter(this.#give(use, waiting.turn));
      }
    }
  }

  #nextProject(lane: Lane): Use | undefined {
    let best: Use | undefined;
    for (const use of this.#projects.values()) {
      const first = use.waiting[lane][0];
      if (first === undefined) continue;
      if (lane !== "background" && runningOf(use) >= first.turn.atOnceMax) continue;
      if (best === undefined || isBefore(use, best, lane)) best = use;
    }
    return best;
  }

  #refusal(use: Use, turn: Turn): MillraceError {
    const ahead = lanes.reduce((sum, lane) => sum + use.waiting[lane].length, 0) + 1;
    const places = Math.max(1, Math.min(turn.atOnceMax, this.#places[turn.lane]));
    const seconds = Math.min(60, Math.max(1, Math.ceil((ahead * use.meanMs) / places / 1000)));
    return new MillraceError("QUERY_LIMIT_EXCEEDED", {
      retryAfterSeconds: seconds,
      details: [{ budget: "queries_at_once", limit: turn.atOnceMax }],
    });
  }

  #useOf(projectId: number): Use {
    const known = this.#projects.get(projectId);
    if (known !== undefined) return known;
    const use: Use = {
      running: { light: 0, heavy: 0, background: 0 },
      waiting: { light: [], heavy: [], background: [] },
      servedAt: 0,
      meanMs: meanMsFirst,
    };
    this.#projects.set(projectId, use);
    return use;
  }

  /** Projects that ask nothing are not remembered. */
  #forget(projectId: number, use: Use): void {
    if (lanes.some((lane) => use.running[lane] > 0 || use.waiting[lane].length > 0)) return;
    if (this.#projects.get(projectId) === use) this.#projects.delete(projectId);
  }
}

function runningOf({ running }: Use): number {
  return running.light + running.heavy;
}

function isBefore(left: Use, right: Use, lane: Lane): boolean {
  const fewer = left.running[lane] - right.running[lane];
  return fewer < 0 || (fewer === 0 && left.servedAt < right.servedAt);
}
