// For tests of uploads from the request to the log: the edge, the service that keeps their state, a real log and a
// real Postgres.
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readLog, startEdge, testKeys } from "#ingest/testing/start-edge.ts";
import type { LogEvent } from "#schemas/events/event.ts";
import type { UploadAnswer } from "#schemas/uploads/upload.ts";
import { serveUploads } from "#workers/uploads/upload-service.ts";
import { UploadStore } from "#workers/uploads/upload-store.ts";
import { startServers } from "../embedded/start-servers.ts";
import { createLogger } from "../runtime/log.ts";
import { createPostgres } from "../runtime/postgres.ts";

export const mebibyte = 1024 * 1024;
const migrations = join(import.meta.dirname, "../../schemas/migrations/postgres");
const pollMs = 50;
const finishedMsMax = 30_000;

export type UploadBody = string | Buffer | FormData;

export interface UploadReply {
  status: number;
  body: { upload_id: string; error: { code: string; message: string; details: { parameter?: string }[] } };
}

export interface UploadBed {
  url: string;
  send(
    parameters: Record<string, string>,
    body: UploadBody,
    headers?: Record<string, string>,
  ): Promise<UploadReply>;
  get(id: string, key?: string): Promise<{ status: number; upload: UploadAnswer }>;
  /** Waits until an upload that was taken is done or failed. */
  finish(reply: UploadReply): Promise<UploadAnswer>;
  /** Lines of the CSV of rejects. */
  rejects(id: string): Promise<string[]>;
  /** Events of the log with this name, in the order of their ids. */
  eventsNamed(name: string): Promise<LogEvent[]>;
  /** Records of uploads that are being received. */
  countReceiving(): Promise<number>;
  /** Names of the files that are kept. */
  listFiles(): Promise<string[]>;
  close(): Promise<void>;
}

export async function startUploadBed(): Promise<UploadBed> {
  const dataDir = await mkdtemp(join(tmpdir(), "millrace-uploads-"));
  const servers = await startServers({ dataDir, parts: ["nats", "postgres"] });
  const postgres = createPostgres(servers.postgresUrl, { name: "test", connectionsMax: 4 });
  for (const name of (await readdir(migrations)).toSorted()) {
    await postgres.query(await readFile(join(migrations, name), "utf8"));
  }
  await postgres.query(
    "INSERT INTO projects (public_id, name) VALUES ('default', 'default'), ('other', 'other')",
  );
  const edge = await startEdge(servers.natsUrl, {
    env: { MILLRACE_DATA_DIR: dataDir, MILLRACE_UPLOAD_BYTES_MAX: String(100 * mebibyte) },
  });
  const log = createLogger({ level: "error", name: "test" });
  const service = serveUploads({ connection: edge.connection, store: new UploadStore(postgres), log });
  const ask = async (path: string, key: string): Promise<Response> =>
    fetch(`${edge.url}${path}`, { headers: { authorization: `Bearer ${key}` } });

  const bed: UploadBed = {
    url: edge.url,
    async send(parameters, body, headers = {}) {
      const response = await fetch(`${edge.url}/v1/uploads?${new URLSearchParams(parameters)}`, {
        method: "POST",
        headers: { authorization: `Bearer ${testKeys.write}`, ...headers },
        body: body as string | FormData,
      });
      return { status: response.status, body: (await response.json()) as UploadReply["body"] };
    },
    async get(id, key = testKeys.write) {
      const response = await ask(`/v1/uploads/${id}`, key);
      return { status: response.status, upload: (await response.json()) as UploadAnswer };
    },
    async finish(reply) {
      if (reply.status !== 202) throw new Error(`answered ${reply.status} ${JSON.stringify(reply.body)}`);
      for (let waitedMs = 0; waitedMs < finishedMsMax; waitedMs += pollMs) {
        const { upload } = await bed.get(reply.body.upload_id);
        if (upload.state === "done" || upload.state === "failed") return upload;
        await new Promise((resolve) => {
          setTimeout(resolve, pollMs);
        });
      }
      throw new Error(`the upload is not finished after ${finishedMsMax} ms`);
    },
    async rejects(id) {
      const response = await ask(`/v1/uploads/${id}/rejects`, testKeys.write);
      return (await response.text()).trimEnd().split("\n");
    },
    async eventsNamed(name) {
      const events = (await readLog(edge.connection)).filter(({ event }) => event === name);
      return events.toSorted((a, b) => a.event_id.localeCompare(b.event_id, "en", { numeric: true }));
    },
    async countReceiving() {
      const { rows } = await postgres.query<{ count: string }>(
        "SELECT count(*) FROM uploads WHERE state = 'receiving'",
      );
      return Number(rows[0]?.count);
    },
    listFiles: async () => readdir(join(dataDir, "uploads")).catch(() => []),
    async close() {
      await service.stop();
      await edge.stop();
      await postgres.end();
      await servers.stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
  return bed;
}
