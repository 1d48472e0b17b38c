// Uploads a file through the front door, shows how far it is, and says what became of its rows.
import { createReadStream, createWriteStream } from "node:fs";
import { stat } from "node:fs/promises";
import { basename } from "node:path";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ReadableStream } from "node:stream/web";
import { uploadFormats } from "#schemas/uploads/mapping.ts";
import type { UploadAnswer } from "#schemas/uploads/upload.ts";
import { readConfig } from "../runtime/config.ts";
import { exitCodes } from "../runtime/life-cycle.ts";
import { readDefaultKeys } from "../supervisor/default-keys.ts";
import { edgeUrl } from "../supervisor/edge.ts";
import { UsageError, type Command } from "./command.ts";
import { drawProgress } from "./progress.ts";

const pollMs = 300;
/** An edge that is away, for example because it starts again, is waited for so long. */
const awayMsMax = 60_000;
const errorsShown = 5;

export const command: Command = {
  positionals: "<file>",
  options: {
    format: {
      type: "string",
      placeholder: "format",
      description: "csv, ndjson or json; default: the file's ending",
    },
    map: {
      type: "string",
      multiple: true,
      placeholder: "name=value",
      description: "a parameter of POST /v1/uploads, such as event=order or user_column=Customer; repeatable",
    },
    url: { type: "string", placeholder: "url", description: "edge; default: the one of this machine" },
    key: {
      type: "string",
      placeholder: "key",
      description: "write or admin key; default: of the project default",
    },
    rejects: { type: "string", placeholder: "path", description: "write rejected rows there, as CSV" },
  },
  run: async ({ env, values, positionals }) => {
    const [path, ...more] = positionals;
    if (path === undefined || more.length > 0) throw new UsageError("Name one file to upload.");
    const size = await stat(path).then(
      (found) => (found.isFile() ? found.size : undefined),
      () => undefined,
    );
    if (size === undefined) throw new UsageError(`"${path}" is not a file that can be read.`);
    const config = readConfig(env);
    const key =
      (values["key"] as string | undefined) ??
      config.writeKey ??
      (await readDefaultKeys(config.dataDir))?.write;
    if (key === undefined) throw new UsageError("No key is known: start Millrace here first, or give --key.");
    const target: Target = {
      url: ((values["url"] as string | undefined) ?? edgeUrl(config)).replace(/\/$/, ""),
      key,
    };
    const parameters = new URLSearchParams(readMap(values["map"]));
    parameters.set("format", readFormat(path, values["format"] as string | undefined));

    const id = await send(target, parameters, path, size);
    const upload = await follow(target, id);
    report(upload, target);
    const rejectsPath = values["rejects"] as string | undefined;
    if (rejectsPath !== undefined && upload.rejected > 0) await saveRejects(target, upload, rejectsPath);
    return upload.state === "done" ? exitCodes.ok : exitCodes.failed;
  },
};

interface Target {
  readonly url: string;
  readonly key: string;
}

function readMap(given: unknown): [string, string][] {
  return ((given ?? []) as string[]).map((pair) => {
    const equals = pair.indexOf("=");
    if (equals <= 0) throw new UsageError(`--map "${pair}" must look like name=value.`);
    return [pair.slice(0, equals), pair.slice(equals + 1)];
  });
}

function readFormat(path: string, given: string | undefined): string {
  const name = basename(path).toLowerCase().replace(/\.gz$/, "");
  const ending = name.slice(name.lastIndexOf(".") + 1);
  const endings: Record<string, string> = { tsv: "csv", txt: "csv", jsonl: "ndjson" };
  const format = given ?? endings[ending] ?? ending;
  if (!(uploadFormats as readonly string[]).includes(format)) {
    throw new UsageError(`Say what the file is with --format: ${uploadFormats.join(", ")}.`);
  }
  return format;
}

async function send(
  target: Target,
  parameters: URLSearchParams,
  path: string,
  size: number,
): Promise<string> {
  let sent = 0;
  const counted = createReadStream(path).pipe(
    new Transform({
      transform(chunk: Buffer, _encoding, done) {
        sent += chunk.length;
        drawProgress("sending", sent, size);
        done(null, chunk);
      },
    }),
  );
  const init = {
    method: "POST",
    headers: { authorization: `Bearer ${target.key}`, "content-length": String(size) },
    body: Readable.toWeb(counted),
    // A body that is a stream has to say that nothing comes back before it is sent.
    duplex: "half",
  };
  const response = await fetch(`${target.url}/v1/uploads?${parameters}`, init as RequestInit).catch(
    (error: unknown) => {
      throw new UsageError(`Nothing answers at ${target.url}: ${String((error as Error).cause ?? error)}`);
    },
  );
  const answer = (await response.json()) as { upload_id?: string; error?: { code: string; message: string } };
  if (answer.upload_id === undefined) {
    throw new UsageError(`Refused: ${answer.error?.code ?? response.status}: ${answer.error?.message ?? ""}`);
  }
  return answer.upload_id;
}

async function follow(target: Target, id: string): Promise<UploadAnswer> {
  let awayMs = 0;
  for (;;) {
    const response = await fetch(`${target.url}/v1/uploads/${id}`, {
      headers: { authorization: `Bearer ${target.key}` },
    }).catch(() => undefined);
    if (response?.ok === true) {
      const upload = (await response.json()) as UploadAnswer;
      drawProgress(
        "processing",
        upload.bytes_processed,
        upload.bytes_total,
        `${upload.rows.toLocaleString("en")} rows`,
      );
      if (upload.state === "done" || upload.state === "failed") return upload;
      awayMs = 0;
    } else if ((awayMs += pollMs) > awayMsMax) {
      throw new Error(`${target.url} does not answer; the upload ${id} goes on when it is back`);
    }
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

function report(upload: UploadAnswer, target: Target): void {
  const count = (value: number): string => value.toLocaleString("en");
  console.log(
    `\n${upload.state}: ${count(upload.rows)} rows, ${count(upload.accepted)} accepted, ${count(upload.rejected)} rejected`,
  );
  for (const { line, code, message } of upload.errors.slice(0, errorsShown)) {
    console.log(`  line ${line}: ${code}: ${message}`);
  }
  if (upload.rejected > errorsShown) console.log(`  all of them: GET ${target.url}${upload.rejects_url}`);
}

async function saveRejects(target: Target, upload: UploadAnswer, path: string): Promise<void> {
  const response = await fetch(`${target.url}${upload.rejects_url}`, {
    headers: { authorization: `Bearer ${target.key}` },
  });
  if (!response.ok || response.body === null) throw new Error(`rejects answered ${response.status}`);
  await pipeline(Readable.fromWeb(response.body as ReadableStream), createWriteStream(path));
  console.log(`  rejected rows are in ${path}`);
}
