// What an actor knows of erased people. Checked in the transaction that begins a batch: a person is cut off in a
// transaction that changes the same row, so a batch either was begun before or knows of it.
import type { ClientBase } from "pg";
import type { Postgres } from "#ops/runtime/postgres.ts";
import { shareErased, type ErasedKey, type SharedErased } from "./shared-erased.ts";

/** Somebody was erased since the batch was processed: it has to be processed again. */
export class ErasedMeanwhileError extends Error {
  constructor() {
    super("somebody was erased while the batch was processed");
    this.name = "ErasedMeanwhileError";
  }
}

export class ErasedKeys {
  readonly #partition: number;
  #version = "0";
  #keys: ErasedKey[] = [];
  #shared: SharedErased = shareErased([]);

  constructor(partition: number) {
    this.#partition = partition;
  }

  get shared(): SharedErased {
    return this.#shared;
  }

  /** Reads what is new; answers the keys that were not known before. */
  async refresh(postgres: Pick<Postgres, "query">): Promise<ErasedKey[]> {
    const { rows } = await postgres.query<{
      version: string;
      keys: { words: [number, number, number]; beforeMs: number }[] | null;
    }>(
      `SELECT erasures AS version,
              (SELECT json_agg(json_build_object(
                 'words', json_build_array(word1, word2, word3),
                 'beforeMs', ceil(extract(epoch FROM erased_before) * 1000)))
               FROM erased_keys WHERE erased_keys.partition = $1 AND version > $2) AS keys
       FROM log_partitions WHERE log_partitions.partition = $1`,
      [this.#partition, this.#version],
    );
    const row = rows[0];
    if (row === undefined) return [];
    const fresh = row.keys ?? [];
    if (fresh.length > 0) {
      this.#keys = [...this.#keys, ...fresh];
      this.#shared = shareErased(this.#keys);
    }
    this.#version = row.version;
    return fresh;
  }

  /** To be called in a transaction that holds the partition's row. */
  async check(client: ClientBase): Promise<void> {
    const { rows } = await client.query<{ version: string }>(
      "SELECT erasures AS version FROM log_partitions WHERE partition = $1",
      [this.#partition],
    );
    if (rows[0]?.version !== this.#version) throw new ErasedMeanwhileError();
  }
}
