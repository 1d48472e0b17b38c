import { expect, it } from "vitest";
import { generateShopTraffic } from "./shop-traffic.ts";

it("makes the same events with the same ids whenever it runs on a day, and never one of tomorrow", () => {
  const morning = generateShopTraffic({ users: 50, until: new Date("2026-05-04T07:00:00Z") });
  const evening = generateShopTraffic({ users: 50, until: new Date("2026-05-04T22:00:00Z") });
  expect(morning).toEqual(evening);
  expect(new Set(morning.map((event) => event.event_id)).size).toBe(morning.length);
  expect(new Set(morning.map((event) => event.event)).size).toBe(3);
  const latest = morning.at(-1)?.timestamp ?? "";
  expect(latest < "2026-05-04T04:00:00.000Z").toBe(true);
});
