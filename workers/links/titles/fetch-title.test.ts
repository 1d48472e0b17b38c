// Against servers on this machine, which a test's guard allows, and against addresses that no guard does.
import { randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AddressGuard } from "../../outgoing/guard-address.ts";
import { fetchLimits, fetchTitle, type FetchedTitle } from "./fetch-title.ts";

const loopback = new AddressGuard(["127.0.0.0/8"], []);
const signal = new AbortController().signal;
let server: Server;
let base: string;
let handle: (request: IncomingMessage, response: ServerResponse) => void = () => undefined;
const paths: string[] = [];

beforeAll(async () => {
  server = createServer((request, response) => {
    paths.push(request.url ?? "");
    handle(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(() => {
  server.closeAllConnections();
  server.close();
});

interface Asked {
  readonly guard?: AddressGuard;
  readonly msMax?: number;
  readonly isOwn?: (url: URL) => boolean;
}

async function fetchFrom(
  answer: typeof handle,
  { guard = loopback, isOwn = () => false, ...rest }: Asked = {},
  url = `${base}/page`,
): Promise<FetchedTitle> {
  handle = answer;
  paths.length = 0;
  return fetchTitle(url, { guard, isOwn, signal, ...rest });
}

const page = (text: string | Buffer, headers: Record<string, string> = {}): typeof handle => {
  return (_request, response) =>
    void response.writeHead(200, { "Content-Type": "text/html; charset=utf-8", ...headers }).end(text);
};
const redirect = (location: string): typeof handle => {
  return (_request, response) => void response.writeHead(302, { Location: location }).end();
};
const found = (title: string): FetchedTitle => ({ outcome: "found", title });
const none: FetchedTitle = { outcome: "none" };
const refused: FetchedTitle = { outcome: "refused" };

describe("a title is read", () => {
  it("by a program that says so, and tells nothing else", async () => {
    let seen: IncomingMessage["headers"] = {};
    const fetched = await fetchFrom((request, response) => {
      seen = request.headers;
      page("<title>Grüße</title>", { "Set-Cookie": "a=b" })(request, response);
    });
    expect(fetched).toEqual(found("Grüße"));
    expect(Object.keys(seen).toSorted()).toEqual([
      "accept",
      "accept-encoding",
      "connection",
      "host",
      "user-agent",
    ]);
    expect(seen["user-agent"]).toMatch(/MillraceBot/);
  });

  it("over redirects, without the cookies of any", async () => {
    const cookies: unknown[] = [];
    const fetched = await fetchFrom((request, response) => {
      cookies.push(request.headers.cookie);
      const hop = Number(/^\/(\d)/.exec(request.url ?? "")?.[1] ?? 0);
      if (hop === fetchLimits.redirectsMax) page("<title>there</title>")(request, response);
      else response.writeHead(301, { Location: `/${hop + 1}?x`, "Set-Cookie": `hop=${hop}` }).end();
    });
    expect(fetched).toEqual(found("there"));
    expect(paths).toEqual(["/page", "/1?x", "/2?x", "/3?x", "/4?x", "/5?x"]);
    expect(cookies).toEqual(paths.map(() => undefined));
  });

  it("no further than so many redirects", async () => {
    let hop = 0;
    const fetched = await fetchFrom((_request, response) => {
      hop += 1;
      response.writeHead(302, { Location: `/${hop}` }).end();
    });
    expect(fetched).toEqual({ outcome: "failed", mayRetry: false });
    expect(hop).toBe(fetchLimits.redirectsMax + 1);
  });

  it("decompressed", async () => {
    const packed = gzipSync("<title>packed</title>");
    expect(await fetchFrom(page(packed, { "Content-Encoding": "gzip" }))).toEqual(found("packed"));
    // Cut short: what was there counts.
    const cut = gzipSync(`<title>cut</title>${randomBytes(2_000).toString("hex")}`).subarray(0, 1_000);
    expect(await fetchFrom(page(cut, { "Content-Encoding": "gzip" }))).toEqual(found("cut"));
    expect(await fetchFrom(page("no gzip", { "Content-Encoding": "gzip" }))).toMatchObject({
      outcome: "failed",
    });
    expect(await fetchFrom(page(packed, { "Content-Encoding": "zstd" }))).toEqual(none);
  });

  it.each(["text/plain", "application/json", "image/svg+xml", "text/htmlx", ""])(
    "of HTML only, not of %j",
    async (type) => {
      expect(await fetchFrom(page("<title>x</title>", { "Content-Type": type }))).toEqual(none);
    },
  );

  it.each([
    [404, none],
    [204, none],
    [304, none],
    [429, { outcome: "failed", mayRetry: true }],
    [500, { outcome: "failed", mayRetry: true }],
    [503, { outcome: "failed", mayRetry: true }],
  ])("after %i", async (status, expected) => {
    const fetched = await fetchFrom((_request, response) => {
      response.writeHead(status, { "Content-Type": "text/html" }).end("<title>Error</title>");
    });
    expect(fetched).toEqual(expected);
  });
});

describe("nothing else is reached", () => {
  it.each([
    "http://127.0.0.1:1/",
    "http://10.0.0.1/",
    "http://172.16.0.1/",
    "http://192.168.0.1/",
    "http://169.254.169.254/latest/meta-data/",
    "http://100.64.0.1/",
    "http://0.0.0.0/",
    "http://224.0.0.1/",
    "http://2130706433/",
    "http://0x7f.1/",
    "http://017700000001/",
    "http://127.1/",
    "http://[::1]/",
    "http://[::]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:a9fe:a9fe]/",
    "http://[64:ff9b::7f00:1]/",
    "http://[fe80::1]/",
    "http://[fc00::1]/",
    "http://localhost/",
    "ftp://93.184.215.14/",
    "file:///etc/passwd",
    "data:text/html,<title>x</title>",
    "http://user:password@93.184.215.14/",
  ])("%s, not over a redirect either", async (url) => {
    expect(await fetchTitle(url, { guard: new AddressGuard([], []), isOwn: () => false, signal })).toEqual(
      refused,
    );
    // The first hop is allowed, this one is not.
    const port = Number(new URL(base).port);
    const first = new AddressGuard([], [], async () => [{ address: "127.0.0.1", family: 4 }]);
    const onlyFirst = Object.assign(first, {
      allows: (address: string, at: number) => address === "127.0.0.1" && at === port,
    });
    expect(await fetchFrom(redirect(url), { guard: onlyFirst })).toEqual(refused);
    expect(paths).toEqual(["/page"]);
  });

  it("not this installation, which would count a visit", async () => {
    const isOwn = (url: URL): boolean => url.hostname === "go.example";
    expect(await fetchFrom(redirect("https://go.example/abc"), { isOwn })).toEqual(refused);
  });

  it("a name is looked up once, and what was looked at is connected to", async () => {
    const { port } = new URL(base);
    let asked = 0;
    const rebinding = new AddressGuard(["127.0.0.1/32"], [], async () => {
      asked += 1;
      return [{ address: asked === 1 ? "127.0.0.1" : "127.0.0.2", family: 4 }];
    });
    const fetched = await fetchFrom(
      page("<title>bound</title>"),
      { guard: rebinding },
      `http://rebind.example:${port}/`,
    );
    expect([fetched, asked]).toEqual([found("bound"), 1]);
    // Looked at again for the next redirect, where it is another one by now.
    const again = await fetchFrom(redirect("/again"), { guard: rebinding }, `http://rebind.example:${port}/`);
    expect(again).toEqual(refused);
  });

  it("a name with one address that may not be reached is not reached at all", async () => {
    const mixed = new AddressGuard(["127.0.0.1/32"], [], async () => [
      { address: "127.0.0.1", family: 4 },
      { address: "10.0.0.1", family: 4 },
    ]);
    const { port } = new URL(base);
    expect(
      await fetchFrom(page("<title>x</title>"), { guard: mixed }, `http://mixed.example:${port}/`),
    ).toEqual(refused);
    expect(paths).toEqual([]);
  });
});

describe("nobody holds it up", () => {
  const late: FetchedTitle = { outcome: "failed", mayRetry: true };

  it("by silence, one byte after the other, or redirects that take their time", async () => {
    expect(await fetchFrom(() => undefined, { msMax: 100 })).toEqual(late);
    const timers: NodeJS.Timeout[] = [];
    const drip = await fetchFrom(
      (_request, response) => {
        response.writeHead(200, { "Content-Type": "text/html" });
        timers.push(setInterval(() => response.write(" "), 10));
      },
      { msMax: 200 },
    );
    expect(drip).toEqual(late);
    const slow = await fetchFrom(
      (_request, response) =>
        void timers.push(setTimeout(() => response.writeHead(302, { Location: "/" }).end(), 80)),
      { msMax: 200 },
    );
    expect(slow).toEqual(late);
    timers.forEach((timer) => clearInterval(timer));
    // A name whose servers do not answer.
    const silent = new AddressGuard([], [], () => new Promise(() => undefined));
    expect(await fetchFrom(() => undefined, { guard: silent, msMax: 100 }, "http://silent.example/")).toEqual(
      late,
    );
  });

  it("by a page without end", async () => {
    let sent = 0;
    const fetched = await fetchFrom((_request, response) => {
      response.writeHead(200, { "Content-Type": "text/html" });
      const piece = Buffer.alloc(64 * 1024, "x");
      const write = (): void => {
        if (response.destroyed) return;
        sent += piece.length;
        if (response.write(piece)) setImmediate(write);
        else response.once("drain", write);
      };
      write();
    });
    expect(fetched).toEqual(none);
    // What the sockets' buffers took beyond it.
    expect(sent).toBeLessThan(fetchLimits.bytesMax + 16 * 1024 * 1024);
  });

  it("by a small body that becomes a large one", async () => {
    // 200 MB in 200 KB; its title stands behind all of it.
    const bomb = gzipSync(
      Buffer.concat([Buffer.alloc(200 * 1024 * 1024, " "), Buffer.from("<title>x</title>")]),
    );
    expect(bomb.length).toBeLessThan(fetchLimits.bytesMax);
    const before = process.memoryUsage().arrayBuffers;
    expect(await fetchFrom(page(bomb, { "Content-Encoding": "gzip" }))).toEqual(none);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(50 * 1024 * 1024);
  });

  it("at the last byte that counts", async () => {
    const title = "<title>last</title>";
    const padded = " ".repeat(fetchLimits.bytesMax - title.length) + title;
    expect(await fetchFrom(page(padded))).toEqual(found("last"));
    expect(await fetchFrom(page(` ${padded}`))).toEqual(none);
    expect(await fetchFrom(page(gzipSync(padded), { "Content-Encoding": "gzip" }))).toEqual(found("last"));
    expect(await fetchFrom(page(gzipSync(` ${padded}`), { "Content-Encoding": "gzip" }))).toEqual(none);
  });

  it("by headers without end", async () => {
    const many = Object.fromEntries(
      Array.from({ length: 200 }, (_, index) => [`X-${index}`, "y".repeat(200)]),
    );
    expect(await fetchFrom(page("<title>x</title>", many))).toMatchObject({ outcome: "failed" });
  });
});
