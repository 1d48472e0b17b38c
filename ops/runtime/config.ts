// The environment, read by the table of settings; nothing else reads it. Unknown MILLRACE_* variables and bad values stop
// the start with one message.
import { isIP } from "node:net";
import { resolve } from "node:path";
import { configTable, type Setting } from "./settings.ts";

export interface Config {
  readonly port: number;
  readonly host: string;
  /** Absolute path. */
  readonly dataDir: string;
  readonly natsUrl: string | undefined;
  readonly clickhouseUrl: string | undefined;
  readonly postgresUrl: string | undefined;
  readonly redisUrl: string | undefined;
  readonly natsReplicas: number;
  readonly clickhouseCluster: string | undefined;
  readonly writeKey: string | undefined;
  readonly readKey: string | undefined;
  readonly adminKey: string | undefined;
  readonly trustedProxies: readonly string[];
  readonly geoFile: string | undefined;
  readonly partitions: number;
  readonly workerProcesses: number;
  readonly workerThreads: number;
  readonly queryThreads: number;
  readonly queryResidentBytesMax: number;
  readonly queryColumnsDiskBytesMax: number;
  readonly queryCacheBytesMax: number;
  readonly queryStaleMsMax: number;
  /** Of each project; 0: none. */
  readonly learnedSelectorsMax: number;
  readonly bodyBytesMax: number;
  readonly eventsPerRequestMax: number;
  readonly uploadBytesMax: number;
  readonly logBytesMax: number;
  readonly lagEventsMax: number;
  readonly dedupeIdsMax: number;
  readonly dedupeDays: number;
  readonly clickhouseMemoryBytesMax: number;
  readonly archiveS3Url: string | undefined;
  readonly secretsKey: string | undefined;
  readonly smtpUrl: string | undefined;
  readonly mailFrom: string;
  /** Private networks that webhooks may reach, as CIDRs. */
  readonly webhookPrivate: readonly string[];
  /** Visits of short links a second and address; 0: no limit. */
  readonly redirectsPerSecondMax: number;
  /** Without a slash at the end. */
  readonly publicUrl: string;
  /** 0: no limit. */
  readonly linksRequestsPerMinute: number;
  /** Titles of links are read from their pages. */
  readonly linksTitles: boolean;
  readonly logLevel: string;
  readonly instance: string | undefined;
  readonly supervised: boolean;
}

/** All that is wrong with the environment, in one message. */
export class ConfigError extends Error {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(
      `The configuration has ${problems.length} problem(s):\n${problems.map((p) => `  - ${p}`).join("\n")}`,
    );
    this.name = "ConfigError";
    this.problems = problems;
  }
}

type Environment = Readonly<Record<string, string | undefined>>;

function problemOf(name: string, setting: Setting, value: string): string | undefined {
  if (setting.kind === "integer") {
    const number = Number(value);
    const min = setting.min ?? Number.MIN_SAFE_INTEGER;
    const max = setting.max ?? Number.MAX_SAFE_INTEGER;
    if (!Number.isSafeInteger(number) || number < min || number > max) {
      return `${name} must be a whole number from ${min} to ${max}; it is "${value}"`;
    }
  }
  if (setting.kind === "url") {
    for (const part of value.split(",")) {
      if (!URL.canParse(part)) return `${name} must be a URL (scheme://user:password@host:port)`;
    }
  }
  return undefined;
}

/**
 * Reads and checks all settings.
 * Throws ConfigError that lists every unknown MILLRACE_* variable and every bad value.
 */
