// An upload as the edge, its record in Postgres and its readers know it.
import { Type, type Static } from "@sinclair/typebox";
import { errorCatalogue } from "../errors.ts";
import type { UploadFormat, UploadMapping } from "./mapping.ts";

/** Rejected rows that the state of an upload shows; all of them are in the CSV of rejects. */
export const errorsShownMax = 100;

/** What the head of the file decided: reading goes on after a restart without looking at it again. */
export interface UploadPlan {
  /** CSV only: names of the columns in their order. */
  readonly columns?: readonly string[];
  readonly delimiter?: string;
  /** Where the first row begins: bytes, and lines before it. */
  readonly startBytes: number;
  readonly startLines: number;
}

/** Everything before it is read. */
export interface UploadPosition {
  readonly bytes: number;
  readonly lines: number;
  readonly rows: number;
}

const RowError = Type.Object({
  line: Type.Integer({ description: "Line of the file on which the row begins, from 1." }),
  code: Type.String({ enum: Object.keys(errorCatalogue) }),
  message: Type.String(),
});
export type RowError = Static<typeof RowError>;

const timeOrNull = Type.Union([Type.String({ format: "date-time" }), Type.Null()]);

export const UploadAnswer = Type.Object({
  upload_id: Type.String(),
  state: Type.Union(
    (["receiving", "processing", "done", "failed"] as const).map((each) => Type.Literal(each)),
  ),
  format: Type.String(),
  file_name: Type.Union([Type.String(), Type.Null()]),
  bytes: Type.Integer({
    description: "Size of the file after decompression; what came so far while receiving.",
  }),
  bytes_processed: Type.Integer({ description: "Of the stored file, which is kept in UTF-8." }),
  bytes_total: Type.Integer({ description: "Of the stored file: `bytes_processed` when it is done." }),
  rows: Type.Integer({ description: "Rows read so far, without the header and empty lines." }),
  accepted: Type.Integer({ description: "Rows that are in the log." }),
  rejected: Type.Integer(),
  errors: Type.Array(RowError, {
    description: `Why the file failed, then the first ${errorsShownMax} rejected rows.`,
  }),
  failure: Type.Union([RowError, Type.Null()], {
    description: "Why the rest of the file could not be read; rows before it are in the log.",
  }),
  rejects_url: Type.String({ description: "All rejected rows as CSV." }),
  created_at: Type.String({ format: "date-time" }),
  finished_at: timeOrNull,
});
export type UploadAnswer = Static<typeof UploadAnswer>;

/** Requests of the edge to the service `uploads`. */
export interface CreateUpload {
  readonly id: string;
  readonly format: UploadFormat;
}

export interface ReceivedUpload {
  readonly id: string;
  readonly mapping: UploadMapping;
  readonly plan: UploadPlan;
  readonly fileName: string | null;
  /** Of the file as it was sent, decompressed. */
  readonly bytes: number;
  /** Of the file as it is kept. */
  readonly bytesTotal: number;
}

/** Chunk number `chunk` (from 0) is in the log: the counts are what it adds. */
export interface SaveChunk {
  readonly id: string;
  readonly chunk: number;
  readonly position: UploadPosition;
  readonly accepted: number;
  readonly rejected: number;
  readonly errors: readonly RowError[];
  /** Base64 of gzipped CSV lines; empty when no row was rejected. */
  readonly rejects: string;
  /** The last one. */
  readonly done: boolean;
  readonly failure: RowError | null;
}

/** What is needed to go on; null when there is nothing to go on with. */
export interface UploadWork {
  readonly id: string;
  readonly projectId: number;
  readonly format: UploadFormat;
  readonly mapping: UploadMapping;
  readonly plan: UploadPlan;
  /** Epoch milliseconds: the time of rows without one, so that reading them again gives the same events. */
  readonly createdAtMs: number;
  readonly chunk: number;
  readonly position: UploadPosition;
  readonly rejected: number;
  readonly eventsPerSecondMax: number | null;
  readonly eventsPerDayMax: number | null;
  readonly eventsPerMonthMax: number | null;
}
