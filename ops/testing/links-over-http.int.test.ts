// Short links over HTTP, through two edges and the real services: limits by address, many who want the same at once,
// and what nobody sends by mistake.
import { createConnection } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { isErrorCode } from "#schemas/errors.ts";
import { startLinkEdges, type Answer, type Asked, type LinkEdges } from "./link-edges.ts";

let edges: LinkEdges;

beforeAll(async () => {
  edges = await startLinkEdges();
}, 120_000);

afterAll(() => edges.stop());

const ask = (asked: Asked): Promise<Answer> => edges.ask(asked);
const create = (body: object, more: Partial<Asked> = {}): Promise<Answer> =>
  ask({ path: "/v1/links", body, ...more });

describe("100 requests about links a minute", () => {
  // Other systems have one loopback address.
  it.runIf(process.platform === "linux")("for each address, over two edges, and not one more", async () => {
    const startedMs = performance.now();
    const addresses = Array.from({ length: 4 }, (_, index) => `127.0.0.${index + 2}`);
    const answers = await Promise.all(
      addresses.map(async (localAddress) => {
        const mine: Answer[] = [];
        for (let round = 0; round < 12; round += 1) {
          const at = { path: "/v1/links?limit=1", localAddress };
          mine.push(
            ...(await Promise.all(Array.from({ length: 10 }, (_, index) => ask({ ...at, edge: index % 2 })))),
          );
        }
        return mine;
      }),
    );
    // On a machine that took a minute for it the first ones do not count any more.
    const isInMinute = performance.now() - startedMs < 55_000;
    for (const mine of answers) {
      const taken = mine.filter(({ status }) => status === 200).length;
      if (isInMinute) expect(taken).toBe(100);
      const refused = mine.filter(({ status }) => status === 429);
      expect(taken + refused.length).toBe(120);
      for (const { code, headers } of refused) {
        expect(code).toBe("RATE_LIMITED");
        expect(headers["retry-after"]).toMatch(/^([1-9]|[1-5]\d|60)$/);
      }
    }
    // Before the key is looked at: a wrong one is no way round.
    const wrong = await ask({ path: "/v1/links", localAddress: "127.0.0.2", key: "wrong" });
    expect([401, 429]).toContain(wrong.status);
    // Others are not held up, and visits are counted apart.
    expect((await ask({ path: "/v1/links?limit=1", localAddress: "127.0.0.99" })).status).toBe(200);
    expect((await ask({ path: "/nothing", localAddress: "127.0.0.2" })).status).toBe(404);
  });

  it("for each network of IPv6, whatever address of it asks", async () => {
    const from = (prefix: string) =>
      Promise.all(
        Array.from({ length: 110 }, (_, index) =>
          ask({
            path: "/v1/links?limit=1",
            client: `${prefix}::${(index + 1).toString(16)}`,
            edge: index % 2,
          }),
        ),
      );
    const answers = await from("2001:db8:0:1");
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(100);
    expect(answers.filter(({ status }) => status === 429)).toHaveLength(10);
    const neighbour = await ask({ path: "/v1/links?limit=1", client: "2001:db8:0:2::1" });
    expect(neighbour.status).toBe(200);
  });
});

describe("many at once", () => {
  it("want one alias: one gets it", async () => {
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, index) =>
        create({ url: `https://a.example/${index}`, alias: "wanted" }, { edge: index % 2 }),
      ),
    );
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
    expect(answers.filter(({ status, code }) => status === 409 && code === "ALIAS_TAKEN")).toHaveLength(199);
    const made = answers.find(({ status }) => status === 201);
    const followed = await Promise.all([0, 1].map((edge) => ask({ path: "/wanted", key: null, edge })));
    const { url } = JSON.parse(made?.text ?? "{}") as { url: string };
    expect(followed.map(({ status, headers }) => [status, headers.location])).toEqual([
      [302, url],
      [302, url],
    ]);
  });

  it("repeat one request: one link, one answer", async () => {
    const headers = { "idempotency-key": "fifty at once" };
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        create({ url: "https://a.example/once", tags: ["once"] }, { headers, edge: index % 2 }),
      ),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201]));
    expect(new Set(answers.map(({ text }) => (JSON.parse(text) as { id: string }).id)).size).toBe(1);
    const listed = await ask({ path: "/v1/links?tag=once" });
    expect((JSON.parse(listed.text) as { links: unknown[] }).links).toHaveLength(1);
    const other = await create({ url: "https://a.example/other" }, { headers });
    expect(other.code).toBe("IDEMPOTENCY_KEY_REUSED");
  });
});

