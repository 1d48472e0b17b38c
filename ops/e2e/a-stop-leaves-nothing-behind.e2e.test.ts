// However an installation is stopped or killed, its processes are gone soon after, and the next start in the same
// data directory continues where it was.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { freePort, Installation, kill, sleep } from "./installation.ts";

/** What users are promised after Ctrl-C and SIGTERM. */
const stopMsMax = 10_000;
/** After the kill of a parent the parts notice, wait for each other, and end the servers. */
const orphanMsMax = 15_000;

let installation: Installation;
beforeAll(async () => {
  installation = await Installation.create();
});
afterAll(async () => {
  await installation.destroy();
});

async function msUntilGone(): Promise<number> {
  const beganAt = Date.now();
  while (installation.processes().length > 0) {
    if (Date.now() - beganAt > orphanMsMax) {
      const left = installation.processes().map(({ pid, command }) => `${pid} ${command.slice(0, 100)}`);
      throw new Error(
        `still there after ${orphanMsMax} ms:\n${left.join("\n")}\n${installation.output.slice(-2_000)}`,
      );
    }
    await sleep(50);
  }
  return Date.now() - beganAt;
}

const pidOf = (part: string): number => {
  const found = installation.processes().find(({ command }) => command.includes(part));
  if (found === undefined) throw new Error(`no process ${part}`);
  return found.pid;
};
const supervisorPid = (): number =>
  (JSON.parse(readFileSync(join(installation.dataDir, "lock.json"), "utf8")) as { pid: number }).pid;

async function send(): Promise<number> {
  const response = await fetch(`${installation.url}/v1/events`, {
    method: "POST",
    headers: { authorization: `Bearer ${installation.keys.write}`, "content-type": "application/json" },
    body: JSON.stringify({ event: "stop_tried", user_id: "u1" }),
  });
  return response.status;
}

const ways: { name: string; stop: () => Promise<void> | void; msMax: number; saysStopped: boolean }[] = [
  {
    name: "Ctrl-C, which reaches the whole terminal group",
    stop: async () => {
      await installation.interrupt();
    },
    msMax: stopMsMax,
    saysStopped: true,
  },
  {
    name: "SIGTERM to npm",
    stop: () => void process.kill(pidOf("npm start"), "SIGTERM"),
    msMax: stopMsMax,
    saysStopped: true,
  },
  {
    name: "SIGTERM to the supervisor",
    stop: () => void process.kill(supervisorPid(), "SIGTERM"),
    msMax: stopMsMax,
    saysStopped: true,
  },
  { name: "kill -9 of npm", stop: () => kill(pidOf("npm start")), msMax: orphanMsMax, saysStopped: true },
  {
    name: "kill -9 of the launcher",
    stop: () => kill(pidOf("ops/launch.mjs")),
    msMax: orphanMsMax,
    saysStopped: true,
  },
  {
    name: "kill -9 of the supervisor",
    stop: () => kill(supervisorPid()),
    msMax: orphanMsMax,
    saysStopped: false,
  },
  {
    name: "kill -9 of everything",
    stop: () => installation.killAll(),
    msMax: orphanMsMax,
    saysStopped: false,
  },
];

describe("nothing is left", () => {
  it.each(ways)("after $name", async ({ stop, msMax, saysStopped }) => {
    installation.start();
    await installation.ready();
    expect(await send()).toBe(202);
    const beganAt = Date.now();
    await stop();
    await msUntilGone();
    expect(Date.now() - beganAt).toBeLessThan(msMax);
    if (saysStopped) expect(installation.output.trimEnd().endsWith("stopped")).toBe(true);
  });

  it("after a stop in the middle of the start", async () => {
    for (const afterMs of [300, 900, 1_500, 2_100]) {
      installation.start();
      await sleep(afterMs);
      const beganAt = Date.now();
      await installation.interrupt();
      await msUntilGone();
      expect(Date.now() - beganAt).toBeLessThan(stopMsMax);
    }
  });
});

it("a second start in the same data directory is refused with one sentence, and disturbs nothing", async () => {
  installation.start();
  await installation.ready();
  const pids = installation.processes().map(({ pid }) => pid);
  const second = spawnSync("npm", ["start"], {
    cwd: join(import.meta.dirname, "../.."),
    env: { ...process.env, MILLRACE_DATA_DIR: installation.dataDir, MILLRACE_PORT: String(await freePort()) },
    encoding: "utf8",
    timeout: stopMsMax,
  });
  expect(second.stderr).toContain(`${installation.dataDir} is in use by process ${supervisorPid()}`);
  expect(second.status).toBe(1);
  expect(installation.processes().map(({ pid }) => pid)).toEqual(pids);
  expect(await send()).toBe(202);
  await installation.interrupt();
  await msUntilGone();
});

it("a port that somebody else has is named, with the variable to change it", async () => {
  const other = createServer();
  await new Promise<void>((done) => other.listen(installation.port, "127.0.0.1", done));
  installation.start();
  while (installation.running) await sleep(50);
  other.close();
  expect(installation.output).toContain(
    `Port ${installation.port} on 127.0.0.1 is in use by another program`,
  );
  expect(installation.output).toContain("MILLRACE_PORT");
  await msUntilGone();
});
