// What every query works with; made once in main.ts.
import type { NatsConnection } from "@nats-io/transport-node";
import type { StatusBoard } from "#streams/status.ts";
import type { Throughput } from "./system/throughput.ts";
import type { Logger } from "#ops/runtime/log.ts";
import type { Postgres } from "#ops/runtime/postgres.ts";
import type { Budgets } from "./budget/budgets.ts";
import type { Answers } from "./cache/answers.ts";
import type { RefreshAhead } from "./cache/refresh-ahead.ts";
import type { KeptStates } from "./partials/kept-states.ts";
import type { SelectorDemand } from "./partials/selector-demand.ts";
import type { Store } from "./store/run-statement.ts";
import type { StepColumns } from "./step-columns/step-columns.ts";
import type { TaskPool } from "./task-pool.ts";
import type { LogAccess, WatermarkReader } from "./watermark.ts";

export interface QueryContext {
  readonly store: Store;
  /** The same store with connections that may be silent for long. */
  readonly exportStore: Pick<Store, "clickhouse" | "readOnly">;
  readonly postgres: Postgres;
  /** Threads for what would keep this process from answering others. */
  readonly pool: TaskPool;
  /** Rows of events that are held in memory. */
  readonly stepColumns: StepColumns;
  readonly logAccess: LogAccess;
  readonly watermark: WatermarkReader;
  /** Those that were given before. */
  readonly answers: Answers;
  /** Makes those that are asked often before they are asked again. */
  readonly refreshAhead: RefreshAhead;
  /** Which days of selectors were kept of how many rows. */
  readonly keptStates: KeptStates;
  /** Where it is noted what questions lack; undefined when nothing is learned. */
  readonly demand: SelectorDemand | undefined;
  /** Whose turn it is, and what it may cost. */
  readonly budgets: Budgets;
  readonly connection: NatsConnection;
  readonly board: StatusBoard;
  readonly throughput: Throughput;
  /** True when the log is the embedded one, whose settings are ours. */
  readonly logIsEmbedded: boolean;
  /** Largest message that the log's server takes: bounds an answer. */
  readonly answerBytesMax: () => number;
  readonly log: Logger;
}
