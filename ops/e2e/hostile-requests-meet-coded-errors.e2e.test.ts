// Whatever is sent to whichever address, with whichever key: an answer with a code of the catalogue, no failure of
// ours, no process that dies, and what was there before is still there.
import { afterAll, beforeAll, expect, test } from "vitest";
import { isErrorCode } from "#schemas/errors.ts";
import { scopesOf } from "#schemas/operations/operation.ts";
import { operations } from "#schemas/operations/operations.ts";
import { RandomSource } from "#query/testing/random-source.ts";
import { ask, query } from "./ask.ts";
import { makeHostile, type HostileRequest } from "./hostile-requests.ts";
import { Installation } from "./installation.ts";

const seed = Number(process.env["HOSTILE_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
/** Requests to each operation. */
const cases = Number(process.env["HOSTILE_CASES"] ?? 12);
const answerMsMax = 30_000;
/** Streams without an end are left once they have begun. */
const bodyBytesRead = 1_000_000;

let installation: Installation;

beforeAll(async () => {
  // Many requests to links from one address are what is asked for here.
  installation = await Installation.create({ MILLRACE_LINKS_REQUESTS_PER_MINUTE: "1000000" });
  installation.start();
  await installation.ready();
});

afterAll(async () => {
  await installation.destroy();
});

interface Answered {
  readonly status: number;
  readonly text: string;
}

async function send(request: HostileRequest, key: string): Promise<Answered> {
  const leave = new AbortController();
  const timer = setTimeout(() => leave.abort(new Error("no answer in time")), answerMsMax);
  try {
    const response = await fetch(`${installation.url}${request.path}`, {
      method: request.method,
      headers: {
        authorization: `Bearer ${key}`,
        ...(request.contentType === undefined ? {} : { "content-type": request.contentType }),
      },
      ...(request.body === undefined ? {} : { body: request.body }),
      redirect: "manual",
      signal: leave.signal,
    });
    if (response.status < 300) {
      // What a stream says is not looked at here.
      await response.body?.cancel();
      return { status: response.status, text: "" };
    }
    return { status: response.status, text: (await response.text()).slice(0, bodyBytesRead) };
  } finally {
    clearTimeout(timer);
  }
}

/** Undefined when the answer is as it should be. */
function problemOf({ status, text }: Answered): string | undefined {
  if (status < 400) return undefined;
  // The server library's own answer to a head of more than 4 KB.
  if (status === 431) return undefined;
  if (status >= 500) return `${status} ${text}`;
  if (text.startsWith("<!doctype html>")) return undefined;
  let body: { error?: { code?: unknown }; rejected?: { code?: unknown }[] };
  try {
    body = JSON.parse(text) as typeof body;
  } catch {
    return `${status} without JSON: ${text.slice(0, 200)}`;
  }
  const code = body.error?.code ?? body.rejected?.[0]?.code;
  return isErrorCode(code) ? undefined : `${status} without a code: ${text.slice(0, 200)}`;
}

test(`every operation answers whatever it is sent (seed ${seed})`, { timeout: 600_000 }, async () => {
  const random = new RandomSource(seed);
  const draw = (below: number): number => random.below(below);
  const sent = await ask(installation, "write", "POST", "/v1/events", {
    batch: Array.from({ length: 200 }, (_, index) => ({
      event: "kept",
      user_id: `u${index % 20}`,
      event_id: `kept-${index}`,
    })),
  });
  expect(sent.status).toBe(202);
  const count = async (): Promise<number> => {
    const { series } = await query<{ series: { total: number }[] }>(installation, "trends", {
      series: [{ event: "kept", math: "total" }],
    });
    return series[0]?.total ?? 0;
  };
  await expect.poll(count, { timeout: 30_000 }).toBe(200);
  const before = installation.processes().map(({ pid }) => pid);

  const problems: string[] = [];
  const statuses = new Map<number, number>();
  for (const operation of operations) {
    // Deleting what is asked for is what it is for; a name that is drawn must not be one that exists.
    const scopes = scopesOf(operation.scope);
    const fitting = (["admin", "read", "write"] as const).find((scope) => scopes.includes(scope)) ?? "read";
    for (let index = 0; index < cases; index += 1) {
      const request = makeHostile(operation, draw);
      const scope = draw(8) === 0 ? (["admin", "read", "write"] as const)[draw(3)] : fitting;
      const key = draw(20) === 0 ? "no-key" : installation.keys[scope as "admin"];
      let problem: string | undefined;
      try {
        const answered = await send(request, key);
        statuses.set(answered.status, (statuses.get(answered.status) ?? 0) + 1);
        problem = problemOf(answered);
      } catch (error) {
        problem = String((error as Error).cause ?? error);
      }
      if (problem !== undefined) {
        const body = request.body === undefined ? "" : Buffer.from(request.body).toString().slice(0, 600);
        problems.push(`${request.method} ${request.path.slice(0, 400)} ${body}\n  → ${problem}`);
      }
    }
  }
  console.log(`answers by status: ${JSON.stringify(Object.fromEntries(statuses))}`);
  expect(problems.join("\n\n")).toBe("");
  expect(installation.processes().map(({ pid }) => pid)).toEqual(expect.arrayContaining(before));
  expect(await count()).toBe(200);
});
