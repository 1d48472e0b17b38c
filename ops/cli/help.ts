// The text of --help: commands, options, and every MILLRACE_* variable from the table of settings.
import { configTable } from "../runtime/settings.ts";
import type { Command } from "./command.ts";
import { commands } from "./commands.ts";

const wrapColumns = 100;

export function buildHelp(): string {
  const list = Object.entries(commands).map(([name, { summary }]) => [name, summary] as const);
  const variables = Object.entries(configTable)
    .filter(([, setting]) => !("internal" in setting))
    .map(([name, setting]) => [name, `${setting.description}${describeDefault(setting.default)}`] as const);
  return [
    "Millrace: collect events, act on them and understand them on your own machines.",
    "",
    "  npm start                              start everything, print the URL and keys, run until Ctrl-C",
    "  npm start -- --help                    this text",
    "  npm run millrace -- <command> --help   options of one command",
    "  npm test                               run all checks and tests",
    "",
    "Commands:",
    ...layOut(list),
    "",
    "Settings (environment variables):",
    ...layOut(variables),
  ].join("\n");
}

export function buildCommandHelp(name: string, summary: string, command: Command): string {
  const usage = [
    "npm run millrace --",
    name,
    command.positionals ?? command.arguments ?? "",
    command.options ? "[options]" : "",
  ];
  const options = Object.entries(command.options ?? {}).map(([option, definition]) => {
    const value = definition.type === "string" ? ` <${definition.placeholder ?? "value"}>` : "";
    return [
      `--${option}${value}`,
      `${definition.description}${describeDefault(definition.default)}`,
    ] as const;
  });
  return [
    `Usage: ${usage.filter((word) => word !== "").join(" ")}`,
    "",
    `Does: ${summary}.`,
    ...(options.length === 0 ? [] : ["", "Options:", ...layOut(options)]),
  ].join("\n");
}

function describeDefault(value: string | boolean | readonly (string | boolean)[] | undefined): string {
  return value === undefined || value === "" || value === false ? "" : ` (default ${value.toString()})`;
}

/** Two columns; long texts go on in the second. */
function layOut(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([name]) => name.length)) + 2;
  return rows.flatMap(([name, text]) => {
    const lines: string[] = [];
    let line = "";
    for (const word of text.split(" ")) {
      if (line !== "" && line.length + word.length + 1 > Math.max(30, wrapColumns - width - 2)) {
        lines.push(line);
        line = word;
      } else line = line === "" ? word : `${line} ${word}`;
    }
    lines.push(line);
    return lines.map((each, index) => `  ${(index === 0 ? name : "").padEnd(width)}${each}`);
  });
}
