// Links as the edge sees them: through the service on NATS, over the real Postgres and Redis.
import type { Redis } from "ioredis";
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Postgres } from "#ops/runtime/postgres.ts";
import { transact } from "#ops/runtime/transact.ts";
import { MillraceError } from "#schemas/errors.ts";
import { decodeCachedLink, linkClicksKey, linkKey, linksChangedSubject } from "#schemas/links/link-cache.ts";
import type { Link, LinkBulkResult, LinkImportResult } from "#schemas/links/link-contract.ts";
import type { ResolvedLink } from "#schemas/links/link.ts";
import { startLinksBed, type Asked, type LinksBed } from "../testing/links-bed.ts";
import { LinkStore } from "./link-store.ts";
import { readNewLink } from "./read-link.ts";

let bed: LinksBed;
let connection: LinksBed["connection"];
let postgres: Postgres;
let redis: Redis;
let projects: readonly number[];

beforeAll(async () => {
  bed = await startLinksBed();
  ({ connection, postgres, redis, projects } = bed);
});

afterAll(() => bed.stop());

const call = <T>(method: string, payload: object, asked?: Asked): Promise<T> =>
  bed.call<T>(method, payload, asked);
const read = (method: string, payload: object): Promise<{ type: string; bytes: Buffer }> =>
  bed.read(method, payload);
const create = (body: object, asked?: Asked): Promise<Link> => call("create", body, asked);
const update = (code: string, body: object, asked: Asked = {}): Promise<Link> =>
  call("update", body, { ...asked, parameters: { code, ...asked.parameters } });
const resolve = (code: string, domain = ""): Promise<ResolvedLink | null> =>
  call("resolve", { domain, code });

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    if (error instanceof MillraceError) return error.code;
    throw error;
  }
  return "no error";
}

