// One line that grows with the work: a bar on a terminal, a line for every tenth elsewhere.
const barColumns = 30;
let lastText = "";

export function buildProgress(what: string, done: number, total: number, note = ""): string {
  const part = total > 0 ? Math.min(1, done / total) : 1;
  const filled = Math.round(part * barColumns);
  const bar = "█".repeat(filled) + "░".repeat(barColumns - filled);
  return `${what.padEnd(10)} ${bar} ${String(Math.floor(part * 100)).padStart(3)} %${note === "" ? "" : `  ${note}`}`;
}

export function drawProgress(what: string, done: number, total: number, note = ""): void {
  if (process.stdout.isTTY) {
    process.stdout.write(`\r\u001B[2K${buildProgress(what, done, total, note)}`);
    return;
  }
  const tenth = total > 0 ? Math.floor((done / total) * 10) : 10;
  const text = `${what} ${tenth * 10} %`;
  if (text === lastText) return;
  lastText = text;
  process.stdout.write(`${text}\n`);
}
