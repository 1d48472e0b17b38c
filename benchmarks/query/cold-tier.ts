// Starts the query process of an installation anew, so that nothing is in its memory: columns, kept answers, what
// questions cost. What a new process is slow at for other reasons, compiling and connecting, is done before it returns.
import { readdir, readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import { ask, type Access } from "./product.ts";

const backMsMax = 30_000;
const pollMs = 100;
const warmUps = 5;
/** Of the query tier's kept answers. */
const answerPrefix = "millrace:answer:";

/** Few events, none of which the benchmark's questions are about. */
const small = {
  steps: [{ event: "signup_started" }, { event: "signup_completed" }],
  window_seconds: 86_400,
  order: "ordered",
};

/** @throws Error when no such process is found, or none answers half a minute later. */
export async function restartQueryTier(dataDir: string, access: Access): Promise<void> {
  const pids = await findQueryProcesses(dataDir);
  if (pids.length === 0) throw new Error(`no query process of ${dataDir} runs here`);
  for (const pid of pids) process.kill(pid, "SIGTERM");
  const deadlineMs = performance.now() + backMsMax;
  for (;;) {
    await sleep(pollMs);
    const others = (await findQueryProcesses(dataDir)).filter((pid) => !pids.includes(pid));
    if (others.length === pids.length && (await answers(access))) break;
    if (performance.now() > deadlineMs) throw new Error("the query process did not come back");
  }
  for (let done = 0; done < warmUps; done += 1) await answers(access);
}

/** Answers of earlier runs, which outlive the query process for an hour. */
export async function dropKeptAnswers(redisUrl: string): Promise<void> {
  const redis = new Redis(redisUrl);
  try {
    for await (const keys of redis.scanStream({ match: `${answerPrefix}*`, count: 1000 })) {
      if ((keys as string[]).length > 0) await redis.unlink(keys as string[]);
    }
  } finally {
    redis.disconnect();
  }
}

async function answers(access: Access): Promise<boolean> {
  const asked = await ask(access, "POST", "/v1/query/funnel", small).catch(() => undefined);
  return asked?.status === 200;
}

/** Every process of an installation carries its data directory in its environment. */
async function findQueryProcesses(dataDir: string): Promise<number[]> {
  const pids: number[] = [];
  for (const entry of await readdir("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    const [environment, command] = await Promise.all(
      ["environ", "cmdline"].map((file) => readFile(`/proc/${entry}/${file}`, "utf8").catch(() => "")),
    );
    const isQuery = /millrace\.ts\0query\0?$/.test(command ?? "");
    if (isQuery && environment?.split("\0").includes(`MILLRACE_DATA_DIR=${dataDir}`))
      pids.push(Number(entry));
  }
  return pids;
}
