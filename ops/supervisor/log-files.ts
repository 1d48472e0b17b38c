// Looks after the parts' log files: shows their errors on the terminal as one line each, and cuts a file that has
// grown over its bound, keeping one older piece. Parts write to the files themselves, so nothing is lost or
// blocked when this process is slow or gone.
import { copyFile, open, readdir, stat, truncate } from "node:fs/promises";
import { join } from "node:path";

const lookEveryMs = 500;
const fileBytesMax = 20 * 1024 * 1024;
/** Of one look: a part that writes more has told enough. */
const readBytesMax = 256 * 1024;
/** The same error is shown again only after this long. */
const repeatMs = 10_000;
const shownMax = 200;
/** pino's number for "error". */
const errorLevel = 50;

export function watchLogFiles(options: { directory: string; show: (line: string) => void }): {
  stop(): Promise<void>;
} {
  const offsets = new Map<string, number>();
  const shownAt = new Map<string, number>();

  const show = (line: string): void => {
    const now = Date.now();
    if (now - (shownAt.get(line) ?? -repeatMs) < repeatMs) return;
    if (shownAt.size >= shownMax) shownAt.clear();
    shownAt.set(line, now);
    options.show(line);
  };

  const look = async (isFirst: boolean): Promise<void> => {
    for (const name of await readdir(options.directory)) {
      if (!name.endsWith(".log")) continue;
      const path = join(options.directory, name);
      const { size } = await stat(path);
      // What an earlier run wrote is no news.
      const from = offsets.get(name) ?? (isFirst ? size : 0);
      const { text, end } = await readFrom(path, from > size ? 0 : from, size);
      offsets.set(name, end);
      for (const line of text.split("\n")) {
        const error = describeError(line, name.slice(0, -".log".length));
        if (error !== undefined) show(error);
      }
      if (size > fileBytesMax) {
        await copyFile(path, `${path}.1`);
        await truncate(path, 0);
        offsets.set(name, 0);
      }
    }
  };

  let isStopped = false;
  let looking = look(true).catch(() => {});
  const timer = setInterval(() => {
    // A look that fails (a full disk, a file just removed) is repeated by the next one.
    looking = looking.then(() => (isStopped ? undefined : look(false).catch(() => {})));
  }, lookEveryMs);
  return {
    stop: async () => {
      clearInterval(timer);
      looking = looking.then(() => look(false).catch(() => {}));
      isStopped = true;
      await looking;
    },
  };
}

/** Whole lines from `from` on; `end` is where the next read goes on. */
async function readFrom(path: string, from: number, size: number): Promise<{ text: string; end: number }> {
  const start = Math.max(from, size - readBytesMax);
  const buffer = Buffer.alloc(size - start);
  const file = await open(path, "r");
  try {
    const { bytesRead } = await file.read(buffer, 0, buffer.length, start);
    const lineEnd = buffer.subarray(0, bytesRead).lastIndexOf(0x0a) + 1;
    return { text: buffer.toString("utf8", 0, lineEnd), end: start + lineEnd };
  } finally {
    await file.close();
  }
}

/** The one line for people of a pino line at level error or above; undefined for everything else. */
export function describeError(line: string, part: string): string | undefined {
  if (!line.startsWith("{")) return undefined;
  let entry: { level?: unknown; msg?: unknown; err?: { message?: unknown } };
  try {
    entry = JSON.parse(line) as typeof entry;
  } catch {
    return undefined;
  }
  if (typeof entry.level !== "number" || entry.level < errorLevel) return undefined;
  const cause = typeof entry.err?.message === "string" ? `: ${entry.err.message.split("\n")[0]}` : "";
  return `${part}: ${typeof entry.msg === "string" ? entry.msg : "error"}${cause}`;
}
