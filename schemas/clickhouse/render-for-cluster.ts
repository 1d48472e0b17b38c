// Renders one ClickHouse DDL statement, written for a single server, for a cluster: ON CLUSTER everywhere,
// MergeTree tables become replicated ones named `<table>_local`, and the plain name becomes a Distributed table
// over them, sharded so that a user's rows never cross a shard. Used by the migrations; pure.

/** The path is per shard and table, the replica's name is the server's: both are macros of the cluster's servers. */
const replicationArguments = (table: string): string[] => [
  `'/clickhouse/tables/{shard}/{database}/${table}'`,
  "'{replica}'",
];

// Objects that exist once on every server and are not made of rows.
const wholeObject =
  /^(CREATE|DROP)\s+(OR\s+REPLACE\s+)?(FUNCTION|DICTIONARY|VIEW|DATABASE|WORKLOAD|RESOURCE)\b/i;
const createTable = /^CREATE\s+TABLE\s+(IF\s+NOT\s+EXISTS\s+)?(\w+)\s*(?=\()/i;
const createMaterializedView = /^CREATE\s+MATERIALIZED\s+VIEW\s+(IF\s+NOT\s+EXISTS\s+)?(\w+)\s+TO\s+(\w+)/i;
/** FROM and JOIN with a table's name; extract(… FROM …) and its like, which are no sources, match without one. */
const sourceTable = /\b(?:extract|trim|substring)\s*\([^()]*\)|\b(FROM|JOIN)\s+(\w+)\b(?!\s*\()/gi;
const alterTable = /^ALTER\s+TABLE\s+(\w+)\s+/i;
const truncateTable = /^TRUNCATE\s+TABLE\s+(IF\s+EXISTS\s+)?(\w+)/i;
/** Only what lies below changes places: the Distributed tables look the same before and after. */
const exchangeTables = /^EXCHANGE\s+TABLES\s+(\w+)\s+AND\s+(\w+)/i;
/** From table to table: the Distributed ones send the rows where they belong. */
const copyRows = /^INSERT\s+INTO\s+\w+\s*\([^()]*\)\s*SELECT\b/i;
const dropTable = /^DROP\s+TABLE\s+(IF\s+EXISTS\s+)?(\w+)/i;
const engine = /\bENGINE\s*=\s*(\w*MergeTree)\b/i;
/** What the Distributed table has to know as well; keys, indexes, projections and settings live in the local one. */
const columnChange = /\b(ADD|DROP|MODIFY|RENAME|COMMENT)\s+COLUMN\b/i;

/**
 * The statements to run instead, in order.
 * @throws Error for a kind of statement it does not know: a migration must never half-apply to a cluster.
 */
export function renderForCluster(statement: string, cluster: string): string[] {
  const sql = stripLeadingComments(statement);
  const onCluster = onClusterSql(cluster);

  const table = createTable.exec(sql);
  if (table !== null) return renderTable(sql, table, cluster, onCluster);

  const view = createMaterializedView.exec(sql);
  if (view !== null) {
    const [head, ifNotExists = "", name = "", target = ""] = view;
    const select = sql
      .slice(head.length)
      .replace(sourceTable, (whole: string, keyword?: string, source?: string) => {
        return keyword === undefined ? whole : `${keyword} ${source}_local`;
      });
    // Each shard derives its own rows from its own rows: the user is whole on the shard.
    return [`CREATE MATERIALIZED VIEW ${ifNotExists}${name} ${onCluster} TO ${target}_local${select}`];
  }

  const alter = alterTable.exec(sql);
  if (alter !== null) {
    const [head, name = ""] = alter;
    const change = sql.slice(head.length);
    const local = `ALTER TABLE ${name}_local ${onCluster} ${change}`;
    return columnChange.test(change) ? [local, `ALTER TABLE ${name} ${onCluster} ${change}`] : [local];
  }

  const drop = dropTable.exec(sql);
  if (drop !== null) {
    const [head, ifExists = "", name = ""] = drop;
    const rest = sql.slice(head.length);
    return [
      `DROP TABLE ${ifExists}${name} ${onCluster}${rest}`,
      `DROP TABLE ${ifExists}${name}_local ${onCluster}${rest}`,
    ];
  }

  const truncate = truncateTable.exec(sql);
  if (truncate !== null) {
    const [head, ifExists = "", name = ""] = truncate;
    return [`TRUNCATE TABLE ${ifExists}${name}_local ${onCluster}${sql.slice(head.length)}`];
  }

  const exchange = exchangeTables.exec(sql);
  if (exchange !== null) {
    const [head, one = "", other = ""] = exchange;
    return [`EXCHANGE TABLES ${one}_local AND ${other}_local ${onCluster}${sql.slice(head.length)}`];
  }

  if (copyRows.test(sql)) return [sql];

  const whole = wholeObject.exec(sql);
  if (whole !== null) {
    const name = /^(\s+IF\s+(?:NOT\s+)?EXISTS)?\s+\w+/i.exec(sql.slice(whole[0].length))?.[0] ?? "";
    const end = whole[0].length + name.length;
    return [`${sql.slice(0, end)} ${onCluster}${sql.slice(end)}`];
  }

  throw new Error(`This statement cannot be rendered for a cluster: ${sql.slice(0, 80)}`);
}

/** The name as a literal: a query parameter is a syntax error in this place. */
export function onClusterSql(cluster: string): string {
  return `ON CLUSTER ${quote(cluster)}`;
}

function renderTable(sql: string, match: RegExpExecArray, cluster: string, onCluster: string): string[] {
  const [head, ifNotExists = "", name = ""] = match;
  const columnsEnd = closingParenthesis(sql, head.length) + 1;
  const columns = sql.slice(head.length, columnsEnd);
  const rest = sql.slice(columnsEnd);
  const family = engine.exec(rest)?.[1];
  if (family === undefined)
    throw new Error(`Table ${name} is not of the MergeTree family: it cannot be replicated`);
  const replicated = addEngineArguments(rest, family, replicationArguments(name)).replace(
    /\bnon_replicated_deduplication_window\b/g,
    "replicated_deduplication_window",
  );
  return [
    `CREATE TABLE ${ifNotExists}${name}_local ${onCluster}\n${columns}${replicated}`,
    `CREATE TABLE ${ifNotExists}${name} ${onCluster} AS ${name}_local ` +
      `ENGINE = Distributed(${quote(cluster)}, currentDatabase(), ${quote(`${name}_local`)}, ${shardingKey(columns)})`,
  ];
}

/** All rows of a user on one shard; rows without a user by project, so that a project's counters merge in place. */
function shardingKey(columns: string): string {
  const has = (column: string): boolean => new RegExp(`^\\s*\\(?\\s*${column}\\s`, "m").test(columns);
  if (has("project_id") && has("user_number")) return "cityHash64(project_id, user_number)";
  if (has("project_id") && has("log_partition")) return "cityHash64(project_id, log_partition)";
  return has("project_id") ? "cityHash64(project_id)" : "rand()";
}

/** ReplacingMergeTree(version) → ReplicatedReplacingMergeTree(path, replica, version). */
function addEngineArguments(rest: string, family: string, added: readonly string[]): string {
  const start = rest.search(engine);
  const nameEnd = rest.indexOf(family, start) + family.length;
  const open = /^\s*\(/.exec(rest.slice(nameEnd));
  const replicated = `${rest.slice(0, start)}ENGINE = Replicated${family}`;
  if (open === null) return `${replicated}(${added.join(", ")})${rest.slice(nameEnd)}`;
  const argumentsStart = nameEnd + open[0].length;
  const argumentsEnd = closingParenthesis(rest, argumentsStart - 1);
  const own = rest.slice(argumentsStart, argumentsEnd).trim();
  return `${replicated}(${[...added, ...(own === "" ? [] : [own])].join(", ")})${rest.slice(argumentsEnd + 1)}`;
}

/** Index of the parenthesis that closes the one at `open`, past strings and comments. */
function closingParenthesis(sql: string, open: number): number {
  const token = /--[^\n]*|\/\*[\s\S]*?\*\/|'(?:[^'\\]|\\.|'')*'|`[^`]*`|[()]/g;
  token.lastIndex = open;
  let depth = 0;
  for (let match = token.exec(sql); match !== null; match = token.exec(sql)) {
    if (match[0] === "(") depth += 1;
    if (match[0] === ")") {
      depth -= 1;
      if (depth === 0) return match.index;
    }
  }
  throw new Error(`A parenthesis is not closed: ${sql.slice(0, 80)}`);
}

function stripLeadingComments(sql: string): string {
  return sql.replace(/^(\s*--[^\n]*\n|\s+)*/, "");
}

function quote(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}
