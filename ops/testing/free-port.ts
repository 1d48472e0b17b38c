// For tests: a loopback port that nobody listens on at the moment.
import { createServer } from "node:net";

export function chooseFreePort(): Promise<number> {
  return new Promise((done, failed) => {
    const server = createServer();
    server.once("error", failed);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => {
        if (address === null || typeof address === "string") failed(new Error("no port"));
        else done(address.port);
      });
    });
  });
}
