// Clicks of a person are taken back from what is counted of links, like other counts (take-back-counts.ts): by rows below
// zero in the tables of quarters of an hour, from which the days follow, and from the totals in Postgres. The time of a
// link's last click stays: it names nobody.
import type { Postgres } from "#ops/runtime/postgres.ts";
import { linkClickedEvent } from "#schemas/links/link-clicked.ts";
import { insertTakenBack, storeSeconds } from "./take-back-counts.ts";
import type { MutableStore } from "./mutate.ts";

interface Person {
  readonly projectId: number;
  readonly numbers: readonly number[];
}

interface Clicks {
  readonly link: string;
  readonly seconds: number;
  readonly clicks: number;
  readonly bots: number;
  readonly previews: number;
}

interface Values {
  readonly link: string;
  readonly dimension: string;
  readonly seconds: number;
  readonly value: string;
  readonly clicks: number;
}

const modulus = 2n ** 64n;
const isBot = "ifNull(properties.bot.:Bool, false)";
const isPreview = "ifNull(properties.preview.:Bool, false)";
const quarter =
  "intDiv(toUnixTimestamp64Milli(timestamp) - positiveModulo(toUnixTimestamp64Milli(timestamp), 900000), 1000)";
const fromClicks = `FROM events
  WHERE project_id = {project:UInt32} AND event = {event:String} AND user_number IN {numbers:Array(UInt32)}
    AND ifNull(properties.link_id.:String, '') != ''`;
const text = (property: string): string => `ifNull(properties.${property}.:String, '')`;

/** As the views count them: schemas/migrations/clickhouse/0014. */
const clicksSql = `SELECT assumeNotNull(properties.link_id.:String) AS link, ${quarter} AS seconds,
    countIf(NOT ${isBot} AND NOT ${isPreview}) AS clicks, countIf(${isBot}) AS bots,
    countIf(NOT ${isBot} AND ${isPreview}) AS previews
  ${fromClicks} GROUP BY link, seconds ORDER BY link, seconds`;
const valuesSql = `SELECT link, pair.1 AS dimension, seconds, substringUTF8(pair.2, 1, 200) AS value, count() AS clicks
  FROM (
    SELECT assumeNotNull(properties.link_id.:String) AS link, ${quarter} AS seconds,
      arrayJoin([
        ('country', ${text("country")}),
        ('city', if(${text("city")} = '', '', concat(${text("country")}, '/', ${text("city")}))),
        ('device', toString(device)), ('browser', toString(browser)), ('os', toString(os)),
        ('referrer', ${text("referrer_domain")}), ('language', ${text("language")}),
        ('utm_source', ${text("utm_source")}), ('utm_medium', ${text("utm_medium")}),
        ('utm_campaign', ${text("utm_campaign")})]) AS pair
    ${fromClicks} AND NOT ${isBot} AND NOT ${isPreview})
  GROUP BY link, dimension, seconds, value ORDER BY link, dimension, seconds, value`;

/**
 * Nothing may be added to the person's rows any more, and none may be removed before this has succeeded. `name` makes
 * repeated inserts known; it is the erasure's id, which remembers that the totals were changed.
 */
export async function takeBackClicks(
  store: MutableStore & { readonly postgres: Postgres },
  person: Person,
  name: string,
  signal: AbortSignal,
): Promise<void> {
  const clicks = await read<Clicks>(store, person, clicksSql, signal);
  if (clicks.length === 0) return;
  await insertTakenBack(
    store,
    {
      table: "link_clicks_quarter",
      columns: ["project_id", "link_id", "quarter", "clicks", "bots", "previews"],
      name,
    },
    clicks.map((each) => [
      person.projectId,
      each.link,
      storeSeconds(each.seconds),
      below(each.clicks),
      below(each.bots),
      below(each.previews),
    ]),
    signal,
  );
  const values = await read<Values>(store, person, valuesSql, signal);
  await insertTakenBack(
    store,
    {
      table: "link_values_quarter",
      columns: ["project_id", "link_id", "dimension", "quarter", "value", "clicks"],
      name,
    },
    values.map((each) => [
      person.projectId,
      each.link,
      each.dimension,
      storeSeconds(each.seconds),
      each.value,
      below(each.clicks),
    ]),
    signal,
  );
  await takeBackTotals(store.postgres, person.projectId, name, clicks);
}

async function read<Row>(
  { clickhouse }: MutableStore,
  person: Person,
  query: string,
  signal: AbortSignal,
): Promise<Row[]> {
  const result = await clickhouse.query({
    query,
    query_params: { project: person.projectId, numbers: person.numbers, event: linkClickedEvent },
    use_multipart_params_auto: true,
    format: "JSONEachRow",
    clickhouse_settings: { output_format_json_quote_64bit_integers: 0 },
    abort_signal: signal,
  });
  return result.json<Row>();
}

/** What is missing to 2^64, so that it sums up to less. */
function below(count: number): string {
  return String((modulus - BigInt(count)) % modulus);
}

/** Once, however often it is called: in one statement with the mark in the erasure that it was done. */
async function takeBackTotals(
  postgres: Postgres,
  projectId: number,
  erasureId: string,
  clicks: readonly Clicks[],
): Promise<void> {
  const links = [...new Set(clicks.map(({ link }) => link))];
  const sum = (link: string, of: "clicks" | "bots" | "previews"): number =>
    clicks.reduce((total, each) => total + (each.link === link ? each[of] : 0), 0);
  await postgres.query(
    `WITH marked AS (
       UPDATE erasures SET removed = removed || jsonb_build_object('link_totals', $3::int)
       WHERE id = $1 AND NOT removed ? 'link_totals' RETURNING project_id),
     known AS MATERIALIZED (
       SELECT public_id FROM links WHERE project_id = $2 AND public_id = ANY ($4::text[]) FOR KEY SHARE)
     INSERT INTO link_totals AS old (project_id, link_id, partition, clicks, bots, previews)
     SELECT marked.project_id, taken.link_id, -1, -taken.clicks, -taken.bots, -taken.previews
     FROM marked, unnest($4::text[], $5::bigint[], $6::bigint[], $7::bigint[]) AS taken (link_id, clicks, bots, previews)
     WHERE marked.project_id = $2 AND EXISTS (SELECT FROM known WHERE known.public_id = taken.link_id)
     ON CONFLICT (project_id, link_id, partition) DO UPDATE
     SET clicks = old.clicks + excluded.clicks, bots = old.bots + excluded.bots,
         previews = old.previews + excluded.previews`,
    [
      erasureId,
      projectId,
      links.length,
      links,
      links.map((link) => sum(link, "clicks")),
      links.map((link) => sum(link, "bots")),
      links.map((link) => sum(link, "previews")),
    ],
  );
}
