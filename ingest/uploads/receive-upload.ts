// POST /v1/uploads: the body as a stream to disk, looked at, recorded, answered. Its rows are read afterwards.
import type { Piscina } from "piscina";
import type { Logger } from "#ops/runtime/log.ts";
import { MillraceError } from "#schemas/errors.ts";
import { findOperation } from "#schemas/operations/operations.ts";
import {
  parameterError,
  parseFormat,
  parseMapping,
  type UploadFormat,
  type UploadMapping,
} from "#schemas/uploads/mapping.ts";
import type { AuditTrail } from "../access/audit-trail.ts";
import { authorize } from "../access/authorize.ts";
import type { ClientAddress } from "../access/client-address.ts";
import type { KeyCache } from "../access/key-cache.ts";
import { parseEncoding, type Encoding } from "../events/decompress.ts";
import type { BodyStream } from "../server/body-stream.ts";
import type { Exchange, RequestHead } from "../server/exchange.ts";
import type { Handler } from "../server.ts";
import { inflate } from "./inflate.ts";
import type { PrepareInput, PrepareOutput } from "./prepare-file.ts";
import type { UploadProcessor } from "./processor.ts";
import { readForm } from "./read-form.ts";
import { createReadTime } from "./timestamp-format.ts";
import { createUploadId, type UploadFiles } from "./upload-files.ts";
import { uploadLimits } from "./upload-limits.ts";
import type { UploadRecords } from "./upload-records.ts";

export interface ReceiveUploadOptions {
  readonly keys: KeyCache;
  readonly audit: Pick<AuditTrail, "recordUpload">;
  readonly clientAddress: ClientAddress;
  readonly files: UploadFiles;
  readonly records: UploadRecords;
  readonly processor: UploadProcessor;
  readonly pool: Piscina;
  readonly log: Logger;
  readonly bytesMax: number;
}

/** Around the file of a form. */
const formBytesMax = 1024 * 1024;
const queryLengthMax = 32_000;
const noteMs = 2_000;
const operation = findOperation("POST", "/v1/uploads");

interface Request {
  readonly contentType: string;
  readonly encoding: Encoding | undefined;
  readonly format: UploadFormat;
  /** Parameters of the query string without the format. */
  readonly given: Map<string, unknown>;
}

interface Received {
  readonly mapping: UploadMapping;
  readonly fileName: string | null;
  readonly bytes: number;
}

export interface UploadReceiver {
  readonly receive: Handler;
  /** Gives up what is being received: its senders are told, and nothing of it is left. */
  stop(): void;
}

export function createUploadReceiver(options: ReceiveUploadOptions): UploadReceiver {
  const { keys, audit, files, records, processor } = options;
  const receiving = new Set<BodyStream>();
  let isStopped = false;
  const shuttingDown = (): MillraceError => new MillraceError("SHUTTING_DOWN", { retryAfterSeconds: 1 });

  async function receiveUpload(exchange: Exchange, head: RequestHead): Promise<void> {
    // Everything of the head is read, and the body taken hold of, before the first wait.
    const contentLength = Number(head.header("content-length")) || 0;
    const address = options.clientAddress(head, exchange.remoteAddress);
    const authorized = authorize(keys, head, "write", "admin");
    let request: Request | undefined;
    let refusal: unknown;
    try {
      request = readAllowed(head, contentLength);
    } catch (error) {
      // Who may not send at all is told that instead.
      refusal = error;
    }
    const body = exchange.streamBody({
      bytesMax: options.bytesMax + formBytesMax,
      idleMs: uploadLimits.bodyIdleMsMax,
      deadlineMs: uploadLimits.bodyMsMax,
    });
    receiving.add(body);
    try {
      const key = await authorized;
      if (request === undefined) throw refusal;
      const meant = request;
      const { requestId } = exchange;
      const parameters = { format: meant.format };
      let id = "";
      const answer = await audit.recordUpload(
        { key, operation, parameters, address, requestId },
        async () => {
          id = await take(key.projectId, meant, body, contentLength);
          return Buffer.from(JSON.stringify({ upload_id: id }));
        },
      );
      exchange.answer(202, answer, [["Location", `/v1/uploads/${id}`]]);
    } finally {
      receiving.delete(body);
    }
  }

  /** Throws what is wrong with the request, or why no file is taken now. */
  function readAllowed(head: RequestHead, contentLength: number): Request {
    if (contentLength > options.bytesMax + formBytesMax) throw tooLarge(options.bytesMax);
    const request = readRequest(head);
    if (isStopped) throw shuttingDown();
    if (receiving.size >= uploadLimits.receivingMax || processor.unfinished >= uploadLimits.waitingMax) {
      throw new MillraceError("TOO_MANY_UPLOADS", { retryAfterSeconds: 5 });
    }
    return request;
  }

  /** Answers the upload's id once its file is on disk and recorded. */
  async function take(
    projectId: number,
    request: Request,
    body: BodyStream,
    contentLength: number,
  ): Promise<string> {
    // Twice: a file in another charset is written again in UTF-8.
    await files.requireRoom(2 * (contentLength || options.bytesMax));
    const id = createUploadId();
    await records.create(projectId, { id, format: request.format });
    try {
      const received = await receive(options, id, request, body);
      const prepared = await prepare(options, id, request.format, received);
      await files.keep(id);
      await records.received({ id, ...received, plan: prepared.plan, bytesTotal: prepared.bytesTotal });
    } catch (error) {
      await files.remove(id);
      processor.forget(id);
      throw error;
    }
    processor.add(id);
    return id;
  }

  return {
    receive: receiveUpload,
    stop() {
      isStopped = true;
      for (const body of receiving) body.destroy(shuttingDown());
    },
  };
}

