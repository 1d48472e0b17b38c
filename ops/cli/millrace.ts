// The command line: picks the command, parses its options, and ends with its exit code (0 done, 1 failed,
// 2 wrong use).
import { parseArgs } from "node:util";
import { MillraceError } from "#schemas/errors.ts";
import { currentEnvironment } from "../embedded/environment.ts";
import { ConfigError } from "../runtime/config.ts";
import { exitCodes } from "../runtime/life-cycle.ts";
import { UsageError, type Command } from "./command.ts";
import { commands } from "./commands.ts";
import { buildCommandHelp, buildHelp } from "./help.ts";

async function main(args: readonly string[]): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined || name === "help" || name === "--help" || name === "-h") {
    console.log(buildHelp());
    return exitCodes.ok;
  }
  const entry = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (entry === undefined) {
    throw new UsageError(
      `"${name}" is not a command; there are ${Object.keys(commands).join(", ")}. --help says more.`,
    );
  }
  const command = await entry.load();
  if (rest.includes("--help") || rest.includes("-h")) {
    // `npm start -- --help` arrives as `start --help`: the one place where people look for everything.
    console.log(name === "start" ? buildHelp() : buildCommandHelp(name, entry.summary, command));
    return exitCodes.ok;
  }
  return command.run({ ...parseOptions(name, command, rest), env: currentEnvironment() });
}

function parseOptions(name: string, command: Command, args: readonly string[]) {
  if (command.arguments !== undefined) return { values: {}, positionals: args };
  try {
    return parseArgs({
      args: [...args],
      options: { ...command.options },
      allowPositionals: command.positionals !== undefined,
      strict: true,
    });
  } catch (error) {
    // Node's sentence names the option; what follows its first full stop is advice about "--".
    const sentence = (error as Error).message.split(". ")[0] ?? "";
    throw new UsageError(
      `millrace ${name}: ${sentence}. \`npm run millrace -- ${name} --help\` lists its options.`,
    );
  }
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  const isUsage = error instanceof UsageError || error instanceof ConfigError;
  const isExpected = isUsage || error instanceof MillraceError;
  console.error(isExpected ? error.message : error);
  process.exitCode = isUsage ? exitCodes.usage : exitCodes.failed;
}
// Whatever a command left open (a pool, a watcher) must not keep the process: its work is done.
process.exit();
