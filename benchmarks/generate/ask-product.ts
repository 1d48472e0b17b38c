// Asks a running installation every question whose answer is known, and tells where they differ. Cohorts that a
// question needs are made for it, and taken away again.
import { cohortPlace, compareAnswer, type KnownAnswer } from "./known-answers.ts";

export interface CheckedAnswer {
  readonly name: string;
  readonly tookMs: number;
  /** Empty: as expected. */
  readonly differences: readonly string[];
}

export interface Access {
  readonly url: string;
  readonly readKey: string;
}

const answerMsMax = 120_000;
const refreshMsMax = 60_000;
const refreshPollMs = 200;

export async function askProduct(access: Access, answers: readonly KnownAnswer[]): Promise<CheckedAnswer[]> {
  const checked: CheckedAnswer[] = [];
  for (const known of answers) {
    const made = known.cohort === undefined ? undefined : await makeCohort(access, known.cohort.definition);
    const body = JSON.stringify(known.body).replaceAll(`"${cohortPlace}"`, JSON.stringify(made?.id ?? ""));
    const startedMs = performance.now();
    const { status, answer } = await call(access, "POST", known.path, body);
    const tookMs = performance.now() - startedMs;
    const differences = [
      ...compareAnswer(known.cohort?.size, made?.size, "size of the cohort"),
      ...(status === 200
        ? compareAnswer(known.expected, answer)
        : [`answered ${status}: ${JSON.stringify(answer)}`]),
    ];
    if (made !== undefined) await call(access, "DELETE", `/v1/cohorts/${made.id}`);
    checked.push({ name: known.name, tookMs, differences });
  }
  return checked;
}

interface MadeCohort {
  readonly id: string;
  readonly size: number | null;
}

/** Waits for its first refresh, when that was not done at once. */
async function makeCohort(access: Access, definition: object): Promise<MadeCohort> {
  const name = `known answer ${Date.now().toString(36)}`;
  const { status, answer } = await call(access, "POST", "/v1/cohorts", JSON.stringify({ name, definition }));
  if (status !== 201) throw new Error(`the cohort was answered with ${status}: ${JSON.stringify(answer)}`);
  let cohort = answer as MadeCohort;
  for (let waitedMs = 0; cohort.size === null && waitedMs < refreshMsMax; waitedMs += refreshPollMs) {
    await new Promise((resolve) => setTimeout(resolve, refreshPollMs));
    cohort = (await call(access, "GET", `/v1/cohorts/${cohort.id}`)).answer as MadeCohort;
  }
  return cohort;
}

async function call(
  access: Access,
  method: "GET" | "POST" | "DELETE",
  path: string,
  body?: string,
): Promise<{ status: number; answer: unknown }> {
  const response = await fetch(`${access.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${access.readKey}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body }),
    signal: AbortSignal.timeout(answerMsMax),
  });
  const text = await response.text();
  return { status: response.status, answer: text === "" ? null : (JSON.parse(text) as unknown) };
}
