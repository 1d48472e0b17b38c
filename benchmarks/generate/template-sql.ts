// The template: a block of rows with everything of an event that does not depend on who did it when. Its JSON is
// parsed once; each chunk of events reads it again with users, times and ids of its own. Building the JSON of every
// row from text took two thirds of an insert's time (measured: 3.3 s against 1.2 s for a million rows, 2 cores).

/** Rows of the template, and of a chunk: one part on disk a month. */
export const templateRows = 1_048_576;

/** Most frequent first; the first is seven times as frequent as the last. */
export const eventNames = [
  "page_viewed",
  "product_viewed",
  "search_done",
  "item_added",
  "cart_viewed",
  "link_clicked",
  "video_played",
  "order_placed",
  "review_read",
  "filter_applied",
  "logged_in",
  "wishlist_added",
  "item_removed",
  "coupon_applied",
  "newsletter_opened",
  "profile_updated",
  "support_opened",
  "chat_sent",
  "payment_failed",
  "order_tracked",
  "review_written",
  "shared",
  "app_installed",
  "notification_opened",
  "settings_changed",
  "logged_out",
  "refund_asked",
  "address_added",
  "gift_bought",
  "account_deleted",
] as const;

const countries = [
  "US",
  "DE",
  "GB",
  "FR",
  "NL",
  "ES",
  "IT",
  "PL",
  "SE",
  "BE",
  "CZ",
  "AT",
  "CH",
  "DK",
  "PT",
  "IE",
];
const sources = ["", "google", "newsletter", "facebook", "partner", "bing"];
const browsers = ["Chrome", "Safari", "Edge", "Firefox", "Samsung Internet"];
const systems = ["Windows", "iOS", "Android", "macOS", "Linux"];
const devices = ["desktop", "mobile", "tablet"];
const queries = ["shoes", "lamp", "desk", "red dress", "coffee", "tent", "bike", "phone case", "gift", "rug"];

/** Lengths of sessions, over and over: most are short, a few are long. They add up to `patternRows`. */
const sessionLengths = [
  1, 3, 2, 1, 5, 1, 2, 4, 1, 1, 8, 2, 3, 1, 1, 6, 2, 1, 12, 1, 3, 2, 1, 4, 1, 2, 1, 20, 3, 1, 2, 5, 1, 9, 1,
  2, 1, 1, 3, 4, 2, 1, 35, 1, 2, 6, 1, 1, 3, 2, 15, 1, 1, 4, 2, 1, 7, 3, 1, 2, 1, 5, 1, 34,
] as const;
const patternRows = sessionLengths.reduce((sum: number, length) => sum + length, 0);
const patternSessions = sessionLengths.length;
const sessionAt = sessionLengths.flatMap((length, session) => Array.from({ length }, () => session));
const positionAt = sessionLengths.flatMap((length) => Array.from({ length }, (_, position) => position));

/** Sessions that the first `rows` rows of a template touch. */
export function sessionsOf(rows: number): number {
  const rest = rows % patternRows;
  const begun = rest === 0 ? 0 : (sessionAt[rest - 1] as number) + 1;
  return Math.floor(rows / patternRows) * patternSessions + begun;
}

const list = (values: readonly (string | number)[]): string =>
  `[${values.map((value) => (typeof value === "number" ? value : `'${value}'`)).join(", ")}]`;

/** 10 bits of `hash` from `bit` on, as a fraction. */
const fraction = (hash: string, bit: number, bits = 16): string =>
  `(bitAnd(bitShiftRight(${hash}, ${bit}), ${2 ** bits - 1}) / ${2 ** bits})`;

/** 0..count-1, the k-th about 1/k as frequent as the first. */
const zipf = (count: number, from: string): string =>
  `toUInt32(least(${count - 1}, floor(exp(${from} * ${Math.log(count + 1)})) - 1))`;

/** The same, less steep: the three commonest of thirty are a quarter of all, as in a product with many events. */
const gentleZipf = (count: number, from: string, offset = 5): string =>
  `toUInt32(least(${count - 1}, floor(${offset} * exp(${from} * ${Math.log((count + offset) / offset)})) - ${offset}))`;

const pick = (values: readonly string[], from: string): string =>
  `${list(values)}[${zipf(values.length, from)} + 1]`;

/** Columns `row`, `session`, `position`, and those of `events` that a chunk takes as they are. */
export function templateSql(table: string, seed: number, rows: number): string {
  const price = `toString(round(5 + ${fraction("h1", 16)} * ${fraction("h1", 16)} * 495, 2))`;
  const text = (name: string, value: string): string => `'"${name}":"', ${value}, '"'`;
  const properties = [
    "'{'",
    text("country", "country"),
    `',', ${text("plan", pick(["free", "pro", "team"], fraction("h2", 0)))}`,
    `',', ${text("path", "path")}`,
    `if(name IN ('order_placed', 'gift_bought'), concat(',"revenue":', ${price}, ',"items":', toString(1 + ${zipf(9, fraction("h1", 32))}), ',"currency":"EUR"'), '')`,
    `if(name IN ('product_viewed', 'item_added', 'item_removed'), concat(',"product":"p', toString(${zipf(5000, fraction("h1", 40))}), '","price":', ${price}), '')`,
    `if(name = 'search_done', concat(',"query":"', ${pick(queries, fraction("h1", 20))}, '","results":', toString(${zipf(200, fraction("h1", 3))})), '')`,
    "if(position = 0, ',\"landing\":true', '')",
    "'}'",
  ];
  const seeded = (salt: number, value: string): string => `sipHash64(${seed}, ${salt}, ${value})`;
  return `CREATE TABLE ${table} ENGINE = Memory AS
SELECT row, session, position, name, CAST(concat(${properties.join(", ")}), 'JSON(max_dynamic_paths = 256)') AS properties,
  concat('{"page":{"url":"https://shop.example.com', path, '"}}') AS context, concat('https://shop.example.com', path) AS page_url,
  if(source = '', '', concat(source, '.com')) AS referrer_domain, source AS utm_source,
  if(source IN ('', 'bing'), '', 'cpc') AS utm_medium, if(source = 'newsletter', 'autumn', '') AS utm_campaign,
  ${pick(browsers, fraction("h2", 16))} AS browser, ${pick(systems, fraction("h2", 32))} AS os,
  ${pick(devices, fraction("h2", 48))} AS device
FROM (
  SELECT number AS row, ${list(sessionAt)}[number % ${patternRows} + 1] + intDiv(number, ${patternRows}) * ${patternSessions} AS session,
    ${list(positionAt)}[number % ${patternRows} + 1] AS position,
    ${seeded(1, "number")} AS h1, ${seeded(2, "session")} AS h2, ${seeded(3, "session")} AS h3,
    ${list(eventNames)}[${gentleZipf(eventNames.length, fraction("h1", 0))} + 1] AS name, ${pick(countries, fraction("h3", 0))} AS country,
    ${pick(sources, fraction("h3", 16))} AS source, concat('/', toString(${zipf(2000, fraction("h1", 44))})) AS path
  FROM numbers(${rows})
)`;
}
