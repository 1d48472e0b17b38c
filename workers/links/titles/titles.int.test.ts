// Titles through the links service, the real Postgres and pages on this machine: who gets one, who keeps what a person
// said, and that none is forgotten when the processes that read pages are killed.
import { spawn, type ChildProcess } from "node:child_process";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { decodeCachedLink, linkKey } from "#schemas/links/link-cache.ts";
import type { Link, LinkBulkResult } from "#schemas/links/link-contract.ts";
import { startLinksBed, type LinksBed } from "../../testing/links-bed.ts";
import { AddressGuard } from "../../outgoing/guard-address.ts";
import { attemptsMax } from "./title-ledger.ts";

let bed: LinksBed;
let server: Server;
let base: string;
/** By path, each time it was asked for. */
const visits: string[] = [];
let status = 200;
let held: Promise<void> | undefined;

beforeAll(async () => {
  server = createServer((request, response) => {
    const path = decodeURIComponent(request.url ?? "");
    visits.push(path);
    const answer = (): void => {
      response.writeHead(status, { "Content-Type": "text/html" }).end(`<title>Page ${path}</title>`);
    };
    if (held === undefined) answer();
    else void held.then(answer);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  bed = await startLinksBed(new AddressGuard(["127.0.0.1/32"], []));
});

afterEach(() => {
  status = 200;
  held = undefined;
});

afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await bed.stop();
});

const create = (body: object): Promise<Link> => bed.call("create", body);
const get = (code: string): Promise<Link> => bed.call("get", { code });
const update = (code: string, body: object): Promise<Link> =>
  bed.call("update", body, { parameters: { code } });
const waiting = async (): Promise<number> =>
  (await bed.postgres.query("SELECT FROM link_titles_wanted")).rows.length;
const counted = async (outcome: string): Promise<number> =>
  (await bed.metrics.titles.get()).values.find(({ labels }) => labels.outcome === outcome)?.value ?? 0;

async function settled(): Promise<void> {
  await expect.poll(waiting, { timeout: 20_000 }).toBe(0);
}

