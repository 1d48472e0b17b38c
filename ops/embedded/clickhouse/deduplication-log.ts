// The text that a MergeTree table keeps of the blocks it has taken (`deduplication_logs/deduplication_log_<n>.txt`),
// and the rule which of its records are not true after a crash. Pure; settle-parts.ts reads and writes the files.

type Operation = "add" | "drop";
export type LogRecord = { operation: Operation; part: string; blockId: string };
/** `damaged`: lines that no writer finished. The engine would stop reading there, and forget all that follows. */
export type ParsedLog = { records: LogRecord[]; damaged: number };

const linePattern = /^([12])\t([^\t]+)\t([^\t]+)$/;
const partPattern = /^([^_]+)_(\d+)_(\d+)_(\d+)(?:_(\d+))?$/;

/** One line a record: operation (1 added, 2 dropped), name of the part, id of the block. */
export function parseLog(text: string): ParsedLog {
  const lines = text.split("\n");
  // Whatever stands behind the last line feed was being written when the process died.
  const torn = lines.pop() === "" ? 0 : 1;
  const records: LogRecord[] = [];
  for (const line of lines) {
    const [, operation, part, blockId] = linePattern.exec(line) ?? [];
    if (part === undefined || blockId === undefined) continue;
    records.push({ operation: operation === "1" ? "add" : "drop", part, blockId });
  }
  return { records, damaged: lines.length - records.length + torn };
}

export function buildLog(records: readonly LogRecord[]): string {
  return records
    .map(({ operation, part, blockId }) => `${operation === "add" ? 1 : 2}\t${part}\t${blockId}\n`)
    .join("");
}

export type PartRange = { partition: string; blockMin: bigint; blockMax: bigint };

/** undefined for every other directory of a table: `detached`, `tmp_insert_…`, `delete_tmp_…`. */
export function parsePartName(name: string): PartRange | undefined {
  const [, partition, blockMin, blockMax] = partPattern.exec(name) ?? [];
  if (partition === undefined || blockMin === undefined || blockMax === undefined) return undefined;
  return { partition, blockMin: BigInt(blockMin), blockMax: BigInt(blockMax) };
}

/**
 * The records that say "taken" of a block that is not there: no part on disk is it or was merged from it.
 * `logs` in the order they were written; a record that a later one takes back is left alone.
 */
export function findUntrueRecords(
  logs: readonly (readonly LogRecord[])[],
  directories: readonly string[],
): Set<LogRecord> {
  const onDisk = new Map<string, PartRange[]>();
  for (const directory of directories) {
    const range = parsePartName(directory);
    if (range === undefined) continue;
    const ranges = onDisk.get(range.partition);
    if (ranges === undefined) onDisk.set(range.partition, [range]);
    else ranges.push(range);
  }
  const isStored = (part: string): boolean => {
    const range = parsePartName(part);
    // A name that cannot be read proves nothing: believe the record.
    if (range === undefined) return true;
    const ranges = onDisk.get(range.partition) ?? [];
    return ranges.some((each) => each.blockMin <= range.blockMin && range.blockMax <= each.blockMax);
  };
  const untrue = new Set<LogRecord>();
  const droppedLater = new Set<string>();
  for (const record of logs.flat().reverse()) {
    if (record.operation === "drop") droppedLater.add(record.blockId);
    else if (!droppedLater.has(record.blockId) && !isStored(record.part)) untrue.add(record);
  }
  return untrue;
}
