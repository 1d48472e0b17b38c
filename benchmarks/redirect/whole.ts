// The redirect benchmark on a whole installation: links made over the API, visited as fast as they are answered, and
// every click in the answers afterwards.
import { startInstallation, type BenchInstallation } from "../harness/installation-processes.ts";
import type { LoadResult } from "../harness/load-generator.ts";
import { benchmarkCode, benchmarkLinks } from "../harness/load-requests.ts";
import { generate } from "./processes.ts";

const linksPerRequest = 1_000;
const countedMsMax = 120_000;
const pollMs = 100;

export interface WholeResult {
  load: LoadResult;
  /** Redirects of the whole run, as the edge counted them. */
  redirected: number;
  clicksLost: number;
  /** From the end of the load until every click is in the answers. */
  countedAfterSeconds: number;
  cpuUsPerRedirect: Record<string, number>;
}

export async function measureWhole(seconds: number): Promise<WholeResult> {
  const installation = await startInstallation({
    MILLRACE_REDIRECTS_PER_SECOND_MAX: "0",
    MILLRACE_LINKS_REQUESTS_PER_MINUTE: "0",
  });
  try {
    await makeLinks(installation);
    const before = await installation.readUsage();
    const load = await generate({
      port: installation.port,
      connections: 256,
      seconds,
      requestsPerSecond: 0,
      kind: "redirect",
    });
    const endedAtMs = performance.now();
    const redirected = await readMetric(
      installation,
      'millrace_ingest_link_visits_total{outcome="redirected"',
    );
    const clicksLost = await readMetric(installation, "millrace_ingest_link_clicks_lost_total");
    for (let counted = 0; counted !== redirected - clicksLost; counted = await countClicks(installation)) {
      if (performance.now() - endedAtMs > countedMsMax) {
        throw new Error(`${counted} clicks in the answers of ${redirected} redirects, ${clicksLost} lost`);
      }
      await new Promise((resolve) => setTimeout(resolve, pollMs));
    }
    const countedAfterSeconds = Math.round((performance.now() - endedAtMs) / 100) / 10;
    const after = await installation.readUsage();
    const cpuUsPerRedirect = Object.fromEntries(
      Object.entries(after.cpuSeconds).map(([part, spent]) => [
        part,
        Math.round(((spent - (before.cpuSeconds[part] ?? 0)) / redirected) * 1e7) / 10,
      ]),
    );
    return { load, redirected, clicksLost, countedAfterSeconds, cpuUsPerRedirect };
  } finally {
    await installation.stop();
  }
}

async function makeLinks(installation: BenchInstallation): Promise<void> {
  for (let first = 0; first < benchmarkLinks; first += linksPerRequest) {
    const links = Array.from({ length: linksPerRequest }, (_, index) => ({
      alias: benchmarkCode(first + index),
      url: `https://example.com/landing/page-${first + index}?campaign=spring`,
    }));
    const response = await fetch(`http://127.0.0.1:${installation.port}/v1/links/bulk`, {
      method: "POST",
      headers: { authorization: `Bearer ${installation.keys.admin}`, "content-type": "application/json" },
      body: JSON.stringify({ links }),
    });
    if (!response.ok) throw new Error(`links answered ${response.status}: ${await response.text()}`);
    await response.arrayBuffer();
  }
}

/** The sum of all lines that begin with `name`. */
async function readMetric(installation: BenchInstallation, name: string): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${installation.port}/metrics`, {
    headers: { authorization: `Bearer ${installation.keys.admin}` },
  });
  const lines = (await response.text()).split("\n").filter((line) => line.startsWith(name));
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" "))), 0);
}

async function countClicks(installation: BenchInstallation): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${installation.port}/v1/query/trends`, {
    method: "POST",
    headers: { authorization: `Bearer ${installation.keys.read}`, "content-type": "application/json" },
    body: JSON.stringify({
      from: new Date(Date.now() - 24 * 3600 * 1000).toISOString().slice(0, 10),
      to: new Date(Date.now() + 24 * 3600 * 1000).toISOString().slice(0, 10),
      interval: "day",
      series: [{ event: "link.clicked", math: "total" }],
    }),
  });
  if (response.status !== 200)
    throw new Error(`trends answered ${response.status}: ${await response.text()}`);
  const answer = (await response.json()) as { series: { total: number }[] };
  return answer.series[0]?.total ?? 0;
}
