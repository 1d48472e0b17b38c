// The one table of settings: name, kind, default, unit and prose. `--help` and docs/reference/configuration.md are made
// of it.

type Kind = "string" | "integer" | "url" | "list";

export interface Setting {
  readonly kind: Kind;
  readonly default: string | undefined;
  readonly description: string;
  readonly min?: number;
  readonly max?: number;
  /** True: holds a password or key; never printed. */
  readonly secret?: true;
  /** True: set by the supervisor for its parts, not by people. */
  readonly internal?: true;
}

export const configTable = {
  MILLRACE_PORT: {
    kind: "integer",
    default: "8080",
    min: 1,
    max: 65_535,
    description: "The edge's port (HTTP and WebSocket).",
  },
  MILLRACE_HOST: { kind: "string", default: "127.0.0.1", description: "Address the edge binds to." },
  MILLRACE_DATA_DIR: {
    kind: "string",
    default: ".millrace",
    description: "Folder of everything the embedded parts keep.",
  },
  MILLRACE_NATS_URL: {
    kind: "url",
    default: undefined,
    secret: true,
    description: "Use this NATS server (nats://user:password@host:port, comma separated for a cluster).",
  },
  MILLRACE_CLICKHOUSE_URL: {
    kind: "url",
    default: undefined,
    secret: true,
    description: "Use this ClickHouse server (http://user:password@host:8123/database).",
  },
  MILLRACE_POSTGRES_URL: {
    kind: "url",
    default: undefined,
    secret: true,
    description: "Use this Postgres server (postgres://user:password@host:5432/database).",
  },
  MILLRACE_REDIS_URL: {
    kind: "url",
    default: undefined,
    secret: true,
    description: "Use this Redis or Valkey server (redis://:password@host:6379).",
  },
  MILLRACE_NATS_REPLICAS: {
    kind: "integer",
    default: "1",
    min: 1,
    max: 5,
    description: "Copies of every stream.",
  },
  MILLRACE_CLICKHOUSE_CLUSTER: {
    kind: "string",
    default: undefined,
    description: "Name of the ClickHouse cluster the tables are spread over.",
  },
  MILLRACE_WRITE_KEY: {
    kind: "string",
    default: undefined,
    secret: true,
    description: "Write key of the project `default`; made at first start when unset.",
  },
  MILLRACE_READ_KEY: {
    kind: "string",
    default: undefined,
    secret: true,
    description: "Read key of the project `default`; made at first start when unset.",
  },
  MILLRACE_ADMIN_KEY: {
    kind: "string",
    default: undefined,
    secret: true,
    description: "Admin key of the project `default`; made at first start when unset.",
  },
  MILLRACE_TRUSTED_PROXIES: {
    kind: "list",
    default: "",
    description: "CIDRs or addresses of proxies whose X-Forwarded-For is believed, comma separated.",
  },
  MILLRACE_GEO_FILE: {
    kind: "string",
    default: undefined,
    description:
      "Database of places in MaxMind's format (.mmdb): events of browsers get country, region and city of their " +
      "address, which is not kept. Read again when it changes; unset: none.",
  },
  MILLRACE_PARTITIONS: {
    kind: "integer",
    default: "4",
    min: 1,
    max: 256,
    description: "Partitions of the event log; fixed when the log is first created.",
  },
  MILLRACE_WORKER_PROCESSES: {
    kind: "integer",
    default: "1",
    min: 1,
    max: 64,
    description: "Worker processes that `start` runs.",
  },
  MILLRACE_WORKER_THREADS: {
    kind: "integer",
    default: "2",
    min: 1,
    max: 64,
    description: "Pool threads of each worker process.",
  },
  MILLRACE_QUERY_THREADS: {
    kind: "integer",
    default: "2",
    min: 1,
    max: 64,
    description: "Pool threads of each query process: what funnels are decided in.",
  },
  MILLRACE_QUERY_CACHE_BYTES_MAX: {
    kind: "integer",
    default: String(64 * 1024 * 1024),
    min: 0,
    max: Number.MAX_SAFE_INTEGER,
    description: "Answers that each query process keeps in memory, in bytes; 0: none.",
  },
  MILLRACE_QUERY_STALE_MS_MAX: {
    kind: "integer",
    default: "0",
    min: 0,
    max: 60_000,
    description:
      "Milliseconds by which a kept answer may lack new events, told by its as_of; 0: it never does. Joins, cohorts " +
      "and properties of users are never late.",
  },
  MILLRACE_LEARNED_SELECTORS_MAX: {
    kind: "integer",
    default: "32",
    min: 0,
    max: 100,
    description:
      "Selectors of each project that are kept pre-aggregated because questions that read many rows were asked again, " +
      "without anybody having chosen them; 0: none.",
  },
  MILLRACE_QUERY_RESIDENT_BYTES_MAX: {
    kind: "integer",
    default: String(1024 * 1024 * 1024),
    min: 0,
    max: Number.MAX_SAFE_INTEGER,
    description:
      "Memory of each query process for who did which event when, so that funnels need not read it, in bytes.",
  },
  MILLRACE_QUERY_COLUMNS_DISK_BYTES_MAX: {
    kind: "integer",
    default: String(4 * 1024 * 1024 * 1024),
    min: 0,
    max: Number.MAX_SAFE_INTEGER,
    description:
      "The same in files of the data directory, so that a new process need not read it either, in bytes; 0: none.",
  },
  MILLRACE_BODY_BYTES_MAX: {
    kind: "integer",
    default: String(10 * 1024 * 1024),
    min: 1024,
    max: 1024 * 1024 * 1024,
    description: "Largest request body for events, in bytes, also after decompression.",
  },
  MILLRACE_EVENTS_PER_REQUEST_MAX: {
    kind: "integer",
    default: "10000",
    min: 1,
    max: 1_000_000,
    description: "Most events that one request may hold.",
  },
  MILLRACE_UPLOAD_BYTES_MAX: {
    kind: "integer",
    default: String(100 * 1024 * 1024),
    min: 1024,
    max: 10 * 1024 * 1024 * 1024,
    description: "Largest uploaded file, in bytes, also after decompression.",
  },
  MILLRACE_LOG_BYTES_MAX: {
    kind: "integer",
    default: String(8 * 1024 * 1024 * 1024),
    min: 64 * 1024 * 1024,
    max: Number.MAX_SAFE_INTEGER,
    description: "Size of the event log in bytes; when it is full of unstored events, ingestion is refused.",
  },
  MILLRACE_LAG_EVENTS_MAX: {
    kind: "integer",
    default: "20000000",
    min: 1000,
    max: Number.MAX_SAFE_INTEGER,
    description: "Ingestion answers 503 while more events than this wait to be stored.",
  },
  MILLRACE_DEDUPE_IDS_MAX: {
    kind: "integer",
    default: "50000000",
    min: 1000,
    max: 1_000_000_000,
    description:
      "Event ids remembered to drop repeats, over all partitions; at least half of it is always kept.",
  },
  MILLRACE_DEDUPE_DAYS: {
    kind: "integer",
    default: "7",
    min: 1,
    max: 90,
    description: "Days that event ids are remembered, unless MILLRACE_DEDUPE_IDS_MAX is hit first.",
  },
  MILLRACE_CLICKHOUSE_MEMORY_BYTES_MAX: {
    kind: "integer",
    default: String(4 * 1024 * 1024 * 1024),
    min: 512 * 1024 * 1024,
    max: Number.MAX_SAFE_INTEGER,
    description: "Memory bound of the embedded ClickHouse server, in bytes.",
  },
  MILLRACE_ARCHIVE_S3_URL: {
    kind: "url",
    default: undefined,
    secret: true,
    description:
      "Bucket for archives of projects that want them there (https://key:secret@host:port/bucket/folder?region=…).",
  },
  MILLRACE_SECRETS_KEY: {
    kind: "string",
    default: undefined,
    secret: true,
    description:
      "Seals secrets of webhooks in Postgres: a long random text, the same for all workers. Made and kept in the data " +
      "directory when Postgres is embedded; unset with your own Postgres: they are stored as they are.",
  },
  MILLRACE_SMTP_URL: {
    kind: "url",
    default: undefined,
    secret: true,
    description:
      "Mail server for alerts (smtp://user:password@host:587, or smtps://); without it alerts send no mail.",
  },
  MILLRACE_MAIL_FROM: {
    kind: "string",
    default: "millrace@localhost",
    description: "Sender of mail.",
  },
  MILLRACE_WEBHOOK_PRIVATE: {
    kind: "list",
    default: undefined,
    description:
      "Private networks (CIDRs, comma separated, or `none`) that webhooks may reach; unset: this machine, when the " +
      "edge is bound to a loopback address without trusted proxies, else none.",
  },
  MILLRACE_REDIRECTS_PER_SECOND_MAX: {
    kind: "integer",
    default: "20000",
    min: 0,
    max: 10_000_000,
    description: "Visits of short links that each edge answers to one address in a second; 0: no limit.",
  },
  MILLRACE_PUBLIC_URL: {
    kind: "url",
    default: undefined,
    description:
      "Address of the edge as visitors of short links know it (https://example.com); unset: made of host and port.",
  },
  MILLRACE_LINKS_REQUESTS_PER_MINUTE: {
    kind: "integer",
    default: "100",
    min: 0,
    max: 1_000_000,
    description: "Requests about links (/v1/links) that one address may make in a minute; 0: no limit.",
  },
  MILLRACE_LINKS_TITLES: {
    kind: "string",
    default: "off",
    description:
      "on: links that are made without a title get that of their page, read in the background by the workers; " +
      "addresses that are not public are never gone to.",
  },
  MILLRACE_LOG_LEVEL: {
    kind: "string",
    default: "info",
    description: "Least level that is logged: debug, info, warn, error.",
  },
  MILLRACE_INSTANCE: {
    kind: "string",
    default: undefined,
    internal: true,
    description: "Name of this process among its kind.",
  },
  MILLRACE_SUPERVISED: {
    kind: "integer",
    default: "0",
    min: 0,
    max: 1,
    internal: true,
    description: "1: stop when standard input closes, because the supervisor is gone.",
  },
} as const satisfies Record<string, Setting>;
