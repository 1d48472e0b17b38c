// Writes what repeats what code declares: `npm run docs` after changing the table of settings, the catalogue of
// errors or the dashboard. The test beside this file fails while a page and its source differ.

import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { errorCatalogue } from "#schemas/errors.ts";
import { buildOverview } from "#grafana/overview.ts";
import { configTable } from "../runtime/settings.ts";
import { listClientFiles } from "./emit-client.ts";
import { projectRoot } from "./project-files.ts";

export type GeneratedPage = { path: string; build: () => string };

type Setting = (typeof configTable)[keyof typeof configTable];

export const generatedPages: readonly GeneratedPage[] = [
  ...listClientFiles(),
  { path: "docs/reference/configuration.md", build: buildConfigurationPage },
  { path: "docs/reference/errors.md", build: buildErrorsPage },
  {
    path: "grafana/dashboards/overview.json",
    build: () => `${JSON.stringify(buildOverview(), null, 2)}\n`,
  },
];

const binaryUnits = [
  { name: "GiB", bytes: 1024 ** 3 },
  { name: "MiB", bytes: 1024 ** 2 },
  { name: "KiB", bytes: 1024 },
] as const;

function buildConfigurationPage(): string {
  const settings = Object.entries(configTable);
  const forPeople = settings.filter(([, setting]) => !("internal" in setting));
  const forParts = settings.filter(([, setting]) => "internal" in setting);
  return [
    "# Configuration",
    "",
    ...generatedFrom("ops/runtime/config.ts"),
    "",
    "Every setting is an environment variable, and none is needed: without any of them, everything runs on this",
    "machine. A variable that begins with `MILLRACE_` and is not listed here, or a value that does not fit, stops the",
    "start with one message that lists all such problems. An empty value counts as unset.",
    "",
    ...table(
      ["Variable", "Meaning", "Value", "Default"],
      forPeople.map(([name, setting]) => [
        `\`${name}\``,
        setting.description,
        describeValue(setting),
        describeDefault(name, setting),
      ]),
    ),
    "",
    "Values marked *secret* hold a password or a key: keep them out of logs and shell histories.",
    "",
    "## Set by the supervisor",
    "",
    "`npm start` gives these to the processes it starts. There is no need to set them.",
    "",
    ...table(
      ["Variable", "Meaning"],
      forParts.map(([name, setting]) => [`\`${name}\``, setting.description]),
    ),
    "",
  ].join("\n");
}

function buildErrorsPage(): string {
  const rows = Object.entries(errorCatalogue)
    .map(([code, entry]) => ({ code, ...entry }))
    .sort((a, b) => a.status - b.status);
  return [
    "# Errors",
    "",
    ...generatedFrom("schemas/errors.ts"),
    "",
    "Every answer that is not a success carries this body, with a code from the table below and no other:",
    "",
    "```json",
    '{"error":{"code":"MALFORMED_JSON","message":"…","details":[],"request_id":"…"}}',
    "```",
    "",
    "The message says what happened and may be more particular than the sentence here; programs should look at the code.",
    "`details` holds particulars for programs, for example the path of a wrong field. `request_id` is also in the header",
    "`X-Request-Id` of every response, and in the server's log.",
    "",
    "*Retry* means that the same request may succeed later without being changed. Answers with status 429 and 503 say in",
    "`Retry-After` how many seconds to wait. Sending events again is safe when they carry an `event_id`.",
    "",
    ...table(
      ["Status", "Code", "Retry", "Meaning"],
      rows.map(({ status, code, retryable, message }) => [
        String(status),
        `\`${code}\``,
        retryable ? "yes" : "no",
        message,
      ]),
    ),
    "",
    "For `POST /v1/events` some of these codes judge one event rather than the request: they then stand in the",
    "`rejected` list of the answer, beside events that were accepted.",
    "",
  ].join("\n");
}

function generatedFrom(source: string): string[] {
  const link = `../../${source}`;
  return [
    `<!-- Generated from ${source} by \`npm run docs\`: change that file, not this one. -->`,
    "",
    `Source: [${source}](${link}).`,
  ];
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)];
}

function describeValue(setting: Setting): string {
  const kinds = { string: "text", integer: "whole number", url: "URL", list: "list" } as const;
  const parts: string[] = [kinds[setting.kind]];
  if ("min" in setting && "max" in setting) {
    parts.push(
      setting.max === Number.MAX_SAFE_INTEGER ? `from ${setting.min}` : `${setting.min} to ${setting.max}`,
    );
  }
  if ("secret" in setting) parts.push("*secret*");
  return parts.join(", ");
}

function describeDefault(name: string, setting: Setting): string {
  if (setting.default === undefined || setting.default === "") return "unset";
  const size = name.includes("_BYTES_") ? describeBytes(Number(setting.default)) : undefined;
  return `\`${setting.default}\`${size === undefined ? "" : ` (${size})`}`;
}

function describeBytes(bytes: number): string | undefined {
  const unit = binaryUnits.find((each) => bytes >= each.bytes && bytes % each.bytes === 0);
  return unit === undefined ? undefined : `${bytes / unit.bytes} ${unit.name}`;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  for (const { path, build } of generatedPages) {
    const file = join(projectRoot, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, build());
    console.log(`wrote ${path}`);
  }
}
