// One try of one job: asks a process of the query tier, which says every second how far it is, and takes the answer.
import { gzip } from "node:zlib";
import { promisify } from "node:util";
import type { NatsConnection } from "@nats-io/transport-node";
import { MillraceError } from "#schemas/errors.ts";
import { jobLimits, type JobProgress } from "#schemas/jobs/job.ts";
import { callStream } from "#streams/call-service.ts";
import type { JobClaim } from "./job-ledger.ts";

/** Progress comes every second: a process that is silent for longer has died. */
const silenceMsMax = 10_000;
const lineEnd = 10;
const compress = promisify(gzip);

export interface JobAnswer {
  /** Gzipped JSON. */
  readonly result: Buffer;
  readonly rowsRead: number;
}

export async function runJob(
  connection: NatsConnection,
  claim: JobClaim,
  options: { signal: AbortSignal; onProgress: (progress: JobProgress) => void },
): Promise<JobAnswer> {
  const lines = new Lines(options.onProgress);
  await callStream(
    connection,
    "svc.query.run_job",
    { id: claim.id, kind: claim.kind, query: claim.query },
    { requestId: `${claim.id}-${claim.attempt}`, projectId: claim.projectId, timeoutMs: silenceMsMax },
    { onStart: () => undefined, onChunk: (bytes) => lines.push(bytes), signal: options.signal },
  );
  const { answer, rowsRead } = lines.finish();
  return { result: await compress(answer), rowsRead };
}

/** Every line but the last is progress; the last one has no end and is the answer. */
class Lines {
  readonly #onProgress: (progress: JobProgress) => void;
  #pieces: Uint8Array[] = [];
  #bytes = 0;
  #rowsRead = 0;

  constructor(onProgress: (progress: JobProgress) => void) {
    this.#onProgress = onProgress;
  }

  push(chunk: Uint8Array): void {
    let start = 0;
    // JSON on one line holds no line end of its own.
    for (let end = chunk.indexOf(lineEnd); end !== -1; end = chunk.indexOf(lineEnd, start)) {
      this.#keep(chunk.subarray(start, end));
      this.#take();
      start = end + 1;
    }
    this.#keep(chunk.subarray(start));
  }

  finish(): { answer: Buffer; rowsRead: number } {
    if (this.#bytes === 0)
      throw new MillraceError("SERVICE_UNAVAILABLE", { message: "the answer is missing" });
    return { answer: Buffer.concat(this.#pieces), rowsRead: this.#rowsRead };
  }

  #keep(piece: Uint8Array): void {
    this.#bytes += piece.length;
    if (this.#bytes > jobLimits.resultBytesMax) {
      throw new MillraceError("QUERY_TOO_EXPENSIVE", {
        message: `The answer has more than ${jobLimits.resultBytesMax} bytes; ask for less.`,
      });
    }
    // The sender's buffer may be used again.
    if (piece.length > 0) this.#pieces.push(Uint8Array.from(piece));
  }

  #take(): void {
    const progress = JSON.parse(Buffer.concat(this.#pieces).toString()) as JobProgress;
    this.#pieces = [];
    this.#bytes = 0;
    this.#rowsRead = progress.rowsRead;
    this.#onProgress(progress);
  }
}
