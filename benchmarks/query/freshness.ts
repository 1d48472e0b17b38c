// How long after its acknowledgement an event is in the answers.
import { setTimeout as sleep } from "node:timers/promises";
import { dayMs } from "../generate/plan.ts";
import { askOk, type Access } from "./product.ts";
import { timesOf, type Times } from "./quantiles.ts";

export interface Freshness {
  readonly seconds: Times;
}

const event = "freshness_probe";
const everyMs = 1_000;
const pollMs = 50;
const freshMsMax = 60_000;

/** One event after the other until `endAtMs`, each looked for until it is counted. */
export async function measureFreshness(
  access: Access & { readonly writeKey: string },
  endAtMs: number,
): Promise<Freshness> {
  const seconds: number[] = [];
  const body = (): string => {
    const today = Math.floor(Date.now() / dayMs) * dayMs;
    const [from, to] = [today - dayMs, today + 2 * dayMs].map((epochMs) => new Date(epochMs).toISOString());
    return JSON.stringify({ from, to, interval: "day", series: [{ event }] });
  };
  const count = async (): Promise<number> => {
    const { answer } = await askOk(access, "POST", "/v1/query/trends", body());
    return (answer as { series: { total: number }[] }).series[0]?.total ?? 0;
  };
  let known = await count();
  while (performance.now() < endAtMs) {
    const probe = { event, user_id: "freshness", event_id: `freshness-${Date.now()}` };
    await askOk({ url: access.url, readKey: access.writeKey }, "POST", "/v1/events", probe);
    const acknowledgedMs = performance.now();
    known += 1;
    while ((await count()) < known) {
      if (performance.now() - acknowledgedMs > freshMsMax)
        throw new Error("a probe was not stored in a minute");
      await sleep(pollMs);
    }
    seconds.push((performance.now() - acknowledgedMs) / 1000);
    await sleep(everyMs);
  }
  return { seconds: timesOf(seconds.map((each) => Math.round(each * 100) / 100)) };
}
