import { describe, expect, it, test } from "vitest";
import { createLogger } from "#ops/runtime/log.ts";
import { AddressLimits } from "./address-limits.ts";
import { createDomainOf } from "./own-hosts.ts";
import { buildPreview, escapeHtml } from "./pages.ts";
import { readUtm } from "./read-utm.ts";
import { readDomain } from "./visit.ts";
import { Visitors } from "./visitors.ts";

describe("readDomain", () => {
  it.each([
    ["https://www.Example.org/path?x#y", "example.org"],
    ["https://example.org", "example.org"],
    ["http://user:secret@host.example:8080/", "host.example"],
    ["https://bücher.example/", "xn--bcher-kva.example"],
    ["android-app://com.google.android.gm/", "com.google.android.gm"],
    ["", ""],
    ["about:blank", ""],
    ["https://", ""],
    ["https://<script>alert(1)</script>/", ""],
    [`https://${"a".repeat(300)}/`, ""],
  ])("%s", (referrer, expected) => {
    expect(readDomain(referrer)).toBe(expected);
  });
});

describe("createDomainOf", () => {
  it.each([
    ["localhost:8080", ""],
    ["127.0.0.1", ""],
    ["[::1]:8080", ""],
    ["millrace", ""],
    ["Own.Example.org", ""],
    ["own.example.org.:443", ""],
    ["go.example.com", "go.example.com"],
    ["GO.example.com:8443", "go.example.com"],
    ["", ""],
  ])("%s", (host, expected) => {
    expect(createDomainOf(["own.example.org:80"])(host)).toBe(expected);
  });
});

test("campaign parameters are read from addresses and query strings, and cut", () => {
  expect(readUtm("https://e.com/?utm_source=a+b&utm_medium=%22&x=1#utm_term=no")).toEqual({
    utm_source: "a b",
    utm_medium: '"',
  });
  expect(readUtm("utm_campaign=c&utm_content=")).toEqual({ utm_campaign: "c" });
  expect(readUtm(`utm_term=${"x".repeat(1_000)}`).utm_term?.length).toBe(200);
  expect(readUtm("utm_source=%ff%")).toEqual({ utm_source: "\ufffd%" });
});

test("pages show what people wrote as text", () => {
  expect(escapeHtml(`<a href="x" title='y'>&</a>`)).toBe(
    "&lt;a href=&quot;x&quot; title=&#39;y&#39;&gt;&amp;&lt;/a&gt;",
  );
  const title = "</title><script>alert(1)</script> & more";
  const page = buildPreview({ code: "<b>", url: 'https://e.com/"onclick="x', title, notes: ["<i>"] });
  expect(page).not.toMatch(/<b>|<i>|"onclick|<script/);
  expect(page).toContain("&lt;/title&gt;&lt;script&gt;alert(1)&lt;/script&gt; &amp; more");
  // Nothing of a page is told whose address is not.
  expect(buildPreview({ code: "b", url: undefined, title, notes: [] })).not.toContain("alert");
});

test("each address has its own second, and an old clock starts a new one", () => {
  const limits = new AddressLimits(3);
  const take = (address: string, nowMs: number) => limits.take(address, nowMs)?.code;
  expect([1, 2, 3, 4].map(() => take("a", 10_000))).toEqual([
    undefined,
    undefined,
    undefined,
    "RATE_LIMITED",
  ]);
  expect(take("b", 10_500)).toBeUndefined();
  expect(take("a", 11_000)).toBeUndefined();
  for (let count = 0; count < 5; count += 1) take("a", 11_100);
  expect(take("a", 1_000)).toBeUndefined();
  // All addresses that one sender of IPv6 has are one.
  const networks = new AddressLimits(3);
  const ends = ["1", "2", "a:b:c:d", "4"].map((end) =>
    networks.take(`2001:db8:0:1:${end.includes(":") ? "" : ":"}${end}`, 5),
  );
  expect(ends.map((error) => error?.code)).toEqual([undefined, undefined, undefined, "RATE_LIMITED"]);
  expect(networks.take("2001:db8:0:2::1", 5)).toBeUndefined();
  const unlimited = new AddressLimits(0);
  for (let count = 0; count < 100; count += 1) expect(unlimited.take("a", 1)).toBeUndefined();
});

describe("visitors", () => {
  const day = 24 * 3600 * 1000;
  const log = createLogger({ level: "fatal", name: "test" });

  it("have one name on all edges for a day, another one the next day", async () => {
    const now = () => 20_000 * day + 5;
    const readSalt = async (text: string): Promise<string> => `salt ${text}`;
    const [one, two] = [new Visitors({ readSalt, log, now }), new Visitors({ readSalt, log, now })];
    await Promise.all([one.renew(), two.renew()]);
    await new Promise((done) => setImmediate(done));
    const name = one.nameOf(1, "1.2.3.4", "agent", now());
    expect(name).toMatch(/^[\w-]{22}$/);
    expect(two.nameOf(1, "1.2.3.4", "agent", now())).toBe(name);
    expect(one.nameOf(2, "1.2.3.4", "agent", now())).not.toBe(name);
    expect(one.nameOf(1, "1.2.3.4", "agent", now() + day)).not.toBe(name);
    one.stop();
    two.stop();
  });

  it("are named without the service too, and by the shared salt as soon as it is there", async () => {
    let away = true;
    const visitors = new Visitors({
      readSalt: async () => {
        if (away) throw new Error("away");
        return "shared";
      },
      log,
      now: () => day,
    });
    await new Promise((done) => setImmediate(done));
    const own = visitors.nameOf(1, "a", "b", day);
    expect(visitors.nameOf(1, "a", "b", day)).toBe(own);
    away = false;
    await visitors.renew();
    expect(visitors.nameOf(1, "a", "b", day)).not.toBe(own);
    visitors.stop();
  });
});
