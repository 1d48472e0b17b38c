// The installation that is measured, as any client sees it: HTTP, a read key, JSON.

export interface Access {
  readonly url: string;
  readonly readKey: string;
}

export interface Answered {
  readonly status: number;
  readonly answer: unknown;
  readonly tookMs: number;
}

export interface AnswerMeta {
  readonly source: string;
  readonly rows_read: number;
  readonly cache: string;
  readonly exact: boolean;
}

export const answerMsMax = 120_000;

export async function ask(
  access: Access,
  method: "GET" | "POST" | "DELETE",
  path: string,
  body?: object | string,
): Promise<Answered> {
  const startedMs = performance.now();
  const response = await fetch(`${access.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${access.readKey}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    signal: AbortSignal.timeout(answerMsMax),
  });
  const text = await response.text();
  const tookMs = performance.now() - startedMs;
  return { status: response.status, answer: text === "" ? null : (JSON.parse(text) as unknown), tookMs };
}

/** @throws Error with what was answered instead. */
export async function askOk(
  access: Access,
  method: "GET" | "POST" | "DELETE",
  path: string,
  body?: object | string,
): Promise<Answered> {
  const answered = await ask(access, method, path, body);
  if (answered.status >= 300) {
    throw new Error(`${path} answered ${answered.status}: ${JSON.stringify(answered.answer).slice(0, 500)}`);
  }
  return answered;
}

export function metaOf(answer: unknown): AnswerMeta {
  return (answer as { meta: AnswerMeta }).meta;
}