describe("what nobody sends by mistake", () => {
  const damaged = Buffer.from([0x7b, 0x22, 0x75, 0x72, 0x6c, 0x22, 0x3a, 0x22, 0xc3, 0x28, 0x22, 0x7d]);
  const deep = `{"url":${"[".repeat(50_000)}${"]".repeat(50_000)}}`;

  it.each<{ name: string; asked: Asked; status: number; code: string }>([
    { name: "no UTF-8", asked: { path: "/v1/links", body: damaged }, status: 400, code: "INVALID_ENCODING" },
    {
      name: "no UTF-8, many",
      asked: { path: "/v1/links/bulk", body: damaged },
      status: 400,
      code: "INVALID_ENCODING",
    },
    {
      name: "no UTF-8, a change",
      asked: { path: "/v1/links/wanted", method: "PATCH", body: damaged },
      status: 400,
      code: "INVALID_ENCODING",
    },
    {
      name: "half a document",
      asked: { path: "/v1/links", body: '{"url":"https://a.ex' },
      status: 400,
      code: "MALFORMED_JSON",
    },
    { name: "nothing", asked: { path: "/v1/links", body: "" }, status: 400, code: "EMPTY_BODY" },
    { name: "a list", asked: { path: "/v1/links", body: "[]" }, status: 400, code: "INVALID_BODY" },
    { name: "null", asked: { path: "/v1/links", body: "null" }, status: 400, code: "INVALID_BODY" },
    { name: "50,000 levels", asked: { path: "/v1/links", body: deep }, status: 400, code: "INVALID_BODY" },
    {
      name: "a prototype",
      asked: { path: "/v1/links", body: '{"url":"https://a.example","__proto__":{"x":1}}' },
      status: 400,
      code: "INVALID_BODY",
    },
    {
      name: "a body of 300 KB",
      asked: { path: "/v1/links", body: { url: "https://a.example", title: "x".repeat(300_000) } },
      status: 413,
      code: "BODY_TOO_LARGE",
    },
    {
      name: "a password in bytes",
      asked: { path: "/v1/links", body: '{"url":"https://a.example","password":"\\ud800"}' },
      status: 400,
      code: "INVALID_BODY",
    },
    {
      name: "a NUL in a tag",
      asked: { path: "/v1/links", body: { url: "https://a.example", tags: ["a\0"] } },
      status: 400,
      code: "INVALID_BODY",
    },
    {
      name: "an Idempotency-Key of 400",
      asked: {
        path: "/v1/links",
        body: { url: "https://a.example" },
        headers: { "idempotency-key": "k".repeat(400) },
      },
      status: 400,
      code: "INVALID_PARAMETER",
    },
    {
      name: "a code that is none",
      asked: { path: "/v1/links/%00%ff" },
      status: 400,
      code: "INVALID_PARAMETER",
    },
    {
      name: "a code with slashes",
      asked: { path: "/v1/links/..%2f..%2fetc" },
      status: 404,
      code: "LINK_NOT_FOUND",
    },
    {
      name: "a code of 3,000",
      asked: { path: `/v1/links/${"a".repeat(3_000)}` },
      status: 404,
      code: "LINK_NOT_FOUND",
    },
    {
      name: "a limit that is none",
      asked: { path: "/v1/links?limit=-1" },
      status: 400,
      code: "INVALID_PARAMETER",
    },
    {
      name: "a parameter twice",
      asked: { path: "/v1/links?tag=a&tag=b" },
      status: 400,
      code: "INVALID_PARAMETER",
    },
  ])("$name", async ({ asked, status, code }) => {
    const answer = await ask(asked);
    expect([answer.status, answer.code]).toEqual([status, code]);
  });

  it.each([
    ["javascript:alert(1)", "URL_FORBIDDEN"],
    ["data:text/html,<script>alert(1)</script>", "URL_INVALID"],
    ["file:///etc/passwd", "URL_FORBIDDEN"],
    ["ftp://a.example/", "URL_FORBIDDEN"],
    ["https://bank.example@evil.example/", "URL_FORBIDDEN"],
    ["https://go.example/wanted", "URL_FORBIDDEN"],
    ["https://GO.example:443/wanted", "URL_FORBIDDEN"],
    ["https://a.example/\r\nSet-Cookie: a=b", "URL_INVALID"],
    ["https://a.example/\u202egpj.exe", "URL_INVALID"],
    ["https://a.example\\@evil.example", "URL_INVALID"],
    ["//a.example", "URL_INVALID"],
    [`https://a.example/${"ü".repeat(5_000)}`, "URL_INVALID"],
  ])("the URL %s", async (url, code) => {
    expect((await create({ url })).code).toBe(code);
  });

  it.each([
    ["v1", "ALIAS_RESERVED"],
    ["V1", "ALIAS_RESERVED"],
    ["docs", "ALIAS_RESERVED"],
    ["metrics", "ALIAS_RESERVED"],
    ["bulk", "ALIAS_RESERVED"],
    ["", "ALIAS_INVALID"],
    ["-a", "ALIAS_INVALID"],
    ["a b", "ALIAS_INVALID"],
    ["a/b", "ALIAS_INVALID"],
    ["a+", "ALIAS_INVALID"],
    ["a.b", "ALIAS_INVALID"],
    ["ä", "ALIAS_INVALID"],
    ["a\0", "INVALID_BODY"],
    ["..", "ALIAS_INVALID"],
    ["a".repeat(101), "ALIAS_INVALID"],
  ])("the alias %j", async (alias, code) => {
    expect((await create({ url: "https://a.example/", alias })).code).toBe(code);
  });

  it("a visit's query ends no header, and a page shows it as text", async () => {
    await create({
      url: "https://a.example/x",
      alias: "carried",
      forward_query: true,
      title: "</title><script>alert(1)</script>",
    });
    const visited = await ask({ path: "/carried?a=%0d%0aSet-Cookie:%20b=c&<script>", key: null });
    expect(visited.status).toBe(302);
    expect(visited.headers["set-cookie"]).toBeUndefined();
    expect(visited.headers.location).toMatch(/^https:\/\/a\.example\/x\?a=%0d%0aSet-Cookie/i);
    const page = await ask({ path: "/carried+", key: null, headers: { accept: "text/html" } });
    expect(page.text).toContain("&lt;script&gt;alert(1)");
    expect(page.text).not.toContain("<script");
    expect(page.headers["content-security-policy"]).toContain("default-src 'none'");
    const shown = await ask({ path: "/carried+", key: null });
    expect(JSON.parse(shown.text)).toMatchObject({ title: "</title><script>alert(1)</script>" });
  });

  it("headers of 64 KB, on a visit and on a request: refused, and the edge goes on", async () => {
    const long = "y".repeat(64 * 1024);
    for (const path of ["/carried", "/v1/links", "/carried+"]) {
      for (const name of [
        "user-agent",
        "referer",
        "cookie",
        "x-anything",
        "accept-language",
        "idempotency-key",
      ]) {
        const answered = await ask({ path, headers: { [name]: long } }).then(
          ({ status }) => status,
          (error: NodeJS.ErrnoException) => error.code ?? "",
        );
        expect([431, 400, 413, "ECONNRESET", "EPIPE", "HPE_INVALID_CONSTANT"], `${path} ${name}`).toContain(
          answered,
        );
      }
    }
    expect((await ask({ path: "/carried", key: null })).status).toBe(302);
  });

  it.each([
    ["a request line without an end", `GET /${"a".repeat(200_000)}`],
    ["bytes that are no request", "\0\xff\xfe\x01\r\n\r\n"],
    ["two lengths", "POST /v1/links HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n{}"],
    [
      "a length and pieces",
      "POST /v1/links HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
    ["a path of raw bytes", "GET /\xff\xfe\x80 HTTP/1.1\r\nHost: x\r\n\r\n"],
    ["no host", "GET /carried HTTP/1.1\r\n\r\n"],
  ])("%s", async (_name, bytes) => {
    const answer = await sendRaw(bytes);
    // An answer that refuses, or a connection that ends.
    expect(answer === "" || /^HTTP\/1\.1 (4\d\d|505)/.test(answer), answer.slice(0, 100)).toBe(true);
    expect((await ask({ path: "/carried", key: null })).status).toBe(302);
  });

  it("random bytes to every address of links never crash an edge, and every refusal has a code", async () => {
    const paths = ["/v1/links", "/v1/links/bulk", "/v1/links/import", "/carried", "/wanted"];
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, index) => {
        const body = Buffer.from(
          Array.from({ length: index * 3 + 1 }, () => Math.floor(Math.random() * 256)),
        );
        const type = ["application/json", "text/csv", "application/x-www-form-urlencoded"][
          index % 3
        ] as string;
        return ask({
          path: paths[index % paths.length] as string,
          body,
          headers: { "content-type": type },
          edge: index % 2,
        });
      }),
    );
    for (const { status, code, text } of answers) {
      expect(status, text).toBeLessThan(500);
      if (status >= 400) expect(isErrorCode(code ?? ""), text).toBe(true);
    }
  });
});

function sendRaw(bytes: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = createConnection(edges.port, "127.0.0.1");
    let text = "";
    socket.setTimeout(1_000, () => socket.destroy());
    socket.on("data", (piece) => {
      text += piece.toString("latin1");
      socket.end();
    });
    socket.on("error", () => undefined);
    socket.on("close", () => resolve(text));
    socket.write(Buffer.from(bytes, "latin1"));
  });
}
