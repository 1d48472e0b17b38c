// Makes every statement read-only, whatever user the store knows this process as.
import type { ClickHouseSettings } from "@clickhouse/client";
import type { ClickHouse } from "#ops/runtime/clickhouse.ts";

/** readonly=2: nothing but reading, while settings of a statement may still be given. */
const readOnly = "2";

export class ReadOnlySettings {
  readonly #clickhouse: ClickHouse;
  #settings: ClickHouseSettings | undefined;

  constructor(clickhouse: ClickHouse) {
    this.#clickhouse = clickhouse;
  }

  /** Settings for one statement. The first call asks the store; a user that is read-only already may not say so again. */
  async read(): Promise<ClickHouseSettings> {
    if (this.#settings === undefined) {
      const result = await this.#clickhouse.query({
        query: "SELECT toString(getSetting('readonly'))",
        format: "JSONCompact",
      });
      const answer = await result.json<[string]>();
      this.#settings = {
        // With both, the store stops at once when this side hangs up (measured: within 0.1 s).
        cancel_http_readonly_queries_on_client_close: 1,
        ...(answer.data[0]?.[0] === "0" ? { readonly: readOnly } : {}),
      };
    }
    return this.#settings;
  }
}
