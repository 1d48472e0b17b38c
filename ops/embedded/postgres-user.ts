// Postgres refuses to run as root. As root, this chooses the system user it runs as, and makes its part of the
// data directory, and only that, reachable for this user.
import { chmod, chown, realpath, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { MillraceError } from "#schemas/errors.ts";
import { runCommand } from "./run-command.ts";

export type Identity = { uid: number; gid: number };

export type PostgresUser = {
  /** undefined: everything runs as the current user. */
  readonly identity: Identity | undefined;
  /** The command that runs a program as this user. */
  readonly wrap: (
    program: string,
    args: readonly string[],
  ) => { program: string; args: readonly string[]; user?: Identity };
};

const systemUser = "postgres";
const commandTimeoutMs = 20_000;

/**
 * @throws MillraceError SERVICE_UNAVAILABLE when, as root, there is no way to run it as somebody else.
 */
export async function choosePostgresUser(options: {
  dataDir: string;
  program: string;
  env: NodeJS.ProcessEnv;
}): Promise<PostgresUser> {
  if (process.getuid?.() !== 0) {
    return { identity: undefined, wrap: (program, args) => ({ program, args }) };
  }
  const identity = (await lookUp(options.env)) ?? (await createUser(options.env));
  if (identity === undefined) {
    throw new MillraceError("SERVICE_UNAVAILABLE", {
      message: `Postgres cannot run as root, and the user "${systemUser}" could not be created: run as another user, or set MILLRACE_POSTGRES_URL.`,
    });
  }
  // The group may pass through the data directory to its own folder; it can neither list nor read anything else.
  await chown(options.dataDir, 0, identity.gid);
  await chmod(options.dataDir, 0o710);
  if (
    (await canPass(dirname(options.dataDir), identity)) &&
    (await canPass(dirname(options.program), identity))
  ) {
    return { identity, wrap: (program, args) => ({ program, args, user: identity }) };
  }
  return { identity, wrap: await passingWrap(identity, options) };
}

/**
 * The data directory or the programs lie below a folder that is closed to others (/root, say), whose mode is not
 * ours to change: Linux can let this one process tree look through such folders with a single capability.
 */
async function passingWrap(
  identity: Identity,
  options: { dataDir: string; env: NodeJS.ProcessEnv },
): Promise<PostgresUser["wrap"]> {
  for (const capability of ["dac_read_search", "dac_override"]) {
    const prefix = [
      ...[`--reuid=${identity.uid}`, `--regid=${identity.gid}`, "--clear-groups"],
      ...[`--inh-caps=+${capability}`, `--ambient-caps=+${capability}`, "--"],
    ];
    const probe = await runCommand("setpriv", [...prefix, "true"], {
      env: options.env,
      timeoutMs: commandTimeoutMs,
    });
    if (probe.code === 0) {
      return (program, args) => ({ program: "setpriv", args: [...prefix, program, ...args] });
    }
  }
  throw new MillraceError("SERVICE_UNAVAILABLE", {
    message:
      `Postgres cannot run as root, and the user "${systemUser}" cannot reach ${options.dataDir}: ` +
      `choose a MILLRACE_DATA_DIR whose parent folders others may enter, or run as another user.`,
  });
}

async function lookUp(env: NodeJS.ProcessEnv): Promise<Identity | undefined> {
  const limits = { env, timeoutMs: commandTimeoutMs };
  const uid = await runCommand("id", ["-u", systemUser], limits);
  const gid = await runCommand("id", ["-g", systemUser], limits);
  if (uid.code !== 0 || gid.code !== 0) return undefined;
  return { uid: Number(uid.output.trim()), gid: Number(gid.output.trim()) };
}

async function createUser(env: NodeJS.ProcessEnv): Promise<Identity | undefined> {
  const limits = {
    env: { ...env, PATH: `${env["PATH"] ?? ""}:/usr/sbin:/sbin` },
    timeoutMs: commandTimeoutMs,
  };
  await runCommand("groupadd", ["--system", systemUser], limits);
  await runCommand("useradd", ["--system", "--no-create-home", "-g", systemUser, systemUser], limits);
  return lookUp(env);
}

/** Whether every folder from the root down to this one lets the user through. */
async function canPass(directory: string, identity: Identity): Promise<boolean> {
  for (let each = await realpath(directory); ; each = dirname(each)) {
    const { mode, uid, gid } = await stat(each);
    const bit = uid === identity.uid ? 0o100 : gid === identity.gid ? 0o010 : 0o001;
    if ((mode & bit) === 0) return false;
    if (each === dirname(each)) return true;
  }
}
