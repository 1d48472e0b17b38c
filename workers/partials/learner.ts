// Learns which selectors to keep: what query processes tell is added up, and whoever adds to a project decides at once
// what is worth being kept for it. From time to time all projects are looked at, for what is no longer.
import type { ClickHouse } from "#ops/runtime/clickhouse.ts";
import type { Logger } from "#ops/runtime/log.ts";
import type { DemandNotes, DemandReply } from "#schemas/selectors/demand.ts";
import { decideLearned, mayLearn, type Decision } from "./decide-learned.ts";
import type { DemandStore, StoredDemand } from "./demand-store.ts";
import type { PartialMetrics } from "./metrics.ts";

const allEveryMs = 60_000;
const statementMsMax = 20_000;

interface Options {
  readonly clickhouse: ClickHouse;
  readonly store: DemandStore;
  /** Of each project; 0: nothing is learned, and what was is given up. */
  readonly learnedMax: number;
  readonly metrics: PartialMetrics;
  /** Something else is wanted from now on. */
  readonly onChange: () => void;
  readonly log: Logger;
}

export class Learner {
  readonly #options: Options;
  readonly #stopping = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  /** One decision after the other. */
  #turn: Promise<void> = Promise.resolve();

  constructor(options: Options) {
    this.#options = options;
  }

  /** At once, too: what may be learned may be another number than before. */
  start(): void {
    void this.decideAll();
    this.#timer = setInterval(() => {
      void this.decideAll();
    }, allEveryMs);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#stopping.abort();
    await this.#turn;
  }

  async note({ notes }: DemandNotes): Promise<DemandReply> {
    const { store, learnedMax } = this.#options;
    if (learnedMax === 0) return { refused: [] };
    await store.add(notes);
    const projects = [...new Set(notes.map(({ projectId }) => projectId))];
    for (const projectId of projects) await this.decide(projectId);
    return { refused: await store.refused(projects) };
  }

  /** What is kept for a project from now on. */
  decide(projectId: number): Promise<void> {
    const decided = this.#turn.then(() => this.#decide(projectId));
    this.#turn = decided.catch(() => undefined);
    return decided;
  }

  async #decide(projectId: number): Promise<void> {
    const { store, learnedMax, metrics, onChange, log } = this.#options;
    const demand = await store.read(projectId);
    const events = await this.#eventsOf(projectId, demand);
    const byHash = new Map(demand.map((each) => [each.hash, each]));
    const decision = decideLearned(
      demand.map((each) => ({ ...each, events: events.of(each) })),
      { learnedMax, events: events.all },
    );
    if (!changes(decision)) return;
    const kept = decision.kept.map(({ hash }) => byHash.get(hash) as StoredDemand);
    await store.apply(projectId, kept, decision);
    const learned = kept.filter((each) => !each.learned);
    for (const { definition, rows, asked } of learned) {
      log.info(
        { project: projectId, event: definition.event, property: definition.breakdown, rows, asked },
        "a selector was learned",
      );
    }
    metrics.learned.inc({ outcome: "learned" }, learned.length);
    metrics.learned.inc({ outcome: "refused" }, decision.refused.length);
    metrics.learned.inc({ outcome: "dropped" }, decision.dropped.length);
    onChange();
  }

  async decideAll(): Promise<void> {
    const { store, log } = this.#options;
    try {
      for (const projectId of await store.projects()) {
        if (this.#stopping.signal.aborted) return;
        await this.decide(projectId);
        await store.forget(projectId);
      }
    } catch (error) {
      if (!this.#stopping.signal.aborted) {
        log.warn({ err: error }, "it could not be decided what to learn, trying again");
      }
    }
  }

  /** How many events there are by name, and of all names; read only where something may be learned. */
  async #eventsOf(projectId: number, demand: readonly StoredDemand[]) {
    if (!mayLearn(demand)) return { all: 0, of: () => 0 };
    const names = [...new Set(demand.flatMap(({ definition }) => definition.event ?? []))];
    const result = await this.#options.clickhouse.query({
      query: `SELECT '', sum(events) FROM rollup_day_any WHERE project_id = {project:UInt32}
        UNION ALL
        SELECT event, sum(events) FROM rollup_day
        WHERE project_id = {project:UInt32} AND event IN {events:Array(String)} GROUP BY event`,
      query_params: { project: projectId, events: names },
      use_multipart_params_auto: true,
      format: "JSONCompact",
      clickhouse_settings: { max_threads: 1, output_format_json_quote_64bit_integers: 0 },
      abort_signal: AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(statementMsMax)]),
    });
    const rows = (await result.json<[string, number]>()).data;
    const counts = new Map(rows);
    const all = counts.get("") ?? 0;
    return {
      all,
      of: ({ definition: { event } }: StoredDemand): number =>
        event === null ? all : (counts.get(event) ?? 0),
    };
  }
}

function changes({ kept, refused, dropped }: Decision): boolean {
  return refused.length > 0 || dropped.length > 0 || kept.some(({ learned }) => !learned);
}
