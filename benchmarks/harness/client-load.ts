// A program that sends with our own client, as fast as it may or at a pace, and says what that cost it. Run by
// benchmarks/client.ts in a process of its own; options as JSON in its first argument, the result as JSON on stdout.
import { setTimeout as sleep } from "node:timers/promises";
import { createClient } from "millrace/client";

export interface ClientLoadOptions {
  readonly url: string;
  readonly key: string;
  readonly event: string;
  readonly seconds: number;
  /** Events of one request. */
  readonly batchEvents: number;
  /** Events a second; 0: whenever there is room. */
  readonly rate: number;
}

export interface ClientLoadResult {
  readonly tracked: number;
  readonly accepted: number;
  readonly rejected: number;
  readonly dropped: number;
  readonly retries: number;
  readonly pending: number;
  /** From the first event until all were answered. */
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly residentMbBefore: number;
  readonly residentMbMax: number;
  /** Some of the ids that `track` answered. */
  readonly ids: readonly string[];
}

/** Requests that the queue holds at most: one is under way, the next ones are ready. */
const queuedRequests = 8;
const idsShown = 50;
const paceMs = 10;
const closeMsMax = 60_000;

const options = JSON.parse(process.argv[2] as string) as ClientLoadOptions;
const client = createClient({
  url: options.url,
  key: options.key,
  batchEvents: options.batchEvents,
  // Both bounds above what this program lets wait: nothing may be dropped here.
  queueEventsMax: options.batchEvents * queuedRequests * 2,
  flushEveryMs: options.rate === 0 ? 10 : 1_000,
});

const residentMb = (): number => Math.round(process.memoryUsage().rss / 2 ** 20);
const residentMbBefore = residentMb();
let residentMbMax = residentMbBefore;
const sampler = setInterval(() => {
  residentMbMax = Math.max(residentMbMax, residentMb());
}, 100);
const cpuBefore = process.cpuUsage();
const startedMs = performance.now();
const endMs = startedMs + options.seconds * 1000;
const ids: string[] = [];
let tracked = 0;

function track(): void {
  const id = client.track(
    options.event,
    {
      product: `sku-${tracked % 997}`,
      price: (tracked % 5_000) / 100,
      quantity: 1 + (tracked % 4),
      coupon: null,
    },
    { userId: `user-${tracked % 10_000}` },
  );
  tracked += 1;
  if (ids.length < idsShown && tracked % 499 === 1) ids.push(id);
}

while (performance.now() < endMs) {
  const due =
    options.rate === 0 ? Number.POSITIVE_INFINITY : ((performance.now() - startedMs) / 1000) * options.rate;
  while (tracked < due && client.counts.pending < options.batchEvents * queuedRequests) track();
  await sleep(options.rate === 0 ? 0 : paceMs);
}
const { pending } = await client.close({ msMax: closeMsMax });
const seconds = (performance.now() - startedMs) / 1000;
const cpu = process.cpuUsage(cpuBefore);
clearInterval(sampler);
const { accepted, rejected, dropped, retries } = client.counts;
const result: ClientLoadResult = {
  tracked,
  accepted,
  rejected,
  dropped,
  retries,
  pending,
  seconds,
  cpuSeconds: (cpu.user + cpu.system) / 1e6,
  residentMbBefore,
  residentMbMax,
  ids,
};
process.stdout.write(JSON.stringify(result));
