// A page of another origin in a real browser, for clients that only run there: the system's Chromium, and a small
// server for the page and for the files of the clients as they are installed.
import { randomUUID } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join, normalize, resolve } from "node:path";
import { chromium, type Browser } from "playwright-core";

const installed = resolve(import.meta.dirname, "../../node_modules");

const candidates = [
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  "/Applications/Chromium.app/Contents/MacOS/Chromium",
];

/** Where a Chromium is; undefined when there is none. */
export const chromiumPath = candidates.find((path) => existsSync(path));

/**
 * Clients send nothing for robots, and headless Chromium calls itself one. Tells this run's events from those of
 * others in the same log.
 */
export const userAgent =
  "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 " +
  `Run/${randomUUID()}`;

export interface PageServer {
  readonly url: string;
  readonly browser: Browser;
  stop(): Promise<void>;
}

/** Serves `pages` by their paths, and files of packages under `/npm/`. */
export async function startPages(pages: Readonly<Record<string, string>>): Promise<PageServer> {
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? "/", "http://page").pathname;
    // Asked for by every browser.
    const page = path === "/favicon.ico" ? "" : pages[path];
    if (page !== undefined) {
      const type = path.endsWith(".js") ? "text/javascript" : "text/html; charset=utf-8";
      response.writeHead(200, { "content-type": type }).end(page);
      return;
    }
    const file = join(installed, normalize(path).replace(/^\/npm\//, ""));
    if (!path.startsWith("/npm/") || !file.startsWith(installed) || !existsSync(file)) {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(200, { "content-type": "text/javascript" }).end(readFileSync(file));
  });
  await new Promise<void>((done) => {
    server.listen(0, "127.0.0.1", done);
  });
  const browser = await chromium.launch({
    executablePath: chromiumPath as string,
    args: [
      // Not the context's: what is sent while a page is left would carry the browser's own.
      `--user-agent=${userAgent}`,
      // A browser that runs as root has no sandbox.
      ...(process.getuid?.() === 0 ? ["--no-sandbox"] : []),
    ],
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    browser,
    async stop() {
      await browser.close();
      server.closeAllConnections();
      server.close();
    },
  };
}
