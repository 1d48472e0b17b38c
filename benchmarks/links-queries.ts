// Every statement about links on many links, as Postgres runs it: EXPLAIN (ANALYZE, BUFFERS), written into
// docs/guides/links-queries.md. `npm run bench -- links-queries [links]`, by default a million.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { PoolClient } from "pg";
import { startServers } from "#ops/embedded/start-servers.ts";
import { createClickHouse } from "#ops/runtime/clickhouse.ts";
import { migrate } from "#ops/runtime/migrate.ts";
import { createPostgres } from "#ops/runtime/postgres.ts";
import { requestStatements } from "#workers/links/idempotent-requests.ts";
import { linkStatements as sql } from "#workers/links/link-statements.ts";

const linksCount = Number(process.argv[2] ?? 1_000_000);
const projectsCount = 10;
const guide = new URL("../docs/guides/links-queries.md", import.meta.url);

interface Measured {
  readonly title: string;
  readonly why: string;
  readonly text: string;
  readonly values: readonly unknown[];
}

/** Project 1 has half of the links, the others share the rest. */
async function fill(client: PoolClient): Promise<void> {
  await client.query(
    "INSERT INTO projects (public_id, name) SELECT 'p' || n, 'p' || n FROM generate_series(1, $1) AS n",
    [projectsCount],
  );
  // Made afterwards, it takes a minute instead of ten.
  const { rows } = await client.query<{ indexdef: string }>(
    "SELECT indexdef FROM pg_indexes WHERE indexname = 'links_by_text'",
  );
  await client.query("DROP INDEX links_by_text");
  await client.query(
    `INSERT INTO links (public_id, project_id, domain, code, url, target, redirect, forward_query, tags, title,
                        external_id, version)
     SELECT 'lnk_' || n, CASE WHEN n % 2 = 0 THEN 1 WHEN n % 20001 = 0 THEN ${projectsCount} ELSE 2 + n % ${projectsCount - 2} END,
       CASE WHEN n % 10 = 0 THEN 'go.example' ELSE '' END, 'c' || to_hex(n * 2654435761 % 4294967296) || n % 7,
       'https://shop.example/' || md5(n::text) || '?x=' || n, 'https://shop.example/' || md5(n::text) || '?x=' || n,
       302, false, CASE WHEN n % 5 = 0 THEN ARRAY['campaign-' || n % 1000] ELSE '{}' END,
       CASE WHEN n % 3 = 0 THEN 'Title of ' || md5((n / 100)::text) END,
       CASE WHEN n % 4 = 0 THEN 'external-' || n END, n
     FROM generate_series(1, $1::bigint) AS n`,
    [linksCount],
  );
  await client.query("SET maintenance_work_mem = '512MB'");
  await client.query(rows[0]?.indexdef ?? "");
  await client.query(
    `INSERT INTO link_totals (project_id, link_id, partition, clicks, bots, previews, last_clicked_at)
     SELECT project_id, public_id, partition, id % 100, 1, 0, now()
     FROM links, generate_series(0, 3) AS partition WHERE id % 10 = 0`,
  );
  await client.query("INSERT INTO link_domains (domain, project_id) VALUES ('go.example', 1)");
  await client.query(
    `INSERT INTO link_changes (link_id, version, request_id, changes)
     SELECT id, id, 'r', '{"title":{"before":null,"after":"t"}}' FROM links, generate_series(1, 3) WHERE id % 10 = 0`,
  );
  await client.query(
    `INSERT INTO link_requests (project_id, key, body_hash, answer, created_at)
     SELECT 1, 'key-' || n, sha256(n::text::bytea), '{}', now() - make_interval(secs => n) FROM generate_series(1, 100000) AS n`,
  );
  await client.query(
    "VACUUM ANALYZE links, link_totals, link_changes, link_requests, link_domains, projects",
  );
}