describe("making links", () => {
  it("draws a code, keeps the URL byte for byte, and tells the edges", async () => {
    const url = "https://bücher.example/Straße?q=日本語&x=%2f#Teil";
    const told: unknown[] = [];
    const changes = connection.subscribe(linksChangedSubject, {
      callback: (_error, message) => void told.push(message.json()),
    });
    const link = await create({
      url,
      max_clicks: 3,
      tags: ["a", "b"],
      expires_at: "2099-01-01T00:00:00+01:00",
    });
    expect(link.code).toMatch(/^[1-9A-HJ-NP-Za-km-z]{7}$/);
    expect(link).toMatchObject({
      url,
      short_url: `https://go.example/${link.code}`,
      redirect: 302,
      has_password: false,
      clicks: 0,
      expires_at: "2098-12-31T23:00:00.000Z",
    });
    const resolved = (await resolve(link.code)) as ResolvedLink;
    expect(resolved).toMatchObject({ url, maxClicks: 3, projectPublicId: "one", retentionDays: 90 });
    expect(decodeCachedLink((await redis.get(linkKey("", link.code))) ?? "")).toEqual({
      version: resolved.version,
      link: resolved,
    });
    expect(await redis.get(linkClicksKey(resolved.id))).toBe("0");
    await expect.poll(() => told).toContainEqual({ domain: "", code: link.code, version: resolved.version });
    changes.unsubscribe();
  });

  it("gives an alias to exactly one of 200 at once", async () => {
    const outcomes = await Promise.all(
      Array.from({ length: 200 }, (_, index) =>
        codeOf(create({ url: `https://a.example/${index}`, alias: "contested" }, { project: index % 2 })),
      ),
    );
    expect(outcomes.filter((code) => code === "no error")).toHaveLength(1);
    expect(outcomes.filter((code) => code === "ALIAS_TAKEN")).toHaveLength(199);
  });

  it("makes one link of 50 requests with one Idempotency-Key at once", async () => {
    const parameters = { idempotency_key: randomUUID() };
    const body = { url: "https://a.example/once", title: "once" };
    const links = await Promise.all(Array.from({ length: 50 }, () => create(body, { parameters })));
    expect(new Set(links.map(({ id }) => id)).size).toBe(1);
    const { rows } = await postgres.query("SELECT FROM links WHERE title = 'once'");
    expect(rows).toHaveLength(1);
    expect(await codeOf(create({ ...body, title: "other" }, { parameters }))).toBe("IDEMPOTENCY_KEY_REUSED");
    // Another project's keys are its own.
    const others = await create(body, { parameters, project: 1 });
    expect(others.id).not.toBe(links[0]?.id);
    // After a day the key is free.
    await postgres.query("UPDATE link_requests SET created_at = now() - interval '25 hours'");
    expect((await create(body, { parameters })).id).not.toBe(links[0]?.id);
  });

  it("keeps no answer for a request that was refused", async () => {
    const parameters = { idempotency_key: randomUUID() };
    await create({ url: "https://a.example/", alias: "refused-once" });
    const body = { url: "https://a.example/", alias: "refused-once" };
    expect(await codeOf(create(body, { parameters }))).toBe("ALIAS_TAKEN");
    await call("delete", { code: "refused-once" });
    expect((await create(body, { parameters })).code).toBe("refused-once");
  });

  it.each([
    [{ url: "javascript:alert(1)" }, "URL_FORBIDDEN"],
    [{ url: "https://go.example/loop" }, "URL_FORBIDDEN"],
    [{ url: "https://a.example", expired_url: "https://GO.example./x" }, "URL_FORBIDDEN"],
    [{ url: "https://a.example/\u0000" }, "INVALID_BODY"],
    [{ url: "https://a.example/ b" }, "URL_INVALID"],
    [{}, "INVALID_BODY"],
    [{ url: "https://a.example", alias: "v1" }, "ALIAS_RESERVED"],
    [{ url: "https://a.example", alias: "a/b" }, "ALIAS_INVALID"],
    [{ url: "https://a.example", domain: "not a domain" }, "INVALID_BODY"],
    [{ url: "https://a.example", domain: "10.0.0.1" }, "INVALID_BODY"],
    [{ url: "https://a.example", redirect: 200 }, "INVALID_BODY"],
    [{ url: "https://a.example", expires_at: "tomorrow" }, "INVALID_BODY"],
    [{ url: "https://a.example", expires_at: "2026-01-01T00:00:00" }, "INVALID_BODY"],
    [{ url: "https://a.example", max_clicks: 0 }, "INVALID_BODY"],
    [{ url: "https://a.example", unknown: 1 }, "INVALID_BODY"],
  ])("refuses %j", async (body, code) => {
    expect(await codeOf(create(body))).toBe(code);
  });

  it("refuses URLs of more than 8 KB", async () => {
    expect(await codeOf(create({ url: `https://a.example/${"ü".repeat(5000)}` }))).toBe("URL_INVALID");
    expect(await codeOf(create({ url: `https://a.example/${"a".repeat(9000)}` }))).toBe("INVALID_BODY");
  });

  it("gives a domain to the project that used it first, and leads nobody in a circle over it", async () => {
    const link = await create({ url: "https://a.example/", domain: "Kürz.example", alias: "x" });
    expect(link).toMatchObject({ domain: "xn--krz-hoa.example", short_url: "https://xn--krz-hoa.example/x" });
    expect(await codeOf(create({ url: "https://a.example/", domain: "kürz.example" }, { project: 1 }))).toBe(
      "DOMAIN_TAKEN",
    );
    expect(await codeOf(create({ url: "http://kürz.example:8080/y" }, { project: 1 }))).toBe("URL_FORBIDDEN");
    // The same alias at another address is another link.
    expect((await create({ url: "https://b.example/", alias: "x" })).id).not.toBe(link.id);
    expect((await resolve("x", "xn--krz-hoa.example"))?.url).toBe("https://a.example/");
    expect((await resolve("x"))?.url).toBe("https://b.example/");
  });

  it("draws again when a code is taken, and longer codes after five draws", async () => {
    await create({ url: "https://a.example/", alias: "zzzzzzz" });
    let conflicts = 0;
    const draws: number[] = [];
    const store = new LinkStore(postgres, {
      onConflict: () => (conflicts += 1),
      draw: (symbols) => {
        draws.push(symbols);
        return symbols === 7 ? "zzzzzzz" : "zzzzzzzz";
      },
    });
    const draft = await readNewLink({ url: "https://a.example/drawn" }, "https://go.example");
    const [made] = await transact(postgres, (client) => store.insert(client, projects[0] as number, [draft]));
    expect(made).toMatchObject({ code: "zzzzzzzz" });
    expect(draws).toEqual([7, 7, 7, 7, 7, 8]);
    expect(conflicts).toBe(5);
    // Nothing is free: it ends.
    expect(
      await codeOf(
        transact(postgres, (client) =>
          new LinkStore(postgres, { onConflict: () => undefined, draw: () => "zzzzzzz" }).insert(
            client,
            projects[0] as number,
            [draft],
          ),
        ),
      ),
    ).toBe("INTERNAL");
  });
});

