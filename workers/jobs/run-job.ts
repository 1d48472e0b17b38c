// One try of one job: asks a process of the query tier, which says every second that it lives, and takes the answer.
import { gzip } from "node:zlib";
import { promisify } from "node:util";
import type { NatsConnection } from "@nats-io/transport-node";
import { MillraceError } from "#schemas/errors.ts";
import { jobLimits, type RunJob } from "#schemas/jobs/job.ts";
import { callStream } from "#streams/call-service.ts";
import type { JobClaim } from "./job-ledger.ts";

/** A line comes every second: a process that is silent for longer has died. */
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
  signal: AbortSignal,
): Promise<JobAnswer> {
  const { id, kind, query, attempt } = claim;
  const lines = new Lines();
  await callStream(
    connection,
    "svc.query.run_job",
    { id, kind, query, attempt } satisfies RunJob,
    { requestId: `${id}-${attempt}`, projectId: claim.projectId, timeoutMs: silenceMsMax },
    { onStart: () => undefined, onChunk: (bytes) => lines.push(bytes), signal },
  );
  const { answer, rowsRead } = lines.finish();
  return { result: await compress(answer), rowsRead };
}

/** Lines are empty, or the rows that were read; the last one has no end and is the answer. */
class Lines {
  #pieces: Uint8Array[] = [];
  #bytes = 0;
  #rowsRead = 0;

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
    if (this.#bytes > 0) this.#rowsRead = Number(Buffer.concat(this.#pieces).toString());
    this.#pieces = [];
    this.#bytes = 0;
  }
}
