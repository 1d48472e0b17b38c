// The name of a question: equal names, and equal data, mean equal answers. It holds the request as it was asked and as
// it was understood at this moment, so defaults that depend on the clock (the last 30 days, the bucket of today) are in
// it. The instant "now" itself is not: a range that is open at its end stays the same question until its first bucket
// or its last one changes. Whether an event lies between two such moments is asked beside (data-version.ts).
import { createHash } from "node:crypto";

export interface QuestionName {
  readonly name: string;
  /** True when the range ends now. */
  readonly endsNow: boolean;
}

/** Undefined: the question is another one every millisecond (a comparison with the period before an open range). */
export function nameQuestion(options: {
  kind: string;
  projectId: number;
  body: unknown;
  nowMs: number;
  read: (nowMs: number) => unknown;
  request: unknown;
}): QuestionName | undefined {
  const { kind, projectId, body, nowMs, read } = options;
  const understood = textOf(options.request, nowMs);
  const endsNow = understood.sawNow;
  if (endsNow && textOf(read(nowMs + 1), nowMs + 1).text !== understood.text) return undefined;
  const name = createHash("sha256")
    .update(questionText(kind, projectId, body))
    .update(understood.text)
    .digest("base64url");
  return { name, endsNow };
}

/** The question as it was asked, whenever that is. */
export function questionText(kind: string, projectId: number, body: unknown): string {
  return JSON.stringify([kind, projectId, sorted(body)]);
}

/** Questions of one project that differ in their range only have the same shape. */
export function shapeOf(kind: string, projectId: number, body: unknown): string {
  const { from: _, to: __, ...rest } = body as Record<string, unknown>;
  return createHash("sha256")
    .update(questionText(kind, projectId, rest))
    .digest("base64url");
}

/** As text in which the moment of asking is a word. */
function textOf(request: unknown, nowMs: number): { text: string; sawNow: boolean } {
  let sawNow = false;
  const text = JSON.stringify(request, (_key, value: unknown) => {
    // The first instant after a range that ends now, or now itself.
    if (value === nowMs || value === nowMs + 1) {
      sawNow = true;
      return value === nowMs ? "now" : "after now";
    }
    if (value instanceof Set) return [...value].map(String).sort();
    if (value instanceof Map) return [...value];
    return value;
  });
  return { text, sawNow };
}

/** Members in the order of their names. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([left], [right]) => (left < right ? -1 : 1))
      .map(([key, member]) => [key, sorted(member)]),
  );
}