describe("many at once", () => {
  it("answers for each of a thousand, and makes what can be made", async () => {
    const links: object[] = Array.from({ length: 1000 }, (_, index) => ({
      url: `https://a.example/${index}`,
    }));
    links[10] = { url: "ftp://a.example" };
    links[11] = { url: "https://a.example/", alias: "twice" };
    links[12] = { url: "https://a.example/", alias: "twice" };
    links[13] = { url: "https://a.example/", alias: "a-1", external_id: "e-1" };
    links[14] = { url: "https://a.example/", alias: "e-1", external_id: "e-1" };
    links[15] = { nothing: true };
    const result = await call<LinkBulkResult>("create_bulk", { links });
    expect(result).toMatchObject({ created: 996, failed: 4 });
    const errors = result.results.flatMap((each, index) =>
      "error" in each ? [[index, each.error.code]] : [],
    );
    expect(errors).toEqual([
      [10, "URL_FORBIDDEN"],
      [12, "ALIAS_TAKEN"],
      [14, "CONFLICT"],
      [15, "INVALID_BODY"],
    ]);
    const first = result.results[0] as { link: Link };
    expect((await resolve(first.link.code))?.url).toBe("https://a.example/0");
    expect(await codeOf(call("create_bulk", { links: [...links, {}] }))).toBe("INVALID_BODY");
  });

  it("does not lock two requests out that name the same aliases in opposite order", async () => {
    const bodies = Array.from({ length: 200 }, (_, index) => ({
      url: "https://a.example/",
      alias: `both-${index}`,
    }));
    const results = await Promise.all(
      [bodies, bodies.toReversed()].map((links) => call<LinkBulkResult>("create_bulk", { links })),
    );
    expect(results.map(({ created }) => created).reduce((sum, each) => sum + each, 0)).toBe(200);
  });

  it("reads a file, and reads again what it exports", async () => {
    const csv = [
      "url,alias,tags,redirect,title,utm_source",
      'https://a.example/1,csv-1,a|b,301,"a ""title"", with\nlines",mail',
      "https://a.example/2,csv-2,,302,,",
      "nothing,csv-3,,,,",
      "https://a.example/4,csv-1,,,,",
      "https://a.example/5,csv-5,,seven,,",
    ].join("\r\n");
    const result = await call<LinkImportResult>("import", Buffer.from(`\uFEFF${csv}`));
    expect(result).toMatchObject({ created: 2, failed: 3 });
    expect(result.errors.map(({ code }) => code)).toEqual(["URL_INVALID", "ALIAS_TAKEN", "INVALID_BODY"]);
    const first = await call<Link>("get", { code: "csv-1" });
    expect(first).toMatchObject({
      tags: ["a", "b"],
      redirect: 301,
      title: 'a "title", with\nlines',
      utm: { source: "mail" },
      url: "https://a.example/1",
    });
    expect((await resolve("csv-1"))?.url).toBe("https://a.example/1?utm_source=mail");
    const exported = await read("export", { search: "csv-" });
    expect(exported.type).toContain("text/csv");
    await call("delete", { code: "csv-1" });
    await call("delete", { code: "csv-2" });
    expect(await call("import", exported.bytes)).toMatchObject({ created: 2, failed: 0 });
    const again = await call<Link>("get", { code: "csv-1" });
    expect({ ...again, id: "", created_at: "", updated_at: "" }).toEqual({
      ...first,
      id: "",
      created_at: "",
      updated_at: "",
    });
    expect(await codeOf(call("import", Buffer.from("link\nhttps://a.example")))).toBe("COLUMN_NOT_FOUND");
  });

  it("exports every link, however many pages that are", async () => {
    const { rows } = await postgres.query<{ count: string }>(
      "SELECT count(*) FROM links WHERE project_id = $1 AND (title IS NULL OR title NOT LIKE E'%\\n%')",
      [projects[0]],
    );
    const { bytes } = await read("export", {});
    const lines = bytes.toString().split("\r\n").length - 2;
    expect(lines).toBeGreaterThan(1200);
    expect(lines).toBeGreaterThanOrEqual(Number(rows[0]?.count));
  });
});

