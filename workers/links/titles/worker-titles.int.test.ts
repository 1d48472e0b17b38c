// Titles of a real worker process: the setting turns them on, and nothing opens private networks to them, not even what
// opens them to webhooks.
import { createServer, type AddressInfo, type Server } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Link } from "#schemas/links/link-contract.ts";
import { callService } from "#streams/call-service.ts";
import { startBed, type Bed } from "../../testing/worker-processes.ts";

let bed: Bed;
let server: Server;
let connections = 0;
let projectId: number;

beforeAll(async () => {
  server = createServer((socket) => {
    connections += 1;
    socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  bed = await startBed();
  const { rows } = await bed.postgres.query<{ id: number }>(
    "INSERT INTO projects (public_id, name) VALUES ('p', 'p') RETURNING id",
  );
  projectId = rows[0]?.id as number;
});

afterAll(async () => {
  await bed.close();
  server.close();
});

async function create(url: string): Promise<Link> {
  for (let tries = 0; ; tries += 1) {
    try {
      const options = { requestId: "r", projectId, timeoutMs: 5_000 };
      return (await callService(bed.connection, "svc.links.create", { url }, options)) as Link;
    } catch (error) {
      // The process is starting.
      if (tries === 100) throw error;
      await sleep(100);
    }
  }
}

const wanted = async (): Promise<number> =>
  (await bed.postgres.query("SELECT FROM link_titles_wanted")).rows.length;

it(
  "looks for no title unless it is told to, and then nowhere on this machine",
  { timeout: 60_000 },
  async () => {
    const { port } = server.address() as AddressInfo;
    const url = `http://127.0.0.1:${port}/`;
    const webhooks = { MILLRACE_WEBHOOK_PRIVATE: "127.0.0.0/8" };
    bed.startWorkers("off", webhooks);
    await create(url);
    expect(await wanted()).toBe(0);
    bed.killAll();
    bed.startWorkers("on", { ...webhooks, MILLRACE_LINKS_TITLES: "on" });
    // Whoever is not there any more may have been asked first: made again until the one that lives made it.
    const states: number[] = [];
    await expect
      .poll(
        async () => {
          await create(url);
          states.push(await wanted());
          return states.some((waiting) => waiting > 0) || (await titlesRefused()) > 0;
        },
        { timeout: 20_000 },
      )
      .toBe(true);
    await expect.poll(wanted, { timeout: 10_000 }).toBe(0);
    const { rows } = await bed.postgres.query("SELECT FROM links WHERE title IS NOT NULL");
    expect([rows.length, connections]).toEqual([0, 0]);
  },
);

/** As the process counts it. */
async function titlesRefused(): Promise<number> {
  const answer = await bed.connection.request("metrics.collect", "", { timeout: 2_000 });
  const metrics =
    answer.json<{ name: string; values: { value: number; labels: { outcome?: string } }[] }[]>();
  const titles = metrics.find(({ name }) => name === "millrace_link_titles_total");
  return titles?.values.find(({ labels }) => labels.outcome === "refused")?.value ?? 0;
}
