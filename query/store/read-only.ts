// Makes every statement read-only, whatever user the store knows this process as.
import type { ClickHouseSettings } from "@clickhouse/client";
import type { ClickHouse } from "#ops/runtime/clickhouse.ts";

/** readonly=2: nothing but reading, while settings of a statement may still be given. */
const readOnlyMode = "2";

export class ReadOnlySettings {
  readonly #clickhouse: ClickHouse;
  #user: { readOnly: boolean; memoryBytesMax: number; threadsMax: number } | undefined;

  constructor(clickhouse: ClickHouse) {
    this.#clickhouse = clickhouse;
  }

  /** Settings for one statement that may use this much memory, or less when the store allows its user less. */
  async read(memoryBytesWanted: number): Promise<ClickHouseSettings> {
    this.#user ??= await this.#ask();
    const { readOnly, memoryBytesMax } = this.#user;
    return {
      // With both, the store stops at once when this side hangs up (measured: within 0.1 s). A user that is
      // read-only already may not say so again.
      cancel_http_readonly_queries_on_client_close: 1,
      ...(readOnly ? {} : { readonly: readOnlyMode }),
      max_memory_usage: String(Math.min(memoryBytesWanted, memoryBytesMax)),
    };
  }

  /** Of the threads that the store uses for one statement. */
  async halfOfThreads(): Promise<number> {
    this.#user ??= await this.#ask();
    return Math.max(1, Math.floor(this.#user.threadsMax / 2));
  }

  async #ask(): Promise<{ readOnly: boolean; memoryBytesMax: number; threadsMax: number }> {
    const result = await this.#clickhouse.query({
      query:
        "SELECT toInt64(getSetting('readonly')), toInt64(getSetting('max_memory_usage')), toInt64(getSetting('max_threads'))",
      format: "JSONCompact",
      clickhouse_settings: { output_format_json_quote_64bit_integers: 0 },
    });
    const [mode, memoryBytes, threads] = (await result.json<[number, number, number]>()).data[0] ?? [0, 0, 1];
    // 0 means that the store sets no bound.
    return {
      readOnly: mode !== 0,
      memoryBytesMax: memoryBytes === 0 ? Number.MAX_SAFE_INTEGER : memoryBytes,
      threadsMax: threads,
    };
  }
}
