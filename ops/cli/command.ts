// What a command of the command line is: its options, and a function that answers the exit code.
import type { ParseArgsOptionDescriptor } from "node:util";

export type OptionTable = Readonly<
  Record<string, ParseArgsOptionDescriptor & { readonly description: string; readonly placeholder?: string }>
>;

export type CommandContext = {
  readonly values: Readonly<Record<string, string | boolean | (string | boolean)[] | undefined>>;
  readonly positionals: readonly string[];
  readonly env: NodeJS.ProcessEnv;
};

export type Command = {
  /** Shown after the name, for example "[name]"; a command with neither this nor `arguments` takes options only. */
  readonly positionals?: string;
  /** The command reads its arguments itself: all of them arrive unparsed as `positionals`. */
  readonly arguments?: string;
  readonly options?: OptionTable;
  readonly run: (context: CommandContext) => Promise<number>;
};

/** Wrong use of the command line: printed as one sentence, exit code 2. */
export class UsageError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "UsageError";
  }
}
