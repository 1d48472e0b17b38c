// `npm run bench -- k6`: single events, batches and visits of short links at a constant arrival rate, with k6. Against
// a running installation (--url and --key, --codes for links), or against an edge with its log and its links that is
// started for the run.
// Options: --scenario single-events|batches|redirects --rate 1000 --duration 30s --url http://… --key <write key>
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { inheritedEnvironment } from "#ops/embedded/environment.ts";
import { startServers } from "#ops/embedded/start-servers.ts";
import { findTool } from "#ops/embedded/tools.ts";
import { LinksService } from "../ingest/testing/links-service.ts";
import { startEdge, testKeys } from "../ingest/testing/start-edge.ts";
import { benchmarkCode } from "./harness/load-requests.ts";

const rates: Readonly<Record<string, string>> = {
  "single-events": "1000",
  batches: "100",
  redirects: "1000",
};
/** Of an edge that is started for the run; a command line holds no more. */
const links = 1_000;

const { values } = parseArgs({
  options: {
    scenario: { type: "string", default: "single-events,batches,redirects" },
    rate: { type: "string" },
    duration: { type: "string", default: "30s" },
    url: { type: "string" },
    key: { type: "string" },
    codes: { type: "string" },
  },
});

interface Target {
  url: string;
  key: string;
  codes: string;
  stop(): Promise<void>;
}

async function startTarget(): Promise<Target> {
  if (values.url !== undefined) {
    if (values.key === undefined) throw new Error("--url needs --key, a write key of that installation");
    if (values.codes === undefined && scenarios.includes("redirects")) {
      throw new Error("redirects of that installation need --codes, links that are there, comma separated");
    }
    return { url: values.url, key: values.key, codes: values.codes ?? "", stop: async () => undefined };
  }
  const dataDir = await mkdtemp(join(tmpdir(), "millrace-k6-"));
  const servers = await startServers({ dataDir, parts: ["nats"] });
  const edge = await startEdge(servers.natsUrl);
  const service = new LinksService(edge.connection, undefined);
  const codes = Array.from({ length: links }, (_, number) => benchmarkCode(number));
  for (const code of codes) await service.put({ code, url: `https://example.com/landing/${code}` });
  return {
    url: edge.url,
    key: testKeys.write,
    codes: codes.join(","),
    async stop() {
      await service.stop();
      await edge.stop();
      await servers.stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

function run(program: string, target: Target, scenario: string): Promise<number> {
  const script = fileURLToPath(new URL(`k6/${scenario}.js`, import.meta.url));
  const environment = {
    URL: target.url,
    KEY: target.key,
    CODES: target.codes,
    RATE: values.rate ?? (rates[scenario] as string),
    DURATION: values.duration,
  };
  const args = Object.entries(environment).flatMap(([name, value]) => ["-e", `${name}=${value}`]);
  const child = spawn(program, ["run", "--quiet", ...args, script], { stdio: "inherit" });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => resolve(code ?? 1));
  });
}

const scenarios = values.scenario.split(",");
const unknown = scenarios.filter((scenario) => !Object.hasOwn(rates, scenario));
if (unknown.length > 0) {
  throw new Error(`no scenario ${unknown.join(", ")}; there are ${Object.keys(rates).join(", ")}`);
}
const { program } = await findTool("k6", { env: inheritedEnvironment(), log: console.log });
const target = await startTarget();
try {
  for (const scenario of scenarios) {
    console.log(`\n${scenario}`);
    // k6 ends with 99 when a threshold was crossed: the run counts as failed, the others go on.
    const code = await run(program, target, scenario);
    if (code !== 0) process.exitCode = code;
  }
} finally {
  await target.stop();
}
