// One question: checked against plain SQL, then timed over ranges that no cache has seen.
import type { ClickHouse } from "#ops/runtime/clickhouse.ts";
import { askPeer } from "./peer-table.ts";
import { ask, askOk, metaOf, type Access, type AnswerMeta } from "./product.ts";
import { timesOf, type Times } from "./quantiles.ts";
import { cohortPlace, findDifference, type QueryCase } from "./query-case.ts";

export interface CaseResult {
  readonly name: string;
  readonly kind: string;
  readonly goalMs: number;
  readonly goalRatio?: number;
  /** The first of all, when nothing of it was resident yet. */
  readonly firstMs: number;
  readonly times: Times;
  /** Of timed answers, how many a cache gave. */
  readonly cached: number;
  readonly meta: AnswerMeta;
  readonly plain?: { readonly times: Times; readonly difference?: string };
  readonly ratio?: number;
  readonly saved?: SavedTimes;
}

export interface SavedTimes {
  readonly firstMs: number;
  readonly times: Times;
  readonly source: string;
}

export interface MeasureOptions {
  readonly repetitions: number;
  /** 0: not compared with plain SQL. */
  readonly plainRepetitions: number;
  readonly saved: boolean;
  /** Done before each question is asked for the first time. */
  readonly forget?: () => Promise<void>;
}

const refreshMsMax = 60_000;
/** A saved insight is maintained from its creation on; so long its answers may still come from elsewhere. */
const maintainedMsMax = 15_000;
const pollMs = 250;

const firstShift = 1;

export async function measureCase(
  access: Access,
  clickhouse: ClickHouse,
  question: QueryCase,
  options: MeasureOptions,
): Promise<CaseResult> {
  const cohortId = question.cohort === undefined ? "" : await makeCohort(access, question.cohort);
  const bodyOf = (shift: number): string =>
    JSON.stringify(question.body(shift)).replaceAll(`"${cohortPlace}"`, JSON.stringify(cohortId));
  try {
    await options.forget?.();
    const first = await askOk(access, "POST", question.path, bodyOf(0));
    const tookMs: number[] = [];
    let cached = 0;
    for (let index = 0; index < options.repetitions; index += 1) {
      const answered = await askOk(access, "POST", question.path, bodyOf(firstShift + index));
      tookMs.push(answered.tookMs);
      if (metaOf(answered.answer).cache === "hit") cached += 1;
    }
    const times = timesOf(tookMs);
    const plain = await measurePlain(clickhouse, question, first.answer, options.plainRepetitions);
    const saved = options.saved ? await measureSaved(access, question, bodyOf(0), options) : undefined;
    return {
      ...{ name: question.name, kind: question.kind, goalMs: question.goalMs },
      ...(question.goalRatio === undefined ? {} : { goalRatio: question.goalRatio }),
      ...{ firstMs: round(first.tookMs), times, cached, meta: metaOf(first.answer) },
      ...(plain === undefined ? {} : { plain, ratio: round(plain.times.p50 / times.p50) }),
      ...(saved === undefined ? {} : { saved }),
    };
  } finally {
    if (cohortId !== "") await ask(access, "DELETE", `/v1/cohorts/${cohortId}`);
  }
}

async function measurePlain(
  clickhouse: ClickHouse,
  question: QueryCase,
  answer: unknown,
  repetitions: number,
): Promise<CaseResult["plain"]> {
  if (question.plainSql === undefined || question.rows === undefined || repetitions === 0) return undefined;
  const tookMs: number[] = [];
  let difference: string | undefined;
  for (let index = 0; index < repetitions; index += 1) {
    const plain = await askPeer(clickhouse, question.plainSql);
    tookMs.push(plain.tookMs);
    difference = findDifference(plain.rows, question.rows(answer as never));
  }
  return { times: timesOf(tookMs), ...(difference === undefined ? {} : { difference }) };
}

/** The question as an insight, which is maintained from then on; its answer for the same range. */
async function measureSaved(
  access: Access,
  question: QueryCase,
  body: string,
  options: MeasureOptions,
): Promise<SavedTimes | undefined> {
  if (question.insight === undefined) return undefined;
  const { from, to, ...query } = JSON.parse(body) as Record<string, string>;
  const made = await askOk(access, "POST", "/v1/insights", {
    name: `benchmark ${Date.now().toString(36)}`,
    kind: question.insight,
    query,
  });
  const { id } = made.answer as { id: string };
  try {
    const path = `/v1/insights/${id}/result?${new URLSearchParams({ from: from ?? "", to: to ?? "" }).toString()}`;
    const first = await askOk(access, "GET", path);
    let source = metaOf(first.answer).source;
    // Maintained once the answer comes from elsewhere than that of the question alone.
    for (let waitedMs = 0; waitedMs < maintainedMsMax; waitedMs += pollMs) {
      const answered = await askOk(access, "GET", path);
      if (metaOf(answered.answer).source !== source) break;
      await new Promise((resolve) => setTimeout(resolve, pollMs));
    }
    const tookMs: number[] = [];
    for (let index = 0; index < options.repetitions; index += 1) {
      // A range of another length, as whoever looks at the last 89, 88, … days asks for it.
      const later = new Date(Date.parse(from ?? "") + (index + 1) * 7 * 86_400_000).toISOString();
      const answered = await askOk(
        access,
        "GET",
        `/v1/insights/${id}/result?${new URLSearchParams({ from: later, to: to ?? "" }).toString()}`,
      );
      tookMs.push(answered.tookMs);
      source = metaOf(answered.answer).source;
    }
    return { firstMs: round(first.tookMs), times: timesOf(tookMs), source };
  } finally {
    await ask(access, "DELETE", `/v1/insights/${id}`);
  }
}

async function makeCohort(access: Access, definition: object): Promise<string> {
  const name = `benchmark ${Date.now().toString(36)}`;
  let { answer } = await askOk(access, "POST", "/v1/cohorts", { name, definition });
  for (let waitedMs = 0; waitedMs < refreshMsMax; waitedMs += pollMs) {
    const { id, size } = answer as { id: string; size: number | null };
    if (size !== null) return id;
    await new Promise((resolve) => setTimeout(resolve, pollMs));
    ({ answer } = await askOk(access, "GET", `/v1/cohorts/${id}`));
  }
  throw new Error("the cohort was not refreshed in a minute");
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
