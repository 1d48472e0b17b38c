// One line that says how far a run is, how fast, and for how long it will go on.

const everyMs = 500;

/** Takes the number done so far. The line is written at most twice a second, and at the end. */
export function createProgress(what: string, total: number): (done: number) => void {
  let startedMs: number | undefined;
  let writtenMs = 0;
  return (done) => {
    const now = performance.now();
    startedMs ??= now;
    if (done < total && now - writtenMs < everyMs) return;
    writtenMs = now;
    const perSecond = now === startedMs ? 0 : (done / (now - startedMs)) * 1000;
    const rest = perSecond === 0 ? "" : `, ${Math.ceil((total - done) / perSecond)} s to go`;
    const rate = perSecond === 0 ? "" : `, ${Math.round(perSecond).toLocaleString("en")}/s`;
    const line = `${done.toLocaleString("en")} of ${total.toLocaleString("en")} ${what}${rate}${rest}`;
    process.stdout.write(`\r${line.padEnd(80)}${done === total ? "\n" : ""}`);
  };
}
