// Campaign parameters of a link's target and of a visit. What a visitor sends is data: cut, and never trusted.

const utmNames = ["utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content"] as const;
type UtmName = (typeof utmNames)[number];
export type Utm = Readonly<Partial<Record<UtmName, string>>>;

const valueUnitsMax = 200;
const none: Utm = {};

/** Of an address, or of a query string. */
export function readUtm(text: string): Utm {
  // Nearly no visit has any.
  if (!text.includes("utm_")) return none;
  const mark = text.indexOf("?");
  const hash = text.indexOf("#");
  const query = text.slice(mark + 1, hash === -1 || hash < mark ? undefined : hash);
  const given = new URLSearchParams(query);
  const found: Partial<Record<UtmName, string>> = {};
  for (const name of utmNames) {
    const value = given.get(name);
    if (value !== null && value !== "") found[name] = value.slice(0, valueUnitsMax).toWellFormed();
  }
  return found;
}

/** As members of a click's properties, each behind a comma. */
export function buildUtmMembers(utm: Utm): string {
  let text = "";
  for (const name of utmNames) {
    const value = utm[name];
    if (value !== undefined) text += `,"${name}":${JSON.stringify(value)}`;
  }
  return text;
}
