// Runs a short-lived program to its end and gives back what it said. For tool checks, installers and initdb;
// servers that stay are started by server-process.ts.
import { spawn, type ChildProcess } from "node:child_process";

export type CommandResult = { code: number | null; output: string };

const outputBytesMax = 64 * 1024;
const running = new Set<ChildProcess>();

/** On a stop in the middle of an installation: leaves no installer behind. */
export function endRunningCommands(): void {
  for (const child of running) child.kill("SIGKILL");
}

/** Never throws: a program that cannot be started is an exit code of null with the reason as its output. */
export function runCommand(
  program: string,
  args: readonly string[],
  options: {
    env: NodeJS.ProcessEnv;
    directory?: string;
    timeoutMs: number;
    user?: { uid: number; gid: number };
  },
): Promise<CommandResult> {
  return new Promise((resolve) => {
    let output = "";
    const child = spawn(program, args, {
      env: options.env,
      stdio: ["ignore", "pipe", "pipe"],
      timeout: options.timeoutMs,
      killSignal: "SIGKILL",
      ...(options.directory === undefined ? {} : { cwd: options.directory }),
      ...(options.user === undefined ? {} : options.user),
    });
    running.add(child);
    const keep = (chunk: Buffer): void => {
      output = (output + chunk.toString("utf8")).slice(-outputBytesMax);
    };
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);
    const finish = (result: CommandResult): void => {
      running.delete(child);
      resolve(result);
    };
    child.once("error", (error) => finish({ code: null, output: error.message }));
    child.once("close", (code) => finish({ code, output }));
  });
}

/** The last line that says something, for one-line errors. */
export function lastLine(output: string): string {
  return output.trimEnd().split("\n").at(-1)?.trim() ?? "";
}
