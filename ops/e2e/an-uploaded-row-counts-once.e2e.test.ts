// An uploaded file counts exactly once, row by row, however often the edge, or everything, is killed
// while it is processed.
import { readFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { UploadAnswer } from "#schemas/uploads/upload.ts";
import { queryTrends, waitForTotal } from "./exactness.ts";
import { Installation, kill, sleep } from "./installation.ts";
import { onlineRetailFile, onlineRetailPresent } from "./online-retail.ts";
import { createRandom } from "./senders.ts";

const doneMsMax = 150_000;
const range = { from: "2010-01-01", to: "2012-12-31", interval: "month" };
const kills = 6;

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

async function upload(parameters: Record<string, string>, body: string | Buffer): Promise<string> {
  const response = await fetch(`${installation.url}/v1/uploads?${new URLSearchParams(parameters)}`, {
    method: "POST",
    headers: { authorization: `Bearer ${installation.keys.write}` },
    body: body as string,
  });
  const answer = (await response.json()) as { upload_id: string };
  expect(response.status, JSON.stringify(answer)).toBe(202);
  return answer.upload_id;
}

/** Undefined while the edge is away. */
async function readState(id: string): Promise<UploadAnswer | undefined> {
  const response = await fetch(`${installation.url}/v1/uploads/${id}`, {
    headers: { authorization: `Bearer ${installation.keys.write}` },
  }).catch(() => undefined);
  return response?.status === 200 ? ((await response.json()) as UploadAnswer) : undefined;
}

async function waitUntilFinished(id: string): Promise<UploadAnswer> {
  for (const deadline = Date.now() + doneMsMax; Date.now() < deadline; await sleep(100)) {
    const state = await readState(id);
    if (state?.state === "done" || state?.state === "failed") return state;
  }
  throw new Error(
    `not finished; ${JSON.stringify(await readState(id))}\n${installation.readLog("ingest-1")}`,
  );
}

/** Of the edge, and once of everything, at moments that differ from run to run; answers in how many the file was half processed. */
async function killWhileProcessing(id: string, random: () => number): Promise<number> {
  let hits = 0;
  for (let round = 0; round < kills; round += 1) {
    await sleep(random() * 900);
    const state = await readState(id);
    const edge = installation.processes().find(({ command }) => command.includes("millrace.ts ingest"));
    if (round === kills / 2) {
      installation.killAll();
      await sleep(500);
      installation.start();
    } else if (edge !== undefined) {
      kill(edge.pid);
    }
    if (state !== undefined && state.state === "processing") hits += 1;
    await installation.ready();
  }
  return hits;
}

async function readTotals(event: string, property: string): Promise<Record<string, number>> {
  const maths = ["total", "unique_users", "sum"] as const;
  const answer = await queryTrends(installation, {
    ...range,
    series: maths.map((math) => ({ event, math, label: math, ...(math === "sum" ? { property } : {}) })),
  });
  return Object.fromEntries(answer.series.map(({ label, total }) => [label, total]));
}

const filesLeft = async (): Promise<string[]> => readdir(join(installation.dataDir, "uploads"));

describe("rows without ids", () => {
  // Enough that most kills come before the end.
  const rows = 400_000;
  const seed = Date.now() % 1_000_000;

  it(`whole after ${kills} kills (seed ${seed})`, { timeout: 300_000 }, async () => {
    const random = createRandom(seed);
    const lines = ["user_id,timestamp,amount,text"];
    const expected = { total: 0, unique_users: 0, sum: 0 };
    const users = new Set<string>();
    for (let row = 0; row < rows; row += 1) {
      const user = random() < 0.1 ? "" : `user-${Math.floor(random() * 5_000)}`;
      const amount = Math.floor(random() * 100);
      lines.push(`${user},2011-0${1 + Math.floor(random() * 9)}-15,${amount},"text ${row}\nof two lines"`);
      if (user === "") continue;
      users.add(user);
      expected.total += 1;
      expected.sum += amount;
    }
    expected.unique_users = users.size;
    const id = await upload({ format: "csv", event: "uploaded" }, `${lines.join("\n")}\n`);
    const hits = await killWhileProcessing(id, random);
    const state = await waitUntilFinished(id);
    expect(hits, "kills in the middle").toBeGreaterThan(1);
    expect(state).toMatchObject({
      state: "done",
      rows,
      accepted: expected.total,
      rejected: rows - expected.total,
      failure: null,
    });
    await waitForTotal(installation, expected.total, range, 30_000);
    // Longer than it takes to store what would be there twice.
    await sleep(3_000);
    expect(await readTotals("uploaded", "amount")).toEqual(expected);
    const response = await fetch(`${installation.url}/v1/uploads/${id}/rejects`, {
      headers: { authorization: `Bearer ${installation.keys.write}` },
    });
    const rejectLines = (await response.text()).trimEnd().split("\n").slice(1);
    expect(rejectLines).toHaveLength(rows - expected.total);
    // The row begins on an even line: one line of header, two lines a row.
    const wrong = rejectLines.filter((line) => {
      const number = Number(line.split(",")[0]);
      return !(lines[number / 2] as string | undefined)?.startsWith(",");
    });
    expect(wrong).toEqual([]);
    expect(await filesLeft()).toEqual([]);
  });

  it("a kill while a file is received leaves nothing of it", { timeout: 60_000 }, async () => {
    const edge = installation.processes().find(({ command }) => command.includes("millrace.ts ingest"));
    const endless = new ReadableStream<Uint8Array>({
      async pull(controller) {
        await sleep(20);
        controller.enqueue(Buffer.alloc(64 * 1024, "u\n"));
      },
    });
    const sent = fetch(`${installation.url}/v1/uploads?format=csv&event=cut`, {
      method: "POST",
      headers: { authorization: `Bearer ${installation.keys.write}` },
      body: endless,
      duplex: "half",
    } as RequestInit).then(
      () => "answered",
      () => "broken",
    );
    await expect.poll(filesLeft).toHaveLength(1);
    kill(edge?.pid ?? 0);
    expect(await sent).toBe("broken");
    await installation.ready();
    await expect.poll(filesLeft).toEqual([]);
    await expect
      .poll(async () => {
        const response = await fetch(`${installation.url}/v1/uploads`, {
          headers: { authorization: `Bearer ${installation.keys.write}` },
        });
        const { uploads } = (await response.json()) as { uploads: UploadAnswer[] };
        return uploads.filter(({ state }) => state === "receiving");
      })
      .toEqual([]);
  });
});

if (!onlineRetailPresent) console.info(`skipped: ${onlineRetailFile} is not there`);

describe.skipIf(!onlineRetailPresent)("a real year of a shop's lines", () => {
  const parameters = {
    format: "csv",
    event: "line",
    user_column: "CustomerID",
    timestamp_column: "InvoiceDate",
    types: "InvoiceNo:string,StockCode:string,Description:string",
    dedupe: "rows",
  };

  it("has the published counts, also when it is uploaded again", { timeout: 400_000 }, async () => {
    const file = gunzipSync(readFileSync(onlineRetailFile));
    for (let round = 0; round < 2; round += 1) {
      const id = await upload(parameters, file);
      if (round === 0) expect(await killWhileProcessing(id, Math.random)).toBeGreaterThan(1);
      expect(await waitUntilFinished(id)).toMatchObject({
        state: "done",
        bytes: file.length,
        rows: 541_909,
        accepted: 406_829,
        rejected: 135_080,
      });
      await expect
        .poll(async () => readTotals("line", "Quantity"), { timeout: 60_000 })
        .toEqual({ total: 406_829, unique_users: 4_372, sum: 4_906_888 });
    }
    await sleep(3_000);
    expect((await readTotals("line", "Quantity"))["total"]).toBe(406_829);
  });
});
