// Makes deduplication of inserts survive `kill -9`. Runs in host.ts, before the engine, on every start.
//
// Problem. A plain MergeTree table remembers the blocks it has taken in a log of its own, and a block is stored in two
// steps, both under the table's parts lock (order seen by strace on 26.7.2, held by settle-parts.int.test.ts):
//   1. write one line to the log, without fsync   2. rename `tmp_insert_…` to the part's name, fsync the directory
// A process killed between the two leaves a line without a part. The insert was never answered; it is repeated under
// the same token, found in the log, and dropped: the rows are lost, and the client is told that they are stored.
//
// What we do. A line whose part is neither on disk nor inside the block range of a merged or mutated part is untrue,
// and is removed. The repeat is then taken like a new insert. Partitions of one insert, and each dependent view's
// table, are separate lines and parts, so each is healed, or kept, for itself.
//
// Could a true line be removed? That would let a repeat count twice:
// - Merged, mutated, lightly deleted parts keep or widen the block range in their names. Outdated ones on disk count.
// - Dropped parts: the engine forgets their blocks itself (operation 2). Where it does not (TTL took every row), the
//   rows are gone on purpose, and a repeat of an insert that old is refused by nothing the pipeline relies on: only
//   the batch that was open at the crash is ever repeated.
// - Rotated logs: removing whole old files only shortens the memory, as the engine does itself.
// - Parts on another disk: config.ts defines none; every table lies under `store/`.
// - Another server at work: host.ts holds the directory's lock.
//
// The other direction, a part without its line, cannot come from killing this engine, because the line is first. It
// can be made by inserts that are not deduplicated (`insert_deduplicate=0`, ATTACH PARTITION), which are answered
// and must stay, and by a power failure, which may take unsynced lines of answered inserts. Nothing on disk tells
// these from an unanswered part, so none is ever removed: counting a batch again can be found by its log
// positions, removed rows cannot. An engine that turned the order round would fail the int test.
//
// Torn lines (a write cut at a page boundary) were never followed by their part. They are removed too: the engine
// would stop reading the log there and forget what follows. Leftover `tmp_insert_…` directories it clears itself.
import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import { buildLog, findUntrueRecords, parseLog } from "./deduplication-log.ts";

/** What a crash had left undone. `forgotten`: blocks that may be sent again, by table and part. */
export type SettleReport = { tables: number; forgotten: { table: string; part: string }[]; damaged: number };

const logFilePattern = /^deduplication_log_(\d+)\.txt$/;

/** `dataDirectory` is the engine's path; no engine may be running on it. */
export function settleParts(dataDirectory: string): SettleReport {
  const report: SettleReport = { tables: 0, forgotten: [], damaged: 0 };
  for (const directory of findTables(dataDirectory)) {
    const logDirectory = join(directory, "deduplication_logs");
    if (!existsSync(logDirectory)) continue;
    report.tables += 1;
    settleTable({ directory, logDirectory, draft: join(dataDirectory, "settle.draft"), report });
  }
  return report;
}

function settleTable(table: {
  directory: string;
  logDirectory: string;
  draft: string;
  report: SettleReport;
}): void {
  const { directory, logDirectory, draft, report } = table;
  const logs = readdirSync(logDirectory)
    .map((name) => ({ name, number: Number(logFilePattern.exec(name)?.[1] ?? Number.NaN) }))
    .filter(({ number }) => Number.isInteger(number))
    .sort((a, b) => a.number - b.number)
    // latin1 keeps every byte, also of a damaged file, as one character.
    .map(({ name }) => ({ name, ...parseLog(readFileSync(join(logDirectory, name), "latin1")) }));
  const untrue = findUntrueRecords(
    logs.map(({ records }) => records),
    readdirSync(directory),
  );
  const changed = logs.filter(
    ({ records, damaged }) => damaged > 0 || records.some((each) => untrue.has(each)),
  );
  for (const { name, records, damaged } of changed) {
    const kept = records.filter((record) => !untrue.has(record));
    replaceFile(join(logDirectory, name), buildLog(kept), draft);
    report.damaged += damaged;
  }
  if (changed.length > 0) syncDirectory(logDirectory);
  for (const { part } of untrue) report.forgotten.push({ table: basename(directory), part });
}

/** Tables of Atomic databases: `store/<first three of the id>/<id>`. */
function findTables(dataDirectory: string): string[] {
  const store = join(dataDirectory, "store");
  if (!existsSync(store)) return [];
  return readdirSync(store).flatMap((prefix) =>
    readdirSync(join(store, prefix)).map((id) => join(store, prefix, id)),
  );
}

/** Whole or not at all. The draft lies elsewhere: the engine takes every file beside a log for a log. */
function replaceFile(path: string, text: string, draft: string): void {
  const descriptor = openSync(draft, "w", 0o640);
  try {
    writeFileSync(descriptor, text, "latin1");
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  renameSync(draft, path);
}

function syncDirectory(path: string): void {
  const descriptor = openSync(path, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