describe("finding links", () => {
  it("goes through all pages without a gap, also while links are made", async () => {
    const tag = `t-${randomUUID()}`;
    const made = (
      await call<LinkBulkResult>("create_bulk", {
        links: Array.from({ length: 25 }, (_, index) => ({ url: `https://p.example/${index}`, tags: [tag] })),
      })
    ).results.map((each) => (each as { link: Link }).link.id);
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const page: { links: Link[]; next_cursor: string | null } = await call("list", {
        tag,
        limit: "10",
        ...(cursor === null ? {} : { cursor }),
      });
      seen.push(...page.links.map(({ id }) => id));
      cursor = page.next_cursor;
      await create({ url: "https://p.example/new", tags: [tag] });
    } while (cursor !== null);
    expect(seen).toHaveLength(25);
    expect(new Set(seen)).toEqual(new Set(made));
  });

  it("searches code, URL and title, and takes signs of patterns as they are", async () => {
    const word = randomUUID().slice(0, 8);
    const made = await create({ url: `https://s.example/${word}/100%_sure`, title: "Größe" });
    const search = async (text: string): Promise<string[]> =>
      (await call<{ links: Link[] }>("list", { search: text })).links.map(({ id }) => id);
    expect(await search(word.toUpperCase())).toEqual([made.id]);
    expect(await search(`${word}/100%_s`)).toEqual([made.id]);
    expect(await search(`${word}/1%sure`)).toEqual([]);
    expect(await search("größe")).toContain(made.id);
  });

  it("shows and changes nothing of another project", async () => {
    const link = await create({ url: "https://a.example/mine", external_id: "mine" });
    const other = { project: 1 };
    expect(await codeOf(call("get", { code: link.code }, other))).toBe("LINK_NOT_FOUND");
    expect(await codeOf(call("history", { code: link.code }, other))).toBe("LINK_NOT_FOUND");
    expect(await codeOf(update(link.code, { url: "https://evil.example/" }, other))).toBe("LINK_NOT_FOUND");
    expect(await codeOf(call("delete", { code: link.code }, other))).toBe("LINK_NOT_FOUND");
    expect(await call("list", { external_id: "mine" }, other)).toEqual({ links: [], next_cursor: null });
    expect((await resolve(link.code))?.url).toBe("https://a.example/mine");
  });

  it.each([{ limit: "0" }, { limit: "501" }, { cursor: "x" }, { nothing: "1" }])(
    "refuses %j",
    async (parameters) => {
      expect(await codeOf(call("list", parameters))).toBe("INVALID_PARAMETER");
    },
  );
});