async function statements(client: PoolClient): Promise<Measured[]> {
  const { rows } = await client.query<{
    id: string;
    public_id: string;
    domain: string;
    code: string;
    external_id: string;
    tags: string[];
    url: string;
  }>(
    "SELECT id, public_id, domain, code, external_id, tags, url FROM links WHERE project_id = 1 AND id % 20 = 0 AND domain = 'go.example' ORDER BY id OFFSET 1000 LIMIT 1",
  );
  const link = rows[0];
  if (link === undefined) throw new Error("there are too few links");
  const draft = (code: string) => ({
    public_id: `new_${code}`,
    domain: "",
    code,
    place: 0,
    url: link.url,
    target: link.url,
    redirect: 302,
    forward_query: false,
    expires_at: null,
    expired_url: null,
    max_clicks: null,
    password_hash: null,
    tags: [],
    utm: null,
    title: null,
    title_by: null,
    external_id: null,
  });
  const list = (filter: Omit<Parameters<typeof sql.list>[1], "pattern"> & { pattern?: string | null }) =>
    sql.list(1, { pattern: null, ...filter }, 51);
  const search = link.url.slice(30, 40);
  return [
    {
      title: "Resolve an address",
      why: "What an edge asks for when neither its memory nor Redis knows a code: one entry of the unique index over domain and code, and the project.",
      text: sql.resolve,
      values: [link.domain, link.code],
    },
    {
      title: "Resolve a code that there is not",
      why: "The same index says no without reading a row.",
      text: sql.resolve,
      values: ["", "nothing"],
    },
    {
      title: "Show a link with its totals",
      why: "The unique index; the totals are one row for each partition, under the key of link_totals.",
      text: sql.find,
      values: [1, link.domain, link.code],
    },
    {
      title: "Make a link",
      why: "No look-up first: the unique indexes decide. Most of the time is the entries of the index of search.",
      text: sql.insert,
      values: [1, JSON.stringify([draft("new1234")])],
    },
    {
      title: "Make a link at an alias that is taken",
      why: "The index of arbitration finds the other one; nothing is written.",
      text: sql.insert,
      values: [1, JSON.stringify([{ ...draft(link.code), domain: link.domain }])],
    },
    {
      title: "Make a thousand links",
      why: "One statement, in the order of the index.",
      text: sql.insert,
      values: [1, JSON.stringify(Array.from({ length: 1000 }, (_, index) => draft(`many${index}`)))],
    },
    {
      title: "Draw the version",
      why: "By primary key; no indexed column changes.",
      text: sql.version,
      values: [[link.id]],
    },
    {
      title: "External ids that there are",
      why: "The partial unique index over project and external id; only after a conflict.",
      text: sql.externalIds,
      values: [1, [link.external_id]],
    },
    {
      title: "First page of the list",
      why: "Of a project that has half of all links the newest are found backwards along the primary key; totals are read for the page only.",
      ...list({}),
    },
    {
      title: "First page of a small project",
      why: "The newest of a project are neighbours in links_by_project: others' links are not read.",
      ...sql.list(projectsCount, { pattern: null }, 51),
    },
    {
      title: "A page in the middle",
      why: "The cursor is an id: the index is entered there, however deep the page is.",
      ...list({ beforeId: Math.floor(linksCount / 2) }),
    },
    {
      title: "Search",
      why: "Trigrams of code, URL and title: the index finds the few rows, in whichever project, which are then sorted.",
      ...list({ pattern: `%${search}%` }),
    },
    {
      title: "Search for what nearly every link has",
      why: "Postgres sees that the index would not help and walks the newest links until the page is full.",
      ...list({ pattern: "%shop.example%" }),
    },
    {
      title: "Links with a tag",
      why: "The index of tags, then sorted.",
      ...list({ tag: link.tags[0] }),
    },
    {
      title: "Links of a domain",
      why: "From the newest on, passing over those of other domains.",
      ...list({ domain: "go.example" }),
    },
    {
      title: "The link with an external id",
      why: "The partial unique index.",
      ...list({ externalId: link.external_id }),
    },
    { title: "Lock a link before it changes", why: "By primary key.", text: sql.lock, values: [link.id] },
    {
      title: "Change a link",
      why: "By primary key; a changed URL or title is entered in the index of search again.",
      text: sql.update,
      values: [link.id, JSON.stringify({ ...draft(""), url: "https://shop.example/changed" })],
    },
    {
      title: "Write a change down",
      why: "One entry at the end of both indexes.",
      text: sql.addChange,
      values: [link.id, 1, "r", "{}"],
    },
    {
      title: "History",
      why: "The changes of a link are neighbours, the newest first.",
      text: sql.changes,
      values: [link.id, 200],
    },
    {
      title: "Lock an address before it is deleted",
      why: "The unique index over domain and code.",
      text: sql.lockAddress,
      values: [1, link.domain, link.code],
    },
    {
      title: "Delete a link",
      why: "By primary key; its changes go with it, by their index.",
      text: sql.delete,
      values: [link.id],
    },
    {
      title: "Delete its totals",
      why: "One row for each partition, under the key of link_totals.",
      text: sql.deleteTotals,
      values: [1, link.public_id],
    },
    {
      title: "Is a target a domain of short links",
      why: "One entry for each host.",
      text: sql.knownDomains,
      values: [["shop.example"]],
    },
    {
      title: "Take a domain",
      why: "The primary key decides who was first.",
      text: sql.claimDomains,
      values: [["new.example"], 1],
    },
    {
      title: "Domains of others",
      why: "By primary key.",
      text: sql.foreignDomains,
      values: [["go.example"], 2],
    },
    { title: "Retention and name of a project", why: "By primary key.", text: sql.project, values: [1] },
    {
      title: "Claim an Idempotency-Key",
      why: "The primary key makes a repeat wait for the first.",
      text: requestStatements.claim,
      values: [1, "new", Buffer.alloc(32)],
    },
    {
      title: "Find the answer to an Idempotency-Key",
      why: "By primary key.",
      text: requestStatements.find,
      values: [1, "key-5"],
    },
    {
      title: "Keep an answer",
      why: "By primary key.",
      text: requestStatements.end,
      values: [1, "key-5", "{}"],
    },
    {
      title: "Forget old answers",
      why: "The oldest come first in link_requests_by_time; a bounded number at once.",
      text: requestStatements.forget,
      values: [],
    },
  ];
}

