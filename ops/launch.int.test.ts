// The launcher with stand-ins: a copy of it in a folder whose packages a small `npm` installs, and a `node` that
// notes how it was called.
import { spawn, type ChildProcess } from "node:child_process";
import { chmod, copyFile, mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it, vi } from "vitest";

let folder: string;
const children: ChildProcess[] = [];

const lock = JSON.stringify({
  packages: {
    "": {},
    "node_modules/a": { version: "1.0.0", integrity: "sha512-a" },
    "node_modules/only-elsewhere": { version: "1.0.0", integrity: "sha512-b", optional: true },
    "node_modules/for-tests": { version: "1.0.0", integrity: "sha512-c", dev: true },
  },
});

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "millrace-launch-"));
  await mkdir(join(folder, "ops"));
  await mkdir(join(folder, "bin"));
  await copyFile(join(import.meta.dirname, "launch.mjs"), join(folder, "ops", "launch.mjs"));
  await writeFile(join(folder, "package-lock.json"), lock);
  // What npm ci leaves: its own list of packages, and a node.
  await writeProgram(
    join(folder, "bin", "npm"),
    `echo "npm $@" >> "${folder}/calls"
sleep 0.5
mkdir -p "${folder}/node_modules/.bin"
cp "${folder}/package-lock.json" "${folder}/node_modules/.package-lock.json"
cp "${folder}/bin/fake-node" "${folder}/node_modules/.bin/node"`,
  );
  await writeProgram(
    join(folder, "bin", "fake-node"),
    `echo "node $2 $3 data=$MILLRACE_DATA_DIR port=$MILLRACE_PORT" >> "${folder}/calls"
[ "$3" = "wait" ] || exit 7
trap 'echo "stopped by $1" >> "${folder}/calls"; exit 0' TERM
while :; do sleep 0.05; done`,
  );
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
});

async function writeProgram(path: string, body: string): Promise<void> {
  await writeFile(path, `#!/bin/sh\n${body}\n`);
  await chmod(path, 0o755);
}

const calls = async (): Promise<string[]> =>
  (await readFile(join(folder, "calls"), "utf8").catch(() => "")).split("\n").filter((line) => line !== "");

function launch(args: string[], env: Record<string, string> = {}) {
  const inherited = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !name.startsWith("MILLRACE_") && !name.startsWith("npm_")),
  );
  const child = spawn(process.execPath, [join(folder, "ops", "launch.mjs"), ...args], {
    cwd: folder,
    env: { ...inherited, PATH: `${join(folder, "bin")}:${process.env["PATH"]}`, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  children.push(child);
  let output = "";
  child.stdout.on("data", (text: Buffer) => (output += text.toString()));
  child.stderr.on("data", (text: Buffer) => (output += text.toString()));
  const exited = new Promise<number | null>((done) => child.once("exit", (code) => done(code)));
  return { child, exited, output: () => output };
}

it("installs from the lock file, runs the project's own node, and ends with its exit code", async () => {
  const { exited, output } = launch(["start", "now"]);
  expect(await exited).toBe(7);
  expect(await calls()).toEqual([
    "npm ci --include=dev --loglevel=error --no-audit --no-fund",
    `node start now data=${join(folder, ".millrace")} port=`,
  ]);
  expect(output()).toMatch(/^installing the packages of package-lock\.json/);
});

it("installs nothing when everything is there, and again when the lock file changed", async () => {
  expect(await launch(["start"]).exited).toBe(7);
  const second = launch(["start"]);
  expect(await second.exited).toBe(7);
  expect(second.output()).toBe("");
  await writeFile(join(folder, "package-lock.json"), lock.replaceAll("1.0.0", "1.0.1"));
  expect(await launch(["start"]).exited).toBe(7);
  expect((await calls()).filter((line) => line.startsWith("npm")).length).toBe(2);
});

it("does not miss what only tests need, except for tests", async () => {
  await launch(["start"]).exited;
  const installed = JSON.parse(lock) as { packages: Record<string, unknown> };
  delete installed.packages["node_modules/for-tests"];
  delete installed.packages["node_modules/only-elsewhere"];
  await writeFile(join(folder, "node_modules", ".package-lock.json"), JSON.stringify(installed));
  await launch(["start"]).exited;
  expect((await calls()).filter((line) => line.startsWith("npm")).length).toBe(1);
  await launch(["test"]).exited;
  expect((await calls()).filter((line) => line.startsWith("npm")).length).toBe(2);
});

it("lets one of two starts install while the other waits", async () => {
  const both = [launch(["start"]), launch(["start"])];
  expect(await Promise.all(both.map(({ exited }) => exited))).toEqual([7, 7]);
  expect((await calls()).filter((line) => line.startsWith("npm")).length).toBe(1);
  await expect(stat(join(folder, ".tools", "install.lock"))).rejects.toThrow("ENOENT");
});

it("takes over the lock of an installation that was killed", async () => {
  await mkdir(join(folder, ".tools"));
  await writeFile(join(folder, ".tools", "install.lock"), "999999999");
  expect(await launch(["start"]).exited).toBe(7);
});

it("passes SIGTERM on and ends when the command has ended", async () => {
  const { child, exited } = launch(["start", "wait"]);
  await vi.waitFor(async () => expect((await calls()).length).toBe(2), 10_000);
  child.kill("SIGTERM");
  expect(await exited).toBe(0);
  expect((await calls()).at(-1)).toMatch(/^stopped/);
});

it("stops the command when npm above it is gone, also when a shell stands between", async () => {
  const node = `"${process.execPath}" "${join(folder, "ops", "launch.mjs")}" start wait`;
  // `; true` keeps the shell from replacing itself by node, as some shells do and some do not.
  const npm = spawn("/bin/sh", ["-c", `sh -c '${node}; true' & echo; wait`], {
    cwd: folder,
    env: {
      ...process.env,
      PATH: `${join(folder, "bin")}:${process.env["PATH"]}`,
      npm_lifecycle_event: "start",
    },
    stdio: "ignore",
  });
  children.push(npm);
  await vi.waitFor(async () => expect((await calls()).length).toBe(2), 10_000);
  npm.kill("SIGKILL");
  await vi.waitFor(async () => expect((await calls()).at(-1)).toMatch(/^stopped/), 5_000);
});

it("gives tests no setting of an installation that happens to run here", async () => {
  await launch(["test"], { MILLRACE_PORT: "1", MILLRACE_DATA_DIR: "/somewhere" }).exited;
  expect((await calls()).at(-1)).toBe("node test  data= port=");
  await launch(["start"], { MILLRACE_PORT: "1", MILLRACE_DATA_DIR: "here" }).exited;
  expect((await calls()).at(-1)).toBe(`node start  data=${join(folder, "here")} port=1`);
});