describe("a link without a title", () => {
  it("gets that of its page, afterwards, and the edges hear of it", async () => {
    let release = (): void => undefined;
    held = new Promise((resolve) => (release = resolve));
    const link = await create({
      url: `${base}/<b>one</b>`.replaceAll("<", "%3C").replaceAll(">", "%3E"),
      utm: { source: "x" },
    });
    // The page has not answered yet.
    expect(link.title).toBeNull();
    release();
    await settled();
    expect((await get(link.code)).title).toBe("Page /<b>one</b>");
    // Nobody's campaign is visited.
    expect(visits.at(-1)).toBe("/<b>one</b>");
    const kept = decodeCachedLink((await bed.redis.get(linkKey("", link.code))) ?? "");
    expect(kept?.link?.title).toBe("Page /<b>one</b>");
    const listed = await bed.call<{ links: Link[] }>("list", { search: "<b>one" });
    expect(listed.links.map(({ code }) => code)).toEqual([link.code]);
    // Only people change links.
    expect(await bed.call("history", { code: link.code })).toEqual({ changes: [] });
  });

  it("also as one of many, or of a file", async () => {
    const before = visits.length;
    const { results } = await bed.call<LinkBulkResult>("create_bulk", {
      links: [{ url: `${base}/bulk-1` }, { url: `${base}/bulk-2`, title: "Mine" }, { url: "ftp://no" }],
    });
    await bed.call(
      "import",
      Buffer.from(`url,title,alias\n${base}/csv-1,,csv-1\n${base}/csv-2,Mine,csv-2\n`),
    );
    await settled();
    const titles = await Promise.all(
      results.flatMap((each) => ("link" in each ? [get(each.link.code).then(({ title }) => title)] : [])),
    );
    expect(titles).toEqual(["Page /bulk-1", "Mine"]);
    expect([(await get("csv-1")).title, (await get("csv-2")).title]).toEqual(["Page /csv-1", "Mine"]);
    expect(visits.slice(before).toSorted()).toEqual(["/bulk-1", "/csv-1"]);
  });

  it("gets another one with another page, unless a person said one, or none", async () => {
    const link = await create({ url: `${base}/first` });
    await settled();
    const changed = await update(link.code, { url: `${base}/second` });
    expect(changed.title).toBeNull();
    await settled();
    expect((await get(link.code)).title).toBe("Page /second");
    // What has nothing to do with the page asks for nothing.
    const before = visits.length;
    await update(link.code, { tags: ["x"] });
    await update(link.code, { title: "Said" });
    await update(link.code, { url: `${base}/third` });
    await update(link.code, { title: null });
    await update(link.code, { url: `${base}/fourth` });
    const untitled = await create({ url: `${base}/untitled`, title: null });
    await settled();
    expect((await get(link.code)).title).toBeNull();
    expect((await get(untitled.code)).title).toBeNull();
    expect(visits.length).toBe(before);
  });

  it("is left alone when it changes or goes while its page is read", async () => {
    let release = (): void => undefined;
    held = new Promise((resolve) => (release = resolve));
    const [said, moved, gone] = await Promise.all([
      create({ url: `${base}/said` }),
      create({ url: `${base}/moved` }),
      create({ url: `${base}/gone` }),
    ]);
    await expect.poll(() => ["/said", "/moved", "/gone"].every((path) => visits.includes(path))).toBe(true);
    await update(said.code, { title: "A person's" });
    await update(moved.code, { url: `${base}/elsewhere` });
    await bed.call("delete", { code: gone.code });
    release();
    await settled();
    expect((await get(said.code)).title).toBe("A person's");
    expect((await get(moved.code)).title).toBe("Page /elsewhere");
  });

  it("gets none from where nobody may go, and is not asked for again", async () => {
    const before = await counted("refused");
    const link = await create({ url: "http://169.254.169.254/latest/meta-data/" });
    const other = await create({ url: "http://[::1]:8123/" });
    await settled();
    expect((await get(link.code)).title).toBeNull();
    expect((await get(other.code)).title).toBeNull();
    expect((await counted("refused")) - before).toBe(2);
  });

  it("is tried again later when its page is in trouble, a few times", async () => {
    status = 503;
    const failedBefore = await counted("failed");
    const link = await create({ url: `${base}/trouble` });
    for (let attempt = 1; attempt < attemptsMax; attempt += 1) {
      const state = async (): Promise<unknown> =>
        (await bed.postgres.query("SELECT attempts, leased, due_at > now() AS waits FROM link_titles_wanted"))
          .rows;
      await expect.poll(state).toEqual([{ attempts: attempt, leased: false, waits: true }]);
      await bed.postgres.query("UPDATE link_titles_wanted SET due_at = now()");
    }
    await settled();
    expect(visits.filter((path) => path === "/trouble")).toHaveLength(attemptsMax);
    expect((await counted("failed")) - failedBefore).toBe(1);
    expect((await get(link.code)).title).toBeNull();
  });
});

describe("processes that are killed", () => {
  it(
    "forget no title, and one project's thousand pages do not hold up another's",
    { timeout: 120_000 },
    async () => {
      const reading = new URL("../../testing/title-process.ts", import.meta.url).pathname;
      const urls = [bed.postgresUrl, bed.natsUrl];
      const start = (): ChildProcess =>
        spawn(process.execPath, [reading, ...urls], { stdio: ["ignore", "inherit", "inherit"] });
      held = sleep(100);
      const made: string[] = [];
      const processes = [start(), start()];
      for (let round = 0; round < 6; round += 1) {
        held = sleep(150);
        const links = Array.from({ length: 40 }, (_, index) => ({ url: `${base}/kill-${round}-${index}` }));
        const { results } = await bed.call<LinkBulkResult>("create_bulk", { links }, { project: round % 2 });
        made.push(...results.flatMap((each) => ("link" in each ? [each.link.code] : [])));
        await sleep(Math.random() * 400);
        processes[round % 2]?.kill("SIGKILL");
        // Leases of the dead run out sooner than in life, and those of the living with them: no try counts.
        await bed.postgres.query(
          "UPDATE link_titles_wanted SET due_at = now(), leased = false, attempts = 0",
        );
        processes[round % 2] = start();
      }
      await expect.poll(waiting, { timeout: 60_000 }).toBe(0);
      for (const each of processes) each.kill("SIGKILL");
      const { rows } = await bed.postgres.query<{ url: string; title: string }>(
        "SELECT url, title FROM links WHERE code = ANY ($1)",
        [made],
      );
      expect(rows).toHaveLength(240);
      for (const { url, title } of rows) expect(title).toBe(`Page ${new URL(url).pathname}`);
    },
  );
});
