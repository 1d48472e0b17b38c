// Where archives lie: a folder or a bucket. A path names one file; writing it again replaces it whole.

export interface WrittenFile {
  readonly bytes: number;
  /** Hexadecimal. */
  readonly sha256: string;
}

export interface ArchivePlace {
  /** Resolves when the file would survive a loss of power. */
  write(path: string, pieces: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<WrittenFile>;
  read(path: string, signal: AbortSignal): AsyncIterable<Uint8Array>;
  /** Also when there is none. */
  remove(path: string): Promise<void>;
}

export type PlaceName = "disk" | "s3";

/** Undefined: the place is not configured. */
export type ArchivePlaces = (name: PlaceName) => ArchivePlace | undefined;
