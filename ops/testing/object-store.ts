// For integration tests: a real S3-compatible store of their own, with one bucket.
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { AwsClient } from "aws4fetch";
import { findTool } from "../embedded/tools.ts";
import { chooseFreePort } from "./free-port.ts";

const key = "test-key";
const secret = "test secret/with+signs";
const readyMsMax = 60_000;

export interface ObjectStore {
  /** As MILLRACE_ARCHIVE_S3_URL takes it. */
  readonly url: string;
  /** All objects' names. */
  list(): Promise<string[]>;
  stop(): Promise<void>;
}

export async function startObjectStore(): Promise<ObjectStore> {
  const { program } = await findTool("weed", { env: process.env, log: () => {} });
  const directory = await mkdtemp(join(tmpdir(), "millrace-objects-"));
  const port = await chooseFreePort();
  const identities = [
    {
      name: "test",
      credentials: [{ accessKey: key, secretKey: secret }],
      actions: ["Admin", "Read", "Write", "List"],
    },
  ];
  await writeFile(join(directory, "s3.json"), JSON.stringify({ identities }), { mode: 0o600 });
  const ports = await Promise.all(
    [
      "master.port",
      "master.port.grpc",
      "volume.port",
      "volume.port.grpc",
      "filer.port",
      "filer.port.grpc",
      "s3.port.grpc",
    ].map(async (name) => `-${name}=${await chooseFreePort()}`),
  );
  const child: ChildProcess = spawn(
    program,
    [
      "server",
      ...["-s3", `-s3.port=${port}`, `-s3.config=${join(directory, "s3.json")}`, "-s3.port.iceberg=0"],
      ...[
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        `-dir=${directory}`,
        "-volume.max=8",
        "-master.telemetry=false",
      ],
      ...ports,
    ],
    { stdio: "ignore", cwd: directory },
  );
  const exited = once(child, "exit");
  const client = new AwsClient({
    accessKeyId: key,
    secretAccessKey: secret,
    service: "s3",
    region: "us-east-1",
    retries: 0,
  });
  const bucket = `http://127.0.0.1:${port}/archives`;
  const deadline = Date.now() + readyMsMax;
  for (;;) {
    const made = await client.fetch(bucket, { method: "PUT" }).catch(() => undefined);
    if (made?.ok === true) break;
    if (Date.now() > deadline || child.exitCode !== null) throw new Error("the object store did not start");
    await sleep(200);
  }
  return {
    url: `http://${key}:${encodeURIComponent(secret)}@127.0.0.1:${port}/archives/below`,
    async list() {
      const answer = await (await client.fetch(`${bucket}?list-type=2&max-keys=1000`)).text();
      return [...answer.matchAll(/<Key>([^<]+)<\/Key>/g)].map((match) => match[1] as string);
    },
    async stop() {
      child.kill("SIGKILL");
      await exited;
      await rm(directory, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
