// Where a page of a list ends: the count and the name of its last entry. Lists are sorted by count, then name.

export interface Cursor {
  readonly count: number;
  readonly name: string;
}

const cursorLengthMax = 4096;

export function buildCursor(entry: Cursor): string {
  return Buffer.from(JSON.stringify([entry.count, entry.name])).toString("base64url");
}

export function parseCursor(text: string): Cursor | undefined {
  if (text.length > cursorLengthMax) return undefined;
  try {
    const value = JSON.parse(Buffer.from(text, "base64url").toString()) as unknown;
    if (!Array.isArray(value) || value.length !== 2) return undefined;
    const [count, name] = value as unknown[];
    if (!Number.isSafeInteger(count) || typeof name !== "string") return undefined;
    return { count: count as number, name };
  } catch {
    return undefined;
  }
}

/** The first `limit` entries and the cursor of what comes after them; `entries` has one more when there is more. */
export function pageOf<Entry>(
  entries: readonly Entry[],
  limit: number,
  cursorOf: (entry: Entry) => Cursor,
): { page: Entry[]; next: string | null } {
  const page = entries.slice(0, limit);
  const last = page.at(-1);
  const next = entries.length > limit && last !== undefined ? buildCursor(cursorOf(last)) : null;
  return { page, next };
}
