import { describe, expect, it } from "vitest";
import { BoundedCache } from "./bounded-cache.ts";
import type { Enrichment } from "./enrich-event.ts";
import { Enricher } from "./enrich-event.ts";
import { UserAgents } from "./user-agent.ts";

const chrome =
  "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36";
const iphone =
  "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1";
const ipad =
  "Mozilla/5.0 (iPad; CPU OS 13_3 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/87.0 Mobile/15E148 Safari/604.1";
const television =
  "Mozilla/5.0 (SMART-TV; Linux; Tizen 6.0) AppleWebKit/538.1 (KHTML, like Gecko) Version/6.0 TV Safari/538.1";
const googlebot = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)";

describe("user agents", () => {
  const agents = new UserAgents();
  it.each([
    { agent: "", browser: "", os: "", device: "", isBot: false },
    { agent: chrome, browser: "Chrome", os: "macOS", device: "desktop", isBot: false },
    { agent: iphone, browser: "Safari", os: "iOS", device: "mobile", isBot: false },
    { agent: ipad, browser: "Chrome", os: "iOS", device: "tablet", isBot: false },
    { agent: television, browser: "Tizen", os: "Tizen", device: "other", isBot: false },
    { agent: googlebot, browser: "Googlebot", os: "", device: "bot", isBot: true },
    { agent: "curl/8.5.0", browser: "", os: "", device: "bot", isBot: true },
  ])("$browser on $os: $device", ({ agent, ...traits }) => {
    expect(agents.traitsOf(agent)).toEqual(traits);
    expect(agents.traitsOf(agent), "again, from the cache").toEqual(traits);
  });

  it("an over-long agent is cut before it is parsed and remembered", () => {
    const long = `${chrome} ${"x".repeat(1024 * 1024)}`;
    expect(agents.traitsOf(long).browser).toBe("Chrome");
    expect(agents.traitsOf(`${long.slice(0, 5000)} other end`)).toBe(agents.traitsOf(long));
  });

  it.each(["((((((", "\u0000", "\ud800", "Mozilla/5.0 (", "%s%n"])("%j does not throw", (agent) => {
    expect(() => agents.traitsOf(agent)).not.toThrow();
  });
});

describe("the cache", () => {
  it("holds its bound and forgets the oldest", () => {
    const cache = new BoundedCache<number>(3);
    for (const [index, key] of ["a", "b", "c", "a", "d"].entries()) cache.set(key, index);
    expect(cache.size).toBe(3);
    expect(["a", "b", "c", "d"].map((key) => cache.get(key))).toEqual([undefined, 1, 2, 4]);
  });
});

describe("an event", () => {
  const nothing: Enrichment = {
    pageUrl: "",
    referrerDomain: "",
    utmSource: "",
    utmMedium: "",
    utmCampaign: "",
    browser: "",
    os: "",
    device: "",
    isBot: false,
  };
  const onChrome = { browser: "Chrome", os: "macOS", device: "desktop" } as const;
  const cases: {
    name: string;
    context?: unknown;
    properties?: unknown;
    userAgent?: string;
    added: Partial<Enrichment>;
  }[] = [
    { name: "with nothing", added: {} },
    {
      name: "of Segment",
      context: {
        userAgent: chrome,
        page: { url: "https://a.example/x?utm_source=s&utm_campaign=c", referrer: "https://www.b.example/" },
      },
      added: {
        ...onChrome,
        pageUrl: "https://a.example/x?utm_source=s&utm_campaign=c",
        referrerDomain: "b.example",
        utmSource: "s",
        utmCampaign: "c",
      },
    },
    {
      name: "of PostHog",
      properties: {
        $current_url: "https://a.example/?utm_medium=m",
        $referrer: "$direct",
        $raw_user_agent: chrome,
        price: 1,
      },
      added: { ...onChrome, pageUrl: "https://a.example/?utm_medium=m", utmMedium: "m" },
    },
    {
      name: "of Segment's page call",
      properties: { url: "https://a.example/", referrer: "https://c.example/x" },
      added: { pageUrl: "https://a.example/", referrerDomain: "c.example" },
    },
    { name: "our own spelling of the agent", context: { user_agent: chrome }, added: onChrome },
    { name: "the request's agent", userAgent: chrome, added: onChrome },
    {
      name: "the context wins over properties and header",
      context: { userAgent: chrome, page: { url: "https://context.example/" } },
      properties: { $current_url: "https://properties.example/", url: "https://no.example/" },
      userAgent: iphone,
      added: { ...onChrome, pageUrl: "https://context.example/" },
    },
    {
      name: "Segment's campaign wins over the address",
      context: { campaign: { source: "s", name: "n" }, page: { url: "/?utm_source=no&utm_medium=m" } },
      added: { pageUrl: "/?utm_source=no&utm_medium=m", utmSource: "s", utmMedium: "m", utmCampaign: "n" },
    },
    {
      name: "other types",
      context: { userAgent: 1, page: [] },
      properties: { url: {}, referrer: null },
      added: {},
    },
    {
      name: "broken addresses",
      properties: { url: "http://%", referrer: "http://%" },
      added: { pageUrl: "http://%" },
    },
  ];
  const enricher = new Enricher();
  it.each(cases)("$name", ({ context = {}, properties = {}, userAgent = "", added }) => {
    const event = {
      context: JSON.stringify(context),
      properties: JSON.stringify(properties),
      user_agent: userAgent,
    };
    expect(enricher.enrich(event)).toEqual({ ...nothing, ...added });
  });

  it.each(["", "null", "[]", "{", '{"page":', '{"page":{"url":"x'])("broken context %j", (context) => {
    expect(enricher.enrich({ context, properties: context, user_agent: "" })).toEqual(nothing);
  });
});
