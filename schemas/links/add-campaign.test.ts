import { expect, it } from "vitest";
import { addCampaign } from "./add-campaign.ts";

it.each([
  ["https://a.example/x", null, "https://a.example/x"],
  ["https://a.example/x?", {}, "https://a.example/x?"],
  ["https://a.example", { source: "mail" }, "https://a.example?utm_source=mail"],
  ["https://a.example/ä?b=%20ü#c?d", { source: "a&b" }, "https://a.example/ä?b=%20ü&utm_source=a%26b#c?d"],
  [
    "https://a.example/?utm_source=old&x=1&utm_medium=m",
    { source: "new", campaign: "c" },
    "https://a.example/?x=1&utm_medium=m&utm_source=new&utm_campaign=c",
  ],
])("%s with %j", (url, campaign, expected) => {
  expect(addCampaign(url, campaign)).toBe(expected);
});