function tooLarge(bytesMax: number): MillraceError {
  return new MillraceError("BODY_TOO_LARGE", {
    message: `The file is larger than ${bytesMax} bytes (MILLRACE_UPLOAD_BYTES_MAX); split it.`,
  });
}

/** Throws INVALID_PARAMETER, UNSUPPORTED_MEDIA_TYPE. */
function readRequest(head: RequestHead): Request {
  const query = head.query();
  if (query.length > queryLengthMax)
    throw parameterError("query", "The query string is too long; send a form with a part `mapping`.");
  const given = new Map<string, unknown>();
  for (const [name, value] of new URLSearchParams(query)) {
    if (given.has(name)) throw parameterError(name, `\`${name.slice(0, 100)}\` is given twice.`);
    given.set(name, value);
  }
  const format = parseFormat(given.get("format"));
  given.delete("format");
  checkMapping(given, format);
  return {
    format,
    given,
    contentType: head.header("content-type"),
    encoding: parseEncoding(head.header("content-encoding")),
  };
}

/** Throws INVALID_PARAMETER. */
function checkMapping(given: ReadonlyMap<string, unknown>, format: UploadFormat): UploadMapping {
  const mapping = parseMapping(given, format);
  createReadTime(mapping.timestamp_format);
  return mapping;
}

async function receive(
  options: ReceiveUploadOptions,
  id: string,
  request: Request,
  body: BodyStream,
): Promise<Received> {
  let bytes = 0;
  let fileName: string | null = null;
  let notedAtMs = Date.now();
  const write = async (content: AsyncIterable<Buffer>): Promise<void> => {
    const onBytes = (soFar: number): void => {
      if (Date.now() - notedAtMs < noteMs) return;
      notedAtMs = Date.now();
      // Only for whoever looks at the list: nothing depends on it.
      options.records.noteBytes(id, soFar).catch(() => undefined);
    };
    bytes = await options.files.write(id, content, options.bytesMax, onBytes);
  };
  try {
    if (!/^multipart\/form-data\b/i.test(request.contentType)) {
      await write(inflate(body, request.encoding));
      return { mapping: checkMapping(request.given, request.format), fileName, bytes };
    }
    if (request.encoding !== undefined) {
      throw new MillraceError("UNSUPPORTED_MEDIA_TYPE", {
        message: "A form cannot be compressed as a whole; compress the file in it.",
      });
    }
    const fields = await readForm(body, request.contentType, async (file) => {
      ({ fileName } = file);
      await write(inflate(file.content, undefined));
    });
    const given = new Map(request.given);
    for (const [name, value] of fields) {
      if (given.has(name)) throw parameterError(name, `\`${name.slice(0, 100)}\` is given twice.`);
      given.set(name, value);
    }
    return { mapping: checkMapping(given, request.format), fileName, bytes };
  } catch (error) {
    throw error instanceof MillraceError && error.code === "BODY_TOO_LARGE"
      ? tooLarge(options.bytesMax)
      : error;
  }
}

async function prepare(
  options: ReceiveUploadOptions,
  id: string,
  format: UploadFormat,
  { mapping }: Received,
): Promise<Extract<PrepareOutput, { kind: "ready" }>> {
  const input: PrepareInput = { file: options.files.partOf(id), format, mapping };
  const output = (await options.pool.run(input, { name: "prepareFile" })) as PrepareOutput;
  if (output.kind === "ready") return output;
  const { code, message, parameter } = output;
  throw new MillraceError(code, { message, details: parameter === undefined ? [] : [{ parameter }] });
}
