// What outlives a page or a process: nothing that was not delivered is lost, whoever takes it over.
import { appendFileSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { EventFile } from "./event-file.ts";
import { LocalStorage, type WebStorage } from "./local-storage.ts";

class FakeWebStorage implements WebStorage {
  readonly items = new Map<string, string>();
  isFull = false;

  get length(): number {
    return this.items.size;
  }
  key(index: number): string | null {
    return [...this.items.keys()][index] ?? null;
  }
  getItem(name: string): string | null {
    return this.items.get(name) ?? null;
  }
  setItem(name: string, value: string): void {
    if (this.isFull) throw new Error("QuotaExceededError");
    this.items.set(name, value);
  }
  removeItem(name: string): void {
    this.items.delete(name);
  }
}

let folder: string;

beforeEach(() => {
  vi.useFakeTimers({ now: 1_000_000 });
  folder = mkdtempSync(join(tmpdir(), "millrace-client-"));
});
afterEach(() => {
  vi.useRealTimers();
  rmSync(folder, { recursive: true, force: true });
});

test("a page takes over what pages left that are gone, and leaves alone what others still have", () => {
  const storage = new FakeWebStorage();
  const gone = new LocalStorage({ storage, scope: "s", page: "gone" });
  gone.load();
  gone.add('"1"');
  gone.add('"2"');
  vi.advanceTimersByTime(250);
  gone.keep(() => ['"2"']);
  gone.add('"3"');
  gone.close();
  const open = new LocalStorage({ storage, scope: "s", page: "open" });
  expect(open.load()).toEqual(['"2"', '"3"']);
  open.add('"4"');
  open.write();
  const next = new LocalStorage({ storage, scope: "s", page: "next" });
  expect(next.load()).toEqual([]);
  vi.advanceTimersByTime(100_000);
  expect(next.load(), "it says that it is there").toEqual([]);
  open.close();
  expect(next.load()).toEqual(['"2"', '"3"', '"4"']);
  next.keep(() => []);
  next.close();
  expect([...storage.items.keys()]).toEqual([]);
});

test("a page that was killed is taken over once it has not been heard of", () => {
  const storage = new FakeWebStorage();
  const killed = new LocalStorage({ storage, scope: "s", page: "killed" });
  killed.add('"1"');
  killed.write();
  const [name] = [...storage.items.keys()].filter((each) => each.includes(":events:"));
  storage.items.set(`${name}-broken`, "no json");
  // Its timers have ended with it.
  vi.clearAllTimers();
  const other = new LocalStorage({ storage, scope: "another key", page: "other" });
  const next = new LocalStorage({ storage, scope: "s", page: "next" });
  expect(next.load()).toEqual([]);
  vi.setSystemTime(Date.now() + 100_000);
  expect(other.load()).toEqual([]);
  expect(next.load()).toEqual(['"1"']);
});

test("storage that is full stops nothing", () => {
  const storage = new FakeWebStorage();
  storage.isFull = true;
  const local = new LocalStorage({ storage, scope: "s", page: "p" });
  local.add('"1"');
  local.writeWord("user", "u");
  expect(() => local.close()).not.toThrow();
});

test("a process takes over the files of processes that are gone, without lines that were cut", () => {
  const host = hostname().replace(/[^A-Za-z0-9-]/g, "-");
  // No process has a number beyond the kernel's largest.
  const gone = join(folder, `${host}.99999999.1-1.ndjson`);
  writeFileSync(gone, '{"n":1}\n{"n":2}\n');
  appendFileSync(gone, '{"n":');
  writeFileSync(join(folder, `${host}.99999998.2-1.ndjson.taken`), '{"n":3}\n');
  writeFileSync(join(folder, `${host}.1.1-1.ndjson`), '{"n":"of a living process"}\n');
  writeFileSync(join(folder, `another-host.99999999.1-1.ndjson`), '{"n":"of another machine"}\n');
  const file = new EventFile(folder);
  expect(file.load()).toEqual(['{"n":1}', '{"n":2}', '{"n":3}']);
  expect(readdirSync(folder)).toHaveLength(3);
  // Nothing was delivered: the next one finds it all again.
  file.close();
  const next = new EventFile(folder);
  expect(next.load()).toHaveLength(3);
  next.keep(() => []);
  next.close();
  expect(readdirSync(folder).filter((name) => name.includes(`.${process.pid}.`))).toEqual([]);
});

test("the file of a client that is never idle does not grow for ever", () => {
  const file = new EventFile(folder);
  file.load();
  const waiting: string[] = [];
  for (let n = 0; n < 5_000; n += 1) {
    const event = JSON.stringify({ n, filling: "x".repeat(1_000) });
    file.add(event);
    waiting.push(event);
    if (waiting.length > 100) waiting.splice(0, 50);
    if (n % 50 === 0) file.keep(() => waiting);
  }
  file.close();
  const next = new EventFile(folder);
  const found = next.load();
  expect(found.length).toBeLessThan(2_500);
  expect(found.slice(-waiting.length)).toEqual(waiting);
  next.close();
});
