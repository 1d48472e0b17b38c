// Says what is configured, what runs, what can be reached and what lags; works when nothing runs, and then says so.
// Exit code 0 only when the system answers ready.
import { dataDirOwner } from "../embedded/data-dir.ts";
import { readConfig, type Config } from "../runtime/config.ts";
import { exitCodes } from "../runtime/life-cycle.ts";
import { readDefaultKeys } from "../supervisor/default-keys.ts";
import { edgeUrl, readReadiness } from "../supervisor/edge.ts";
import { fillServerUrls } from "../supervisor/server-urls.ts";
import { probeServers } from "../supervisor/probe-servers.ts";
import type { Command } from "./command.ts";

export const command: Command = {
  run: async ({ env }) => {
    const configured = readConfig(env);
    const config = await fillServerUrls(configured);
    const owner = await dataDirOwner(config.dataDir);
    const row = (name: string, text: string): void => console.log(`${name.padEnd(12)} ${text}`);
    row("node", `${process.version} on ${process.platform} ${process.arch}`);
    row("data", config.dataDir);
    row("supervisor", owner === undefined ? "not running in this data directory" : `process ${owner}`);
    for (const probe of await probeServers(config)) {
      const origin = configured[probe.setting] === undefined ? "embedded" : "configured";
      row(probe.name, probe.url === undefined ? "not started yet" : `${origin}, ${probe.url}: ${probe.text}`);
    }
    const { isReady, text } = await readReadiness(config);
    row("edge", `${edgeUrl(config)}: ${isReady ? "ready" : `not ready (${text})`}`);
    if (isReady) await printSystem(config, row);
    return isReady ? exitCodes.ok : exitCodes.failed;
  },
};

/** Lag per partition and the watermark, as the edge tells them to an admin. */
async function printSystem(config: Config, row: (name: string, text: string) => void): Promise<void> {
  const key = config.adminKey ?? (await readDefaultKeys(config.dataDir))?.admin;
  if (key === undefined) {
    row("system", "set MILLRACE_ADMIN_KEY to see the lag");
    return;
  }
  const response = await fetch(`${edgeUrl(config)}/v1/system`, {
    headers: { authorization: `Bearer ${key}` },
  });
  const body = await response.text();
  if (!response.ok) {
    row("system", `answered ${response.status}: ${body.slice(0, 200)}`);
    return;
  }
  console.log(JSON.stringify(JSON.parse(body), null, 2));
}
