// A record of a database of places ▸ country, region and city, whichever of the usual shapes the record has.

/** Country as ISO 3166-1 alpha-2; region and city by their English names. */
export interface Place {
  readonly country: string;
  readonly city?: string;
  readonly region?: string;
}

interface Named {
  readonly iso_code?: unknown;
  readonly names?: { readonly en?: unknown };
}

interface PlaceRecord {
  readonly country?: unknown;
  readonly country_code?: unknown;
  readonly registered_country?: unknown;
  readonly city?: unknown;
  readonly subdivisions?: unknown;
  readonly region?: unknown;
  readonly state1?: unknown;
}

const countryCode = /^[A-Z]{2}$/;
const nameLengthMax = 200;

/** Undefined when the record names no country. */
export function readPlace(record: unknown): Place | undefined {
  if (typeof record !== "object" || record === null) return undefined;
  const { country, country_code: code, registered_country: registered, ...rest } = record as PlaceRecord;
  const found = [isoOf(country), code, country, isoOf(registered)].find(isCountry);
  if (found === undefined) return undefined;
  const city = nameOf(rest.city);
  const first: unknown = Array.isArray(rest.subdivisions) ? rest.subdivisions[0] : undefined;
  const region = nameOf(first) ?? nameOf(rest.region) ?? nameOf(rest.state1);
  return {
    country: found,
    ...(city === undefined ? {} : { city }),
    ...(region === undefined ? {} : { region }),
  };
}

function isCountry(value: unknown): value is string {
  return typeof value === "string" && countryCode.test(value);
}

function isoOf(value: unknown): unknown {
  return typeof value === "object" && value !== null ? (value as Named).iso_code : undefined;
}

function nameOf(value: unknown): string | undefined {
  const name: unknown = typeof value === "object" && value !== null ? (value as Named).names?.en : value;
  return typeof name === "string" && name !== "" && name.length <= nameLengthMax ? name : undefined;
}
