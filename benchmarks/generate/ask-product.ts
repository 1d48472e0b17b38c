// Asks a running installation every question whose answer is known, and tells where they differ.
import { compareAnswer, type KnownAnswer } from "./known-answers.ts";

export interface CheckedAnswer {
  readonly name: string;
  readonly tookMs: number;
  /** Empty: as expected. */
  readonly differences: readonly string[];
}

const answerMsMax = 120_000;

export async function askProduct(
  access: { url: string; readKey: string },
  answers: readonly KnownAnswer[],
): Promise<CheckedAnswer[]> {
  const checked: CheckedAnswer[] = [];
  for (const { name, path, body, expected } of answers) {
    const startedMs = performance.now();
    const found = await ask(access, path, body);
    const tookMs = performance.now() - startedMs;
    const differences =
      "status" in found ? [`answered ${found.status}: ${found.text}`] : compareAnswer(expected, found.answer);
    checked.push({ name, tookMs, differences });
  }
  return checked;
}

async function ask(
  access: { url: string; readKey: string },
  path: string,
  body: object,
): Promise<{ answer: unknown } | { status: number; text: string }> {
  const response = await fetch(`${access.url}${path}`, {
    method: "POST",
    headers: { authorization: `Bearer ${access.readKey}`, "content-type": "application/json" },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(answerMsMax),
  });
  const text = await response.text();
  if (response.status !== 200) return { status: response.status, text: text.slice(0, 500) };
  return { answer: JSON.parse(text) as unknown };
}