export function readConfig(env: Environment = process.env): Config {
  const problems: string[] = [];
  for (const name of Object.keys(env)) {
    if (name.startsWith("MILLRACE_") && !Object.hasOwn(configTable, name)) {
      problems.push(`${name} is not a known setting; \`npm start -- --help\` lists them`);
    }
  }
  const values: Record<string, string | undefined> = {};
  for (const [name, setting] of Object.entries<Setting>(configTable)) {
    const given = env[name];
    const value = given === undefined || given === "" ? setting.default : given;
    values[name] = value;
    if (value === undefined) continue;
    const problem = problemOf(name, setting, value);
    if (problem !== undefined) problems.push(problem);
  }
  const logLevel = values["MILLRACE_LOG_LEVEL"] as string;
  if (!["debug", "info", "warn", "error"].includes(logLevel)) {
    problems.push(`MILLRACE_LOG_LEVEL must be debug, info, warn or error; it is "${logLevel}"`);
  }
  const titles = values["MILLRACE_LINKS_TITLES"] as string;
  if (titles !== "on" && titles !== "off") {
    problems.push(`MILLRACE_LINKS_TITLES must be on or off; it is "${titles}"`);
  }
  const trustedProxies = (values["MILLRACE_TRUSTED_PROXIES"] ?? "").split(",").filter((cidr) => cidr !== "");
  for (const network of trustedProxies) {
    if (isIP(network) === 0 && !isNetwork(network)) {
      problems.push(`MILLRACE_TRUSTED_PROXIES must be CIDRs or addresses; "${network}" is neither`);
    }
  }
  const webhookPrivate = readWebhookPrivate(values, problems);
  if (problems.length > 0) throw new ConfigError(problems);

  const text = (name: keyof typeof configTable): string | undefined => values[name];
  const integer = (name: keyof typeof configTable): number => Number(values[name]);
  return {
    port: integer("MILLRACE_PORT"),
    host: text("MILLRACE_HOST") as string,
    dataDir: resolve(text("MILLRACE_DATA_DIR") as string),
    natsUrl: text("MILLRACE_NATS_URL"),
    clickhouseUrl: text("MILLRACE_CLICKHOUSE_URL"),
    postgresUrl: text("MILLRACE_POSTGRES_URL"),
    redisUrl: text("MILLRACE_REDIS_URL"),
    natsReplicas: integer("MILLRACE_NATS_REPLICAS"),
    clickhouseCluster: text("MILLRACE_CLICKHOUSE_CLUSTER"),
    writeKey: text("MILLRACE_WRITE_KEY"),
    readKey: text("MILLRACE_READ_KEY"),
    adminKey: text("MILLRACE_ADMIN_KEY"),
    trustedProxies,
    geoFile: text("MILLRACE_GEO_FILE"),
    partitions: integer("MILLRACE_PARTITIONS"),
    workerProcesses: integer("MILLRACE_WORKER_PROCESSES"),
    workerThreads: integer("MILLRACE_WORKER_THREADS"),
    queryThreads: integer("MILLRACE_QUERY_THREADS"),
    queryResidentBytesMax: integer("MILLRACE_QUERY_RESIDENT_BYTES_MAX"),
    queryColumnsDiskBytesMax: integer("MILLRACE_QUERY_COLUMNS_DISK_BYTES_MAX"),
    queryCacheBytesMax: integer("MILLRACE_QUERY_CACHE_BYTES_MAX"),
    queryStaleMsMax: integer("MILLRACE_QUERY_STALE_MS_MAX"),
    learnedSelectorsMax: integer("MILLRACE_LEARNED_SELECTORS_MAX"),
    bodyBytesMax: integer("MILLRACE_BODY_BYTES_MAX"),
    eventsPerRequestMax: integer("MILLRACE_EVENTS_PER_REQUEST_MAX"),
    uploadBytesMax: integer("MILLRACE_UPLOAD_BYTES_MAX"),
    logBytesMax: integer("MILLRACE_LOG_BYTES_MAX"),
    lagEventsMax: integer("MILLRACE_LAG_EVENTS_MAX"),
    dedupeIdsMax: integer("MILLRACE_DEDUPE_IDS_MAX"),
    dedupeDays: integer("MILLRACE_DEDUPE_DAYS"),
    clickhouseMemoryBytesMax: integer("MILLRACE_CLICKHOUSE_MEMORY_BYTES_MAX"),
    archiveS3Url: text("MILLRACE_ARCHIVE_S3_URL"),
    secretsKey: text("MILLRACE_SECRETS_KEY"),
    smtpUrl: text("MILLRACE_SMTP_URL"),
    mailFrom: text("MILLRACE_MAIL_FROM") as string,
    webhookPrivate,
    redirectsPerSecondMax: integer("MILLRACE_REDIRECTS_PER_SECOND_MAX"),
    publicUrl: readPublicUrl(values),
    linksRequestsPerMinute: integer("MILLRACE_LINKS_REQUESTS_PER_MINUTE"),
    linksTitles: titles === "on",
    logLevel,
    instance: text("MILLRACE_INSTANCE"),
    supervised: integer("MILLRACE_SUPERVISED") === 1,
  };
}

/** Visitors cannot go to "any address": the machine itself is meant then. */
function readPublicUrl(values: Readonly<Record<string, string | undefined>>): string {
  const given = values["MILLRACE_PUBLIC_URL"];
  if (given !== undefined) return given.replace(/\/+$/, "");
  const host = values["MILLRACE_HOST"] as string;
  const name = host === "0.0.0.0" || host === "::" ? "localhost" : isIP(host) === 6 ? `[${host}]` : host;
  return `http://${name}:${values["MILLRACE_PORT"]}`;
}

/**
 * Who can use an edge bound to loopback can reach this machine anyhow, unless a proxy passes requests of others on to
 * it. A tier that runs alone knows nothing of the edge.
 */
function readWebhookPrivate(
  values: Readonly<Record<string, string | undefined>>,
  problems: string[],
): string[] {
  const given = values["MILLRACE_WEBHOOK_PRIVATE"];
  if (given !== undefined) {
    const networks = given === "none" ? [] : given.split(",").filter((cidr) => cidr !== "");
    for (const network of networks) {
      if (!isNetwork(network)) problems.push(`MILLRACE_WEBHOOK_PRIVATE must be CIDRs; "${network}" is none`);
    }
    return networks;
  }
  const isLoopback = /^(127(\.\d+){3}|::1|localhost)$/.test(values["MILLRACE_HOST"] ?? "");
  const isWhole = values["MILLRACE_SUPERVISED"] === "1" && values["MILLRACE_TRUSTED_PROXIES"] === "";
  return isLoopback && isWhole ? ["127.0.0.0/8", "::1/128"] : [];
}

function isNetwork(cidr: string): boolean {
  const [address = "", prefix = "", ...rest] = cidr.split("/");
  const bits = { 0: -1, 4: 32, 6: 128 }[isIP(address)] ?? -1;
  return rest.length === 0 && /^\d{1,3}$/.test(prefix) && Number(prefix) <= bits;
}
