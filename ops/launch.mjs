// The first process of every command, in plain JavaScript for any Node ≥ 20: installs what package-lock.json
// asks for when it is not there yet, then runs ops/cli/millrace.ts on the project's own Node. It passes signals
// on, stops the command when npm above it dies, and lets the command see its own death through a pipe.
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const nodeProgram = join(root, "node_modules", ".bin", "node");
const installLock = join(root, ".tools", "install.lock");

const commandsWithDevDependencies = ["test", "bench"];
const parentPollMs = 500;
const lockPollMs = 300;
const lockAgeMsMax = 30 * 60_000;
/** After npm above is gone, the command has 10 s to drain; then it is ended. */
const orphanedMsMax = 12_000;

function readJson(path) {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch {
    return undefined;
  }
}

/** npm keeps a list of what it installed in node_modules; it must hold every package of our lock file. */
function isInstalled(withDevDependencies) {
  const wanted = readJson(join(root, "package-lock.json"))?.packages ?? {};
  const installed = readJson(join(root, "node_modules", ".package-lock.json"))?.packages ?? {};
  for (const [path, entry] of Object.entries(wanted)) {
    if (path === "" || entry.optional || entry.devOptional || entry.peer) continue;
    if (entry.dev && !withDevDependencies) continue;
    const found = installed[path];
    if (found?.version !== entry.version || found?.integrity !== entry.integrity) return false;
  }
  return existsSync(nodeProgram);
}

/** Two starts at once: the second waits, and then finds everything installed. */
async function withInstallLock(work) {
  mkdirSync(dirname(installLock), { recursive: true });
  for (let hasSaid = false; ; hasSaid = true) {
    try {
      writeFileSync(installLock, String(process.pid), { flag: "wx" });
      break;
    } catch (error) {
      if (error.code !== "EEXIST") throw error;
      if (!isHeld()) {
        rmSync(installLock, { force: true });
        continue;
      }
      if (!hasSaid) console.log("waiting for another start that is installing packages");
      await new Promise((wake) => setTimeout(wake, lockPollMs));
    }
  }
  try {
    await work();
  } finally {
    rmSync(installLock, { force: true });
  }
}

function isHeld() {
  try {
    if (Date.now() - statSync(installLock).mtimeMs > lockAgeMsMax) return false;
    const pid = Number(readFileSync(installLock, "utf8"));
    // Empty for the instant between its creation and its first byte.
    if (pid === 0) return true;
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}

async function install(withDevDependencies) {
  if (isInstalled(withDevDependencies)) return;
  console.log("installing the packages of package-lock.json, this happens once (about half a minute)");
  // npm removes node_modules first, and with it the Node that npm start may have found there: use the machine's.
  const path = (process.env.PATH ?? "")
    .split(delimiter)
    .filter((entry) => !entry.includes(join("node_modules", ".bin")))
    .join(delimiter);
  const child = spawn("npm", ["ci", "--include=dev", "--loglevel=error", "--no-audit", "--no-fund"], {
    cwd: root,
    stdio: ["ignore", "ignore", "inherit"],
    env: { ...process.env, PATH: path },
  });
  const forward = (signal) => child.kill(signal);
  for (const signal of signals) process.on(signal, forward);
  const code = await exitCodeOf(child);
  for (const signal of signals) process.off(signal, forward);
  if (code !== 0) {
    console.error(`npm ci failed (exit code ${code}); see above`);
    process.exit(code);
  }
}

const signals = ["SIGINT", "SIGTERM", "SIGHUP"];
const signalNumbers = { SIGHUP: 1, SIGINT: 2, SIGKILL: 9, SIGTERM: 15 };

function exitCodeOf(child) {
  return new Promise((settle) => {
    child.once("error", (error) => {
      console.error(`${child.spawnfile} could not be started: ${error.message}`);
      settle(1);
    });
    child.once("exit", (code, signal) => settle(code ?? 128 + (signalNumbers[signal] ?? 0)));
  });
}

/**
 * npm start runs `sh -c "node ops/launch.mjs"`: most shells replace themselves by node, some stay in between.
 * Killing npm then leaves that shell as an unchanged parent, so its parent is watched too where /proc tells it.
 */
function ancestors() {
  const parent = process.ppid;
  try {
    const stat = readFileSync(`/proc/${parent}/stat`, "utf8");
    const isShell = /\((sh|dash|bash|ash|zsh|busybox)\)/.test(stat);
    return isShell ? `${parent} ${stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]}` : String(parent);
  } catch {
    return String(parent);
  }
}

/**
 * The data directory is made absolute here, so that every process carries it in its environment. Tests get no
 * settings at all: those of an installation that happens to run here must not reach them.
 */
function buildSettings(command) {
  if (command === "test") {
    return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("MILLRACE_")));
  }
  return { ...process.env, MILLRACE_DATA_DIR: resolve(process.env.MILLRACE_DATA_DIR || ".millrace") };
}

async function run(args) {
  const child = spawn(nodeProgram, [join(root, "ops", "cli", "millrace.ts"), ...args], {
    // The fourth is a pipe that nobody writes to: it ends when this process does.
    stdio: ["inherit", "inherit", "inherit", "pipe"],
    env: { ...buildSettings(args[0]), LAUNCHER_PIPE_FD: "3" },
  });
  child.stdio[3]?.on("error", () => {});
  // In a terminal a Ctrl-C has reached the command already, and this is its second; the command knows.
  for (const signal of signals) process.on(signal, () => child.kill(signal));

  if (process.env.npm_lifecycle_event !== undefined) {
    const before = ancestors();
    const poll = setInterval(() => {
      if (ancestors() === before) return;
      clearInterval(poll);
      child.kill("SIGTERM");
      setTimeout(() => child.kill("SIGKILL"), orphanedMsMax).unref();
    }, parentPollMs);
    poll.unref();
  }
  process.exitCode = await exitCodeOf(child);
  process.exit();
}

const args = process.argv.slice(2);
const withDevDependencies = commandsWithDevDependencies.includes(args[0] ?? "");
if (!isInstalled(withDevDependencies)) await withInstallLock(() => install(withDevDependencies));
await run(args);
