// The servers that the ingestion benchmark compares, each in a process of its own: bare parts without any of the
// product's checks, and the product's edge. Prints the port, ends with its standard input.
import { randomBytes } from "node:crypto";
import { createInbox, type NatsConnection } from "@nats-io/transport-node";
import { App, us_socket_local_port, type HttpResponse } from "uWebSockets.js";
import { readConfig } from "#ops/runtime/config.ts";
import { createLogger } from "#ops/runtime/log.ts";
import { BlockWriter } from "#schemas/events/block.ts";
import type { LogEvent } from "#schemas/events/event.ts";
import { connectNats } from "#streams/connect.ts";
import { start } from "#ingest/main.ts";

export type ServerKind = "bare-http" | "bare-group-commit" | "product";

/** The bare group commit's one subject; a stream of its own, with the same settings as the product's. */
export const bareSubject = "bare.events";

const accepted = '{"accepted":1,"rejected":[]}';
const log = createLogger({ level: "warn", name: "benchmark" });

/** A response that may have been left by its client. */
interface Waiting {
  response: HttpResponse;
  left: boolean;
}

function listen(onEvents: (events: LogEvent[], waiting: Waiting) => void): Promise<number> {
  return new Promise((resolve) => {
    App()
      .post("/v1/events", (response) => {
        const waiting: Waiting = { response, left: false };
        response.onAborted(() => {
          waiting.left = true;
        });
        const chunks: Buffer[] = [];
        response.onData((chunk, isLast) => {
          if (!isLast || chunks.length > 0) chunks.push(Buffer.from(chunk.slice(0)));
          if (!isLast) return;
          const body = chunks.length === 0 ? Buffer.from(chunk) : Buffer.concat(chunks);
          const parsed = JSON.parse(body.toString()) as LogEvent | LogEvent[];
          onEvents(Array.isArray(parsed) ? parsed : [parsed], waiting);
        });
      })
      .listen("127.0.0.1", 0, (socket) => resolve(us_socket_local_port(socket as never)));
  });
}

function answer({ response, left }: Waiting): void {
  if (left) return;
  response.cork(() => {
    response.writeStatus("202 Accepted").end(accepted);
  });
}

/** One subject, blocks in the product's format, up to three in flight, no checks, no identification, no retries. */
function groupCommit(connection: NatsConnection): (events: LogEvent[], request: Waiting) => void {
  const inFlightMax = 3;
  const blockBytesMax = 128 * 1024;
  const inbox = createInbox();
  const inFlight = new Map<string, Waiting[]>();
  let writer = new BlockWriter();
  let waiting: Waiting[] = [];
  let token = 0;
  let scheduled = false;
  const publish = (): void => {
    const name = String(token++);
    inFlight.set(name, waiting);
    connection.publish(bareSubject, writer.finish(), { reply: `${inbox}.${name}` });
    writer = new BlockWriter();
    waiting = [];
  };
  const flush = (): void => {
    scheduled = false;
    if (writer.count > 0 && inFlight.size < inFlightMax) publish();
  };
  const schedule = (): void => {
    if (scheduled) return;
    scheduled = true;
    setImmediate(flush);
  };
  connection.subscribe(`${inbox}.*`, {
    callback: (_error, message) => {
      const name = message.subject.slice(inbox.length + 1);
      for (const each of inFlight.get(name) ?? []) answer(each);
      inFlight.delete(name);
      schedule();
    },
  });
  const scratch = {
    project_id: 1,
    session_id: "",
    anonymous_id: "",
    context: "{}",
    user_agent: "",
  } as LogEvent;
  return (events, request) => {
    for (const event of events) {
      scratch.event = event.event;
      scratch.event_id = event.event_id;
      scratch.user_id = event.user_id;
      scratch.timestamp = Date.parse(event.timestamp as unknown as string);
      scratch.received_at = Date.now();
      scratch.properties = JSON.stringify(event.properties);
      writer.append(scratch);
      if (writer.bytes >= blockBytesMax) {
        // The last block of a request answers it: blocks of one subject are confirmed in their order.
        publish();
      }
    }
    waiting.push(request);
    schedule();
  };
}

async function run(kind: ServerKind, natsUrl: string, partitions: string): Promise<number> {
  if (kind === "bare-http") return listen((_events, waiting) => answer(waiting));
  if (kind === "bare-group-commit") {
    return listen(groupCommit(await connectNats({ url: natsUrl, name: kind, log })));
  }
  const config = readConfig({
    MILLRACE_NATS_URL: natsUrl,
    MILLRACE_PARTITIONS: partitions,
    MILLRACE_INSTANCE: `benchmark-${randomBytes(3).toString("hex")}`,
  });
  return (await start({ ...config, port: 0 }, log)).port;
}

if (import.meta.main) {
  const [kind, natsUrl, partitions] = process.argv.slice(2) as [ServerKind, string, string];
  console.log(await run(kind, natsUrl, partitions));
  process.stdin.on("end", () => process.exit(0));
  process.stdin.resume();
}
