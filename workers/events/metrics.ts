// Metrics of the event pipeline, declared once.
import { Counter, Histogram, type Registry } from "prom-client";

export type PipelineMetrics = ReturnType<typeof createPipelineMetrics>;

export function createPipelineMetrics(registry: Registry) {
  const registers = [registry];
  const seconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
  return {
    eventsStored: new Counter({
      name: "millrace_pipeline_events_stored_total",
      help: "Events stored as rows.",
      registers,
    }),
    duplicates: new Counter({
      name: "millrace_pipeline_duplicates_total",
      help: "Events dropped because their id was stored before.",
      registers,
    }),
    quarantined: new Counter({
      name: "millrace_pipeline_quarantined_total",
      help: "Events kept aside with a reason.",
      registers,
    }),
    planViolations: new Counter({
      name: "millrace_pipeline_plan_violations_total",
      help: "Rules of tracking plans that events broke: by mode of the plan and keyword of the schema.",
      labelNames: ["mode", "rule"],
      registers,
    }),
    erased: new Counter({
      name: "millrace_pipeline_erased_total",
      help: "Events dropped because their user was erased after they were received.",
      registers,
    }),
    deadBlocks: new Counter({
      name: "millrace_pipeline_dead_blocks_total",
      help: "Blocks of the log moved to the dead stream.",
      registers,
    }),
    adoptedUsers: new Counter({
      name: "millrace_pipeline_adopted_users_total",
      help: "Users whose id another partition's event or a request had named before their own first event.",
      registers,
    }),
    actorRestarts: new Counter({
      name: "millrace_pipeline_actor_restarts_total",
      help: "Times a partition's actor failed and began again.",
      registers,
    }),
    batchRows: new Histogram({
      name: "millrace_pipeline_batch_rows",
      help: "Rows of one batch.",
      buckets: [1, 10, 100, 1_000, 5_000, 10_000, 20_000, 50_000, 100_000],
      registers,
    }),
    processSeconds: new Histogram({
      name: "millrace_pipeline_process_seconds",
      help: "Time of one batch in the pool: decode to encode.",
      buckets: seconds,
      registers,
    }),
    insertSeconds: new Histogram({
      name: "millrace_pipeline_insert_seconds",
      help: "Time until the store confirmed one batch, retries included.",
      buckets: seconds,
      registers,
    }),
    delaySeconds: new Histogram({
      name: "millrace_pipeline_delay_seconds",
      help: "Age of a batch's first block when the batch was stored.",
      buckets: seconds,
      registers,
    }),
  };
}