describe("changing links", () => {
  it("changes what is named, writes it down, and grows the version", async () => {
    const link = await create({
      url: "https://a.example/1?utm_source=old",
      tags: ["a"],
      utm: { source: "x" },
    });
    const before = (await resolve(link.code)) as ResolvedLink;
    const changed = await update(link.code, { url: "https://a.example/2", password: "secret", title: "t" });
    expect(changed).toMatchObject({
      url: "https://a.example/2",
      has_password: true,
      title: "t",
      tags: ["a"],
    });
    const after = (await resolve(link.code)) as ResolvedLink;
    expect(after.url).toBe("https://a.example/2?utm_source=x");
    expect(after.version).toBeGreaterThan(before.version);
    await update(link.code, { password: null, utm: null });
    await update(link.code, { title: "t" });
    const { changes } = await call<{ changes: { request_id: string; changes: object }[] }>("history", {
      code: link.code,
    });
    expect(changes.map((each) => each.changes)).toEqual([
      { password: { before: true, after: false }, utm: { before: { source: "x" }, after: null } },
      {
        url: { before: "https://a.example/1?utm_source=old", after: "https://a.example/2" },
        password: { before: false, after: true },
        title: { before: null, after: "t" },
      },
    ]);
    expect(JSON.stringify(changes)).not.toContain("scrypt");
    expect(await codeOf(update(link.code, {}))).toBe("INVALID_BODY");
    expect(await codeOf(update(link.code, { alias: "other" }))).toBe("INVALID_BODY");
  });

  it("loses none of many changes at once", async () => {
    const link = await create({ url: "https://a.example/" });
    const fields = ["title", "external_id", "expired_url", "max_clicks", "redirect"] as const;
    const values = ["t", randomUUID(), "https://a.example/gone", 7, 308];
    await Promise.all(fields.map((field, index) => update(link.code, { [field]: values[index] })));
    const now = await call<Link>("get", { code: link.code });
    expect(fields.map((field) => now[field])).toEqual(values);
  });

  it("frees the address of a deleted link, whose next version is larger", async () => {
    const first = await create({ url: "https://a.example/1", alias: "again" });
    const before = (await resolve("again")) as ResolvedLink;
    await call("delete", { code: first.code });
    expect(await resolve("again")).toBeNull();
    const cached = decodeCachedLink((await redis.get(linkKey("", "again"))) ?? "");
    expect(cached).toMatchObject({ link: null });
    const second = await create({ url: "https://a.example/2", alias: "again" }, { project: 1 });
    expect(second.id).not.toBe(first.id);
    const after = (await resolve("again")) as ResolvedLink;
    expect(after.version).toBeGreaterThan(cached?.version ?? Number.POSITIVE_INFINITY);
    expect(cached?.version).toBeGreaterThan(before.version);
  });
});

describe("passwords", () => {
  it("opens with the right one, and limits tries", async () => {
    const link = await create({ url: "https://a.example/secret", password: "Ångström" });
    const unlock = (password: string, address = "192.0.2.1"): Promise<object> =>
      call("unlock", { domain: "", code: link.code, password, address });
    expect(await unlock("wrong")).toEqual({ ok: false, url: null });
    expect(await unlock("A\u030Angstro\u0308m")).toEqual({ ok: true, url: "https://a.example/secret" });
    const outcomes = await Promise.all(Array.from({ length: 20 }, () => codeOf(unlock("wrong"))));
    expect(outcomes.filter((code) => code === "no error")).toHaveLength(8);
    expect(await codeOf(unlock("wrong"))).toBe("RATE_LIMITED");
    expect(await unlock("Ångström", "192.0.2.2")).toMatchObject({ ok: true });
    const { rows } = await postgres.query<{ password_hash: string }>(
      "SELECT password_hash FROM links WHERE code = $1",
      [link.code],
    );
    expect(rows[0]?.password_hash).toMatch(/^scrypt\$/);
  });
});

describe("QR codes", () => {
  it("come as SVG and PNG", async () => {
    const link = await create({ url: "https://a.example/" });
    expect(await read("qr_svg", { code: link.code })).toMatchObject({ type: "image/svg+xml" });
    const { type, bytes } = await read("qr_png", { code: link.code, scale: "4", ecc: "high" });
    expect(type).toBe("image/png");
    expect(bytes.subarray(1, 4).toString()).toBe("PNG");
    expect(await codeOf(read("qr_png", { code: link.code, scale: "99" }))).toBe("INVALID_PARAMETER");
    expect(await codeOf(read("qr_svg", { code: "nothing" }))).toBe("LINK_NOT_FOUND");
  });
});
