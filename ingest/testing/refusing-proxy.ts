// Stands between a real client and the edge and answers some requests itself, as an edge in trouble would; the others
// pass as they are. What came is kept for the test.
import { createServer, request, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface Refusal {
  readonly status: number;
  readonly retryAfterSeconds?: number;
  /** True: the edge gets the request all the same, as when its answer is lost on the way. */
  readonly delivers?: boolean;
}

export interface SeenRequest {
  readonly path: string;
  readonly atMs: number;
  readonly status: number;
  readonly bytes: number;
}

export interface RefusingProxy {
  readonly url: string;
  readonly seen: SeenRequest[];
  /** The next requests that bring events are answered so, one each. */
  refuse(...refusals: Refusal[]): void;
  stop(): Promise<void>;
}

export async function startRefusingProxy(port: number): Promise<RefusingProxy> {
  const seen: SeenRequest[] = [];
  const refusals: Refusal[] = [];

  const handle = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const refusal = incoming.method === "POST" ? refusals.shift() : undefined;
    if (refusal === undefined || refusal.delivers === true) {
      const answer = await forward(port, incoming, body);
      if (refusal === undefined) {
        seen.push({
          path: incoming.url ?? "",
          atMs: Date.now(),
          status: answer.status,
          bytes: body.length,
        });
        response.writeHead(answer.status, answer.headers).end(answer.body);
        return;
      }
    }
    seen.push({ path: incoming.url ?? "", atMs: Date.now(), status: refusal.status, bytes: body.length });
    const { retryAfterSeconds } = refusal;
    response
      .writeHead(refusal.status, {
        // As the edge does it: pages have to read the status.
        "access-control-allow-origin": incoming.headers.origin ?? "*",
        "access-control-allow-credentials": "true",
        "access-control-expose-headers": "Retry-After",
        ...(retryAfterSeconds === undefined ? {} : { "retry-after": String(retryAfterSeconds) }),
      })
      .end("{}");
  };

  const server = createServer((incoming, response) => {
    handle(incoming, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    refuse: (...more) => refusals.push(...more),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

interface Forwarded {
  status: number;
  headers: IncomingMessage["headers"];
  body: Buffer;
}

function forward(port: number, incoming: IncomingMessage, body: Buffer): Promise<Forwarded> {
  return new Promise((resolve, reject) => {
    const { method, url, headers } = incoming;
    const outgoing = request({ port, host: "127.0.0.1", method, path: url, headers }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on("data", (chunk: Buffer) => chunks.push(chunk));
      answer.on("end", () =>
        resolve({ status: answer.statusCode ?? 500, headers: answer.headers, body: Buffer.concat(chunks) }),
      );
    });
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}
