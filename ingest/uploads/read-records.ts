// What the three formats have in common: records in a window, told one by one with their place.
import type { Refusal } from "./map-row.ts";

/** Fields of a row of CSV, a value of JSON, or why the record cannot be read. */
export type RecordContent = { readonly fields: readonly string[] } | { readonly value: unknown } | Refusal;

/** `start` and `end` are offsets in the window; false: enough, the record is not taken. */
export type TakeRecord = (start: number, end: number, content: RecordContent) => boolean;

export interface ReadResult {
  /** Everything before this offset of the window is done; it may lie past the window's end. */
  readonly end: number;
  /** The file cannot be read any further. */
  readonly failure?: Refusal;
  /** Nothing follows that could be a record. */
  readonly isDone: boolean;
}
