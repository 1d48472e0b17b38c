import { describe, expect, it } from "vitest";
import { domainOf, readCampaign } from "./web-addresses.ts";

describe("the domain of an address", () => {
  const cases: [address: string, domain: string][] = [
    ["https://www.google.com/search?q=x", "google.com"],
    ["https://Example.COM", "example.com"],
    ["http://shop.example.co.uk/a/b", "shop.example.co.uk"],
    ["https://example.com?x=1", "example.com"],
    ["https://example.com#x", "example.com"],
    [`https://example.com?${"x".repeat(5000)}`, "example.com"],
    ["https://user:secret@example.com:8443/x", "example.com"],
    ["http://localhost:3000/", "localhost"],
    ["http://127.0.0.1:8080", "127.0.0.1"],
    ["http://[::1]:3000/", "[::1]"],
    ["https://bücher.example/", "xn--bcher-kva.example"],
    ["https://www.", ""],
    ["android-app://com.google.android.gm/", "com.google.android.gm"],
    ["https://", ""],
    ["https:///path", ""],
    ["://example.com", ""],
    ["$direct", ""],
    ["/path/only", ""],
    ["example.com/x", ""],
    ["about:blank", ""],
    ["", ""],
    ["not a url at all", ""],
    ["https://exa mple.com/", ""],
    ["https://%zz/", ""],
    [`https://${"a".repeat(500)}.com/`, ""],
    ["https://\ud800/", ""],
  ];
  it.each(cases)("%s", (address, domain) => {
    expect(domainOf(address)).toBe(domain);
  });
});

describe("campaign parameters", () => {
  const cases: {
    name: string;
    address: string;
    found: [source: string, medium: string, campaign: string];
  }[] = [
    { name: "none", address: "https://example.com/", found: ["", "", ""] },
    { name: "a query without them", address: "https://example.com/?a=b", found: ["", "", ""] },
    {
      name: "all three",
      address: "https://example.com/?utm_source=a&utm_medium=b&utm_campaign=c",
      found: ["a", "b", "c"],
    },
    { name: "among others", address: "/x?q=1&utm_medium=b&&z=2#utm_source=no", found: ["", "b", ""] },
    {
      name: "decoded",
      address: "?utm_source=news%20letter+x&utm_campaign=%C3%A9",
      found: ["news letter x", "", "é"],
    },
    { name: "broken escapes stay", address: "?utm_source=50%&utm_medium=%E9", found: ["50%", "%E9", ""] },
    { name: "the first wins", address: "?utm_source=a&utm_source=b", found: ["a", "", ""] },
    { name: "an empty one does not", address: "?utm_source=&utm_source=b", found: ["b", "", ""] },
    { name: "without value", address: "?utm_source&utm_medium=x", found: ["", "x", ""] },
    {
      name: "only the exact names",
      address: "?xutm_source=a&utm_sourced=b&UTM_SOURCE=c",
      found: ["", "", ""],
    },
    { name: "before the query", address: "/utm_source=a?b=utm_medium=c", found: ["", "", ""] },
    { name: "too long", address: `?utm_source=${"x".repeat(900)}`, found: ["x".repeat(200), "", ""] },
  ];
  it.each(cases)("$name", ({ address, found }) => {
    const campaign = { source: "", medium: "", campaign: "" };
    readCampaign(address, campaign);
    expect([campaign.source, campaign.medium, campaign.campaign]).toEqual(found);
  });

  it("leaves what is known already", () => {
    const campaign = { source: "known", medium: "", campaign: "" };
    readCampaign("?utm_source=a&utm_medium=b", campaign);
    expect(campaign).toEqual({ source: "known", medium: "b", campaign: "" });
  });
});
