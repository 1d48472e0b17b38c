// Many people who look at things at once while events are taken in: each client asks its next question when it has
// its answer, without a pause, in a mix like that of dashboards. Ranges are the last 7, 30 and 90 days, today included, so
// what is taken in changes the answers all the time.
import { Agent, request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { batchEvents } from "../harness/batch-load.ts";
import { startBatchLoad } from "../harness/start-batch-load.ts";
import { dayMs } from "../generate/plan.ts";
import type { DataSet } from "./data-set.ts";
import { measureFreshness, type Freshness } from "./freshness.ts";
import { funnelCases } from "./funnel-cases.ts";
import { peopleCases } from "./people-cases.ts";
import { answerMsMax, type Access } from "./product.ts";
import { timesOf, type Times } from "./quantiles.ts";
import type { QueryCase } from "./query-case.ts";
import { trendsCases } from "./trends-cases.ts";

export interface MixedOptions {
  readonly seconds: number;
  readonly clients: number;
  readonly eventsPerSecond: number;
}

export interface MixedResult extends MixedOptions {
  readonly queriesPerSecond: number;
  readonly all: Times;
  readonly kinds: Readonly<Record<string, Times>>;
  /** Answers that were no answers, by HTTP status. */
  readonly failures: Readonly<Record<string, number>>;
  readonly acknowledgedPerSecond: number;
  readonly eventsRefused: number;
  readonly freshness: Freshness;
}

/** Of a hundred questions. */
const shares: Readonly<Record<string, number>> = {
  counts: 40,
  "sums and breakdowns": 14,
  "distinct people": 18,
  "filtered people": 8,
  retention: 8,
  "stickiness, lifecycle": 6,
  "funnel in order": 6,
};
/** Days up to now that each question is asked about; retention has its own weeks. */
const rangesDays = [7, 30, 90] as const;
const loadConnections = 8;
const settleMs = 2_000;

interface Asked {
  readonly kind: string;
  readonly path: string;
  readonly body: string;
}

export async function measureMixed(
  access: Access & { readonly writeKey: string },
  data: DataSet,
  options: MixedOptions,
): Promise<MixedResult> {
  const nextQuestion = buildMix(data);
  const port = Number(new URL(access.url).port);
  const load = startBatchLoad({
    port,
    key: access.writeKey,
    connections: loadConnections,
    seconds: options.seconds + settleMs / 1000,
    requestsPerSecond: options.eventsPerSecond / batchEvents,
    run: Date.now().toString(36),
  });
  await sleep(settleMs);
  const endAtMs = performance.now() + options.seconds * 1000;
  const tookMs = new Map<string, number[]>();
  const failures: Record<string, number> = {};
  const agent = new Agent({ keepAlive: true, maxSockets: options.clients });
  const client = async (): Promise<void> => {
    while (performance.now() < endAtMs) {
      const question = nextQuestion();
      const startedMs = performance.now();
      const status = await post(access, agent, question);
      if (status === 200) {
        const times = tookMs.get(question.kind) ?? [];
        times.push(performance.now() - startedMs);
        tookMs.set(question.kind, times);
      } else {
        failures[String(status)] = (failures[String(status)] ?? 0) + 1;
        await sleep(100);
      }
    }
  };
  const [freshness] = await Promise.all([
    measureFreshness(access, endAtMs),
    ...Array.from({ length: options.clients }, client),
  ]);
  await load.done;
  agent.destroy();
  const { acknowledged, refused, elapsedMs } = load.progress();
  const all = timesOf([...tookMs.values()].flat());
  return {
    ...options,
    queriesPerSecond: Math.round((all.count / options.seconds) * 10) / 10,
    all,
    kinds: Object.fromEntries(
      Object.keys(shares).flatMap((kind) => {
        const times = tookMs.get(kind);
        return times === undefined ? [] : [[kind, timesOf(times)]];
      }),
    ),
    failures,
    acknowledgedPerSecond: Math.round(acknowledged / (elapsedMs / 1000)),
    eventsRefused: refused,
    freshness,
  };
}

/** What the clients ask: a kind by its share, then any of its questions over any range. */
function buildMix(data: DataSet): () => Asked {
  const cases = [...trendsCases(data), ...peopleCases(data), ...funnelCases(data)].filter(
    ({ needsRows, cohort }) => (data.hasRows || needsRows !== true) && cohort === undefined,
  );
  const kinds = Object.entries(shares).flatMap(([kind, share]) => {
    const questions = cases
      .filter((each) => each.kind === kind)
      .flatMap((each) => rangesDays.map((days) => ({ kind, path: each.path, body: bodyOf(each, days) })));
    return questions.length === 0 ? [] : Array.from({ length: share }, () => questions);
  });
  return () => pick(pick(kinds));
}

function pick<T>(from: readonly T[]): T {
  return from[Math.floor(Math.random() * from.length)] as T;
}

function bodyOf(question: QueryCase, days: number): string {
  const body = question.body(0);
  if (question.kind === "retention") return JSON.stringify(body);
  const endMs = (Math.floor(Date.now() / dayMs) + 1) * dayMs;
  const [from, to] = [endMs - days * dayMs, endMs - 1].map((epochMs) => new Date(epochMs).toISOString());
  return JSON.stringify({ ...body, from, to });
}

function post(access: Access, agent: Agent, asked: Asked): Promise<number> {
  return new Promise((resolve) => {
    const sent = request(
      `${access.url}${asked.path}`,
      {
        method: "POST",
        agent,
        timeout: answerMsMax,
        headers: {
          authorization: `Bearer ${access.readKey}`,
          "content-type": "application/json",
          "content-length": Buffer.byteLength(asked.body),
        },
      },
      (response) => {
        response.resume();
        response.once("end", () => resolve(response.statusCode ?? 0));
        response.once("error", () => resolve(0));
      },
    );
    sent.once("timeout", () => sent.destroy());
    sent.once("error", () => resolve(0));
    sent.end(asked.body);
  });
}
