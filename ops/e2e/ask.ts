// Asks an installation over HTTP as its users would: waits where a store that is coming back says how long.
import { sleep, type Installation, type Keys } from "./installation.ts";

const triesMax = 20;

export interface Asked {
  readonly status: number;
  readonly body: unknown;
}

/** One request; JSON in and out. */
export async function ask(
  installation: Installation,
  key: keyof Keys,
  method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE",
  path: string,
  body?: object,
): Promise<Asked> {
  for (let tries = 1; ; tries += 1) {
    const response = await fetch(`${installation.url}${path}`, {
      method,
      headers: { "content-type": "application/json", authorization: `Bearer ${installation.keys[key]}` },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const retryAfterSeconds = Number(response.headers.get("retry-after"));
    if (response.status !== 503 || !(retryAfterSeconds > 0) || tries === triesMax) {
      const text = await response.text();
      const isJson = response.headers.get("content-type")?.startsWith("application/json") === true;
      return { status: response.status, body: isJson ? (JSON.parse(text) as unknown) : text };
    }
    await sleep(retryAfterSeconds * 1000);
  }
}

/** The answer of a query; throws with what was answered when it was refused. */
export async function query<Answer>(installation: Installation, kind: string, body: object): Promise<Answer> {
  const { status, body: answer } = await ask(installation, "read", "POST", `/v1/query/${kind}`, body);
  if (status === 200) return answer as Answer;
  throw new Error(
    `${kind} answered ${status}: ${JSON.stringify(answer)}\n${installation.readLog("query-1")}`,
  );
}
