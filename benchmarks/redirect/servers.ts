// The servers that the redirect benchmark compares, each in a process of its own: uWebSockets.js with a constant 302,
// and the product's edge, which counts every click. Prints the port, ends with its standard input.
import { App, us_socket_local_port } from "uWebSockets.js";
import { readConfig } from "#ops/runtime/config.ts";
import { createLogger } from "#ops/runtime/log.ts";
import { start } from "#ingest/main.ts";

export type RedirectServer = "bare" | "product";

function listenBare(): Promise<number> {
  return new Promise((resolve) => {
    App()
      .get("/:code", (response) => {
        response.cork(() => {
          response
            .writeStatus("302 Found")
            .writeHeader("Location", "https://example.com/landing/page?campaign=spring")
            .endWithoutBody(0);
        });
      })
      .listen("127.0.0.1", 0, (socket) => resolve(us_socket_local_port(socket as never)));
  });
}

async function run(kind: RedirectServer): Promise<number> {
  if (kind === "bare") return listenBare();
  const config = readConfig();
  return (await start({ ...config, port: 0 }, createLogger({ level: "warn", name: "benchmark" }))).port;
}

if (import.meta.main) {
  console.log(await run(process.argv[2] as RedirectServer));
  process.stdin.on("end", () => process.exit(0));
  process.stdin.resume();
}
