// Every metric of the query tier.
import { Counter, Gauge, Histogram, type Registry } from "prom-client";

export interface QueryMetrics {
  readonly querySeconds: Histogram<"kind">;
  readonly queryErrors: Counter<"kind" | "code">;
  readonly statementSeconds: Histogram;
  readonly statementErrors: Counter<"code">;
  readonly rowsRead: Counter;
  readonly exportBytes: Counter<"format">;
  readonly residentBytes: Gauge;
  readonly residentColumns: Counter<"outcome">;
  readonly columnFiles: Counter<"outcome">;
  readonly columnFileBytes: Counter<"direction">;
  readonly columnDiskBytes: Gauge;
}

const secondsBuckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

export function createQueryMetrics(registry: Registry): QueryMetrics {
  const registers = [registry];
  return {
    querySeconds: new Histogram({
      name: "millrace_query_duration_seconds",
      help: "Time from a query's arrival to its answer, by kind.",
      labelNames: ["kind"],
      buckets: secondsBuckets,
      registers,
    }),
    queryErrors: new Counter({
      name: "millrace_query_errors_total",
      help: "Queries answered with an error, by kind and code.",
      labelNames: ["kind", "code"],
      registers,
    }),
    statementSeconds: new Histogram({
      name: "millrace_query_statement_duration_seconds",
      help: "Time of one statement on the analytics store.",
      buckets: secondsBuckets,
      registers,
    }),
    statementErrors: new Counter({
      name: "millrace_query_statement_errors_total",
      help: "Statements that failed on the analytics store, by code.",
      labelNames: ["code"],
      registers,
    }),
    rowsRead: new Counter({
      name: "millrace_query_rows_read_total",
      help: "Rows that the analytics store read for queries.",
      registers,
    }),
    exportBytes: new Counter({
      name: "millrace_query_export_bytes_total",
      help: "Bytes of exports handed to readers, after compression, by format.",
      labelNames: ["format"],
      registers,
    }),
    residentBytes: new Gauge({
      name: "millrace_query_resident_bytes",
      help: "Bytes of the step columns that this process holds in memory.",
      registers,
    }),
    residentColumns: new Counter({
      name: "millrace_query_resident_columns_total",
      help: "Step columns that queries looked for: hit, miss, stale (some days had to be read again), file, stale_file, evicted.",
      labelNames: ["outcome"],
      registers,
    }),
    columnFiles: new Counter({
      name: "millrace_query_column_files_total",
      help: "Files of step columns: written, evicted, removed (of nobody any more), unreadable, no_room.",
      labelNames: ["outcome"],
      registers,
    }),
    columnFileBytes: new Counter({
      name: "millrace_query_column_file_bytes_total",
      help: "Bytes of step columns that came from files or went to them, by direction: read, written.",
      labelNames: ["direction"],
      registers,
    }),
    columnDiskBytes: new Gauge({
      name: "millrace_query_column_disk_bytes",
      help: "Bytes of the files of step columns in this process's directory.",
      registers,
    }),
  };
}
