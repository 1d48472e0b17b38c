// Four senders with retries and every fifth event repeated, while random processes of the installation are
// killed with -9, at times all at once. In the end every answer is exact.
// KILL_SECONDS and KILL_SEED lengthen and repeat it (see CONTRIBUTING.md).
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { expectExact, waitForTotal } from "./exactness.ts";
import { Installation, kill, sleep } from "./installation.ts";
import { createRandom, Senders } from "./senders.ts";

const seconds = Number(process.env["KILL_SECONDS"] ?? 60);
const seed = Number(process.env["KILL_SEED"] ?? Date.now() % 1_000_000);
const senders = 4;
const startsMax = 5;

describe("no acknowledged event is lost, none counts twice", () => {
  let installation: Installation;

  beforeAll(async () => {
    installation = await Installation.create();
    installation.start();
    await installation.ready();
  });

  afterAll(async () => {
    await installation.destroy();
  });

  /** What the last kill hit may end the whole installation a moment later: it is started until it stays. */
  async function bringUp(): Promise<void> {
    for (let tries = 1; ; tries += 1) {
      if (!installation.running) installation.start();
      try {
        await installation.ready();
        return;
      } catch (error) {
        if (tries === startsMax || installation.running) throw error;
      }
    }
  }

  it(`through ${seconds} s of random kills (seed ${seed})`, { timeout: (seconds + 240) * 1000 }, async () => {
    console.info(`kill seed ${seed}`);
    const random = createRandom(seed);
    const traffic = new Senders(installation, { senders, seed });
    const killed: string[] = [];
    const endAtMs = Date.now() + seconds * 1000;
    while (Date.now() < endAtMs) {
      await sleep(1_000 + random() * 3_000);
      const processes = installation.processes();
      if (random() < 0.12) {
        installation.killAll();
        killed.push("everything");
      } else {
        const victim = processes[Math.floor(random() * processes.length)];
        if (victim) {
          kill(victim.pid);
          killed.push(victim.command.split(" ").slice(0, 3).join(" "));
        }
      }
      await sleep(500);
      if (!installation.running) {
        // What ended the whole installation is started again the way a person would.
        installation.start();
      }
    }
    await bringUp();
    await traffic.stop();

    const events = [...traffic.acknowledged.values()];
    console.info(
      `${events.length} events, ${traffic.repeats} repeats, ${traffic.failures} failed of ${traffic.requests} requests, kills: ${killed.join(" | ")}`,
    );
    expect(events.length).toBeGreaterThan(seconds * 50);
    expect(killed.length).toBeGreaterThan(seconds / 6);
    const day = 24 * 3600 * 1000;
    const range = {
      from: new Date(Date.now() - 70 * day).toISOString(),
      to: new Date(Date.now() + 2 * day).toISOString(),
    };
    const visibleMs = await waitForTotal(installation, events.length, range, 30_000);
    console.info(`all visible ${visibleMs} ms after the last acknowledgement`);
    // Nothing may arrive late either: what counts twice would show up after the first look.
    await sleep(3_000);
    await expectExact(installation, events);
  });
});
