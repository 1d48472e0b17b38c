// Makes the answers of questions that are asked often before somebody asks again: once what was being stored is stored.
// While events keep arriving nothing is made ahead, because it would be over before anybody asked.
import type { Logger } from "#ops/runtime/log.ts";
import type { ProjectState } from "./project-state.ts";

/** Questions that are remembered; the one that was asked the longest ago is forgotten. */
const questionsMax = 256;
/** Asked that often within that time, and not refreshed for nothing. */
const asksMin = 3;
const asksWithinMs = 600_000;
const everyMs = 1_000;
/** Of one round; the next ones follow a second later. */
const refreshesMax = 4;
const hourMs = 3_600_000;

interface Asked {
  readonly projectId: number;
  again: (signal: AbortSignal) => Promise<unknown>;
  /** The latest times, oldest first. */
  atMs: number[];
  /** For what it was made ahead the last time. */
  madeFor: string;
}

export class RefreshAhead {
  readonly #stateOf: (projectId: number) => Promise<ProjectState>;
  readonly #log: Logger;
  readonly #now: () => number;
  readonly #questions = new Map<string, Asked>();
  /** Positions of each project at the round before. */
  #before = new Map<number, string>();
  readonly #stopping = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #round: Promise<void> | undefined;

  constructor(options: {
    stateOf: (projectId: number) => Promise<ProjectState>;
    log: Logger;
    now?: () => number;
  }) {
    this.#stateOf = options.stateOf;
    this.#log = options.log;
    this.#now = options.now ?? Date.now;
  }

  start(): void {
    this.#timer = setInterval(() => {
      this.#round ??= this.refresh()
        .catch((error: unknown) => this.#log.debug({ err: error }, "answers could not be made ahead"))
        .finally(() => (this.#round = undefined));
    }, everyMs);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#stopping.abort();
    await this.#round;
  }

  /** Somebody asked; `name` is the same whenever the same is asked. */
  note(name: string, projectId: number, again: (signal: AbortSignal) => Promise<unknown>): void {
    const known = this.#questions.get(name);
    this.#questions.delete(name);
    const asked = known ?? { projectId, again, atMs: [], madeFor: "" };
    asked.again = again;
    asked.atMs = [...asked.atMs, this.#now()].slice(-asksMin);
    this.#questions.set(name, asked);
    if (this.#questions.size > questionsMax) {
      const [oldest] = this.#questions.keys();
      if (oldest !== undefined) this.#questions.delete(oldest);
    }
  }

  /** One round. */
  async refresh(): Promise<void> {
    const nowMs = this.#now();
    const popular = [...this.#questions.values()].filter(
      ({ atMs }) => atMs.length === asksMin && nowMs - (atMs[0] as number) <= asksWithinMs,
    );
    const projects = [...new Set(popular.map(({ projectId }) => projectId))];
    const states = new Map<number, string | undefined>();
    for (const projectId of projects) {
      const { positions, epoch, settled } = await this.#stateOf(projectId);
      states.set(projectId, settled ? `${epoch} ${positions}` : undefined);
    }
    const before = this.#before;
    this.#before = new Map([...states].map(([projectId, state]) => [projectId, state ?? ""]));
    let made = 0;
    for (const question of popular) {
      const state = states.get(question.projectId);
      if (state === undefined || before.get(question.projectId) !== state) continue;
      // Each hour as well: days begin, and with them other ranges.
      const madeFor = `${state} ${Math.floor(nowMs / hourMs)}`;
      if (question.madeFor === madeFor) continue;
      if (made === refreshesMax || this.#stopping.signal.aborted) return;
      made += 1;
      question.madeFor = madeFor;
      // Whoever asks for it hears of what is wrong with it.
      await question.again(this.#stopping.signal).catch(() => undefined);
    }
  }
}
