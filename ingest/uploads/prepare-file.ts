// Runs in a pool thread: a file that just arrived ▸ UTF-8, and the plan by which its rows are read.
// What the whole file would fail for is refused here, before the sender is answered.
import { closeSync, fsyncSync, openSync, readSync, renameSync, rmSync, statSync, writeSync } from "node:fs";
import { errorCatalogue, type ErrorCode } from "#schemas/errors.ts";
import type { UploadFormat, UploadMapping } from "#schemas/uploads/mapping.ts";
import type { UploadPlan } from "#schemas/uploads/upload.ts";
import { readCsv } from "./csv-records.ts";
import { detectDelimiter } from "./detect-delimiter.ts";
import { readWindow, type FileWindow } from "./file-window.ts";
import { skipWhiteSpace } from "./json-records.ts";
import { Refusal } from "./map-row.ts";
import { planColumns } from "./plan-columns.ts";
import { uploadLimits } from "./upload-limits.ts";

export interface PrepareInput {
  readonly file: string;
  readonly format: UploadFormat;
  readonly mapping: UploadMapping;
}

/** Errors thrown across threads lose their class, so refusals are values. */
export type PrepareOutput =
  | { readonly kind: "ready"; readonly plan: UploadPlan; readonly bytesTotal: number }
  | {
      readonly kind: "refused";
      readonly code: ErrorCode;
      readonly message: string;
      readonly parameter?: string;
    };

const pieceBytes = 256 * 1024;
const openBracket = 0x5b;

export function prepareFile({ file, format, mapping }: PrepareInput): PrepareOutput {
  const head = readHead(file);
  if (head.length === 0) return refused("EMPTY_BODY", "The file is empty.");
  const charset = mapping.charset ?? charsetOfMark(head) ?? "utf-8";
  if (charset !== "utf-8" && !toUtf8(file, decoderName(charset, head))) {
    return refused(
      "INVALID_ENCODING",
      `The file is not valid ${charset}, as \`charset\` declares it.`,
      "charset",
    );
  }
  const handle = openSync(file, "r");
  try {
    const bytesTotal = statSync(file).size;
    const start = markLength(readWindow(handle, 0, 4).bytes);
    const window = readWindow(handle, start, uploadLimits.windowBytes);
    if (window.isLast && window.bytes.toString().trim() === "")
      return refused("EMPTY_BODY", "The file is empty.");
    const plan =
      format === "csv"
        ? planCsv(window, start, mapping)
        : format === "json"
          ? planJson(window, start)
          : planLines(start);
    return "kind" in plan ? plan : { kind: "ready", plan, bytesTotal };
  } finally {
    closeSync(handle);
  }
}

function refused(
  code: ErrorCode,
  message: string = errorCatalogue[code].message,
  parameter?: string,
): PrepareOutput {
  return { kind: "refused", code, message, ...(parameter === undefined ? {} : { parameter }) };
}

function readHead(file: string): Buffer {
  const handle = openSync(file, "r");
  try {
    return readWindow(handle, 0, 4).bytes;
  } finally {
    closeSync(handle);
  }
}

function markLength(head: Buffer): number {
  return head[0] === 0xef && head[1] === 0xbb && head[2] === 0xbf ? 3 : 0;
}

function charsetOfMark(head: Buffer): string | undefined {
  if (head[0] === 0xff && head[1] === 0xfe) return "utf-16le";
  if (head[0] === 0xfe && head[1] === 0xff) return "utf-16be";
  return undefined;
}

function decoderName(charset: string, head: Buffer): string {
  return charset === "utf-16" ? (charsetOfMark(head) ?? "utf-16le") : charset;
}

/** Rewrites the file piece by piece; false when it is not valid in this charset. The mark is left out. */
function toUtf8(file: string, charset: string): boolean {
  const target = `${file}.utf8`;
  const decoder = new TextDecoder(charset, { fatal: true });
  const from = openSync(file, "r");
  const to = openSync(target, "w", 0o600);
  try {
    const piece = Buffer.allocUnsafeSlow(pieceBytes);
    for (;;) {
      const read = readSync(from, piece, 0, pieceBytes, null);
      const text = decoder.decode(piece.subarray(0, read), { stream: read > 0 });
      const bytes = Buffer.from(text);
      for (let at = 0; at < bytes.length;) at += writeSync(to, bytes, at);
      if (read === 0) break;
    }
    fsyncSync(to);
    renameSync(target, file);
    return true;
  } catch (error) {
    rmSync(target, { force: true });
    if (error instanceof TypeError) return false;
    throw error;
  } finally {
    closeSync(from);
    closeSync(to);
  }
}

function planLines(start: number): UploadPlan {
  return { startBytes: start, startLines: 0 };
}

function planJson(window: FileWindow, start: number): UploadPlan | PrepareOutput {
  const at = skipWhiteSpace(window.bytes, 0);
  if (window.bytes[at] !== openBracket) {
    return refused(
      "INVALID_BODY",
      "A file of format=json must hold one array; send one object a line as format=ndjson.",
    );
  }
  return { startBytes: start + at + 1, startLines: countLines(window.bytes.subarray(0, at)) };
}

function planCsv(window: FileWindow, start: number, mapping: UploadMapping): UploadPlan | PrepareOutput {
  const delimiter = mapping.delimiter ?? detectDelimiter(window.bytes);
  let header: readonly string[] | Refusal | undefined;
  let end = 0;
  readCsv(window, delimiter, (_start, recordEnd, content) => {
    if (header !== undefined) return false;
    header = content instanceof Refusal ? content : (content as { fields: readonly string[] }).fields;
    end = recordEnd;
    return true;
  });
  if (header === undefined) return refused("EMPTY_BODY", "The file is empty.");
  if (header instanceof Refusal) return refused(header.code, `The header cannot be read: ${header.message}`);
  const columns = planColumns(header, mapping);
  if (columns instanceof Refusal) return refused(columns.code, columns.message, columns.parameter);
  return {
    columns,
    delimiter,
    startBytes: start + end,
    startLines: countLines(window.bytes.subarray(0, end)),
  };
}

function countLines(bytes: Buffer): number {
  let lines = 0;
  for (let at = 0; at < bytes.length; at += 1) {
    if (bytes[at] === 0x0a || (bytes[at] === 0x0d && bytes[at + 1] !== 0x0a)) lines += 1;
  }
  return lines;
}
