// For integration tests: queries of one kind straight on a test database, without a log or Postgres.
import { Registry } from "prom-client";
import { createQueryMetrics } from "../metrics.ts";
import type { People } from "../people/people.ts";
import { QueryRun } from "../store/query-run.ts";
import { ReadOnlySettings } from "../store/read-only.ts";
import type { Store } from "../store/run-statement.ts";
import type { TestDatabase } from "./test-database.ts";

export function storeOf({ clickhouse }: TestDatabase): Store {
  return {
    clickhouse,
    metrics: createQueryMetrics(new Registry()),
    readOnly: new ReadOnlySettings(clickhouse),
  };
}

export function runOn(store: Store, projectId: number, people: People): QueryRun {
  return new QueryRun({ store, projectId, signal: new AbortController().signal, people });
}
