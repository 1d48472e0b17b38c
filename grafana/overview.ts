// The dashboard "Millrace overview" as a table of panels: what an operator looks at first. Written to
// dashboards/overview.json by `npm run docs`; Grafana reads that file (provisioning/).

interface Panel {
  title: string;
  description: string;
  unit: "short" | "eps" | "reqps" | "bytes" | "s" | "percentunit";
  queries: { expression: string; legend: string }[];
}

const quantile = (metric: string, by = ""): string =>
  `histogram_quantile(0.99, sum by (le${by}) (rate(${metric}_bucket[$__rate_interval])))`;

export const panels: readonly Panel[] = [
  {
    title: "Events accepted and stored",
    description: "Both lines lie on each other while the workers keep up.",
    unit: "eps",
    queries: [
      {
        expression: "sum(rate(millrace_ingest_events_accepted_total[$__rate_interval]))",
        legend: "accepted",
      },
      { expression: "sum(rate(millrace_pipeline_events_stored_total[$__rate_interval]))", legend: "stored" },
      {
        expression: "sum(rate(millrace_pipeline_duplicates_total[$__rate_interval]))",
        legend: "repeats dropped",
      },
    ],
  },
  {
    title: "Age of events when stored (p99)",
    description: "Promised: under 5 s while the workers keep up.",
    unit: "s",
    queries: [{ expression: quantile("millrace_pipeline_delay_seconds"), legend: "p99" }],
  },
  {
    title: "Events waiting to be stored",
    description: "Past MILLRACE_LAG_EVENTS_MAX the edge answers 503.",
    unit: "short",
    queries: [{ expression: "max(millrace_ingest_lag_events)", legend: "events" }],
  },
  {
    title: "Requests by status",
    description: "4xx: senders' mistakes, by code in the next panel. 5xx: look at the edge's log.",
    unit: "reqps",
    queries: [
      {
        expression: "sum by (status) (rate(millrace_ingest_requests_total[$__rate_interval]))",
        legend: "{{status}}",
      },
    ],
  },
  {
    title: "Events rejected, by code",
    description: "What each code means: docs/reference/errors.md.",
    unit: "eps",
    queries: [
      {
        expression: "sum by (code) (rate(millrace_ingest_events_rejected_total[$__rate_interval]))",
        legend: "{{code}}",
      },
    ],
  },
  {
    title: "Confirmation by the log (p99)",
    description: "From a block's first event to the synced write.",
    unit: "s",
    queries: [{ expression: quantile("millrace_ingest_commit_seconds"), legend: "p99" }],
  },
  {
    title: "Events in a block, rows in a batch (mean)",
    description: "Larger is cheaper: one sync for a block, one insert for a batch.",
    unit: "short",
    queries: [
      {
        expression:
          "sum(rate(millrace_ingest_block_events_sum[$__rate_interval])) / sum(rate(millrace_ingest_block_events_count[$__rate_interval]))",
        legend: "events in a block",
      },
      {
        expression:
          "sum(rate(millrace_pipeline_batch_rows_sum[$__rate_interval])) / sum(rate(millrace_pipeline_batch_rows_count[$__rate_interval]))",
        legend: "rows in a batch",
      },
    ],
  },
  {
    title: "Where a batch's time goes (p99)",
    description: "In the pool (decode to encode), and in the store.",
    unit: "s",
    queries: [
      { expression: quantile("millrace_pipeline_process_seconds"), legend: "process" },
      { expression: quantile("millrace_pipeline_insert_seconds"), legend: "insert" },
    ],
  },
  {
    title: "Queries (p99)",
    description: "From the request to the answer, inside the query tier.",
    unit: "s",
    queries: [{ expression: quantile("millrace_query_duration_seconds", ", kind"), legend: "{{kind}}" }],
  },
  {
    title: "Answers that were kept",
    description:
      "Share of answers from memory, from redis, or shared with an equal question under way. Low while events of the asked range arrive all the time: no answer lacks an event that is stored.",
    unit: "percentunit",
    queries: [
      {
        expression:
          'sum by (outcome) (rate(millrace_query_answers_total{outcome!="miss"}[$__rate_interval])) / ignoring(outcome) group_left sum(rate(millrace_query_answers_total[$__rate_interval]))',
        legend: "{{outcome}}",
      },
    ],
  },
  {
    title: "Queries that run and wait",
    description:
      "By lane. Many that wait for long: more processes of the query tier, or lower limits of the project that asks.",
    unit: "short",
    queries: [
      { expression: "sum by (lane) (millrace_query_running)", legend: "{{lane}}" },
      { expression: "sum(millrace_query_waiting)", legend: "waiting" },
      { expression: "sum(increase(millrace_query_refused_total[5m]))", legend: "refused, 5 min" },
    ],
  },
  {
    title: "What needs somebody",
    description: "Dead blocks (`millrace replay`), quarantined events, restarted actors, failed queries.",
    unit: "short",
    queries: [
      { expression: "sum(increase(millrace_pipeline_dead_blocks_total[1h]))", legend: "dead blocks, 1 h" },
      { expression: "sum(increase(millrace_pipeline_quarantined_total[1h]))", legend: "quarantined, 1 h" },
      {
        expression: "sum(increase(millrace_pipeline_actor_restarts_total[1h]))",
        legend: "actor restarts, 1 h",
      },
      { expression: "sum(increase(millrace_query_errors_total[1h]))", legend: "failed queries, 1 h" },
    ],
  },
  {
    title: "Memory of each process",
    description: "Flat under steady load.",
    unit: "bytes",
    queries: [{ expression: "millrace_process_resident_memory_bytes", legend: "{{instance}}" }],
  },
  {
    title: "CPU of each process",
    description: "Cores in use.",
    unit: "short",
    queries: [
      {
        expression: "rate(millrace_process_cpu_seconds_total[$__rate_interval])",
        legend: "{{instance}}",
      },
    ],
  },
];

const columns = 2;
const width = 24 / columns;
const height = 8;

/** Grafana's dashboard model, schema version 39. */
export function buildOverview(): object {
  const datasource = { type: "prometheus", uid: "millrace" };
  return {
    uid: "millrace-overview",
    title: "Millrace overview",
    tags: ["millrace"],
    schemaVersion: 39,
    time: { from: "now-1h", to: "now" },
    refresh: "10s",
    panels: panels.map((panel, index) => ({
      id: index + 1,
      type: "timeseries",
      title: panel.title,
      description: panel.description,
      datasource,
      gridPos: {
        x: (index % columns) * width,
        y: Math.floor(index / columns) * height,
        w: width,
        h: height,
      },
      fieldConfig: { defaults: { unit: panel.unit, min: 0 }, overrides: [] },
      targets: panel.queries.map(({ expression, legend }, at) => ({
        refId: String.fromCharCode(65 + at),
        datasource,
        expr: expression,
        legendFormat: legend,
      })),
    })),
  };
}
