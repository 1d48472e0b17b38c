// A part that dies is started again on the same port while the others keep running.
import { afterAll, beforeAll, expect, it } from "vitest";
import { Installation, kill, sleep, type ProcessInfo } from "./installation.ts";

const backMsMax = 20_000;
const settleMs = 2_000;

let installation: Installation;
beforeAll(async () => {
  installation = await Installation.create();
  installation.start();
  await installation.ready();
});
afterAll(async () => {
  await installation.interrupt();
  await installation.destroy();
});

/** Name of the part ▸ what its command line contains. */
const parts: Record<string, string> = {
  nats: "/nats.conf",
  valkey: "/valkey.conf",
  postgres: "/postgres/data",
  clickhouse: "clickhouse/host.ts",
  workers: "millrace.ts workers",
  query: "millrace.ts query",
  ingest: "millrace.ts ingest",
  warden: "warden.sh",
};

const find = (mark: string): ProcessInfo | undefined =>
  installation.processes().find(({ command }) => command.includes(mark));

const pids = (): Record<string, number | undefined> =>
  Object.fromEntries(Object.entries(parts).map(([name, mark]) => [name, find(mark)?.pid]));

async function accepts(): Promise<boolean> {
  const response = await fetch(`${installation.url}/v1/events`, {
    method: "POST",
    headers: { authorization: `Bearer ${installation.keys.write}`, "content-type": "application/json" },
    body: JSON.stringify({ event: "part_killed", user_id: "u1" }),
  }).catch(() => undefined);
  return response?.status === 202;
}

it("names all parts", () => {
  expect(Object.entries(pids()).filter(([, pid]) => pid === undefined)).toEqual([]);
});

it.each(Object.keys(parts))("%s", async (name) => {
  // A tier that is just starting again may give up when a server it needs is killed; that is not the question here.
  await sleep(settleMs);
  await installation.ready();
  const before = pids();
  const command = find(parts[name] ?? "")?.command;
  kill(before[name] ?? 0);
  const deadline = Date.now() + backMsMax;
  for (;;) {
    const now = find(parts[name] ?? "");
    if (now !== undefined && now.pid !== before[name] && (await accepts())) {
      // The whole command line, so the same port and the same data directory.
      expect(now.command).toBe(command);
      break;
    }
    if (Date.now() > deadline)
      throw new Error(`${name} is not back; output:\n${installation.output.slice(-2_000)}`);
    await sleep(100);
  }
  await installation.ready();
  expect({ ...pids(), [name]: 0 }, installation.output.slice(-1_000)).toEqual({ ...before, [name]: 0 });
});
