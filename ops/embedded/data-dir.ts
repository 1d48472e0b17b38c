// The data directory: everything the embedded parts keep. Opening it makes it private, and locks it so that
// two supervisors never run the same stores.
import { chmod, link, mkdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { MillraceError } from "#schemas/errors.ts";
import { writeJsonFile } from "./private-file.ts";
import { startTimeOf } from "./processes.ts";

export type DataDirLock = {
  /** Whoever waits for the directory then knows that waiting is worth it. */
  announceStop(): Promise<void>;
  release(): Promise<void>;
};

type Owner = { pid: number; startedAt: string; isStopping?: boolean };

/** A stopping system may hold the lock for as long as its drain may take, 10 s, and a little. */
const waitMsMax = 15_000;
/** A signal on its way to the owner takes its time: the launcher looks after npm twice a second. */
const announceMsMax = 2_000;
const waitEveryMs = 200;

/** What others may never do here: the group may at most pass through, which a Postgres of its own user needs. */
const closedToOthers = 0o710;

export async function makeDataDir(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  // A running installation may have opened its directory to the group of its Postgres: taking that away ends it.
  const { mode } = await stat(directory);
  await chmod(directory, mode & closedToOthers);
  await mkdir(join(directory, "logs"), { recursive: true, mode: 0o700 });
}

/**
 * Waits up to 15 s for a stopping owner, and 2 s for one that may be about to stop.
 * @throws MillraceError CONFLICT with the owner's pid when the directory stays in use.
 */
export async function lockDataDir(
  directory: string,
  options: { waitMs?: number; onWait?: (pid: number) => void; isCancelled?: () => boolean } = {},
): Promise<DataDirLock> {
  const path = join(directory, "lock.json");
  const mine: Owner = { pid: process.pid, startedAt: await startTimeOf(process.pid) };
  const draft = join(directory, `.lock-${process.pid}-${Math.random().toString(36).slice(2)}`);
  await writeFile(draft, JSON.stringify(mine), { mode: 0o600 });
  const beganAt = Date.now();
  const waitMs = options.waitMs ?? waitMsMax;
  let hasSaid = false;
  try {
    for (;;) {
      // link() fails when the name exists and shows the whole content when it does not: no half-written lock.
      const isMine = await link(draft, path).then(
        () => true,
        () => false,
      );
      if (isMine) {
        return {
          announceStop: () => writeJsonFile(path, { ...mine, isStopping: true }),
          release: () => releaseLock(path, mine),
        };
      }
      const owner = await readOwner(path);
      if (owner === undefined || !(await isAlive(owner))) {
        await removeStale(path, owner);
        continue;
      }
      if (options.isCancelled?.() === true) throw new MillraceError("SHUTTING_DOWN");
      const waitedMs = Date.now() - beganAt;
      if (waitedMs >= waitMs || (waitedMs >= announceMsMax && owner.isStopping !== true)) {
        throw new MillraceError("CONFLICT", {
          message:
            `The data directory ${directory} is in use by process ${owner.pid}; ` +
            `stop that one first, or set MILLRACE_DATA_DIR and MILLRACE_PORT to run a second installation.`,
        });
      }
      if (!hasSaid && owner.isStopping === true) {
        options.onWait?.(owner.pid);
        hasSaid = true;
      }
      await sleep(waitEveryMs);
    }
  } finally {
    await rm(draft, { force: true });
  }
}

/** The pid of the supervisor that holds the directory, or undefined. */
export async function dataDirOwner(directory: string): Promise<number | undefined> {
  const owner = await readOwner(join(directory, "lock.json"));
  return owner !== undefined && (await isAlive(owner)) ? owner.pid : undefined;
}

async function readOwner(path: string): Promise<Owner | undefined> {
  try {
    return JSON.parse(await readFile(path, "utf8")) as Owner;
  } catch {
    return undefined;
  }
}

/** The start time tells a process apart from a later one with the same number. */
async function isAlive(owner: Owner): Promise<boolean> {
  return (await startTimeOf(owner.pid)) === owner.startedAt && owner.startedAt !== "";
}

async function removeStale(path: string, stale: Owner | undefined): Promise<void> {
  const aside = `${path}.${process.pid}`;
  const moved = await rename(path, aside).then(
    () => true,
    () => false,
  );
  if (!moved) return;
  // Another start may have replaced the stale lock between our look and our rename: give that one back.
  const found = await readOwner(aside);
  if (found !== undefined && found.pid !== stale?.pid && (await isAlive(found))) {
    await link(aside, path).catch(() => undefined);
  }
  await rm(aside, { force: true });
}

async function releaseLock(path: string, mine: Owner): Promise<void> {
  if ((await readOwner(path))?.pid === mine.pid) await rm(path, { force: true });
}