interface Explained extends Measured {
  readonly plan: string[];
  readonly executionMs: number;
}

/** The second run: what was read before is in memory, as on a server that has run for a while. */
async function explain(client: PoolClient, measured: Measured): Promise<Explained> {
  let plan: string[] = [];
  for (let run = 0; run < 2; run += 1) {
    await client.query("BEGIN");
    try {
      const { rows } = await client.query<{ "QUERY PLAN": string }>(
        `EXPLAIN (ANALYZE, BUFFERS) ${measured.text}`,
        [...measured.values],
      );
      plan = rows.map((row) => row["QUERY PLAN"]);
    } finally {
      await client.query("ROLLBACK");
    }
  }
  const [, ms = "0"] = /^Execution Time: ([\d.]+) ms/.exec(plan.at(-1) ?? "") ?? [];
  return { ...measured, plan, executionMs: Number(ms) };
}

function indexesOf(plan: readonly string[]): string {
  const found = plan.flatMap((line) => [
    ...(/(?:using|Bitmap Index Scan on) (\w+)/.exec(line)?.slice(1) ?? []),
    ...(/Conflict Arbiter Indexes: (.+)/.exec(line)?.slice(1) ?? []),
  ]);
  return [...new Set(found)].map((name) => `\`${name}\``).join(", ") || "none";
}

const dataDir = await mkdtemp(join(tmpdir(), "millrace-links-queries-"));
const servers = await startServers({ dataDir, parts: ["postgres", "clickhouse"] });
const postgres = createPostgres(servers.postgresUrl, { name: "bench", connectionsMax: 2 });
let client: PoolClient | undefined;
try {
  const clickhouse = createClickHouse(servers.clickhouseUrl, { name: "bench" });
  await migrate({ postgres, clickhouse });
  await clickhouse.close();
  client = await postgres.connect();
  // Filling takes longer than any statement of the product may.
  await client.query("SET statement_timeout = 0");
  const startedMs = performance.now();
  await fill(client);
  console.log(`${linksCount} links in ${((performance.now() - startedMs) / 1000).toFixed(1)} s`);
  const explained: Explained[] = [];
  for (const measured of await statements(client)) {
    const each = await explain(client, measured);
    explained.push(each);
    console.log(`${each.executionMs.toFixed(2).padStart(9)} ms  ${each.title}: ${indexesOf(each.plan)}`);
  }
  const { rows } = await client.query<{ version: string; size: string }>(
    "SELECT current_setting('server_version') AS version, pg_size_pretty(pg_total_relation_size('links')) AS size",
  );
  const text = [
    "# Queries of links",
    "",
    `Every statement that the links service asks Postgres for, on ${linksCount.toLocaleString("en")} links of ${projectsCount} projects, half of them in the`,
    `one that asks, with their clicks and changes: \`EXPLAIN (ANALYZE, BUFFERS)\`, the second of two runs. Postgres ${rows[0]?.version};`,
    `the table with its indexes has ${rows[0]?.size}. Written by \`npm run bench -- links-queries\`; the statements stand in`,
    "`workers/links/link-statements.ts` and `workers/links/idempotent-requests.ts`.",
    "",
    "| Statement | Execution, ms | Index |",
    "| --- | ---: | --- |",
    ...explained.map(
      ({ title, executionMs, plan }) => `| ${title} | ${executionMs.toFixed(3)} | ${indexesOf(plan)} |`,
    ),
    "",
    ...explained.flatMap(({ title, why, plan }) => [`## ${title}`, "", why, "", "```", ...plan, "```", ""]),
  ].join("\n");
  await writeFile(guide, `${text.trimEnd()}\n`);
} finally {
  client?.release();
  await postgres.end();
  await servers.stop();
  await rm(dataDir, { recursive: true, force: true });
}
