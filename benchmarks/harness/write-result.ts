// A benchmark's outcome, on the screen and in benchmarks/results/ as a table for people and numbers for programs.
import { mkdir, writeFile } from "node:fs/promises";
import { availableParallelism, cpus, totalmem } from "node:os";

const folder = new URL("../results/", import.meta.url);

export async function writeResult(run: {
  name: string;
  options: object;
  result: object;
  table: string;
}): Promise<void> {
  const machine = {
    cores: availableParallelism(),
    cpu: cpus()[0]?.model ?? "unknown",
    memoryGb: Math.round(totalmem() / 2 ** 30),
    node: process.version,
  };
  const at = new Date().toISOString();
  const stem = `${run.name}-${at.slice(0, 10)}`;
  const text = [
    `# ${run.name}, ${at.slice(0, 16).replace("T", " ")} UTC`,
    "",
    `${machine.cores} cores (${machine.cpu}), ${machine.memoryGb} GB, Node ${machine.node}; load generator on the same machine.`,
    `Options: \`${JSON.stringify(run.options)}\``,
    "",
    run.table,
    "",
  ].join("\n");
  await mkdir(folder, { recursive: true });
  await writeFile(new URL(`${stem}.md`, folder), text);
  await writeFile(
    new URL(`${stem}.json`, folder),
    `${JSON.stringify({ at, machine, options: run.options, result: run.result }, null, 1)}\n`,
  );
  console.log(`\n${text}\nwritten to benchmarks/results/${stem}.md`);
}
