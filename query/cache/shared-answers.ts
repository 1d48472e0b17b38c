// Answers that all processes of the query tier share, in Redis. Never waited for long, and never missed: without it
// each process answers by itself.
import { Redis } from "ioredis";
import type { Logger } from "#ops/runtime/log.ts";

/** A look-up that takes longer than asking the store is of no use. */
const commandMsMax = 50;
const reconnectMsMax = 2_000;
/** Larger answers stay in the process that made them. */
const textLengthMax = 256 * 1024;

export class SharedAnswers {
  readonly #redis: Redis;
  readonly #prefix: string;

  /** `installation`: whose answers these are; several may share one Redis. */
  constructor(options: { url: string; installation: string; log: Logger }) {
    this.#prefix = `millrace:answer:${options.installation}:`;
    this.#redis = new Redis(options.url, {
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      commandTimeout: commandMsMax,
      retryStrategy: (attempt) => Math.min(attempt * 100, reconnectMsMax),
    });
    let away = false;
    this.#redis.on("error", (error) => {
      if (!away) options.log.warn({ err: error }, "redis is away; answers are kept in this process only");
      away = true;
    });
    this.#redis.on("ready", () => (away = false));
  }

  async get(name: string): Promise<string | undefined> {
    if (this.#redis.status !== "ready") return undefined;
    try {
      return (await this.#redis.get(this.#prefix + name)) ?? undefined;
    } catch {
      return undefined;
    }
  }

  /** Nobody waits for it. */
  set(name: string, text: string, keepMs: number): void {
    if (text.length > textLengthMax || this.#redis.status !== "ready") return;
    this.#redis.set(this.#prefix + name, text, "PX", keepMs).catch(() => undefined);
  }

  stop(): void {
    this.#redis.disconnect();
  }
}
