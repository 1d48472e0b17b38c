// Runs in a pool thread: the next rows of an upload, from the file to blocks for the log. Depends only on the file,
// the plan and the position, so that a chunk that is read again after a crash is the same again.
import { closeSync, openSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { userKeyOf, type LogEvent } from "#schemas/events/event.ts";
import { BlockWriter } from "#schemas/events/block.ts";
import type { ErrorCode } from "#schemas/errors.ts";
import { partitionOf } from "#schemas/hash.ts";
import {
  errorsShownMax,
  type RowError,
  type UploadPosition,
  type UploadWork,
} from "#schemas/uploads/upload.ts";
import { checkEvent, type Arrival } from "../events/check-event.ts";
import { readCsv } from "./csv-records.ts";
import { readWindow, type FileWindow } from "./file-window.ts";
import { readJsonArray } from "./json-records.ts";
import { hasMapping, Refusal, RowMapper, type MappedRow } from "./map-row.ts";
import { readNdjson } from "./ndjson-records.ts";
import type { ReadResult, RecordContent, TakeRecord } from "./read-records.ts";
import { hashContent, RowOccurrences, type OccurrencesHandle } from "./row-occurrences.ts";
import { uploadLimits } from "./upload-limits.ts";

export interface ChunkInput {
  readonly file: string;
  readonly work: UploadWork;
  readonly position: UploadPosition;
  readonly partitions: number;
  readonly rowsMax: number;
  /** Only with `dedupe=rows`: the rows before. */
  readonly occurrences: OccurrencesHandle | undefined;
}

export interface ChunkBlock {
  readonly partition: number;
  readonly payload: Uint8Array;
  readonly events: number;
}

export interface ChunkOutput {
  readonly position: UploadPosition;
  readonly accepted: number;
  readonly rejected: number;
  readonly blocks: readonly ChunkBlock[];
  /** How many rows were rejected for each code. */
  readonly codes: readonly (readonly [ErrorCode, number])[];
  /** The first ones. */
  readonly errors: readonly RowError[];
  /** Gzipped CSV lines of all rejected rows; undefined when there are none. */
  readonly rejects: Uint8Array | undefined;
  readonly done: boolean;
  /** The rest of the file cannot be read. */
  readonly failure: RowError | null;
  readonly occurrences: OccurrencesHandle | undefined;
}

export function readChunk(input: ChunkInput): ChunkOutput {
  const file = openSync(input.file, "r");
  try {
    const window = readWindow(file, input.position.bytes, uploadLimits.windowBytes);
    const chunk = new Chunk(input, window.bytes);
    const result = readRecords(input, window, chunk.take);
    return chunk.finish(result);
  } finally {
    closeSync(file);
  }
}

function readRecords({ work, position }: ChunkInput, window: FileWindow, take: TakeRecord): ReadResult {
  if (work.format === "csv") return readCsv(window, work.plan.delimiter ?? ",", take);
  if (work.format === "ndjson") return readNdjson(window, take);
  return readJsonArray(window, position.rows === 0, take);
}

class Chunk {
  readonly #input: ChunkInput;
  readonly #bytes: Buffer;
  readonly #mapper: RowMapper | undefined;
  readonly #arrival: Arrival;
  readonly #occurrences: RowOccurrences | undefined;
  readonly #writers = new Map<number, BlockWriter>();
  readonly #blocks: ChunkBlock[] = [];
  readonly #codes = new Map<ErrorCode, number>();
  readonly #errors: RowError[] = [];
  readonly #scratch = {} as LogEvent;
  readonly #now = Date.now();
  #rejects = "";
  #accepted = 0;
  #rejected = 0;
  #lines: number;
  /** Offset in the window up to which lines are counted. */
  #counted = 0;
  #failure: Refusal | undefined;

  constructor(input: ChunkInput, bytes: Buffer) {
    const { work } = input;
    this.#input = input;
    this.#bytes = bytes;
    this.#mapper = hasMapping(work.format, work.mapping)
      ? new RowMapper(work.mapping, work.plan.columns)
      : undefined;
    this.#lines = input.position.lines;
    this.#occurrences = work.mapping.dedupe === "rows" ? new RowOccurrences(input.occurrences) : undefined;
    this.#arrival = {
      projectId: work.projectId,
      receivedAtMs: work.createdAtMs,
      sentAtMs: Number.NaN,
      userAgent: "",
      measure: true,
    };
  }

  readonly take: TakeRecord = (start, end, content) => {
    const rows = this.#accepted + this.#rejected;
    if (rows > 0 && (rows >= this.#input.rowsMax || this.#rejects.length >= uploadLimits.chunkRejectsMax)) {
      return false;
    }
    if ((this.#occurrences?.size ?? 0) >= uploadLimits.distinctRowsMax) {
      this.#failure = new Refusal("TOO_MANY_ROWS");
      return false;
    }
    this.#countLines(start);
    const refusal = this.#accept(content, this.#input.position.rows + rows + 1);
    if (refusal !== undefined) this.#reject(refusal);
    this.#countLines(end);
    return true;
  };

  finish(result: ReadResult): ChunkOutput {
    for (const [partition, writer] of this.#writers) this.#close(partition, writer);
    this.#countLines(Math.min(result.end, this.#bytes.length));
    // A line that was passed over past the window ends there, unless the file does.
    if (result.end > this.#bytes.length) this.#lines += 1;
    const { position } = this.#input;
    const failure = result.failure ?? this.#failure;
    return {
      position: {
        bytes: position.bytes + result.end,
        lines: this.#lines,
        rows: position.rows + this.#accepted + this.#rejected,
      },
      accepted: this.#accepted,
      rejected: this.#rejected,
      blocks: this.#blocks,
      codes: [...this.#codes],
      errors: this.#errors,
      rejects: this.#rejects === "" ? undefined : gzipSync(this.#rejects),
      done: result.isDone,
      failure:
        failure === undefined
          ? null
          : { line: this.#lines + 1, code: failure.code, message: failure.message },
      occurrences: this.#occurrences?.handle,
    };
  }

  /** Counts the ends of lines up to `offset`: LF, CRLF or CR. */
  #countLines(offset: number): void {
    const bytes = this.#bytes;
    for (let at = this.#counted; at < offset; at += 1) {
      const byte = bytes[at];
      if (byte === 0x0a || (byte === 0x0d && bytes[at + 1] !== 0x0a)) this.#lines += 1;
    }
    this.#counted = Math.max(this.#counted, offset);
  }

  #accept(content: RecordContent, rowNumber: number): Refusal | undefined {
    if (content instanceof Refusal) return content;
    const row = this.#map(content);
    if (row instanceof Refusal) return row;
    const event = this.#scratch;
    const code = checkEvent(row, this.#arrival, event);
    if (code !== undefined) return new Refusal(code);
    if (row.event_id === undefined || row.event_id === null) {
      event.event_id = this.#idOf(event, row.timestamp !== undefined, rowNumber);
    }
    // The upload's time decides what is in the future; the arrival is now, as everywhere.
    event.received_at = this.#now;
    const partition = partitionOf(event.project_id, userKeyOf(event), this.#input.partitions);
    const writer = this.#writers.get(partition) ?? new BlockWriter();
    this.#writers.set(partition, writer);
    writer.append(event);
    this.#accepted += 1;
    if (writer.bytes >= uploadLimits.blockBytes) {
      this.#close(partition, writer);
      this.#writers.delete(partition);
    }
    return undefined;
  }

  #map(content: Exclude<RecordContent, Refusal>): MappedRow | Refusal {
    if ("value" in content) {
      return this.#mapper === undefined
        ? (content.value as MappedRow)
        : this.#mapper.mapObject(content.value);
    }
    const { columns = [] } = this.#input.work.plan;
    const { fields } = content;
    if (fields.length !== columns.length) {
      return new Refusal(
        "COLUMNS_MISMATCH",
        `The row has ${fields.length} values, and the header has ${columns.length} columns.`,
      );
    }
    return (this.#mapper as RowMapper).mapFields(fields);
  }

  /** The same row gets the same id when it is read again; with `dedupe=rows` also in another file. */
  #idOf(event: LogEvent, hasTime: boolean, rowNumber: number): string {
    if (this.#occurrences === undefined) return `${this.#input.work.id}:${rowNumber}`;
    const hash = hashContent([
      event.event,
      event.user_id,
      event.anonymous_id,
      event.session_id,
      // Without a time of its own the row has the upload's.
      hasTime ? String(event.timestamp) : "",
      event.properties,
      event.context,
    ]);
    return `row:${hash.toString("hex")}:${this.#occurrences.count(hash)}`;
  }

  #reject({ code, message }: Refusal): void {
    const line = this.#lines + 1;
    this.#rejected += 1;
    this.#codes.set(code, (this.#codes.get(code) ?? 0) + 1);
    if (this.#errors.length < errorsShownMax) this.#errors.push({ line, code, message });
    this.#rejects += `${line},${code},"${message.replaceAll('"', '""')}"\n`;
  }

  #close(partition: number, writer: BlockWriter): void {
    // Copied: the writer's buffer is larger than the block, and all of it would cross to the other thread.
    this.#blocks.push({ partition, payload: writer.finish().slice(), events: writer.count });
  }
}
