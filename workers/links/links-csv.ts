// Links as lines of CSV: what an export writes, an import reads again.
import { Readable } from "node:stream";
import { parse } from "csv-parse";
import { MillraceError } from "#schemas/errors.ts";
import { campaignFields } from "#schemas/links/add-campaign.ts";
import type { Link } from "#schemas/links/link-contract.ts";

const campaignColumns = campaignFields.map((field) => `utm_${field}`);
const columns = [
  "code",
  "domain",
  "short_url",
  "url",
  "title",
  "tags",
  "redirect",
  "forward_query",
  "expires_at",
  "expired_url",
  "max_clicks",
  "external_id",
  ...campaignColumns,
  "clicks",
  "last_clicked_at",
  "created_at",
];
const recordBytesMax = 64 * 1024;
const byteOrderMark = true;

export const csvHeader = `${columns.join(",")}\r\n`;

export function buildCsvLine(link: Link): string {
  const values: Record<string, unknown> = { ...link, tags: link.tags.join("|") };
  for (const field of campaignFields) values[`utm_${field}`] = link.utm?.[field];
  return `${columns.map((column) => quote(values[column])).join(",")}\r\n`;
}

function quote(value: unknown): string {
  const text = value === undefined || value === null ? "" : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

export interface CsvLink {
  readonly line: number;
  /** As a request would say it; unchecked. */
  readonly body: Record<string, unknown>;
}

/** Throws COLUMN_NOT_FOUND without a column `url`, INVALID_BODY for what is no CSV. */
export async function* readLinksCsv(bytes: Uint8Array): AsyncGenerator<CsvLink> {
  const parser = Readable.from([bytes]).pipe(
    parse({
      bom: byteOrderMark,
      info: true,
      skip_empty_lines: true,
      relax_column_count: true,
      max_record_size: recordBytesMax,
    }),
  );
  let names: string[] | undefined;
  try {
    for await (const { record, info } of parser as AsyncIterable<{
      record: string[];
      info: { lines: number };
    }>) {
      if (names === undefined) {
        names = record.map((name) => name.trim().toLowerCase());
        if (!names.includes("url")) {
          throw new MillraceError("COLUMN_NOT_FOUND", { message: "The first line names no column `url`." });
        }
        continue;
      }
      yield { line: info.lines, body: buildBody(names, record) };
    }
  } catch (error) {
    if (error instanceof MillraceError) throw error;
    throw new MillraceError("INVALID_BODY", {
      message: `The body is not valid CSV: ${error instanceof Error ? error.message : "unknown"}`,
      cause: error,
    });
  }
}

function buildBody(names: readonly string[], record: readonly string[]): Record<string, unknown> {
  const given = new Map(names.map((name, index) => [name, record[index] ?? ""]));
  const body: Record<string, unknown> = { url: given.get("url") ?? "" };
  const take = (name: string, as: (text: string) => unknown = (text) => text, to = name): void => {
    const text = given.get(name) ?? "";
    if (text !== "") body[to] = as(text);
  };
  take("code", undefined, "alias");
  take("alias");
  for (const name of ["domain", "title", "expires_at", "expired_url", "password", "external_id"]) take(name);
  take("tags", (text) =>
    text
      .split("|")
      .map((tag) => tag.trim())
      .filter((tag) => tag !== ""),
  );
  take("redirect", readNumber);
  take("max_clicks", readNumber);
  take("forward_query", (text) =>
    /^(true|1|yes)$/i.test(text) ? true : /^(false|0|no)$/i.test(text) ? false : text,
  );
  const utm = campaignFields.flatMap((field) => {
    const value = given.get(`utm_${field}`) ?? "";
    return value === "" ? [] : [[field, value]];
  });
  if (utm.length > 0) body["utm"] = Object.fromEntries(utm);
  return body;
}

/** What is no number stays a text, which the contract refuses by its name. */
function readNumber(text: string): number | string {
  return /^\d{1,15}$/.test(text) ? Number(text) : text;
}
