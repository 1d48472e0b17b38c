// Uploads, wired: the pool of threads, the files on disk, the receiver, and the processor behind it.
import type { NatsConnection } from "@nats-io/transport-node";
import { Piscina } from "piscina";
import type { Config } from "#ops/runtime/config.ts";
import type { Logger } from "#ops/runtime/log.ts";
import type { Publisher } from "#streams/publisher.ts";
import type { KeyCache } from "../access/key-cache.ts";
import type { Access } from "../access/start-access.ts";
import type { EventsObserver, Intake } from "../events/intake.ts";
import type { Handler } from "../server.ts";
import { UploadProcessor } from "./processor.ts";
import { createUploadReceiver } from "./receive-upload.ts";
import { UploadFiles } from "./upload-files.ts";
import { uploadLimits } from "./upload-limits.ts";
import { UploadRecords } from "./upload-records.ts";

export async function startUploads(options: {
  config: Pick<Config, "dataDir" | "uploadBytesMax">;
  connection: NatsConnection;
  keys: KeyCache;
  access: Pick<Access, "audit" | "clientAddress">;
  intake: Intake;
  publisher: Publisher;
  observer: EventsObserver;
  log: Logger;
}): Promise<{ receive: Handler; stop(): Promise<void> }> {
  const { config, log } = options;
  // No thread before the first upload, and none for long after the last.
  const pool = new Piscina({
    filename: new URL("./pool.ts", import.meta.url).href,
    minThreads: 0,
    maxThreads: uploadLimits.processingMax,
    idleTimeout: uploadLimits.threadIdleMs,
    resourceLimits: {
      maxOldGenerationSizeMb: uploadLimits.threadHeapMiB,
      maxYoungGenerationSizeMb: uploadLimits.threadYoungMiB,
    },
  });
  const files = new UploadFiles(config.dataDir);
  const records = new UploadRecords(options.connection);
  const processor = new UploadProcessor({ ...options, files, records, pool });
  const receiver = createUploadReceiver({
    keys: options.keys,
    audit: options.access.audit,
    clientAddress: options.access.clientAddress,
    files,
    records,
    processor,
    pool,
    log,
    bytesMax: config.uploadBytesMax,
  });
  await processor.start();
  let stopped: Promise<void> | undefined;
  return {
    receive: receiver.receive,
    stop() {
      stopped ??= (async () => {
        receiver.stop();
        await processor.stop();
        await pool.destroy();
      })();
      return stopped;
    },
  };
}
